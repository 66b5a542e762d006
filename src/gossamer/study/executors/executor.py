"""Many independent runs at a time: in processes on this machine, or on a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args

import joblib

from gossamer.data.errors import InputError
from gossamer.study.executors.local_executor import run_in_processes
from gossamer.study.executors.worker import Failure, pack

__all__ = ["Backend", "Failure", "Kind", "run_all"]

Kind = Literal["processes", "ray"]
S = TypeVar("S")
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """Where runs are done, and how many at a time.

    Attributes:
        kind: "processes" of this machine (joblib's), or a "ray" cluster.
        jobs: runs at a time, at least 1. None: as many as the cores allow; with processes
            these are the cores that this process may use (affinity, cgroup limits and
            LOKY_MAX_CPU_COUNT count), with Ray those of the cluster.
        threads: of each run, at least 1. None: the cores shared out among the jobs, but 1 where
            the number of jobs is not given. It does not depend on how many runs are left, so that a
            study gives the same numbers when it is continued.
        address: of the Ray cluster, which this machine must belong to: "host:port", "auto" for the
            one that runs here, or "local" for one of this machine alone that is started and
            stopped for these runs. None: RAY_ADDRESS, else auto, else local.

    Raises:
        InputError: another value.
    """

    kind: Kind = "processes"
    jobs: int | None = None
    threads: int | None = None
    address: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise InputError(
                "the backend of a study must be one that exists",
                got=self.kind,
                hint=" or ".join(get_args(Kind)),
            )
        for name in ("jobs", "threads"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise InputError(f"{name} must be at least 1", got=number)
        if self.address is not None and self.kind != "ray":
            raise InputError(
                "an address goes with the backend ray", got=self.address, hint="kind ray"
            )


def run_all(
    function: Callable[[S, T], R],
    shared: S,
    tasks: Mapping[str, T],
    *,
    backend: Backend,
    on_start: Callable[[str], None] | None = None,
    on_result: Callable[[str, R], None],
    on_failure: Callable[[str, Failure], None],
) -> None:
    """Call `function(shared, task)` for every task; each key gets one result or one failure.

    All three callbacks are called in this process, one at a time, results and failures in the order
    in which the runs end. What a run raises is its failure; the others go on. A run whose
    process is lost is done again, after those that wait; when that happens twice it has failed
    ("WorkerDied"). With Ray, runs on a machine that is lost are done again elsewhere.

    What a callback raises, and Ctrl-C, ends the workers and passes on.

    Args:
        function: given by name where it belongs to a module; its own errors are failures.
        shared: for all runs, the data; it travels to each worker once (Ray: to each machine
            once).
        tasks: what differs, by key; started in this order.
        backend: where, and how many at a time.
        on_start: called when a run is handed out, and once more when it is done again.
        on_result: called with the result of a run.
        on_failure: called with the reason why there is no result.

    Raises:
        InputError: Ray is asked for but not installed, or its cluster cannot be used.
    """
    if not tasks:
        return
    packed = pack(function, shared)
    callbacks: dict[str, Any] = {
        "on_start": on_start if on_start is not None else _ignore,
        "on_result": on_result,
        "on_failure": on_failure,
    }
    if backend.kind == "ray":
        from gossamer.study.executors.ray_executor import run_on_ray  # Ray is an extra

        run_on_ray(
            packed,
            tasks,
            jobs=backend.jobs,
            threads=backend.threads,
            address=backend.address,
            **callbacks,
        )
        return
    jobs, threads = shared_out(backend, joblib.cpu_count())
    run_in_processes(packed, tasks, jobs=jobs, threads=threads, **callbacks)


def shared_out(backend: Backend, cores: int) -> tuple[int, int]:
    """Jobs, and threads for each, on this many cores."""
    jobs, threads = backend.jobs, backend.threads
    if jobs is None:
        jobs = cores if threads is None else max(1, cores // threads)
        return jobs, 1 if threads is None else threads
    return jobs, max(1, cores // jobs) if threads is None else threads


def _ignore(key: str) -> None:
    """The listener that does nothing."""
