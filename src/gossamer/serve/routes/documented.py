"""What the routes' OpenAPI says: the shapes of answers, and of errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from gossamer.dialogue.history.event_json import EVENT_NAMES
from gossamer.version import __version__


class Answer(BaseModel):
    """JSON of an answer; it may have more keys than its description."""

    model_config = ConfigDict(extra="allow")


class ErrorAnswer(Answer):
    """Why a request was refused, or failed; Rasa's keys."""

    version: str = Field(examples=[__version__])
    status: str = Field("failure", examples=["failure"])
    message: str = Field(description="What must hold, what was given, what to try; for people.")
    reason: str = Field(description="For programs.", examples=["BadRequest"])
    details: dict[str, Any]
    help: str | None = None
    code: int = Field(description="The HTTP status.")


class TrackerAnswer(Answer):
    """A conversation."""

    sender_id: str
    slots: dict[str, Any]
    latest_message: dict[str, Any]
    latest_event_time: float | None
    followup_action: str | None
    paused: bool
    events: list[dict[str, Any]] | None = Field(description="null with include_events=NONE.")
    latest_input_channel: str | None
    active_loop: dict[str, Any]
    latest_action: dict[str, Any]
    latest_action_name: str | None


class ScoreAnswer(Answer):
    """How sure policies are of an action."""

    action: str
    score: float


class PredictionAnswer(Answer):
    """What policies would do next."""

    scores: list[ScoreAnswer] = Field(description="The best action first.")
    policy: str = Field(description="The policy that decides.")
    confidence: float
    tracker: TrackerAnswer


class ActedAnswer(Answer):
    """A conversation after an action, and what was said."""

    tracker: TrackerAnswer
    messages: list[dict[str, Any]] | None = Field(
        None, description="Absent when they went to an output channel."
    )


_STATUSES: Final[Mapping[int, str]] = {
    400: "The request cannot be used",
    404: "It is not there",
    406: "There is no such form of it",
    409: "No model is loaded, or it cannot do this",
    413: "The body is too large",
    500: "The server has a fault; its log says more",
    501: "What training needs is not installed",
    503: "Too much to do, or the database does not answer; the client may try again",
}

_EVENT: Final[Mapping[str, Any]] = {
    "title": "Event",
    "description": "Something that happens in a conversation, with the keys it has in Rasa.",
    "type": "object",
    "required": ["event"],
    "properties": {
        "event": {"type": "string", "enum": sorted(EVENT_NAMES)},
        "timestamp": {"type": ["number", "null"]},
        "metadata": {"type": ["object", "null"]},
    },
    "additionalProperties": True,
}


def _error(what: str) -> dict[str, Any]:
    shape = {"$ref": "#/components/schemas/ErrorAnswer"}
    return {"description": what, "content": {"application/json": {"schema": shape}}}


def answers(
    kind: type[Answer] | None, what: str, *statuses: int, status: int = 200
) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route.

    Args:
        kind: JSON of its answer; None: it has none, or another form.
        what: the answer, in words.
        statuses: of errors that it knows, 400 among them always.
        status: of the answer.
    """
    good: dict[str, Any] = {"description": what}
    if kind is not None:
        good["model"] = kind
    errors: dict[int | str, dict[str, Any]] = {
        number: _error(_STATUSES[number]) for number in sorted({400, 503, *statuses})
    }
    return {status: good, **errors}


def content(**kinds: str) -> dict[str, Any]:
    """What OpenAPI says of an answer that is a text, or one of several: `yaml="application/yaml"`.

    Args:
        kinds: media types; their names do not matter.
    """
    return {kind: {"schema": {"type": "string"}} for kind in kinds.values()}


def describe(app: FastAPI) -> None:
    """Add to the application's OpenAPI what all routes have: errors, and the shapes they name."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = generate()
            shapes = schema.setdefault("components", {}).setdefault("schemas", {})
            shapes |= {"Event": dict(_EVENT), "ErrorAnswer": ErrorAnswer.model_json_schema()}
            for path in schema["paths"].values():
                for operation in path.values():
                    responses = operation["responses"]
                    responses.pop("422", None)  # FastAPI's own: a parameter; here that is a 400
                    responses["4XX"] = _error("Not allowed, or no such request")
                    responses.setdefault("503", _error(_STATUSES[503]))
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
