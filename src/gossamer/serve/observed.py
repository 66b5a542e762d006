"""Each request and each turn is seen, by metrics and by the log: its number, time and end."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import time
from collections.abc import Awaitable
from typing import Final

from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gossamer.dialogue.history.events import UserUttered
from gossamer.dialogue.runtime.turn import Turn
from gossamer.serve import logs
from gossamer.serve.errors import ServeError, overloaded
from gossamer.serve.metrics import Metrics

_log = logging.getLogger(__name__)

_ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}")
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_CHANNELS: Final = "/webhooks/"
_GONE: Final = 499
"""The status that is noted where the client went away before it was answered."""


class Observed:
    """Counts and logs requests, and gives each a number.

    The number is in the log and in the answer's `X-Request-ID`; a client may bring it in the same
    header. A fault of the application is in the log with its traceback; the client is told that
    there was one. What has no header `Cache-Control` must not be cached: it is about a person.

    Args:
        app: what is observed.
        metrics: where requests are counted.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take a request."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        number = _number(scope)
        logs.request_id.set(number)
        if scope["type"] == "websocket":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send, number.encode())
        started = time.perf_counter()
        try:
            await self._app(scope, receive, answer)
        except ClientDisconnect:
            answer.status = _GONE
        except asyncio.CancelledError:  # the server ends, and has waited for as long as it may
            if answer.status != 0:
                raise
            ending = overloaded("the server is ending")
            await JSONResponse(ending.to_dict(), ending.status, headers=ending.headers)(
                scope, receive, answer
            )
        except Exception:
            _log.exception(
                "a request failed", extra=logs.fields(route=_route(scope), method=_method(scope))
            )
            if answer.status != 0:
                raise
            fault = ServeError(
                500, "InternalError", f"the server has a fault; its log has more under {number}"
            )
            await JSONResponse(fault.to_dict(), fault.status)(scope, receive, answer)
        finally:
            seconds = time.perf_counter() - started
            status = answer.status or _GONE
            self._metrics.request(_route(scope), _method(scope), status, seconds)
            if _log.isEnabledFor(logging.DEBUG):
                _log.debug(
                    "request",
                    extra=logs.fields(
                        route=_route(scope),
                        method=_method(scope),
                        status=status,
                        ms=round(1000 * seconds, 1),
                    ),
                )


class _Answer:
    """What the application sends, with headers that all answers have."""

    def __init__(self, send: Send, number: bytes) -> None:
        self._send = send
        self._number = number
        self.status = 0

    async def __call__(self, message: Message) -> None:
        """Send a part."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = [*message.get("headers", ()), (b"x-request-id", self._number)]
            if all(name != b"cache-control" for name, _ in headers):
                headers.append((b"cache-control", b"no-store"))
            message = {**message, "headers": headers}
        await self._send(message)


class TurnObserver:
    """Counts and logs turns.

    Args:
        metrics: where they are counted.
        log_texts: whether a line of the log tells what was said in each.
    """

    def __init__(self, metrics: Metrics, *, log_texts: bool) -> None:
        self._metrics = metrics
        self._log_texts = log_texts

    async def of(self, sender_id: str, turn: Awaitable[Turn]) -> Turn:
        """Wait for a turn; what it raises is counted and raised.

        Args:
            sender_id: whose conversation.
            turn: its turn.
        """
        started = time.perf_counter()
        try:
            done = await turn
        except Exception as error:
            self._metrics.turn_failed(error)
            _log.warning(
                "a turn failed, and nothing of it is stored: %s",
                logs.reason_of(error),
                extra=logs.fields(sender=logs.sender(sender_id)),
            )
            raise
        seconds = time.perf_counter() - started
        self._metrics.turn(done, seconds)
        for problem in done.problems:
            _log.warning(
                "the action '%s' failed: %s",
                problem.action,
                logs.reason_of(problem.error),
                extra=logs.fields(
                    sender=logs.sender(sender_id), traceback=logs.stack_of(problem.error)
                ),
            )
        if self._log_texts:
            _log.info("turn", extra=logs.fields(**_told(sender_id, done, seconds)))
        return done


def _told(sender_id: str, turn: Turn, seconds: float) -> dict[str, object]:
    said = [event for event in turn.events if isinstance(event, UserUttered)]
    return {
        "sender": sender_id,
        "text": [event.text for event in said],
        "intent": [event.intent for event in said],
        "actions": [action.name for action in turn.actions],
        "answers": [message.text for message in turn.messages],
        "ms": round(1000 * seconds, 1),
    }


def _number(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _ID.fullmatch(value):
            number: str = value.decode()
            return number
    return secrets.token_hex(8)


def _route(scope: Scope) -> str:
    """The route as it was declared, so that there are few; "(none)" if there is none."""
    route = getattr(scope.get("route"), "path", None)
    if isinstance(route, str):
        if route.startswith(_CHANNELS):
            return route
        if scope["path"].startswith(_CHANNELS):  # the routes of a channel do not know its name
            name = scope["path"].split("/", 3)[2]
            return f"{_CHANNELS}{name}{route}"
        return route
    room = scope.get("root_path", "") if "endpoint" in scope else ""
    return room or "(none)"


def _method(scope: Scope) -> str:
    method: str = scope["method"]
    return method if method in _METHODS else "(other)"
