"""Trainings of candidates: one at a time, each in a process of its own; and their swap."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from gossamer.data.installed import TRAINING, MissingPartError, require
from gossamer.serve.errors import ServeError, not_found, overloaded
from gossamer.serve.faults import FolderNames
from gossamer.serve.logs import fields
from gossamer.serve.models.folder import models_folder
from gossamer.serve.server import Server
from gossamer.serve.teaching.process import COMMAND, run_process
from gossamer.serve.training.task import Kind
from gossamer.teach import TaughtProject
from gossamer.teach.candidates import (
    Candidate,
    candidate_path,
    candidates_of,
    discard,
    go_back,
    models_of,
    put_in_service,
)

_log = logging.getLogger(__name__)

_MOST_KEPT: Final = 20
_RETRY_AFTER: Final = 60


class State(StrEnum):
    """How far a training is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(slots=True, kw_only=True)
class Training:
    """A training, and the candidate that came of it.

    Attributes:
        id: its name; the candidate's, too.
        when: when it began, in seconds since the epoch.
        who: asked for it; None: that is not known any more.
        state: how far it is.
        progress: what its process said last, or None.
        candidate: what came of it.
        error: why it failed.
        is_in_service: whether the candidate was swapped.
        is_discarded: whether it was thrown away.
    """

    id: str
    when: float
    who: str | None = None
    state: State = State.RUNNING
    progress: Mapping[str, Any] | None = None
    candidate: Candidate | None = None
    error: Any = None
    is_in_service: bool = False
    is_discarded: bool = False

    def to_json(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "id": self.id,
            "when": self.when,
            "who": self.who,
            "state": self.state,
            "progress": self.progress,
            "comparison": None if self.candidate is None else self.candidate.comparison.to_json(),
            "error": self.error,
            "is_in_service": self.is_in_service,
            "is_discarded": self.is_discarded,
        }


