"""Runs on this machine, each worker a process of its own.

Built on the process pools of loky, joblib's own, rather than on `joblib.Parallel`, which cannot do
what a study of many hours needs: one worker that dies (out of memory) takes its whole pool down,
with all other runs in it; nothing says which run was the cause; and with a single job the runs are
done in the calling process, which dies with them. So every worker here is a pool of one.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Any

from joblib.externals.loky.process_executor import BrokenProcessPool, ProcessPoolExecutor

from gossamer.study.executors.worker import (
    THREAD_VARIABLES,
    Failure,
    Success,
    attempt_here,
    start_worker,
)

# Waiting without end cannot be interrupted on Windows.
_WAIT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class _Running:
    key: str
    n_deaths: int
    pool: Any


def run_in_processes(
    packed: bytes,
    tasks: Mapping[str, Any],
    *,
    jobs: int,
    threads: int,
    on_start: Callable[[str], None],
    on_result: Callable[[str, Any], None],
    on_failure: Callable[[str, Failure], None],
) -> None:
    """Do all runs, `jobs` at a time; arguments and promises as for `parallel.run_all`.

    However this ends, no worker is left. A worker does one run after the other; the first brings
    what all runs share, once.
    """
    waiting = deque((key, 0) for key in tasks)
    idle: list[Any] = []
    running: dict[Future[Any], _Running] = {}
    is_done = False
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                key, n_deaths = waiting.popleft()
                pool = idle.pop() if idle else _new_worker(packed, threads)
                try:
                    future = pool.submit(attempt_here, tasks[key], threads)
                except BrokenProcessPool:  # it died with nothing to do
                    pool.shutdown()
                    waiting.appendleft((key, n_deaths))
                    continue
                running[future] = _Running(key, n_deaths, pool)
                on_start(key)
            done, _ = wait(running, timeout=_WAIT_SECONDS, return_when=FIRST_COMPLETED)
            for future in done:
                run = running.pop(future)
                error = future.exception()
                if isinstance(error, BrokenProcessPool):
                    run.pool.shutdown()
                    if run.n_deaths == 0:
                        # Last in the queue: when memory was short, others may have ended by then.
                        waiting.append((run.key, 1))
                    else:
                        on_failure(run.key, _death(error))
                    continue
                idle.append(run.pool)
                if error is not None:  # the task or the result cannot travel
                    on_failure(run.key, Failure.of(error))
                    continue
                outcome = future.result()
                if isinstance(outcome, Success):
                    on_result(run.key, outcome.result)
                else:
                    on_failure(run.key, outcome)
        is_done = True
    finally:
        for pool in [run.pool for run in running.values()] + idle:
            pool.shutdown(wait=True, kill_workers=not is_done)


def _new_worker(packed: bytes, threads: int) -> Any:
    return ProcessPoolExecutor(
        max_workers=1,
        initializer=start_worker,
        initargs=(packed, os.getpid()),
        env=dict.fromkeys(THREAD_VARIABLES, str(threads)),
    )


def _death(error: BaseException) -> Failure:
    """What is known about a worker that died."""
    codes = re.search(r"exit codes? of the workers (?:is|are) \{(.*?)\}", str(error))
    how = f" ({codes[1]})" if codes is not None else ""
    return Failure(
        type="WorkerDied",
        message=f"the process of this run died twice{how}; too little memory is a likely reason",
        traceback=str(error),
    )
