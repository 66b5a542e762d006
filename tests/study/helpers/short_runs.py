"""Runs that take no time, in a module that worker processes can import too."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from gossamer.study.executors.executor import Backend, Failure, run_all


@dataclass
class Ended:
    """What the callbacks were told, in order."""

    started: list[str] = field(default_factory=list)
    results: dict[str, Any] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)

    def on_result(self, key: str, result: Any) -> None:
        assert key not in self.results
        assert key not in self.failures
        self.results[key] = result

    def on_failure(self, key: str, failure: Failure) -> None:
        assert key not in self.results
        assert key not in self.failures
        self.failures[key] = failure


def ended(
    function: Callable[[Any, Any], Any],
    tasks: Mapping[str, Any],
    *,
    shared: Any = None,
    backend: Backend,
    told: Ended | None = None,
) -> Ended:
    told = Ended() if told is None else told
    run_all(
        function,
        shared,
        tasks,
        backend=backend,
        on_start=told.started.append,
        on_result=told.on_result,
        on_failure=told.on_failure,
    )
    return told


def divide(shared: int, task: int) -> float:
    return shared / task


def process(shared: Any, task: Any) -> int:
    return os.getpid()


def threads(shared: Any, task: Any) -> tuple[int, int, int, set[str | None]]:
    """PyTorch's threads before a run changed them, and after; BLAS's; the environment's."""
    import numpy
    import torch
    from threadpoolctl import threadpool_info

    from gossamer.study.executors.worker import THREAD_VARIABLES

    numpy.dot(numpy.ones((2, 2)), numpy.ones((2, 2)))
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    blas = max(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
    return before, torch.get_num_threads(), blas, {os.environ.get(n) for n in THREAD_VARIABLES}


def sleep(shared: Any, seconds: float) -> tuple[float, float]:
    began = time.monotonic()
    time.sleep(seconds)
    return began, time.monotonic()


def noted_sleep(folder: Path, task: tuple[str, float]) -> None:
    name, seconds = task
    note(folder, name)
    time.sleep(seconds)


def note(folder: Path, name: str) -> int:
    """Note that something happened, and say how often it has."""
    (folder / f"{name}.{os.getpid()}.{time.monotonic_ns()}").touch()
    return times(folder, name)


def times(folder: Path, name: str) -> int:
    return len(list(folder.glob(f"{name}.*")))


def die(folder: Path, task: tuple[str, int]) -> str:
    """Lose this process the first n times."""
    name, n_deaths = task
    if note(folder, name) <= n_deaths:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.1)
    return name


def leave(shared: Any, task: str) -> Any:
    """Give back, or raise, what makes trouble."""
    match task:
        case "exit":
            sys.exit("enough")
        case "lock":
            return threading.Lock()
        case "silent":
            raise SilentError
        case "local":

            class LocalError(Exception):
                def __init__(self, one: int, two: int) -> None:
                    super().__init__("two arguments")

            raise LocalError(1, 2)
        case "interrupt":
            raise KeyboardInterrupt
    return task


def any_of_these(shared: Any, task: tuple[str, Any]) -> Any:
    """A function of this module, by name."""
    name, own_task = task
    return globals()[name](shared, own_task)


class SilentError(Exception):
    """Cannot say what it is."""

    def __str__(self) -> str:
        raise RuntimeError


class Unreadable:
    """Travels, but cannot be unpacked where it arrives."""

    def __reduce__(self) -> tuple[Callable[[], NoReturn], tuple[()]]:
        return refuse, ()


def refuse() -> NoReturn:
    raise OSError("this cannot be unpacked")


def until(holds: Callable[[], bool], seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")
    # A process that nobody has waited for is dead all the same.
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
