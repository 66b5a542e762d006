"""Trainings of candidates for the model that answers; their swap, and the way back."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from gossamer.data.errors import DataError
from gossamer.data.model_files import SUFFIX
from gossamer.serve.errors import ServeError, not_found, overloaded
from gossamer.serve.faults import FolderNames
from gossamer.serve.logs import fields
from gossamer.serve.models.folder import models_folder
from gossamer.serve.server import Server
from gossamer.serve.training.jobs import require_training
from gossamer.serve.training.task import Kind
from gossamer.teach import TaughtProject
from gossamer.teach.candidates import (
    Candidate,
    CandidateTask,
    Training,
    TrainingGoesOn,
    Trainings,
    find_candidate,
    go_back,
    models_of,
    put_in_service,
)

_log = logging.getLogger(__name__)

_RETRY_AFTER: Final = 60
_SECONDS_BETWEEN_LOOKS: Final = 0.5
_MOST_LISTED: Final = 20


class ServedTrainings:
    """Trains candidates for the model that answers, one at a time. Its coroutines never block.

    All that is known of them is in the models folder, so it is there again after a restart.

    Args:
        server: whose model.
        project: what is trained.
    """

    def __init__(self, server: Server, project: TaughtProject) -> None:
        self._server = server
        self._project = project
        self._names = FolderNames(server.settings)
        self._models = models_folder(server.settings.model)
        self._trainings = Trainings(self._models)
        self._watching: set[asyncio.Task[None]] = set()

    async def begin(self, who: str) -> str:
        """Begin a training of the project as it is now; gives its id.

        Args:
            who: asks for it.

        Raises:
            ServeError: 409, no model is loaded; 501, what training needs is not installed; 503, as
                many run as may.
        """
        task = self._task(who)
        require_training()
        self._server.jobs.reserve(Kind.TRAIN)
        try:
            name = await self._server.in_thread(lambda: self._trainings.begin(task))
        except BaseException as error:
            self._server.jobs.give_back(Kind.TRAIN)
            if isinstance(error, TrainingGoesOn):
                raise overloaded(error.must_hold, retry_after=_RETRY_AFTER) from None
            raise
        watching = asyncio.create_task(self._watch(name))
        self._watching.add(watching)
        watching.add_done_callback(self._watching.discard)
        _log.info("a candidate is trained", extra=fields(training=name, who=who))
        return name

    async def all(self) -> list[dict[str, Any]]:
        """The last ones as JSON, the newest first."""
        return await self._server.in_thread(
            lambda: [self._json(each) for each in self._trainings.all()[:_MOST_LISTED]]
        )

    async def get(self, name: str) -> dict[str, Any]:
        """One of them as JSON.

        Raises:
            ServeError: 404, there is none of that id.
        """
        return await self._server.in_thread(lambda: self._json(self._look(name)))

    async def cancel(self, name: str) -> dict[str, Any]:
        """End one that runs, or throw its candidate away; gives it as JSON.

        Raises:
            ServeError: 404, there is none; 409, its candidate was put in service, or another server
                has begun it.
        """

        def work() -> dict[str, Any]:
            training = self._look(name)
            try:
                if training.state == "running":
                    return self._json(self._trainings.cancel(name))
                if training.state == "done" and not training.is_waiting:
                    raise DataError("a candidate must not have been put in service", got=name)
                return self._json(self._trainings.discard(name))
            except DataError as error:
                raise ServeError(409, "Conflict", error.message) from None

        return await self._server.in_thread(work)

    async def swap(self, name: str, *, who: str) -> str:
        """Let a candidate answer from now on; gives the name of its file.

        It is loaded, then put among the models as the latest, then it answers. Whatever happens
        in between, the old model answers or the new one does.

        Args:
            name: of the training.
            who: asks for it.

        Raises:
            ServeError: 404, there is none; 409, it has no candidate, or not any more.
            InputError: it cannot be loaded; the old one stays.
        """
        candidate = await self._server.in_thread(lambda: self._candidate(name))
        is_waiting = candidate.is_waiting
        path = candidate.path if is_waiting else self._models / candidate.path.name
        if not is_waiting and not path.is_file():
            raise ServeError(409, "Conflict", "this candidate was thrown away. Try: another one")
        return await self._swap(path, who, lambda: put_in_service(candidate, self._models))

    async def models(self) -> list[dict[str, Any]]:
        """Models of the folder as JSON, the latest first."""
        loaded = self._server.models.or_none
        answering = None if loaded is None else loaded.path.stem
        found = await self._server.in_thread(lambda: models_of(self._models))
        return [
            {
                "name": each.name,
                "when": each.when,
                "size": each.size,
                "is_latest": each.is_latest,
                "is_in_service": each.name == answering,
                "summary": None if each.comparison is None else each.comparison["summary"],
            }
            for each in found
        ]

    async def use(self, name: str, *, who: str) -> str:
        """Go back to a model of the folder; gives the name of its file.

        Args:
            name: of its file, with or without its suffix.
            who: asks for it.

        Raises:
            ServeError: 404, it is not there.
            InputError: it cannot be loaded; the old one stays.
        """
        found = await self._server.in_thread(lambda: models_of(self._models))
        stem = name.removesuffix(SUFFIX)
        path = next((each.path for each in found if each.name == stem), None)
        if path is None:
            raise not_found("there is no model of that name")
        return await self._swap(path, who, lambda: go_back(self._models, stem))

    def knows_until(self) -> float:
        """What was taught before this time the model that answers knows.

        The time of its file says nothing: going back to a model makes its file the newest.
        """
        loaded = self._server.models.or_none
        if loaded is None:
            return 0.0
        return datetime.fromisoformat(loaded.assistant.trained_at).timestamp()

    async def close(self) -> None:
        """End what runs."""
        for task in self._watching:
            task.cancel()
        await self._server.in_thread(self._trainings.close)

    async def _swap(self, path: Path, who: str, put: Any) -> str:
        loaded = await self._server.swap(path, put=put)
        _log.info("another model answers", extra=fields(model=loaded.path.name, who=who))
        return loaded.path.name

    async def _watch(self, name: str) -> None:
        """Give the place for a training back when it has ended."""
        try:
            while (await self._server.in_thread(lambda: self._look(name))).state == "running":
                await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
        finally:
            self._server.jobs.give_back(Kind.TRAIN)

    def _task(self, who: str) -> CandidateTask:
        project = self._project
        return CandidateTask(
            project=str(project.folder.resolve()),
            models=str(self._models),
            base=str(self._server.models.get().path.resolve()),
            config=str(project.config.resolve()),
            domain=tuple(str(path.resolve()) for path in project.domain),
            data=tuple(str(path.resolve()) for path in project.data),
            tests=str((project.folder / "tests").resolve()),
            who=who,
            begun=time.time(),
        )

    def _look(self, name: str) -> Training:
        try:
            return self._trainings.look(name)
        except DataError:
            raise not_found("there is no training of that id") from None

    def _candidate(self, name: str) -> Candidate:
        training = self._look(name)
        try:
            return find_candidate(self._models, name)
        except DataError:
            raise ServeError(
                409, "Conflict", f"there is no candidate to put in service: it is {training.state}"
            ) from None

    def _json(self, training: Training) -> dict[str, Any]:
        begun, who = training.when or 0.0, None
        with contextlib.suppress(DataError):  # one that `gossamer interactive` made has no task
            task = CandidateTask.read(self._trainings.folder_of(training.id))
            begun, who = task.begun, task.who
        is_done = training.state == "done" and not training.is_waiting
        is_in_service = is_done and self._is_among_models(training.id)
        content = training.to_json()
        error = content["error"]
        if error is not None:
            error = {**error, "message": self._names.left_out_of(error["message"])}
        return {
            "id": training.id,
            "when": begun,
            "who": who,
            "state": training.state,
            "progress": content["progress"],
            "comparison": content["comparison"],
            "error": error,
            "is_in_service": is_in_service,
            "is_discarded": is_done and not is_in_service,
        }

    def _is_among_models(self, name: str) -> bool:
        try:
            candidate = find_candidate(self._models, name)
        except DataError:
            return False
        return (self._models / candidate.path.name).is_file()
