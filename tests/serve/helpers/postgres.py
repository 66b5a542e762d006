"""A throw-away PostgreSQL for a test session: the fixture `postgres`."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def _programs() -> Path | None:
    """The folder with initdb and pg_ctl: on the path, or where Debian puts it; the newest."""
    on_path = shutil.which("initdb")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=_version)
    if on_path is not None:
        return Path(on_path).resolve().parent
    return found[-1].parent if found else None


def _version(path: Path) -> float:
    name = path.parent.parent.name
    return float(name) if name.replace(".", "", 1).isdigit() else 0.0


class PostgresServer:
    """A cluster in a temporary folder that listens on a free port of this host.

    PostgreSQL does not run as root; as root it is run by the user `postgres`.

    Args:
        programs: the folder of initdb and pg_ctl.
        is_safe: whether commits wait for the disk, as for a measurement; else it is quick.
        reached: another address of this host where it listens, and the network that may connect.
    """

    def __init__(
        self, programs: Path, *, is_safe: bool = False, reached: tuple[str, str] | None = None
    ) -> None:
        self._programs = programs
        self._as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        self.folder = Path(tempfile.mkdtemp(prefix="gossamer-postgres-"))
        self._n_databases = 0
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        if self._as_user:
            shutil.chown(self.folder, "postgres")
        quick = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off"
        addresses = "127.0.0.1" if reached is None else f"127.0.0.1,{reached[0]}"
        self._options = (
            f"-c port={self.port} -c listen_addresses={addresses} -c max_connections=100"
            f" -c unix_socket_directories={self.folder} {'' if is_safe else quick}"
        )
        self._run("initdb", "-D", str(self.folder / "data"), "-A", "trust", "-U", "gossamer", "-N")
        if reached is not None:
            with (self.folder / "data" / "pg_hba.conf").open("a", encoding="utf-8") as rules:
                rules.write(f"host all all {reached[1]} trust\n")
        self.start()

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [*self._as_user, str(self._programs / program), *arguments],
            capture_output=True,
            text=True,
            cwd=self.folder,
            timeout=120,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{program}: {done.stdout}{done.stderr}")

    def _control(self, *arguments: str) -> None:
        log = str(self.folder / "log")
        self._run("pg_ctl", "-D", str(self.folder / "data"), "-l", log, "-w", *arguments)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._control("-o", self._options, "start")

    def stop(self) -> None:
        """Stop it; connections are cut."""
        self._control("-m", "immediate", "stop")

    def url(self, database: str = "postgres") -> str:
        """The address of a database, as a user would write it."""
        return f"postgresql://gossamer:secret@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """The address of a new, empty database."""
        import psycopg

        self._n_databases += 1
        name = f"test_{self._n_databases}"
        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name)

    def close(self) -> None:
        """Stop it and remove its files."""
        try:
            self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def running_postgres(
    *, is_safe: bool = False, reached: tuple[str, str] | None = None
) -> Iterator[PostgresServer]:
    """A server for a `with` block; the test is skipped where PostgreSQL is not installed."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed (no initdb)")
    server = PostgresServer(programs, is_safe=is_safe, reached=reached)
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server for the whole session."""
    with running_postgres() as server:
        yield server
