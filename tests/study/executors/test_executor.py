"""Runs in processes: one result or one failure for each, whatever happens to the workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import short_runs
from short_runs import Ended, ended, is_alive, until

import gossamer.study
from gossamer.data.errors import InputError
from gossamer.study.executors.executor import Backend, run_all, shared_out

pytestmark = pytest.mark.slow

TWO = Backend(jobs=2, threads=1)
ONE = Backend(jobs=1, threads=1)
needs_sigkill = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")


def test_results_and_failures() -> None:
    told = ended(short_runs.divide, {"a": 1, "b": 0, "c": 4, "d": "x"}, shared=2, backend=TWO)
    assert told.results == {"a": 2.0, "c": 0.5}
    assert told.started == ["a", "b", "c", "d"]
    assert sorted(told.failures) == ["b", "d"]
    failure = told.failures["b"]
    assert failure.type == "ZeroDivisionError"
    assert failure.message == "division by zero"
    assert "shared / task" in failure.traceback
    assert told.failures["d"].type == "TypeError"


def test_without_tasks_nothing_happens() -> None:
    assert ended(short_runs.divide, {}, backend=TWO) == Ended()


def test_functions_without_a_module_travel_whole() -> None:
    base = 10

    def add(shared: int, task: int) -> int:
        return base + shared + task

    assert ended(add, {"a": 1}, shared=100, backend=ONE).results == {"a": 111}


def test_a_single_job_has_a_process_of_its_own_and_keeps_it() -> None:
    told = ended(short_runs.process, dict.fromkeys("abc"), backend=ONE)
    assert len(set(told.results.values())) == 1
    assert os.getpid() not in told.results.values()


def test_results_come_as_runs_end_and_no_more_run_than_jobs() -> None:
    tasks = {"long": 1.0} | {f"short {number}": 0.1 for number in range(4)}
    told = ended(short_runs.sleep, tasks, backend=TWO)
    assert list(told.results)[-1] == "long"
    assert told.started == list(tasks)
    spans = list(told.results.values())
    for began, _ in spans:
        assert sum(start <= began < end for start, end in spans) <= 2


def test_threads_are_bounded_in_every_run() -> None:
    told = ended(short_runs.threads, {"a": None, "b": None}, backend=Backend(jobs=1, threads=1))
    # The second run starts with its share, though the first had changed it.
    assert list(told.results.values()) == [(1, 3, 1, {"1"})] * 2
    assert told.failures == {}


@pytest.mark.parametrize(
    ("jobs", "threads", "cores", "expected"),
    [
        (None, None, 8, (8, 1)),
        (None, 3, 8, (2, 3)),
        (None, 9, 8, (1, 9)),
        (3, None, 8, (3, 2)),
        (9, None, 8, (9, 1)),
        (9, 9, 8, (9, 9)),
    ],
)
def test_cores_are_shared_out(
    jobs: int | None, threads: int | None, cores: int, expected: tuple[int, int]
) -> None:
    assert shared_out(Backend(jobs=jobs, threads=threads), cores) == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "threads"}, "processes or ray"),
        ({"jobs": 0}, "jobs must be at least 1"),
        ({"threads": -1}, "threads must be at least 1"),
        ({"address": "head:6379"}, "kind ray"),
    ],
)
def test_backends_that_are_none(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Backend(**options)


@needs_sigkill
def test_a_run_whose_worker_dies_is_done_again_once(tmp_path: Path) -> None:
    tasks = {
        name: (name, deaths) for name, deaths in zip("abcdef", (0, 1, 0, 9, 0, 0), strict=True)
    }
    told = ended(short_runs.die, tasks, shared=tmp_path, backend=TWO)
    assert told.results == {name: name for name in "abcef"}
    assert set(told.failures) == {"d"}
    assert told.failures["d"].type == "WorkerDied"
    assert "died twice (SIGKILL(-9))" in told.failures["d"].message
    # Nobody beside them was done again.
    counts = {name: short_runs.times(tmp_path, name) for name in "abcdef"}
    assert counts == {"a": 1, "b": 2, "c": 1, "d": 2, "e": 1, "f": 1}
    assert sorted(told.started) == sorted("abbcddef")


@needs_sigkill
def test_a_worker_that_dies_idle_costs_nothing() -> None:
    pids: list[int] = []

    def on_result(key: str, pid: int) -> None:
        pids.append(pid)
        if key == "a":
            os.kill(pid, signal.SIGKILL)
            time.sleep(0.5)

    told = Ended()
    run_all(
        short_runs.process,
        None,
        {"a": None, "b": None},
        backend=ONE,
        on_start=told.started.append,
        on_result=on_result,
        on_failure=told.on_failure,
    )
    assert told.failures == {}
    assert len(set(pids)) == 2
    assert told.started == ["a", "b"]


def test_what_cannot_travel_or_ends_strangely_is_a_failure() -> None:
    tasks = {name: name for name in ("exit", "lock", "silent", "local", "interrupt", "fine")}
    told = ended(short_runs.leave, tasks | {"task": threading.Lock()}, backend=ONE)
    assert told.results == {"fine": "fine"}
    assert {key: failure.type for key, failure in told.failures.items()} == {
        "exit": "SystemExit",
        "lock": "TypeError",
        "silent": "SilentError",
        "local": "LocalError",
        "interrupt": "KeyboardInterrupt",
        "task": "PicklingError",
    }
    assert told.failures["exit"].message == "enough"
    assert told.failures["local"].message == "two arguments"


def test_what_is_shared_must_travel() -> None:
    with pytest.raises(TypeError, match="pickle"):
        ended(short_runs.divide, {"a": 1}, shared=threading.Lock(), backend=ONE)
    told = ended(short_runs.divide, {"a": 1}, shared=short_runs.Unreadable(), backend=ONE)
    assert told.failures["a"].type == "OSError"
    assert told.failures["a"].message == "this cannot be unpacked"


def test_what_a_callback_raises_ends_the_workers() -> None:
    started: list[float] = []

    def on_result(key: str, result: Any) -> None:
        raise InputError("no space left")

    began = time.monotonic()
    with pytest.raises(InputError, match="no space left"):
        run_all(
            short_runs.sleep,
            None,
            {"long": 60.0, "short": 0.0},
            backend=TWO,
            on_start=lambda key: started.append(time.monotonic()),
            on_result=on_result,
            on_failure=lambda key, failure: None,
        )
    assert len(started) == 2
    assert time.monotonic() - began < 50


DRIVER = """
import signal, sys
from gossamer.study.executors.executor import Backend, run_all

