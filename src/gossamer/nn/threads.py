"""How many threads work takes: as many cores as other programs leave it.

Threads wait for each other at every product. When another program keeps one of the cores busy, all
wait for the thread that has to share it, and two threads are many times slower than one. So the
load is looked at every second, and torch gets fewer threads while it lasts. Results do not depend
on the number of threads.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import torch

_STAT = Path("/proc/stat")
_SECONDS_BETWEEN_LOOKS = 1.0
_LEAST_SECONDS = 0.2  # before a first look: the system counts in hundredths
_FORGOTTEN_AFTER = 5.0  # seconds, when nothing looks
_TOLERATED = 0.5  # cores that others may use before a thread is given up


class _Times(NamedTuple):
    """Seconds at a moment: of the clock, of work on some cores, of this process' own work."""

    clock: float
    busy: float
    own: float

    @classmethod
    def now(cls, cores: frozenset[int]) -> _Times | None:
        """As they are; None where the system does not tell."""
        busy = busy_seconds(cores)
        return None if busy is None else cls(time.perf_counter(), busy, time.process_time())


class FreeCores:
    """Watches the load, and sets torch's threads; never more than `n_threads`.

    Where the system does not tell the load (it must be Linux), nothing changes.
    """

    def __init__(self) -> None:
        self._cores = _own_cores()
        self._seen: _Times | None = None
        self._free: int | None = None  # unknown before the first look

    def look(self, n_threads: int) -> None:
        """Call it often; most calls only read the clock.

        Args:
            n_threads: how many there may be at most.
        """
        if n_threads <= 1 or self._cores is None:
            return
        seen = self._seen
        age = None if seen is None else time.perf_counter() - seen.clock
        if age is None or age > _FORGOTTEN_AFTER:
            self._seen, self._free = _Times.now(self._cores), None
        elif age >= (_LEAST_SECONDS if self._free is None else _SECONDS_BETWEEN_LOOKS):
            now = _Times.now(self._cores)
            if now is None or seen is None:
                return
            by_others = (now.busy - seen.busy - (now.own - seen.own)) / (now.clock - seen.clock)
            self._seen = now
            self._free = max(1, int(len(self._cores) - by_others + _TOLERATED))
        if self._free is not None:
            torch.set_num_threads(min(n_threads, self._free))


class Watch:
    """Handed out by `on_free_cores`."""

    def __init__(self, n_threads: int, cores: FreeCores) -> None:
        self._n_threads, self._cores = n_threads, cores

    def look(self) -> None:
        """Call it between pieces of work."""
        self._cores.look(self._n_threads)


@contextmanager
def on_free_cores() -> Iterator[Watch]:
    """In the block torch has as many threads as cores are free; afterwards as many as before.

    What is known of the load is kept from block to block.
    """
    n_threads = torch.get_num_threads()
    watch = Watch(n_threads, _of_this_process)
    try:
        watch.look()
        yield watch
    finally:
        torch.set_num_threads(n_threads)


def _own_cores() -> frozenset[int] | None:
    """Numbers of the cores that this process may use; None where they are not known."""
    if not hasattr(os, "sched_getaffinity") or not _STAT.exists():
        return None
    return frozenset(os.sched_getaffinity(0))


def busy_seconds(cores: frozenset[int] | None = None) -> float | None:
    """How long cores have worked, or been taken away by the host of a virtual machine.

    Args:
        cores: their numbers; None for all of the machine.

    Returns:
        The sum over the cores; None where the system does not tell.
    """
    wanted = {"cpu"} if cores is None else {f"cpu{number}" for number in cores}
    ticks = 0
    try:
        for line in _STAT.read_text(encoding="ascii").splitlines():
            name, *fields = line.split()
            if name in wanted:
                user, nice, system, _idle, _wait, interrupts, soft, steal = map(int, fields[:8])
                ticks += user + nice + system + interrupts + soft + steal
    except (OSError, ValueError):
        return None
    return ticks / os.sysconf("SC_CLK_TCK")


_of_this_process = FreeCores()
