"""Answers that are sent later, to the `callback_url` of a request."""

from __future__ import annotations

import asyncio
import json
import logging
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from typing import Annotated, Final, TypeAlias
from urllib.parse import urlsplit

from fastapi import Query, Response

from gossamer.serve.errors import ServeError, bad_request

_log = logging.getLogger(__name__)
_TIMEOUT: Final = 60.0

CallbackUrl: TypeAlias = Annotated[
    str | None,
    Query(
        description="Answer with 204 at once, and send the answer, or the error, there when it is "
        "ready: http or https, by POST."
    ),
]


class Callbacks:
    """Works on requests after their answer; what is not done when the server ends is given up."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, url: str, work: Callable[[], Awaitable[Response]]) -> Response:
        """Begin the work; its answer is sent to the address. Gives the 204.

        Args:
            url: the address.
            work: gives the answer, or raises a `ServeError`.
        """
        task = asyncio.create_task(_work_and_send(url, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return Response(status_code=204)


def check_callback(url: str) -> None:
    """Refuse an address that is not one of HTTP.

    Raises:
        ServeError: 400.
    """
    try:
        parts = urlsplit(url)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname)
        is_good = is_good and (parts.port is None or parts.port > 0) and url.isascii()
    except ValueError:
        is_good = False
    if not is_good or any(character <= " " for character in url):
        raise bad_request(
            "callback_url must be an address that begins with http:// or https://",
            parameter="callback_url",
            **{"in": "query"},
        )


async def _work_and_send(url: str, work: Callable[[], Awaitable[Response]]) -> None:
    try:
        answer = await work()
        content, headers = bytes(answer.body), dict(answer.headers)
    except ServeError as error:
        content, headers = _error(error)
    except Exception:
        _log.exception("a request with a callback_url failed")
        content, headers = _error(
            ServeError(500, "InternalError", "the server has a fault; its log says more")
        )
    headers.pop("content-length", None)
    try:
        await asyncio.to_thread(_send, url, content, headers)
    except (OSError, urllib.error.URLError, ValueError) as error:
        _log.error("the answer could not be sent to the callback_url: %s", error)


def _error(error: ServeError) -> tuple[bytes, dict[str, str]]:
    return json.dumps(error.to_dict()).encode(), {"content-type": "application/json"}


def _send(url: str, content: bytes, headers: dict[str, str]) -> None:
    request = urllib.request.Request(url, content, headers, method="POST")
    with _OPENER.open(request, timeout=_TIMEOUT):
        pass


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect is not followed: it could lead anywhere."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER: Final = urllib.request.build_opener(_NoRedirects)
