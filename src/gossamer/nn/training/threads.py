"""How many threads a training uses: as many cores as other programs leave it.

Threads wait for each other at every product. When another program keeps one of the cores busy, all
wait for the thread that has to share it, and two threads are slower than one. So the load is
looked at every second, and torch gets fewer threads while it lasts. Results do not depend on the
number of threads.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

_STAT = Path("/proc/stat")
_SECONDS_BETWEEN_LOOKS = 1.0
_FIRST_LOOK = 0.2  # seconds
_TOLERATED = 0.5  # cores that others may use before a thread is given up


class FreeCores:
    """Watches the load, and sets torch's threads; never more than there were.

    Where the system does not tell the load (it must be Linux), nothing changes.
    """

    def __init__(self) -> None:
        self._most = torch.get_num_threads()
        self._cores = _own_cores() if self._most > 1 else None
        self._before = None if self._cores is None else _Times.now(self._cores)
        self._wait = _FIRST_LOOK

    def look(self) -> None:
        """Call it often; most calls only read the clock."""
        before = self._before
        if before is None or self._cores is None:
            return
        if time.perf_counter() - before.clock < self._wait:
            return
        now = _Times.now(self._cores)
        if now is None:
            return
        elapsed = now.clock - before.clock
        by_others = (now.busy - before.busy - (now.own - before.own)) / elapsed
        free = int(len(self._cores) - by_others + _TOLERATED)
        torch.set_num_threads(max(1, min(self._most, free)))
        self._before, self._wait = now, _SECONDS_BETWEEN_LOOKS


@contextmanager
def on_free_cores() -> Iterator[FreeCores]:
    """A `FreeCores` for the block, after which torch has its threads again."""
    n_threads = torch.get_num_threads()
    try:
        yield FreeCores()
    finally:
        torch.set_num_threads(n_threads)


class _Times:
    """Seconds at a moment: of the clock, of work on some cores, of this process' own work."""

    def __init__(self, clock: float, busy: float, own: float) -> None:
        self.clock, self.busy, self.own = clock, busy, own

    @classmethod
    def now(cls, cores: frozenset[int]) -> _Times | None:
        """As they are; None where the system does not tell."""
        busy = _busy_seconds(cores)
        return None if busy is None else cls(time.perf_counter(), busy, time.process_time())


def _own_cores() -> frozenset[int] | None:
    """Numbers of the cores that this process may use; None where they are not known."""
    if not hasattr(os, "sched_getaffinity") or not _STAT.exists():
        return None
    return frozenset(os.sched_getaffinity(0))


def _busy_seconds(cores: frozenset[int]) -> float | None:
    """How long these cores have worked, or been taken away by the host of a virtual machine."""
    ticks = 0
    try:
        for line in _STAT.read_text(encoding="ascii").splitlines():
            name, *fields = line.split()
            if name.startswith("cpu") and name[3:].isdigit() and int(name[3:]) in cores:
                user, nice, system, _idle, _wait, interrupts, soft, steal = map(int, fields[:8])
                ticks += user + nice + system + interrupts + soft + steal
    except (OSError, ValueError):
        return None
    return ticks / os.sysconf("SC_CLK_TCK")
