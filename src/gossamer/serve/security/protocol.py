"""HTTP as uvicorn speaks it, with limits on what a connection may hold.

What is no HTTP, has too large headers or arrives too slowly never reaches the application. It is
answered here, with the same JSON as other errors.
"""

from __future__ import annotations

import asyncio
import functools
import json
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gossamer.serve.errors import ServeError, bad_request, overloaded
from gossamer.serve.security.guard import WITH_TRAINING_DATA
from gossamer.serve.settings import Limits


class LimitedProtocol(HttpToolsProtocol):
    """A connection. Args are uvicorn's, and `limits`."""

    def __init__(self, *args: Any, limits: Limits, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._limits = limits
        self._timer: asyncio.TimerHandle | None = None
        self._is_in_headers = False
        self._is_in_request = False
        self._is_socket = False
        self._n_header_bytes = 0

    def connection_made(self, transport: Any) -> None:
        """Begin; the first request has to arrive in time."""
        super().connection_made(transport)
        if len(self.connections) > self._limits.connections:
            self.app = _too_many
        self._arm(self._limits.request_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes: parts of requests."""
        self._n_header_bytes += len(data)
        super().data_received(data)
        if self._is_socket or self.parser is None or self.transport.is_closing():
            return
        if self._is_in_headers and self._n_header_bytes > self._limits.headers:
            self._refuse(_headers_too_large(self._limits.headers))
        elif not self._is_in_request and not self._is_idle():
            self._disarm()
        elif self._timer is None:
            self._arm(self._limits.request_seconds)

    def handle_websocket_upgrade(self) -> None:
        """Hand over to the socket."""
        self._disarm()
        self._is_socket = True
        super().handle_websocket_upgrade()

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._is_in_headers = self._is_in_request = True

    def on_headers_complete(self) -> None:
        """Its headers are there."""
        self._is_in_headers = False
        self._n_header_bytes = 0
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > self._limits.headers:
            self._refuse(_headers_too_large(self._limits.headers))
            return
        super().on_headers_complete()
        if self.scope.get("path", "").startswith(WITH_TRAINING_DATA):
            self._arm(10 * self._limits.request_seconds)

    def on_body(self, body: bytes) -> None:
        """A part of its body is there."""
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """All of it is there."""
        self._is_in_request = False
        self._n_header_bytes = 0
        if not self.transport.is_closing():
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        if not self.transport.is_closing():
            self._refuse(bad_request("this is no valid HTTP request"))

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._timer = self.loop.call_later(seconds, self._too_slow)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        if self.transport.is_closing():
            return
        if self._is_in_request and not self._has_begun_to_answer():
            self._refuse(ServeError(408, "RequestTimeout", "the request did not arrive in time"))
        else:
            self.transport.close()

    def _is_idle(self) -> bool:
        """Whether nothing is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _has_begun_to_answer(self) -> bool:
        return not self._is_in_headers and self.cycle is not None and self.cycle.response_started

    def _refuse(self, error: ServeError) -> None:
        content = json.dumps(error.to_dict()).encode()
        head = (
            f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(content)}\r\n"
            "connection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + content)
        self.transport.close()


def limited_protocol(limits: Limits) -> Any:
    """The class of connections, for uvicorn's `http`."""
    return functools.partial(LimitedProtocol, limits=limits)


async def _too_many(scope: Scope, receive: Receive, send: Send) -> None:
    refusal = overloaded("too many connections are open")
    headers = refusal.headers | {"Connection": "close"}
    await JSONResponse(refusal.to_dict(), refusal.status, headers=headers)(scope, receive, send)


def _headers_too_large(limit: int) -> ServeError:
    return ServeError(431, "HeadersTooLarge", f"a request's headers may have {limit} bytes")
