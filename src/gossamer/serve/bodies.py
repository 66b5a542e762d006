"""Requests' bodies: read up to a limit, as JSON of a model."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ConfigDict, ValidationError

from gossamer.serve.errors import ServeError, bad_request
from gossamer.serve.security.nesting import is_nested_deeper, too_deep

B = TypeVar("B", bound="Body")


class Body(BaseModel):
    """JSON of a request. Keys it does not have are ignored, as Rasa ignores them."""

    model_config = ConfigDict(extra="ignore", strict=True)


async def body_of(request: Request, kind: type[B]) -> B:
    """The body of a request.

    Raises:
        ServeError: 400, it is no such JSON; 413, it is too large.
    """
    try:
        body = kind.model_validate_json(await json_text_of(request))
    except ValidationError as error:
        raise body_error(error) from None
    for name, value in body:
        if isinstance(value, dict | list) and not _can_be_written(value):
            raise bad_request(f"{name}: it must be JSON, with numbers of a usual size")
    return body


def _can_be_written(value: Any) -> bool:
    """Whether it is JSON again: NaN, infinities and integers of 4,300 digits are not."""
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True


async def json_text_of(request: Request) -> bytes:
    """The bytes of a body that is to be JSON, within the server's limits.

    Raises:
        ServeError: 400, it is nested too deeply; 413, it is too large.
    """
    limits = request.app.state.server.settings.limits
    content = await read_body(request, limits.body)
    if is_nested_deeper(content, limits.nesting):
        raise too_deep(limits.nesting)
    return content


async def read_body(request: Request, limit: int) -> bytes:
    """The bytes of a body.

    Raises:
        ServeError: 413, there are more than `limit`.
    """
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise ServeError(413, "TooLarge", f"a request's body may have {limit} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def schema_of(kind: type[Body]) -> dict[str, Any]:
    """What OpenAPI says of a route's body, for `openapi_extra`."""
    return {
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": kind.model_json_schema()}},
        }
    }


def body_error(error: ValidationError) -> ServeError:
    """400: where the JSON is wrong, without what was given."""
    found = error.errors(include_url=False, include_input=False)[:5]
    places = [".".join(str(part) for part in fault["loc"]) for fault in found]
    told = "; ".join(
        f"{place or 'the body'}: {fault['msg']}" for place, fault in zip(places, found, strict=True)
    )
    return bad_request(
        f"the body must be JSON of the documented shape: {told}",
        **{"parameter": places[0], "in": "body"},
    )
