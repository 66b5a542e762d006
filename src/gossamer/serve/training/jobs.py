"""Processes that train or test: started, waited for, and killed when nobody wants their result."""

from __future__ import annotations

import asyncio
import logging
import os
import shutil
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gossamer.data.child_processes import kill_with_children
from gossamer.data.installed import TRAINING, MissingPartError, require
from gossamer.serve.errors import ServeError, overloaded
from gossamer.serve.training.task import BODY_FILE, Kind, Result, Task

_log = logging.getLogger(__name__)

_RETRY_AFTER: Final = 60
_SECONDS_BETWEEN_LOOKS: Final = 0.5
_LONGEST_LOGGED: Final = 10_000
# Data may name variables of the environment (`${NAME}`); the server's secrets are not passed on.
_PASSED_ON: Final = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT", "GOSSAMER_CACHE")
_PREFIXES_PASSED_ON: Final = ("PYTHON", "LC_", "LD_", "OMP_", "MKL_", "CUDA_", "GOSSAMER_MAX_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What a job gave: an answer, or a model.

    Attributes:
        answer: JSON.
        name: of the model file.
        model: its bytes.
    """

    answer: Any = None
    name: str = ""
    model: bytes = b""


class Jobs:
    """Runs tasks in processes, a few at a time.

    Args:
        limit: how many at most; more are refused.

    Attributes:
        n_training: how many of those that run are trainings.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._n_running = 0
        self.n_training = 0

    def reserve(self, kind: Kind) -> None:
        """Take a place, for `run` to use and to give back.

        Raises:
            ServeError: 503, as many as may run are running.
        """
        if self._n_running >= self._limit:
            raise overloaded(
                f"at most {self._limit} trainings and tests may run at a time",
                retry_after=_RETRY_AFTER,
            )
        self._n_running += 1
        self.n_training += kind is Kind.TRAIN

    def give_back(self, kind: Kind) -> None:
        """Give a place back; `run` does that itself."""
        self._n_running -= 1
        self.n_training -= kind is Kind.TRAIN

    async def run(
        self, task: Task, body: bytes, is_unwanted: Callable[[], Awaitable[bool]] | None = None
    ) -> Finished:
        """Run a task for which a place was reserved.

        Args:
            task: what to do.
            body: the request's data.
            is_unwanted: asked now and then whether the client has gone; then the process is killed.

        Raises:
            ServeError: 400, the data cannot be used; 500, the process failed.
        """
        folder: Path | None = None
        try:
            folder = await asyncio.to_thread(_new_folder, task, body)
            code = await _finish(folder, is_unwanted)
            return await asyncio.to_thread(_finished, folder, code)
        finally:
            self.give_back(task.kind)
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)  # small files, and a model at most


def require_training() -> None:
    """Refuse to train where what it needs is not installed.

    Raises:
        ServeError: 501.
    """
    try:
        require("training", *TRAINING)
    except MissingPartError as error:
        raise ServeError(501, "NotImplemented", error.message) from None


def _new_folder(task: Task, body: bytes) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="gossamer-"))
    (folder / BODY_FILE).write_bytes(body)
    task.write(folder)
    return folder


async def _finish(folder: Path, is_unwanted: Callable[[], Awaitable[bool]] | None) -> int:
    """Start the process and wait for its end; gives its exit code."""
    with (folder / "log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gossamer.serve.training", str(folder)),
            stdin=PIPE,
            stdout=DEVNULL,
            stderr=log,
            env=_environment(),
            start_new_session=True,
        )
    ended = asyncio.ensure_future(process.wait())
    try:
        while not ended.done():
            await asyncio.wait({ended}, timeout=_SECONDS_BETWEEN_LOOKS)
            if is_unwanted is not None and not ended.done() and await is_unwanted():
                raise ServeError(400, "Cancelled", "the client went away")
        return ended.result()
    finally:
        if not ended.done():
            kill_with_children(process)
        if process.stdin is not None:
            process.stdin.close()


def _environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED_ON or name.startswith(_PREFIXES_PASSED_ON)
    }


def _finished(folder: Path, code: int) -> Finished:
    result = Result.read(folder)
    if result is None:
        log = (folder / "log").read_text("utf-8", "replace")[-_LONGEST_LOGGED:]
        _log.error("a process for training or testing failed with %d: %s", code, log)
        raise ServeError(
            500, "TrainingError", "the process for it failed; the server's log says more"
        )
    if result.status != 200:
        details = {"faults": [dict(fault) for fault in result.faults]}
        raise ServeError(result.status, result.reason, result.message, details=details)
    if result.model is None:
        return Finished(answer=result.answer)
    path = Path(result.model)
    return Finished(name=path.name, model=path.read_bytes())
