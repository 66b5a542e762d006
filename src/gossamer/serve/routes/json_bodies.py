"""Bodies of which parts are free JSON: events, metadata. Only what can be written again passes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeVar

from fastapi import Request
from pydantic import ValidationError
from pydantic_core import from_json

from gossamer.data.errors import DataError
from gossamer.dialogue.history.event_json import events_from_dicts
from gossamer.dialogue.history.events import Event
from gossamer.serve.bodies import Body, body_error, json_text_of
from gossamer.serve.errors import bad_request

B = TypeVar("B", bound=Body)

MOST_EVENTS = 10_000

EVENTS_SCHEMA: Mapping[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "oneOf": [
                        {"$ref": "#/components/schemas/Event"},
                        {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": MOST_EVENTS,
                            "items": {"$ref": "#/components/schemas/Event"},
                        },
                    ]
                },
                "example": [{"event": "slot", "name": "city", "value": "Rome"}],
            }
        },
    }
}


async def json_of(request: Request) -> Any:
    """The body, any JSON without NaN, infinite numbers and halves of surrogate pairs.

    Raises:
        ServeError: 400, it is no such JSON; 413, it is too large.
    """
    content = await json_text_of(request)
    try:
        value = from_json(content, allow_inf_nan=False, cache_strings=False)
    except ValueError as error:
        raise bad_request(f"the body must be JSON: {error}") from None
    if not _is_finite(value):
        raise bad_request("the body must be JSON: its numbers must be finite")
    return value


async def free_body_of(request: Request, kind: type[B]) -> B:
    """The body as a model that has parts of free JSON.

    Raises:
        ServeError: as `json_of`, or 400, it is not of that shape.
    """
    value = await json_of(request)
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        raise body_error(error) from None


async def events_of(request: Request) -> list[Event]:
    """The events of a body: a list of them, or one.

    Raises:
        ServeError: as `json_of`, or 400, these are no events.
    """
    value = await json_of(request)
    contents = value if isinstance(value, list) else [value]
    if not 1 <= len(contents) <= MOST_EVENTS:
        raise bad_request(f"there must be 1 to {MOST_EVENTS} events (got {len(contents)})")
    try:
        return events_from_dicts(contents)
    except DataError as error:
        raise bad_request(error.message) from None


def _is_finite(value: Any) -> bool:
    """Whether all numbers are finite; JSON's recursion is limited when it is read."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, list):
        return all(map(_is_finite, value))
    return not isinstance(value, dict) or all(map(_is_finite, value.values()))