class Trainings:
    """Trains candidates for the model that answers.

    Finished candidates are files in the models folder, so that after a restart they are there
    again. All else is forgotten with the server.

    Args:
        server: whose model.
        project: what is trained.
    """

    def __init__(self, server: Server, project: TaughtProject) -> None:
        self._server = server
        self._project = project
        self._names = FolderNames(server.settings)
        self._models = models_folder(server.settings.model)
        self._task: asyncio.Task[None] | None = None
        self._known: dict[str, Training] = {}
        for candidate in sorted(candidates_of(self._models), key=lambda each: each.when):
            self._add(
                Training(
                    id=candidate.name,
                    when=candidate.when,
                    state=State.DONE,
                    candidate=candidate,
                )
            )

    @property
    def all(self) -> list[Training]:
        """The last ones, the newest first."""
        return sorted(self._known.values(), key=lambda each: each.when, reverse=True)

    def get(self, name: str) -> Training:
        """One of them.

        Raises:
            ServeError: 404, there is none of that name.
        """
        found = self._known.get(name)
        if found is None:
            raise not_found("there is no training of that id")
        return found

    def start(self, who: str) -> Training:
        """Begin a training.

        Raises:
            ServeError: 409, no model is loaded; 501, what training needs is not installed; 503, as
                many run as may.
        """
        base = self._server.models.get().path
        try:
            require("training", *TRAINING)
        except MissingPartError as error:
            raise ServeError(501, "NotImplemented", error.message) from None
        if any(each.state is State.RUNNING for each in self._known.values()):
            raise overloaded("one candidate is trained at a time", retry_after=_RETRY_AFTER)
        self._server.jobs.reserve(Kind.TRAIN)
        training = Training(id=secrets.token_hex(6), when=time.time(), who=who)
        self._add(training)
        self._task = asyncio.create_task(self._run(training, base))
        self._task.add_done_callback(lambda _: self._over(training))
        return training

    async def cancel(self, name: str) -> Training:
        """End one that runs, or throw its candidate away.

        Raises:
            ServeError: 404, there is none; 409, its candidate is in service.
        """
        training = self.get(name)
        if training.state is State.RUNNING:
            await self._end()
        elif training.is_in_service:
            raise ServeError(409, "Conflict", "this candidate is in service. Try: another model")
        elif training.candidate is not None and not training.is_discarded:
            candidate = training.candidate
            training.is_discarded = True
            await self._server.in_thread(lambda: discard(candidate))
        return training

    async def swap(self, name: str, *, who: str) -> str:
        """Let a candidate answer from now on; gives the name of its file.

        It is loaded, then put among the models as the latest, then it answers. Whatever happens
        in between, the old model answers or the new one does.

        Args:
            name: of the training.
            who: asked for it.

        Raises:
            ServeError: 404, there is none; 409, it is no candidate, or not any more.
            InputError: it cannot be loaded; the old one stays.
        """
        training = self.get(name)
        candidate = training.candidate
        if candidate is None or training.is_discarded or training.is_in_service:
            raise ServeError(
                409, "Conflict", f"there must be a candidate to put in service ({_why(training)})"
            )
        loaded = await self._server.swap(
            candidate.path, put=lambda: put_in_service(candidate, self._models)
        )
        training.is_in_service = True
        _log.info("%s answers from now on", loaded.path.name, extra=fields(who=who))
        return loaded.path.name

    async def models(self) -> list[dict[str, Any]]:
        """Models of the folder, the newest first, as JSON."""
        loaded = self._server.models.or_none
        answering = None if loaded is None else loaded.path.name
        found = await self._server.in_thread(lambda: models_of(self._models))
        return [{**each.to_json(), "is_in_service": each.name == answering} for each in found]

    async def use(self, name: str, *, who: str) -> str:
        """Go back to a model of the folder; gives the name of its file.

        Args:
            name: of its file.
            who: asked for it.

        Raises:
            ServeError: 404, it is not there.
            InputError: it cannot be loaded; the old one stays.
        """
        found = await self._server.in_thread(lambda: models_of(self._models))
        if all(each.name != name for each in found):
            raise not_found("there is no model of that name")
        loaded = await self._server.swap(
            self._models / name, put=lambda: go_back(self._models, name)
        )
        _log.info("%s answers from now on", loaded.path.name, extra=fields(who=who))
        return loaded.path.name

    async def close(self) -> None:
        """End what runs."""
        await self._end()

    def _add(self, training: Training) -> None:
        self._known[training.id] = training
        for old in self.all[_MOST_KEPT:]:
            del self._known[old.id]

    async def _end(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _run(self, training: Training, base: Path) -> None:
        failed: dict[str, Any] = {}

        def on_line(line: Mapping[str, Any]) -> None:
            if line.get("stage") == State.FAILED:
                failed.update(line)
            else:
                training.progress = line

        try:
            code = await self._in_process(training, base, on_line)
            if code == 0:
                training.candidate = await self._server.in_thread(lambda: self._made(training.id))
                training.state = State.DONE
            else:
                training.error = self._told(failed.get("error"))
                training.state = State.FAILED
        except Exception:
            _log.exception("a training failed")
            training.error = self._told(None)
            training.state = State.FAILED

    async def _in_process(
        self, training: Training, base: Path, on_line: Callable[[Mapping[str, Any]], None]
    ) -> int:
        """Train a candidate; gives the exit code of the process."""
        asked = {
            "project": str(self._project.folder.resolve()),
            "models": str(self._models),
            "base": str(base.resolve()),
            "out": str(candidate_path(self._models, training.id)),
        }
        with tempfile.NamedTemporaryFile("w", prefix="gossamer-", suffix=".json") as file:
            json.dump(asked, file)
            file.flush()
            return await run_process([*COMMAND, file.name], on_line)

    def _made(self, name: str) -> Candidate:
        """The candidate that a process has made."""
        return next(each for each in candidates_of(self._models) if each.name == name)

    def _told(self, error: Any) -> Any:
        """Why a training failed, without names of the server's folders."""
        if not isinstance(error, dict):
            return "the process for it failed; the server's log says more"
        told: dict[str, Any] = json.loads(self._names.left_out_of(json.dumps(error)))
        return told

    def _over(self, training: Training) -> None:
        self._server.jobs.give_back(Kind.TRAIN)
        if training.state is State.RUNNING:
            training.state = State.CANCELLED


def _why(training: Training) -> str:
    if training.is_in_service:
        return "this one is in service"
    return "this one was thrown away" if training.is_discarded else f"it is {training.state}"
