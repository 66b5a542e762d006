"""Routes that teach: what can be taught, what would be written, what was; and that take it back."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any, Final, NamedTuple

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import JSONResponse

from gossamer.nlu.pipeline.parse import Parse
from gossamer.serve.errors import ServeError, bad_request
from gossamer.serve.routes.documented import answers
from gossamer.serve.routes.json_bodies import json_of
from gossamer.serve.store.tables import ID_LENGTH
from gossamer.serve.teaching.answers import (
    PreviewAnswer,
    ProjectAnswer,
    SimilarAnswer,
    TaughtAnswer,
    TaughtListAnswer,
)
from gossamer.serve.teaching.teaching import Teaching
from gossamer.serve.teaching.who import Teacher
from gossamer.teach import Correction, MessageCorrection, correction_of

_SENDER: Final = "sender_id"

_ENTITIES: Final[dict[str, Any]] = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "start": {"type": "integer"},
            "end": {"type": "integer"},
            "entity": {"type": "string"},
            "value": {},
            "role": {"type": ["string", "null"]},
            "group": {"type": ["string", "null"]},
        },
        "required": ["entity"],
    },
}
_SENDER_SCHEMA: Final[dict[str, Any]] = {
    "type": ["string", "null"],
    "maxLength": ID_LENGTH,
    "description": "Whose conversation it comes from; `gossamer forget` tells.",
}
CORRECTION_SCHEMA: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "What a message means, or how a conversation goes.",
        "content": {
            "application/json": {
                "schema": {
                    "oneOf": [
                        {
                            "title": "MessageCorrection",
                            "type": "object",
                            "properties": {
                                "kind": {"type": "string", "enum": ["message"]},
                                "text": {"type": "string"},
                                "intent": {"type": "string"},
                                "entities": _ENTITIES,
                                _SENDER: _SENDER_SCHEMA,
                            },
                            "required": ["kind", "text", "intent"],
                        },
                        {
                            "title": "StoryCorrection",
                            "type": "object",
                            "properties": {
                                "kind": {"type": "string", "enum": ["story"]},
                                "name": {"type": "string"},
                                "steps": {"type": "array", "items": {"type": "object"}},
                                _SENDER: _SENDER_SCHEMA,
                            },
                            "required": ["kind", "name", "steps"],
                        },
                    ]
                },
                "example": {
                    "kind": "message",
                    "text": "to Rome",
                    "intent": "inform",
                    "entities": [{"start": 3, "end": 7, "entity": "city"}],
                },
            }
        },
    }
}


class _Given(NamedTuple):
    correction: Correction
    sender: str | None


def correction_routes(teaching: Teaching) -> APIRouter:
    """Routes that teach."""
    router = APIRouter(prefix="/teach", tags=["teaching"])
    server = teaching.server

    async def given(request: Request) -> _Given:
        content = await json_of(request)
        sender = content.pop(_SENDER, None) if isinstance(content, dict) else None
        if not (sender is None or (isinstance(sender, str) and sender)):
            raise bad_request(f"`{_SENDER}` must be the id of a conversation")
        if sender is not None:
            server.check_sender(sender)
        correction = correction_of(content)
        if isinstance(correction, MessageCorrection):
            server.check_text(correction.example.text)
        return _Given(correction, sender)

    @router.get(
        "/project",
        summary="Get what can be taught",
        responses=answers(ProjectAnswer, "Intents, entities, actions, slots and forms"),
    )
    async def project() -> Response:
        """As the project's files say now."""
        return JSONResponse(await teaching.description())

    @router.post(
        "/preview",
        summary="See what teaching something would write",
        openapi_extra=CORRECTION_SCHEMA,
        responses=answers(PreviewAnswer, "Nothing is written", 409, 413),
    )
    async def preview(request: Request) -> Response:
        """Of a message also what the model says of stored ones that are alike."""
        correction, _ = await given(request)
        patch = await teaching.preview(correction)
        alike: list[Parse] = []
        intent: str | None = None
        if isinstance(correction, MessageCorrection):
            intent = correction.example.intent
            with suppress(ServeError):  # no model that holds conversations is loaded
                alike = await teaching.alike(correction.example.text)
        return JSONResponse(
            {
                "diff": patch.diff(),
                **patch.to_json(),
                "similar": [alike_json(parse, intent) for parse in alike],
            }
        )

    @router.post(
        "/corrections",
        summary="Teach something",
        openapi_extra=CORRECTION_SCHEMA,
        responses=answers(TaughtAnswer, "It is in the project's files", 409, 413),
    )
    async def teach(request: Request, who: Teacher) -> Response:
        """What is written is derived anew from the files as they are now."""
        correction, sender = await given(request)
        senders = await teaching.senders_of(correction, sender)
        taught = await teaching.teach(correction, who=who, senders=senders)
        return JSONResponse(taught.to_json())

    @router.get(
        "/corrections",
        summary="List what was taught",
        responses=answers(TaughtListAnswer, "All of it, what was undone too"),
    )
    async def corrections() -> Response:
        """With who taught it and when."""
        return JSONResponse({"corrections": await teaching.taught_json()})

    @router.post(
        "/corrections/{number}/undo",
        summary="Take back what was taught",
        responses=answers(TaughtAnswer, "It is out of the project's files", 404, 409),
    )
    async def undo(
        number: Annotated[int, Path(ge=1, le=2**53, description="Of what was taught.")],
        who: Teacher,
    ) -> Response:
        """409 where that part of a file was edited since."""
        return JSONResponse((await teaching.undo(number, who=who)).to_json())

    @router.get(
        "/similar",
        summary="Get what the model says of stored messages that are like a text",
        responses=answers(SimilarAnswer, "The most alike first", 409),
    )
    async def similar(text: Annotated[str, Query(description="The text.")]) -> Response:
        """Of the newest stored messages."""
        server.check_text(text)
        alike = await teaching.alike(text)
        return JSONResponse({"similar": [alike_json(parse, None) for parse in alike]})

    return router


def alike_json(parse: Parse, intent: str | None) -> dict[str, Any]:
    """What the model says of a stored message, and whether it agrees with an intent."""
    content = parse.to_dict()
    said = (content.get("intent") or {}).get("name")
    return {
        "text": parse.text,
        "parse": content,
        "agrees": None if intent is None else said in (intent, intent.partition("/")[0]),
    }
