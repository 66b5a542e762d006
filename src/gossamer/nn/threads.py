"""How many threads work takes: as many cores as other programs leave it.

Threads wait for each other at every product. When another program keeps one of the cores busy, all
wait for the thread that has to share it, and two threads are many times slower than one. So the
load is looked at every second, and work gets fewer threads while it lasts. Results depend on the
number of threads no more than by rounding.
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")

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
    """Watches the load. Where the system does not tell it (not Linux), all cores are free."""

    def __init__(self) -> None:
        self._cores = _own_cores()
        self._seen: _Times | None = None
        self._free: int | None = None  # unknown before the first look

    def look(self, n_threads: int) -> int:
        """How many of at most `n_threads` should work; most calls only read the clock."""
        if n_threads <= 1 or self._cores is None:
            return n_threads
        seen = self._seen
        age = None if seen is None else time.perf_counter() - seen.clock
        if age is None or age > _FORGOTTEN_AFTER:
            self._seen, self._free = _Times.now(self._cores), None
        elif age >= (_LEAST_SECONDS if self._free is None else _SECONDS_BETWEEN_LOOKS):
            now = _Times.now(self._cores)
            if now is not None and seen is not None:
                by_others = (now.busy - seen.busy - (now.own - seen.own)) / (now.clock - seen.clock)
                self._seen = now
                self._free = max(1, int(len(self._cores) - by_others + _TOLERATED))
        return n_threads if self._free is None else min(n_threads, self._free)


def set_num_threads(n_threads: int) -> None:
    """How many threads training and answering may take in this process.

    PyTorch, where it is loaded, has as many.
    """
    global _wanted
    _wanted = n_threads
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(n_threads)


def num_threads() -> int:
    """What was set; else PyTorch's number where it is loaded, else the number of cores."""
    if _wanted is not None:
        return _wanted
    torch = sys.modules.get("torch")
    if torch is not None:
        number: int = torch.get_num_threads()
        return number
    cores = _own_cores()
    return (os.cpu_count() or 1) if cores is None else len(cores)


def in_threads(work: Callable[[ItemT], ResultT], items: Sequence[ItemT]) -> Iterator[ResultT]:
    """Results of work in the order of items, which as many threads share as cores are free.

    It pays where the work is done by kernels or NumPy, which release Python's lock.
    """
    most = min(num_threads(), len(items)) if len(items) > 1 else 1
    if most == 1:
        yield from map(work, items)
        return
    waiting: deque[Future[ResultT]] = deque()
    rest = iter(items)
    with ThreadPoolExecutor(most) as pool:
        while True:
            n_more = max(0, _of_this_process.look(most) - len(waiting))
            waiting.extend(pool.submit(work, item) for item in islice(rest, n_more))
            if not waiting:
                return
            yield waiting.popleft().result()


class Watch:
    """Handed out by `on_free_cores`."""

    def __init__(self, n_threads: int) -> None:
        self._n_threads = n_threads

    def look(self) -> None:
        """Call it between pieces of work."""
        sys.modules["torch"].set_num_threads(_of_this_process.look(self._n_threads))


@contextmanager
def on_free_cores() -> Iterator[Watch]:
    """In the block torch has as many threads as cores are free; afterwards as many as before.

    What is known of the load is kept from block to block.
    """
    import torch

    before = torch.get_num_threads()
    watch = Watch(num_threads())
    try:
        watch.look()
        yield watch
    finally:
        torch.set_num_threads(before)


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
_wanted: int | None = None
