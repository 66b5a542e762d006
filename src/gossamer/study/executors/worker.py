"""What happens where a run is done: in a worker process here or on another machine."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import cloudpickle

R = TypeVar("R")

# What the numerical libraries ask for when they are loaded.
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a run has no result.

    Attributes:
        type: the exception's class ("ValueError"), or "WorkerDied" where its process was lost.
        message: what the exception says.
        traceback: where it was raised, as text; empty if unknown.
    """

    type: str
    message: str
    traceback: str = ""

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """Describe an exception, even one whose text cannot be made."""
        try:
            message = str(error)
        except Exception as second:
            message = f"(no message: its text raised {type(second).__name__})"
        return cls(
            type=type(error).__name__,
            message=message,
            traceback="".join(traceback.format_exception(error)),
        )


@dataclass(frozen=True, slots=True)
class Success(Generic[R]):
    """The result of a run."""

    result: R


def pack(function: Callable[..., Any], shared: Any) -> bytes:
    """What all runs have in common, as bytes for `attempt`.

    Functions and classes of a script, a notebook or a function's inside travel whole, those of
    modules by name.
    """
    packed: bytes = cloudpickle.dumps((function, shared))
    return packed


def unpack(packed: bytes) -> tuple[Callable[..., Any], Any]:
    """The function and what it shares; only for bytes that this library's `pack` made."""
    function, shared = cloudpickle.loads(packed)
    return function, shared


def attempt(
    unpacked: Callable[[], tuple[Callable[..., Any], Any]], task: Any, threads: int
) -> Success[Any] | Failure:
    """Do one run.

    Args:
        unpacked: gives the function and what it shares; what this raises is the run's failure.
        task: the function's second argument.
        threads: for PyTorch and the libraries below NumPy.
    """
    try:
        function, shared = unpacked()
        limit_threads(threads)
        return Success(function(shared, task))
    except BaseException as error:  # sys.exit() in a run ends the run, not the worker
        return Failure.of(error)


def limit_threads(threads: int) -> None:
    """Bound the threads of this process, also of libraries that are loaded later.

    The environment counts for libraries that are not loaded yet, the calls for those that are.
    """
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    from threadpoolctl import threadpool_limits

    threadpool_limits(threads)
    if "torch" in sys.modules:
        import torch

        torch.set_num_threads(threads)


class _Kept:
    """What a worker process keeps from run to run: unpacked when the first one needs it."""

    packed: bytes | None = None
    unpacked: tuple[Callable[..., Any], Any] | None = None
    token: str | None = None


def start_worker(packed: bytes, parent: int) -> None:
    """Make this process a worker.

    Args:
        packed: for all its runs.
        parent: the process that hands out the runs. It handles Ctrl-C; when it has ended, for
            whatever reason, this process ends within a second, even in the middle of a run.
    """
    _Kept.packed = packed
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if os.name == "posix":  # Windows does not report that a parent has ended
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def attempt_here(task: Any, threads: int) -> Success[Any] | Failure:
    """`attempt` in a process that `start_worker` made a worker."""

    def unpacked() -> tuple[Callable[..., Any], Any]:
        if _Kept.unpacked is None:
            if _Kept.packed is None:
                raise RuntimeError("this process is not a worker")
            _Kept.unpacked = unpack(_Kept.packed)
            _Kept.packed = None
        return _Kept.unpacked

    return attempt(unpacked, task, threads)


def attempt_packed(token: str, fetch: Callable[[], bytes], task: bytes, threads: int) -> bytes:
    """`attempt` in a process that may serve others too; all that travels is bytes.

    Args:
        token: names the study; what its runs share is fetched for the first of them.
        fetch: gives what `pack` made.
        task: packed.
        threads: of the run.

    Returns:
        A `Success` or a `Failure`, packed.
    """

    def unpacked() -> tuple[Callable[..., Any], Any]:
        if _Kept.unpacked is None or _Kept.token != token:
            _Kept.unpacked = None  # make room first
            _Kept.unpacked = unpack(fetch())
            _Kept.token = token
        return _Kept.unpacked

    def run(_: None, packed_task: bytes) -> Any:
        function, shared = unpacked()
        return function(shared, cloudpickle.loads(packed_task))

    outcome = attempt(lambda: (run, None), task, threads)
    try:
        packed: bytes = cloudpickle.dumps(outcome)
    except Exception as error:
        packed = cloudpickle.dumps(Failure.of(error))
    return packed


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)
