"""A server as a process: started, awaited, its memory and processor time read, ended."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import gettempdir
from types import TracebackType
from typing import Self

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_MIB = os.sysconf("SC_PAGE_SIZE") / 2**20
_TIMES = slice(11, 15)  # user and system time of a process and of children that have ended
HOST = "127.0.0.1"


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for each in found:
        for path in Path(f"/proc/{each}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += map(int, path.read_text().split())
    return found


def rss_mib(pid: int) -> float:
    """Memory that a process and all below it hold; what several share counts once.

    Of one process this is what it holds; pages of libraries that other programs use count in full.
    """
    processes = tree(pid)
    if len(processes) > 1:
        return sum(map(_share_mib, processes))
    with contextlib.suppress(OSError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_MIB
    return 0.0


def _share_mib(pid: int) -> float:
    """What a process holds, of shared pages its share."""
    with contextlib.suppress(OSError, IndexError):
        found = Path(f"/proc/{pid}/smaps_rollup").read_text().split("\nPss:")[1]
        return int(found.split()[0]) / 1024
    return 0.0


def cpu_seconds(pid: int) -> float:
    """Processor time of a process and all below it, so far."""
    ticks = 0
    for each in tree(pid):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            ticks += sum(map(int, fields[_TIMES]))
    return ticks / _TICKS


def as_installed(environment: Mapping[str, str]) -> dict[str, str]:
    """An environment in which byte code is kept, as installing a package keeps it.

    Without it each start compiles a thousand modules, which takes longer than all else.
    """
    kept = {name: environment[name] for name in environment if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": str(Path(gettempdir()) / "gossamer-serve-bytecode")}


def free_port() -> int:
    """A port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class Server:
    """A server process, in a process group of its own. Use it in a `with` block.

    Args:
        command: how it is started.
        port: where it listens.
        health: path that answers 200 when the server can answer messages.
        folder: its working folder.
        environment: its environment variables.
        log: file for what it prints.
        patience: seconds that it may take to get ready.

    Attributes:
        ready_seconds: from the start of the process to the first 200.
        ready_cpu_seconds: processor time until then.

    Raises:
        RuntimeError: on entering, the server ended or was not ready in time; holds the end of what
            it printed.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        port: int,
        health: str,
        folder: Path,
        environment: Mapping[str, str],
        log: Path,
        patience: float = 300.0,
    ) -> None:
        self._command, self._folder, self._environment = command, folder, environment
        self._health, self._log, self._patience = health, log, patience
        self.port = port
        self.ready_seconds = 0.0
        self.ready_cpu_seconds = 0.0
        self._peak = 0.0
        self._ended = threading.Event()
        self._watch = threading.Thread(target=self._read_memory, daemon=True)

    def __enter__(self) -> Self:
        with self._log.open("ab") as log:
            began = time.perf_counter()
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=as_installed(self._environment),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            while self._status() != 200:
                if self._process.poll() is not None:
                    raise RuntimeError(f"the server ended before it was ready:\n{self.printed()}")
                if time.perf_counter() - began > self._patience:
                    raise RuntimeError(f"the server was not ready in time:\n{self.printed()}")
                time.sleep(0.01)
        except BaseException:
            self._end()
            raise
        self.ready_seconds = time.perf_counter() - began
        self.ready_cpu_seconds = cpu_seconds(self.pid)
        self._watch.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._watch.join()
        self._end()

    @property
    def pid(self) -> int:
        """Of the process that was started."""
        return self._process.pid

    def take_peak_rss_mib(self) -> float:
        """The most memory its processes held together since this was last asked, read often."""
        peak, self._peak = max(self._peak, rss_mib(self.pid)), 0.0
        return peak

    def printed(self, n_characters: int = 3000) -> str:
        """The end of what it printed."""
        return self._log.read_text(encoding="utf-8", errors="replace")[-n_characters:]

    def _status(self) -> int:
        """Of the health path; 0 where there is no answer."""
        request = f"GET {self._health} HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n"
        try:
            with socket.create_connection((HOST, self.port), timeout=5) as connection:
                connection.sendall(request.encode())
                line = connection.recv(12)
        except OSError:
            return 0
        return int(line[9:12]) if line[9:12].isdigit() else 0

    def _read_memory(self) -> None:
        while not self._ended.wait(0.1):
            self._peak = max(self._peak, rss_mib(self.pid))

    def _end(self) -> None:
        """Asks the group to end, then makes it."""
        for number, seconds in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 10.0)):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
                break
        with contextlib.suppress(ProcessLookupError):  # what its own end left behind
            os.killpg(self._process.pid, signal.SIGKILL)