def run(folder, seconds):
    import os, pathlib, time
    pathlib.Path(folder, str(os.getpid())).touch()
    time.sleep(seconds)

if __name__ == "__main__":
    # Programs that a shell runs in the background, and what these start, ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    run_all(
        run, sys.argv[1], {"a": 60.0, "b": 60.0}, backend=Backend(jobs=2, threads=1),
        on_result=print, on_failure=print,
    )
"""


def interrupt(driver: subprocess.Popen[str]) -> None:
    driver.send_signal(signal.SIGINT)


def interrupt_group(driver: subprocess.Popen[str]) -> None:
    os.killpg(driver.pid, signal.SIGINT)  # what Ctrl-C in a terminal does


def kill(driver: subprocess.Popen[str]) -> None:
    driver.kill()


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("how", [interrupt, interrupt_group, kill])
def test_no_worker_is_left_behind(
    tmp_path: Path, how: Callable[[subprocess.Popen[str]], None]
) -> None:
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)
    folder = tmp_path / "workers"
    folder.mkdir()
    source = str(Path(gossamer.study.__file__).parents[2])
    driver = subprocess.Popen(
        [sys.executable, str(script), str(folder)],
        env=os.environ | {"PYTHONPATH": source},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        until(lambda: len(list(folder.iterdir())) == 2)
        workers = [int(path.name) for path in folder.iterdir()]
        assert all(map(is_alive, workers))
        how(driver)
        _, errors = driver.communicate(timeout=120)
        until(lambda: not any(map(is_alive, workers)))
    finally:
        driver.kill()
    if how is not kill:
        assert errors.count("Traceback") == 1
        assert errors.endswith("KeyboardInterrupt\n")
        assert not any(map(is_alive, workers))
