"""Routes of trainings, of the candidates that come of them, and of earlier models."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from fastapi import APIRouter, Path, Response
from fastapi.responses import JSONResponse

from gossamer.serve.routes.documented import answers
from gossamer.serve.teaching.answers import (
    BegunAnswer,
    ModelAnswer,
    ModelsAnswer,
    TrainingAnswer,
    TrainingsAnswer,
)
from gossamer.serve.teaching.teaching import Teaching
from gossamer.serve.teaching.who import Teacher

_Id: TypeAlias = Annotated[str, Path(max_length=255, description="Of a training.")]


def training_routes(teaching: Teaching) -> APIRouter:
    """Routes of trainings and models."""
    router = APIRouter(prefix="/teach", tags=["teaching"])
    trainings = teaching.trainings

    @router.post(
        "/trainings",
        summary="Train a candidate",
        status_code=201,
        responses=answers(BegunAnswer, "It has begun", 409, 501, status=201),
    )
    async def start(who: Teacher) -> Response:
        """Of the project as it is now, in a process of its own. 503 while one is trained."""
        return JSONResponse({"id": await trainings.begin(who)}, 201)

    @router.get(
        "/trainings",
        summary="List the last trainings",
        responses=answers(TrainingsAnswer, "The newest first"),
    )
    async def get_all() -> Response:
        """Those of before the last start of the server, too."""
        return JSONResponse({"trainings": await trainings.all()})

    @router.get(
        "/trainings/{training_id}",
        summary="Get how far a training is, and what came of it",
        responses=answers(TrainingAnswer, "The training", 404),
    )
    async def get(training_id: _Id) -> Response:
        """When it is done, what got better and what got worse."""
        return JSONResponse(await trainings.get(training_id))

    @router.delete(
        "/trainings/{training_id}",
        summary="End a training, or throw its candidate away",
        responses=answers(TrainingAnswer, "The training", 404, 409),
    )
    async def cancel(training_id: _Id) -> Response:
        """409 where the candidate is in service."""
        return JSONResponse(await trainings.cancel(training_id))

    @router.post(
        "/trainings/{training_id}/swap",
        summary="Let a candidate answer from now on",
        responses=answers(ModelAnswer, "It answers", 404, 409),
    )
    async def swap(training_id: _Id, who: Teacher) -> Response:
        """Requests that began with the old model end with it. If it fails the old one stays."""
        return JSONResponse({"model": await trainings.swap(training_id, who=who)})

    @router.get(
        "/models",
        summary="List models that can be gone back to",
        responses=answers(ModelsAnswer, "Of the models folder, the newest first"),
    )
    async def models() -> Response:
        """With what was compared when it was a candidate, if it was one."""
        return JSONResponse({"models": await trainings.models()})

    @router.post(
        "/models/{name}/use",
        summary="Go back to a model",
        responses=answers(ModelAnswer, "It answers", 404),
    )
    async def use(
        name: Annotated[str, Path(max_length=255, description="Of its file.")], who: Teacher
    ) -> Response:
        """It is the latest from then on, also after a restart."""
        return JSONResponse({"model": await trainings.use(name, who=who)})

    return router
