"""Runs on a real Ray cluster of two nodes on this machine, one of which is killed."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import short_runs
from short_runs import Ended, ended, is_alive, until

import gossamer.study
from gossamer.data.errors import InputError
from gossamer.study.executors.executor import Backend, run_all

pytestmark = pytest.mark.long
is_there = importlib.util.find_spec("ray") is not None
needs_ray = pytest.mark.skipif(not is_there, reason="Ray is not installed")
needs_cluster = pytest.mark.skipif(
    not is_there or os.name != "posix", reason="Ray is not installed, or has no clusters here"
)


@pytest.fixture(scope="module")
def temporary() -> Iterator[Path]:
    """A folder for Ray's sessions; pytest's own has too long a name for its sockets."""
    folder = Path(tempfile.mkdtemp(prefix="ray"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def cluster(temporary: Path) -> Iterator[Any]:
    here = Path(short_runs.__file__).parent
    path = os.pathsep.join([str(here), str(Path(gossamer.study.__file__).parents[2])])
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")
        patch.setenv("PYTHONPATH", path)
        # Not `temp_dir`: a cluster for tests also writes where it is, beside the default folder.
        patch.setenv("RAY_TMPDIR", str(temporary))
        patch.setenv("RAY_worker_niceness", "0")  # by default they give way to everything else
        from ray.cluster_utils import Cluster

        cluster: Any = Cluster(
            initialize_head=True,
            head_node_args={
                "num_cpus": 2,
                "include_dashboard": False,
                "object_store_memory": 80 * 2**20,
            },
        )
        yield cluster
        cluster.shutdown()


@pytest.fixture
def backend(cluster: Any) -> Backend:
    return Backend(kind="ray", address=cluster.address)


@needs_cluster
def test_a_node_that_is_killed(cluster: Any, backend: Backend, tmp_path: Path) -> None:
    node = cluster.add_node(num_cpus=2, object_store_memory=80 * 2**20)
    tasks = {f"run {number}": number for number in range(12)}
    told = Ended()
    killed: list[str] = []

    def run(folder: Path, task: int) -> int:
        import ray

        here = ray.get_runtime_context().get_node_id()
        (folder / f"{task} {here} {os.getpid()} began").touch()
        time.sleep(1.0 + task % 3 / 5)
        (folder / f"{task} {here} {os.getpid()} ended").touch()
        return task * task

    def kill_in_the_middle() -> None:
        """As soon as two results are there and the node has just begun a run."""
        there = f"* {node.node_id} *"
        seen: set[str] = set()
        fresh: set[str] = set()
        while not (fresh and len(told.results) >= 2):
            if len(told.results) == len(tasks):
                return
            time.sleep(0.05)
            began = {path.name for path in tmp_path.glob(f"{there} began")}
            fresh, seen = began - seen, began
        pids = {int(name.split()[2]) for name in seen}
        for pid in {node.all_processes["raylet"][0].process.pid, *pids}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        ended = {path.name.split()[0] for path in tmp_path.glob(f"{there} ended")}
        killed.extend(f"run {number}" for number in {name.split()[0] for name in seen} - ended)

    killer = threading.Thread(target=kill_in_the_middle, daemon=True)
    killer.start()
    ended(run, tasks, shared=tmp_path, backend=backend, told=told)
    killer.join(60)
    assert told.failures == {}
    assert told.results == {key: number * number for key, number in tasks.items()}
    assert killed, "the node had nothing to do when it was killed"
    for key in killed:
        number = tasks[key]
        assert told.started.count(key) == 2
        assert len(list(tmp_path.glob(f"{number} {node.node_id} * ended"))) == 0
        assert len(list(tmp_path.glob(f"{number} * began"))) == 2
        assert len(list(tmp_path.glob(f"{number} * ended"))) == 1
    cluster.remove_node(node, allow_graceful=False)


@needs_cluster
def test_results_and_failures(backend: Backend, tmp_path: Path) -> None:
    strange = ("exit", "lock", "silent", "local", "fine")
    tasks: dict[str, Any] = {name: ("leave", name) for name in strange}
    tasks["threads"] = ("threads", None)
    tasks |= {f"dies {n_deaths}": ("die", (f"dies {n_deaths}", n_deaths)) for n_deaths in range(3)}
    tasks["task"] = threading.Lock()
    told = ended(short_runs.any_of_these, tasks, shared=tmp_path, backend=backend)

    assert {key: failure.type for key, failure in told.failures.items()} == {
        "exit": "SystemExit",
        "lock": "TypeError",
        "silent": "SilentError",
        "local": "LocalError",
        "task": "TypeError",
        "dies 2": "WorkerDied",
    }
    assert told.failures["local"].message == "two arguments"
    assert "raise LocalError(1, 2)" in told.failures["local"].traceback
    assert "died twice" in told.failures["dies 2"].message
    assert told.results == {
        "fine": "fine",
        "dies 0": "dies 0",
        "dies 1": "dies 1",
        "threads": (1, 3, 1, {"1"}),
    }
    counts = {f"dies {n}": short_runs.times(tmp_path, f"dies {n}") for n in range(3)}
    assert counts == {"dies 0": 1, "dies 1": 2, "dies 2": 2}
    assert sorted(told.started) == sorted([*tasks, "dies 1", "dies 2"])


@needs_cluster
def test_no_machine_is_large_enough(cluster: Any) -> None:
    three = Backend(kind="ray", address=cluster.address, threads=3)
    with pytest.raises(InputError, match="at most 2 threads"):
        ended(short_runs.divide, {"a": 1}, backend=three)


@needs_cluster
def test_machines_with_another_version_say_so(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gossamer.study.executors import ray_executor as on_ray

    monkeypatch.setattr(on_ray, "__version__", "99.0")
    told = ended(short_runs.divide, {"a": 1}, shared=1, backend=backend)
    assert told.failures["a"].type == "ImportError"
    message = told.failures["a"].message
    assert message.startswith(f"gossamer 99.0 must be installed on {socket.gethostname()}, which")


@needs_cluster
def test_what_a_callback_raises_ends_the_runs(backend: Backend, tmp_path: Path) -> None:
    def on_result(key: str, result: Any) -> None:
        until(lambda: short_runs.times(tmp_path, "long") == 1)
        raise InputError("no space left")

    with pytest.raises(InputError, match="no space left"):
        run_all(
            short_runs.noted_sleep,
            tmp_path,
            {"long": ("long", 60.0), "short": ("short", 0.0)},
            backend=backend,
            on_result=on_result,
            on_failure=lambda key, failure: None,
        )
    (path,) = tmp_path.glob("long.*")
    until(lambda: not is_alive(int(path.name.split(".")[1])))


DRIVER = """
import sys
from gossamer.study.executors.executor import Backend, run_all

