"""`/model/train` and `/model/test`: in processes of their own, so that conversations go on."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from gossamer.serve.bodies import read_body
from gossamer.serve.errors import bad_request, no_model
from gossamer.serve.models.folder import model_in_folder, models_folder
from gossamer.serve.routes.callbacks import Callbacks, CallbackUrl, check_callback
from gossamer.serve.routes.documented import Answer, answers
from gossamer.serve.server import Server
from gossamer.serve.training.jobs import Finished, require_training
from gossamer.serve.training.task import Kind, Task

_YAML: Final[dict[str, Any]] = {
    "application/x-yaml": {"schema": {"type": "string"}},
    "application/yaml": {"schema": {"type": "string"}},
}
_TRAINING_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "A project in one YAML text: pipeline, policies, nlu, stories, rules, and "
        "the keys of the domain.",
        "content": _YAML,
    }
}
_INTENTS_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "Examples: YAML with nlu, with cross-validation a pipeline too; or JSON of "
        "NLU data.",
        "content": {**_YAML, "application/json": {"schema": {"type": "object"}}},
    }
}
_STORIES_BODY: Final[dict[str, Any]] = {
    "requestBody": {"required": True, "description": "Test stories in YAML.", "content": _YAML}
}


class IntentsAnswer(Answer):
    """Scores of intents, of entities by extractor, and of selected responses."""

    intent_evaluation: dict[str, Any] | None
    entity_evaluation: dict[str, Any]
    response_selection_evaluation: dict[str, Any] | None


class StoriesAnswer(Answer):
    """Scores of actions."""

    report: dict[str, Any]
    precision: float
    f1: float
    accuracy: float
    actions: list[dict[str, Any]]
    in_training_data_fraction: float
    is_end_to_end_evaluation: bool


def training_routes(server: Server) -> APIRouter:
    """Routes that train and test."""
    router = APIRouter(prefix="/model", tags=["training"])
    callbacks = Callbacks()

    async def done(request: Request, task: Task, callback_url: str | None) -> Response:
        """The answer of a task; the 204 where it is sent later."""
        if callback_url is not None:
            check_callback(callback_url)
        body = await read_body(request, server.settings.limits.training_body)
        if not body.strip():
            raise bad_request("the body must have the data")
        server.jobs.reserve(task.kind)
        if callback_url is None:
            return _answer(await server.jobs.run(task, body, request.is_disconnected))

        async def work() -> Response:
            return _answer(await server.jobs.run(task, body))

        return callbacks.begin(callback_url, work)

    @router.post(
        "/train",
        summary="Train a model",
        openapi_extra=_TRAINING_BODY,
        responses={
            **answers(None, "", 413, 500, 501),
            200: {
                "description": "The model file; its name is in the header `filename`",
                "content": {"application/octet-stream": {"schema": {"type": "string"}}},
            },
            204: {"description": "With callback_url: it has begun"},
        },
    )
    async def train(
        request: Request,
        save_to_default_model_directory: Annotated[
            bool, Query(description="Also keep it in the models folder.")
        ] = True,
        force_training: Annotated[
            bool, Query(description="Train all parts, also those that have not changed.")
        ] = False,
        augmentation: Annotated[
            int, Query(ge=0, le=1_000, description="How many stories others are joined to.")
        ] = 50,
        callback_url: CallbackUrl = None,
    ) -> Response:
        """Nothing is loaded: PUT /model does that. If the client goes away, training ends."""
        require_training()
        folder = str(models_folder(server.settings.model))
        task = Task(
            kind=Kind.TRAIN,
            model=folder,
            save_to=folder if save_to_default_model_directory else None,
            force=force_training,
            augmentation=augmentation,
        )
        return await done(request, task, callback_url)

    @router.post(
        "/test/intents",
        summary="Test how well texts are understood",
        openapi_extra=_INTENTS_BODY,
        responses={
            **answers(IntentsAnswer, "Scores, and what is wrong", 409, 413, 500, 501),
            204: {"description": "With callback_url: it has begun"},
        },
    )
    async def intents(
        request: Request,
        model: Annotated[
            str | None, Query(description="A file of the models folder; else the loaded model.")
        ] = None,
        cross_validation_folds: Annotated[
            int | None,
            Query(ge=2, le=100, description="Train on parts of the data, and test on the rest."),
        ] = None,
        callback_url: CallbackUrl = None,
    ) -> Response:
        """Of the examples in the body."""
        is_json = request.headers.get("content-type", "").partition(";")[0].endswith("json")
        if cross_validation_folds is None:
            task = Task(
                kind=Kind.TEST_INTENTS, is_json=is_json, model=_model(model), config=_config()
            )
            return await done(request, task, callback_url)
        require_training()
        if is_json:
            raise bad_request("cross-validation needs YAML, with a pipeline")
        task = Task(kind=Kind.CROSS_VALIDATE, folds=cross_validation_folds)
        return await done(request, task, callback_url)

    @router.post(
        "/test/stories",
        summary="Test how well stories are followed",
        openapi_extra=_STORIES_BODY,
        responses={
            **answers(StoriesAnswer, "Scores, and each action", 409, 413, 500),
            204: {"description": "With callback_url: it has begun"},
        },
    )
    async def stories(
        request: Request,
        e2e: Annotated[
            bool, Query(description="Understand the texts, rather than take their intents.")
        ] = False,
        callback_url: CallbackUrl = None,
    ) -> Response:
        """Of the loaded model, by the test stories in the body."""
        server.models.get().runner  # noqa: B018  (409 without a dialogue model)
        task = Task(kind=Kind.TEST_STORIES, model=_model(None), config=_config(), end_to_end=e2e)
        return await done(request, task, callback_url)

    def _model(name: str | None) -> str:
        if name is not None:
            return str(model_in_folder(server.settings.model, name))
        loaded = server.models.or_none
        if loaded is None:
            raise no_model()
        return str(loaded.path.resolve())

    def _config() -> str | None:
        config = server.settings.config
        return None if config is None else str(config.resolve())

    return router


def _answer(finished: Finished) -> Response:
    if not finished.name:
        return JSONResponse(finished.answer)
    return Response(
        finished.model,
        media_type="application/octet-stream",
        headers={
            "filename": finished.name,
            "Content-Disposition": f'attachment; filename="{finished.name}"',
        },
    )
