"""Trainings of candidates, each in a process of its own: begun, looked at, ended.

All that is known of a training is in its folder, so that another process, or this one after it was
killed, finds what was done. A training ends with the process that began it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from gossamer.data.child_processes import kill_with_children
from gossamer.data.errors import DataError, InputError
from gossamer.data.model_files import SUFFIX
from gossamer.teach.candidates.progress import Progress
from gossamer.teach.candidates.store import (
    CANDIDATES,
    candidates_of,
    clean,
    is_alive,
    new_folder,
    read_result,
    write_result,
)
from gossamer.teach.candidates.task import LOG_FILE, PROGRESS_FILE, CandidateTask

State: TypeAlias = Literal["running", "done", "failed", "cancelled"]

_SECRETS: Final = ("GOSSAMER_AUTH_TOKEN", "GOSSAMER_JWT_SECRET", "GOSSAMER_SSL_PASSWORD")
_LONGEST_LINE: Final = 4096
_BROKEN_OFF: Final = {"message": "the process that trained has ended; its log says more"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What is known of a training.

    Attributes:
        id: name of the candidate's folder.
        state: "running", "done", "failed" or "cancelled".
        progress: the last that was told, or None.
        comparison: JSON of a `Comparison` once it is done.
        error: once it has failed: `message`, and perhaps `faults` with `message`, `file`, `line`.
        when: it ended, in seconds since 1970, or None.
        is_waiting: whether there is a candidate that can be put in service.
    """

    id: str
    state: State
    progress: Progress | None = None
    comparison: Mapping[str, Any] | None = None
    error: Mapping[str, Any] | None = None
    when: float | None = None
    is_waiting: bool = False

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "progress": self.progress and self.progress.to_json()}


class Trainings:
    """Trainings for one folder of models, one at a time.

    It can be used from several threads. Made when a server starts, it removes what killed processes
    left.

    Args:
        models: the folder.
    """

    def __init__(self, models: Path) -> None:
        self._models = models.resolve()
        self._lock = threading.Lock()
        self._process: tuple[str, subprocess.Popen[bytes]] | None = None
        clean(self._models)

    def begin(self, task: CandidateTask) -> str:
        """Begin a training; gives its id.

        Raises:
            TrainingGoesOn: another one has not ended.
            ModelFileError: its folder cannot be made.
        """
        with self._lock:
            running = self._running()
            if running is not None:
                raise TrainingGoesOn(
                    "one candidate can be trained at a time", got=running, hint="when it has ended"
                )
            self._end()
            folder = new_folder(self._models)
            task.write(folder)
            with (folder / PROGRESS_FILE).open("wb") as out, (folder / LOG_FILE).open("wb") as log:
                process = subprocess.Popen(
                    [sys.executable, "-m", "gossamer.teach.candidates", str(folder)],
                    stdin=subprocess.PIPE,
                    stdout=out,
                    stderr=log,
                    env={k: value for k, value in os.environ.items() if k not in _SECRETS},
                    start_new_session=True,
                )
            self._process = (folder.name, process)
            return folder.name

    def look(self, id: str) -> Training:
        """How far a training is.

        Raises:
            DataError: there is none of this id.
        """
        return self._training(self.folder_of(id))

    def all(self) -> list[Training]:
        """All trainings there are, newest first."""
        return [self._training(folder) for folder in candidates_of(self._models)]

    def cancel(self, id: str) -> Training:
        """End a training that runs; one that has ended stays as it is.

        Raises:
            DataError: there is none of this id, or another process has begun it.
        """
        with self._lock:
            training = self.look(id)
            if training.state != "running":
                return training
            if self._process is None or self._process[0] != id:
                raise DataError("the server that has begun a training must end it", got=id)
            self._end()
        return self.look(id)

    def discard(self, id: str) -> Training:
        """Throw a candidate away that is not in service; what is known of its training stays.

        Raises:
            DataError: there is none of this id.
        """
        with self._lock:
            if self.look(id).state != "running":
                _remove_models(self.folder_of(id))
        return self.look(id)

    def close(self) -> None:
        """End what runs."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        """End the process and what it has started, unless it has ended by itself."""
        if self._process is None:
            return
        id, process = self._process
        was_running = process.poll() is None
        _kill(process)
        self._process = None
        folder = self._models / CANDIDATES / id
        if was_running and read_result(folder) is None:  # else it was ready in this moment
            write_result(folder, {"state": "cancelled", "when": time.time()})
            _remove_models(folder)

    def _running(self) -> str | None:
        """The id of a training that has not ended."""
        for folder in candidates_of(self._models):
            if self._training(folder).state == "running":
                return folder.name
        return None

    def _training(self, folder: Path) -> Training:
        process = self._process
        is_own = process is not None and process[0] == folder.name
        has_ended = process is not None and is_own and process[1].poll() is not None
        result = read_result(folder)
        if result is None:
            if not has_ended and (is_own or is_alive(folder)):
                return Training(id=folder.name, state="running", progress=_progress(folder))
            result = read_result(folder)  # written while it was looked at, perhaps
        if result is None:
            return Training(id=folder.name, state="failed", error=_BROKEN_OFF)
        return Training(
            id=folder.name,
            state=result.get("state", "failed"),
            progress=_progress(folder),
            comparison=result.get("comparison"),
            error=result.get("error"),
            when=result.get("when"),
            is_waiting=any(folder.glob(f"*{SUFFIX}")),
        )

    def folder_of(self, id: str) -> Path:
        """The folder with all that is known of a training.

        Raises:
            DataError: there is none of this id.
        """
        for path in candidates_of(self._models):
            if path.name == id:
                return path
        raise DataError("there must be a training of this id", got=id)


class TrainingGoesOn(InputError):
    """A training was to begin while another one runs."""


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and those that it has started; if it has ended, its number may be another's."""
    if process.poll() is None:
        kill_with_children(process)
    process.wait()
    if process.stdin is not None:
        process.stdin.close()


def _remove_models(folder: Path) -> None:
    for path in (*folder.glob(f"*{SUFFIX}"), *folder.glob(".gossamer-*.part")):
        path.unlink(missing_ok=True)


def _progress(folder: Path) -> Progress | None:
    """The last whole line that was told."""
    try:
        with (folder / PROGRESS_FILE).open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _LONGEST_LINE))
            lines = file.read().decode("utf-8", "replace").split("\n")[:-1]
    except OSError:
        return None
    return next((found for line in reversed(lines) if (found := Progress.read(line))), None)
