"""Connecting to a Ray cluster: quickly refused where there is no cluster, and quiet."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import threading
import warnings
from collections.abc import Iterator
from typing import Any

import joblib

from gossamer.data.errors import InputError
from gossamer.data.installed import require

_CONNECT_SECONDS = 5.0
# What a gRPC server answers with its own settings: HTTP/2's preface and an empty settings frame.
_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
_SETTINGS = 4

# Settings of Ray, for as long as it is connected.
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # what Ray will do by itself, warning until then
}


@contextlib.contextmanager
def connected(address: str | None, *, n_wanted: int = 0) -> Iterator[Any]:
    """Ray, connected for the length of the block; a connection that is there already is used.

    When a machine is lost, Ray writes some lines of its log to standard output: it has no option
    against that. What was lost is done again or reported, as everywhere.

    Args:
        address: as for `parallel.Backend`.
        n_wanted: CPUs that a cluster has that is started here, if it is more than the cores.

    Yields:
        The module `ray`.

    Raises:
        InputError: Ray is not installed; nothing answers at the address; Ray refuses (another
            version of Ray or Python).
    """
    require("a cluster", "ray")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import ray
    if ray.is_initialized():
        yield ray
        return
    wanted = address
    if wanted in (None, "auto"):
        wanted = os.environ.get("RAY_ADDRESS") or wanted
    if wanted not in (None, "auto", "local"):
        _check(wanted)
    with _restored():
        try:
            with _quiet():
                _connect(ray, wanted, n_wanted)
        except Exception as error:  # of many kinds: Ray does not say which
            raise InputError(
                "the Ray cluster must be one that this process can join",
                got=str(error),
                hint="ray start --head on this machine, another address, or the same versions of "
                "Ray and Python everywhere",
            ) from error
        try:
            yield ray
        finally:
            with contextlib.suppress(Exception):
                ray.shutdown()


def _connect(ray: Any, address: str | None, n_wanted: int) -> None:
    quiet = {"log_to_driver": False, "configure_logging": False}
    alone = quiet | {
        "include_dashboard": False,
        "num_cpus": max(joblib.cpu_count(), n_wanted),
    }
    if address == "local":
        ray.init(address="local", **alone)
    elif address is not None:
        ray.init(address=address, **quiet)
    else:
        try:
            ray.init(address="auto", **quiet)
        except ConnectionError:
            ray.init(address="local", **alone)


def _check(address: str) -> None:
    """Refuse at once what Ray would try to reach for minutes."""
    host, _, port = address.rpartition(":")
    if not host or "://" in host or not port.isdecimal():
        raise InputError(
            "the address of a Ray cluster must be a host and a port",
            got=address,
            hint="head:6379, from a machine of the cluster, or auto",
        )
    try:
        with socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS) as line:
            if "RAY_USE_TLS" not in os.environ:
                line.sendall(_GREETING)
                answer = line.recv(9)
                if len(answer) < 4 or answer[3] != _SETTINGS:
                    raise ConnectionError("what answers there is not Ray")
    except (OSError, OverflowError) as error:
        raise InputError(
            "the Ray cluster must be reachable",
            got=f"{address}: {error}",
            hint="ray status on its head machine; firewalls; auto for a cluster on this machine",
        ) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No usage statistics, log lines and warnings while Ray starts."""
    logger = logging.getLogger("ray")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    os.environ.update(_QUIET)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


@contextlib.contextmanager
def _restored() -> Iterator[None]:
    """Undo what Ray leaves: settings in the environment and a handler of SIGTERM."""
    before = dict(os.environ)
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        ours = [name for name in os.environ if name.startswith("RAY_")]
        for name in {"PYTHONBREAKPOINT", *ours}:
            if name in before:
                os.environ[name] = before[name]
            else:
                os.environ.pop(name, None)
        if handler is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)
