"""Routes under /model that ask the model, or load another one."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from gossamer.data.errors import ModelFileError
from gossamer.dialogue.history.tracker import Tracker
from gossamer.serve.bodies import Body, body_of, schema_of
from gossamer.serve.errors import ServeError, bad_request
from gossamer.serve.faults import FolderNames
from gossamer.serve.models.folder import model_in_folder
from gossamer.serve.routes.documented import Answer, PredictionAnswer, answers
from gossamer.serve.routes.json_bodies import EVENTS_SCHEMA, events_of, free_body_of
from gossamer.serve.routes.parameters import Events, IncludeEvents
from gossamer.serve.routes.trackers import prediction_answer
from gossamer.serve.server import Server

_EMULATION = {
    "name": "emulation_mode",
    "in": "query",
    "required": False,
    "description": "Refused: no other service's JSON is imitated.",
    "schema": {"type": "string", "maxLength": 0},
}


class ParseBody(Body):
    """A text to understand."""

    text: str
    message_id: str | None = None


class ParseAnswer(Answer):
    """What was understood."""

    text: str
    intent: dict[str, Any]
    entities: list[dict[str, Any]]


class ModelBody(Body):
    """Which model to load."""

    model_file: str | None = Field(
        None, description="A file of the server's models folder, or that folder: its latest."
    )
    model_server: Any = Field(None, description="Refused.")
    remote_storage: Any = Field(None, description="Refused.")


def model_routes(server: Server) -> APIRouter:
    """Routes under /model, without those that train and test."""
    router = APIRouter(prefix="/model", tags=["model"])
    names = FolderNames(server.settings)

    @router.post(
        "/parse",
        summary="Understand a text",
        openapi_extra={**schema_of(ParseBody), "parameters": [_EMULATION]},
        responses=answers(ParseAnswer, "What was understood", 409, 413),
    )
    async def parse(request: Request) -> JSONResponse:
        if request.scope["query_string"] and request.query_params.get("emulation_mode"):
            raise bad_request(
                "emulation_mode cannot be used: the answer has Rasa's form always",
                parameter="emulation_mode",
                **{"in": "query"},
            )
        body = await body_of(request, ParseBody)
        result = (await server.parse(body.text)).to_dict()
        if body.message_id is not None:
            result["message_id"] = body.message_id
        return JSONResponse(result)

    @router.post(
        "/predict",
        summary="Predict the next action of a conversation that is not stored",
        openapi_extra=dict(EVENTS_SCHEMA),
        responses=answers(PredictionAnswer, "What policies would do next", 409, 413),
    )
    async def predict(
        request: Request, include_events: IncludeEvents = Events.AFTER_RESTART
    ) -> Response:
        """The body has its events."""
        runner = server.models.get().runner
        events = await events_of(request)

        def work() -> dict[str, Any]:
            tracker: Tracker = runner.new_tracker()
            tracker.update_all(events)
            chosen = runner.predict(tracker)
            return prediction_answer(chosen, runner.domain, tracker, include_events)

        return JSONResponse(await server.in_thread(work))

    @router.put(
        "",
        summary="Load another model",
        status_code=204,
        response_class=Response,
        openapi_extra=schema_of(ModelBody),
        responses=answers(None, "It answers from now on", 413, status=204),
    )
    async def put(request: Request) -> Response:
        """Requests that began with the old one end with it. If it fails the old one stays."""
        body = await free_body_of(request, ModelBody)
        for key, given in (("model_server", body.model_server), ("storage", body.remote_storage)):
            if given is not None:
                raise bad_request(
                    f"models cannot be fetched from elsewhere ({key}). Try: putting the file into "
                    "the models folder, and model_file",
                    parameter=key,
                    **{"in": "body"},
                )
        if body.model_file is None:
            raise bad_request("the body must say which model to load, under model_file")
        path = model_in_folder(server.settings.model, body.model_file)
        try:
            await server.swap(path)
        except ModelFileError as error:
            raise ServeError(
                400,
                "BadRequest",
                f"the model cannot be loaded: {names.left_out_of(error.message)}",
                details={"parameter": "model_file", "in": "body"},
            ) from None
        return Response(status_code=204)

    @router.delete(
        "",
        summary="Unload the model",
        status_code=204,
        response_class=Response,
        responses=answers(None, "No model is loaded any more", status=204),
    )
    async def delete() -> Response:
        """Requests that began with it end with it."""
        async with server.swapping:
            await server.use_everywhere(None)
        return Response(status_code=204)

    return router
