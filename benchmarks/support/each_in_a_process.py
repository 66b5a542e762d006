"""Tasks done in processes of their own, some at a time."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import active_children, get_context
from typing import TypeVar

from gossamer.study.executors.worker import Failure

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")


def each_in_a_process(
    work: Callable[[TaskT], ResultT],
    tasks: Sequence[TaskT],
    on_end: Callable[[TaskT, ResultT | Failure], str],
    *,
    workers: int,
    kept: str,
) -> None:
    """Do tasks, and print a line as each ends.

    Args:
        work: a function of a module; what it raises is a `Failure`, and so is a process that dies.
        tasks: what it is given, each in a process of its own.
        on_end: called here with a task and what came of it; gives what is printed.
        workers: how many at a time.
        kept: said when it is interrupted: what there is, and where.

    Raises:
        SystemExit: 130, it was interrupted.
    """
    with ProcessPoolExecutor(
        max_workers=workers,
        mp_context=get_context("spawn"),
        max_tasks_per_child=1,
        initializer=_leave_interrupts_to_the_parent,
    ) as pool:
        futures = {pool.submit(_attempt, work, task): task for task in tasks}
        try:
            for number, future in enumerate(as_completed(futures), start=1):
                error = future.exception()  # the process died
                outcome = Failure.of(error) if error is not None else future.result()
                said = on_end(futures[future], outcome)
                print(f"[{number}/{len(tasks)}] {said}", flush=True)
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in active_children():
                process.terminate()
            print(f"\nInterrupted. {kept}", file=sys.stderr)
            raise SystemExit(130) from None


def _attempt(work: Callable[[TaskT], ResultT], task: TaskT) -> ResultT | Failure:
    try:
        return work(task)
    except Exception as error:
        return Failure.of(error)


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
