"""Runs on a Ray cluster, each a task of its own.

It uses Ray's tasks directly, not joblib's Ray backend, which hands the runs to actors that it never
replaces, so the loss of one machine ends `joblib.Parallel` with an error (tried with Ray 2.60). Nor
do the tasks use Ray's own retries: they do not distinguish a lost machine from a run that takes too
much memory, and they repeat the latter without end.
"""

from __future__ import annotations

import contextlib
import secrets
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import cloudpickle

from gossamer.data.errors import InputError
from gossamer.study.executors.ray_cluster import connected
from gossamer.study.executors.worker import Failure, Success
from gossamer.version import __version__

_WAIT_SECONDS = 1.0
_MOST_DEATHS = 2
_MOST_LOST_MACHINES = 5


@dataclass(frozen=True, slots=True)
class _Run:
    """A run, and how often its process and its machine have been lost."""

    key: str
    n_deaths: int = 0
    n_lost_machines: int = 0


def run_on_ray(
    packed: bytes,
    tasks: Mapping[str, Any],
    *,
    jobs: int | None,
    threads: int | None,
    address: str | None,
    on_start: Callable[[str], None],
    on_result: Callable[[str, Any], None],
    on_failure: Callable[[str, Failure], None],
) -> None:
    """Do all runs on a cluster; arguments and promises as for `parallel.run_all`.

    A run takes as many of Ray's CPUs as it has threads. What all runs share is sent to a machine
    once and unpacked in a worker once. Without `jobs` there are as many runs at a time as the
    cluster has room for, machines that come later included; where all machines are lost, the runs
    wait for new ones. Machines need this version of Gossamer: where it is missing or another one,
    the run fails and says so.

    Raises:
        InputError: no Ray; no such cluster; no machine has this many cores; the cluster is lost.
    """
    with connected(address, n_wanted=(jobs or 0) * (threads or 1)) as ray:
        sizes = _machine_sizes(ray)
        if threads is None:
            shared_out = 1 if jobs is None else max(1, sum(sizes) // jobs)
            threads = min(shared_out, max(sizes, default=1))
        if max(sizes, default=0) < threads:
            raise InputError(
                "a machine of the cluster must have as many cores as a run has threads",
                got=threads,
                hint=f"at most {max(sizes, default=0)} threads",
            )
        remote = ray.remote(num_cpus=threads, max_retries=0, max_calls=0)(_remote_function())
        shared = [ray.put(packed)]  # in a list it is fetched only where it is needed
        token = secrets.token_hex(8)
        waiting = deque(_Run(key) for key in tasks)
        running: dict[Any, _Run] = {}
        try:
            while waiting or running:
                room = jobs if jobs is not None else _room(ray, threads)
                while waiting and len(running) < room:
                    run = waiting.popleft()
                    try:
                        task = cloudpickle.dumps(tasks[run.key])
                    except Exception as error:
                        on_start(run.key)
                        on_failure(run.key, Failure.of(error))
                        continue
                    running[remote.remote(token, shared, task, threads, __version__)] = run
                    on_start(run.key)
                done, _ = ray.wait(list(running), num_returns=1, timeout=_WAIT_SECONDS)
                for reference in done:
                    run = running.pop(reference)
                    outcome = _outcome(ray, reference, run)
                    if isinstance(outcome, _Run):
                        waiting.append(outcome)
                    elif isinstance(outcome, Success):
                        on_result(run.key, outcome.result)
                    else:
                        on_failure(run.key, outcome)
        finally:
            for reference in running:
                with contextlib.suppress(Exception):  # the cluster may be gone
                    ray.cancel(reference, force=True)


def _remote_function() -> Callable[..., bytes]:
    """What a machine does; made here, so that it travels whole and can say what is missing."""

    def run(token: str, shared: list[Any], task: bytes, threads: int, version: str) -> bytes:
        import socket

        import ray

        host = socket.gethostname()
        try:
            from gossamer.version import __version__ as found
        except ImportError as error:
            raise ImportError(f"gossamer {version} must be installed on {host}: {error}") from error
        if found != version:
            raise ImportError(f"gossamer {version} must be installed on {host}, which has {found}")
        from gossamer.study.executors.worker import attempt_packed

        return attempt_packed(token, lambda: ray.get(shared[0]), task, threads)

    return run


def _outcome(ray: Any, reference: Any, run: _Run) -> Success[Any] | Failure | _Run:
    """How a task ended; a run if it is to be done again."""
    errors = ray.exceptions
    try:
        outcome: Success[Any] | Failure = cloudpickle.loads(ray.get(reference))
        return outcome
    except errors.RayTaskError as error:
        cause = error.cause if isinstance(error.cause, BaseException) else error
        return replace(Failure.of(cause), traceback=str(error))
    except errors.LocalRayletDiedError as error:
        raise InputError(
            "the Ray cluster must stay reachable", got=str(error), hint="running the study again"
        ) from error
    except (errors.NodeDiedError, errors.ObjectLostError) as error:
        run = replace(run, n_lost_machines=run.n_lost_machines + 1)
        if run.n_lost_machines < _MOST_LOST_MACHINES:
            return run
        message = f"its machine was lost {run.n_lost_machines} times"
        return Failure(type="WorkerDied", message=message, traceback=str(error))
    except (errors.WorkerCrashedError, errors.OutOfMemoryError) as error:
        run = replace(run, n_deaths=run.n_deaths + 1)
        if run.n_deaths < _MOST_DEATHS:
            return run
        message = "the process of this run died twice; too little memory is a likely reason"
        return Failure(type="WorkerDied", message=message, traceback=str(error))
    except Exception as error:  # Ray cannot start it, or its result cannot be unpacked here
        return Failure.of(error)


def _machine_sizes(ray: Any) -> list[int]:
    """Ray's CPUs of each machine."""
    return [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]


def _room(ray: Any, threads: int) -> int:
    """How many runs the cluster has room for; at least one, which waits for a machine."""
    return max(1, sum(size // threads for size in _machine_sizes(ray)))
