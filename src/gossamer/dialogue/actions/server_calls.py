"""What an action server or an NLG server answers, or in plain words why it does not."""

from __future__ import annotations

import http.client
import json
import math
import ssl
from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

from gossamer.data.endpoints.http import HttpEndpoint
from gossamer.data.errors import InputError
from gossamer.dialogue.actions.http_calls import HttpAnswer, post_json

MAX_ANSWER_BYTES: Final = 10 * 1024 * 1024


class Failure(StrEnum):
    """What went wrong with a call."""

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    BROKEN_OFF = "broken off"
    UNKNOWN_ACTION = "unknown action"
    STATUS = "status"
    TOO_LARGE = "too large"
    BAD_ANSWER = "bad answer"
    UNSENDABLE = "unsendable"


class ServerCallError(InputError):
    """A server did not do what it was asked to.

    Args:
        failure: what went wrong.
        must_hold: as in `InputError`, and so are got and hint.
    """

    def __init__(
        self, failure: Failure, must_hold: str, *, got: object = None, hint: str | None = None
    ) -> None:
        self.failure = failure
        super().__init__(must_hold, got=got, hint=hint)


def call_server(
    endpoint: HttpEndpoint,
    content: Any,
    *,
    what: str,
    key: str,
    starting: str,
    max_answer_bytes: int = MAX_ANSWER_BYTES,
) -> HttpAnswer:
    """Send JSON to a server and get its answer, whatever its status.

    Args:
        endpoint: where it is, and how long it may take.
        content: what to send.
        what: the server in messages ("action server").
        key: its key in `endpoints.yml`, for hints.
        starting: how it is started, for hints.
        max_answer_bytes: a longer answer is refused.

    Raises:
        ServerCallError: the content is not JSON, no server is there, no answer came in time, or
            one that is not HTTP or too long.
    """
    try:
        body = json.dumps(content, allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise ServerCallError(
            Failure.UNSENDABLE, f"slots and events must be JSON values to be sent: {error}"
        ) from error
    shown = urlsplit(endpoint.url)._replace(query="", fragment="").geturl()
    try:
        answer = post_json(endpoint, body, max_bytes=max_answer_bytes)
    except TimeoutError as error:
        raise ServerCallError(
            Failure.TIMEOUT,
            f"the {what} at {shown} must answer within {endpoint.timeout:g} s",
            hint=f"'timeout' under {key} in endpoints.yml, or a quicker answer",
        ) from error
    except (ConnectionResetError, BrokenPipeError, http.client.HTTPException) as error:
        raise ServerCallError(
            Failure.BROKEN_OFF,
            f"the {what} at {shown} must answer in HTTP",
            got=str(error) or type(error).__name__,
            hint=f"a look at the log of the {what}",
        ) from error
    except (OSError, ssl.CertificateError, UnicodeError) as error:
        raise ServerCallError(
            Failure.UNREACHABLE,
            f"an {what} must be running at {shown}",
            got=str(error),
            hint=f"{starting}, or another url in endpoints.yml",
        ) from error
    if len(answer.body) > max_answer_bytes:
        raise ServerCallError(
            Failure.TOO_LARGE, f"the answer must not be longer than {max_answer_bytes} bytes"
        )
    return answer


def json_of(body: bytes) -> Any:
    """JSON of an answer, without NaN and infinity. Raises `ValueError`, or `RecursionError`."""
    return json.loads(body.decode("utf-8"), parse_float=_finite, parse_constant=_finite)


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise ValueError(f"a number must be finite, not {number}")
    return value


def required_json(body: bytes) -> Any:
    """JSON of an answer.

    Raises:
        ServerCallError: it is none.
    """
    try:
        return json_of(body)
    except (ValueError, RecursionError):
        raise ServerCallError(
            Failure.BAD_ANSWER, "the answer must be JSON", got=start_of(body)
        ) from None


def start_of(body: bytes) -> str | None:
    """What a message shows of an answer; None when it is empty."""
    return body[:200].decode("utf-8", "replace") or None


def are_objects(content: object) -> bool:
    """Whether it is a list of JSON objects."""
    return isinstance(content, list) and all(isinstance(part, dict) for part in content)