def run(folder, seconds):
    import os, pathlib, time
    pathlib.Path(folder, str(os.getpid())).touch()
    time.sleep(seconds)
    return seconds

if __name__ == "__main__":
    import os, signal, ray  # which sets variables too
    # Programs that a shell runs in the background, and what these start, ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    before = dict(os.environ), signal.getsignal(signal.SIGTERM)
    try:
        run_all(
            run, sys.argv[1], {"a": 0.0, "b": 60.0, "c": 60.0},
            backend=Backend(kind="ray", jobs=2, threads=1),
            on_result=print, on_failure=print,
        )
    finally:
        assert not ray.is_initialized()
        after = dict(os.environ), signal.getsignal(signal.SIGTERM)
        assert after == before, (after, before)
"""


@needs_cluster
def test_a_cluster_of_this_machine_alone(tmp_path: Path, temporary: Path) -> None:
    script = tmp_path / "driver.py"
    script.write_text(DRIVER)
    folder = tmp_path / "workers"
    folder.mkdir()
    alone = temporary / "a"
    alone.mkdir()
    source = str(Path(gossamer.study.__file__).parents[2])
    driver = subprocess.Popen(
        [sys.executable, str(script), str(folder)],
        # No cluster can be found from there, so that one is started.
        env=os.environ
        | {"PYTHONPATH": source, "RAY_TMPDIR": str(alone), "RAY_ADDRESS": ""}
        | {"RAY_worker_niceness": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert driver.stdout is not None
        assert driver.stdout.readline() == "a 0.0\n"
        until(lambda: len(list(folder.iterdir())) >= 2)
        os.killpg(driver.pid, signal.SIGINT)  # what Ctrl-C in a terminal does
        told, errors = driver.communicate(timeout=120)
    finally:
        driver.kill()
    # Nothing of Ray's but what Python says of an interrupt.
    assert told == ""
    assert errors.startswith("Traceback")
    assert errors.count("Traceback") == 1
    assert errors.endswith("KeyboardInterrupt\n")
    workers = [int(path.name) for path in folder.iterdir()]
    until(lambda: not any(map(is_alive, workers)))
    until(lambda: commands_with(str(alone)) == [])


def commands_with(text: str) -> list[str]:
    """Command lines of processes, where the system has them in /proc."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            command = path.read_text(errors="replace")
            if text in command:
                found.append(command)
    return found


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r'a cluster needs Ray .* pip install "gossamer\[ray\]"'):
        ended(short_runs.divide, {"a": 1}, shared=1, backend=Backend(kind="ray"))


@needs_ray
@pytest.mark.parametrize("address", ["head", "head:", ":6379", "ray://head:10001", "head:http"])
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(InputError, match="a host and a port"):
        ended(short_runs.divide, {"a": 1}, backend=Backend(kind="ray", address=address))


@needs_ray
@pytest.mark.parametrize("answer", [None, b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_where_no_cluster_is(answer: bytes | None, monkeypatch: pytest.MonkeyPatch) -> None:
    server = socket.create_server(("127.0.0.1", 0))
    address = f"127.0.0.1:{server.getsockname()[1]}"

    def serve() -> None:
        line, _ = server.accept()
        line.recv(100)
        line.sendall(answer or b"")
        line.close()

    thread = threading.Thread(target=serve)
    if answer is None:
        server.close()
    else:
        thread.start()
    began = time.monotonic()
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(InputError, match="must be reachable") as raised:
        ended(short_runs.divide, {"a": 1}, backend=Backend(kind="ray"))
    assert time.monotonic() - began < 10
    assert address in str(raised.value)
    if answer is not None:
        thread.join()
        server.close()
