"""The database is gone, or its disk is full: refused in bounded time, and all goes on later."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from postgres import PostgresServer, running_postgres
from server_processes import (
    ServerProcess,
    ServerProcesses,
    all_numbers,
    is_refused,
    number,
    numbers_and_answers,
    said,
)

from gossamer.serve.store import ConversationStore

pytestmark = pytest.mark.slow
BOUND_SECONDS = 5.0


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """One to be stopped, whose commits wait for the disk."""
    with running_postgres(is_safe=True) as server:
        yield server


def health(server: ServerProcess, which: str) -> int:
    """The status of a probe."""
    status: int = server.client.get(f"/health/{which}").status_code
    return status


@pytest.mark.parametrize("seconds", [3.0, pytest.param(10.0, marks=pytest.mark.long)])
def test_gone_for_seconds(
    servers: ServerProcesses, own_postgres: PostgresServer, seconds: float
) -> None:
    database = own_postgres.new_database()
    server = servers.start(database)
    for n in range(5):
        assert said(server.say("anna", number(n), str(n))) == [f"Number {n}."]
    own_postgres.stop()
    come_back = time.monotonic() + seconds
    n_refused = 0
    while time.monotonic() < come_back:
        started = time.monotonic()
        assert is_refused(server.say("anna", number(5), "5"))
        assert is_refused(server.say(f"new-{n_refused}", number(5), "5"))
        assert health(server, "ready") == 503
        assert health(server, "live") == 200
        assert time.monotonic() - started < BOUND_SECONDS
        n_refused += 1
        time.sleep(0.5)
    own_postgres.start()
    assert n_refused >= 2
    for n in range(5, 8):
        assert said(server.say("anna", number(n), str(n))) == [f"Number {n}."]
    assert health(server, "ready") == 200
    with closing(ConversationStore.open(database)) as store:
        assert numbers_and_answers(store.events("anna")) == all_numbers(8)
        assert store.events("new-0") == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a disk of 2 MB."""
    if os.geteuid() != 0:
        pytest.skip("a small disk is mounted by root alone")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "gossamer-test", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("no disk can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(path: Path) -> None:
    """Take all the space that is left."""
    with path.open("wb", buffering=0) as file:
        for size in (65_536, 4_096, 1):
            try:
                while file.write(b"x" * size) == size:
                    pass
            except OSError:
                continue


def test_a_full_disk(servers: ServerProcesses, small_disk: Path) -> None:
    database = f"sqlite:///{small_disk / 'conversations.db'}"
    server = servers.start(database)
    for n in range(3):
        assert said(server.say("anna", number(n), str(n))) == [f"Number {n}."]
    fill(small_disk / "filler")
    # What the files have room for is still written; then nothing is.
    n_written = 3
    while not is_refused(server.say("anna", number(n_written), str(n_written))):
        n_written += 1
    for _ in range(20):
        assert is_refused(server.say("anna", number(n_written), str(n_written)))
        assert is_refused(server.say("new", number(0), "0"))
    assert health(server, "live") == 200
    (small_disk / "filler").unlink()
    for n in range(n_written, n_written + 3):
        assert said(server.say("anna", number(n), str(n))) == [f"Number {n}."]
    assert said(server.say("new", number(0), "0")) == ["Number 0."]
    with closing(ConversationStore.open(database)) as store:
        assert numbers_and_answers(store.events("anna")) == all_numbers(n_written + 3)
        assert numbers_and_answers(store.events("new")) == all_numbers(1)
