"""The guard before the application: who may ask, how often, how much, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gossamer.serve.errors import ServeError, overloaded
from gossamer.serve.security.identity import Gatekeeper, Identity
from gossamer.serve.security.loopback import OwnPagesOnly
from gossamer.serve.security.rate import RateLimit, asker_of
from gossamer.serve.settings import Limits

_OPEN_PATHS: Final = frozenset(
    {"/", "/version", "/health/live", "/health/ready", "/docs", "/openapi.json", "/favicon.ico"}
)
_PAGE: Final = "/page/"
_CHANNELS: Final = "/webhooks/"
WITH_TRAINING_DATA: Final = ("/model/train", "/model/test/")


USER: Final = "user"
"""Of a request's state: the name in its JSON web token, or None."""


def user_of(who: Identity | ServeError | None) -> str | None:
    """The name in a JSON web token; None: there is none."""
    return who.user if isinstance(who, Identity) else None


def is_open(path: str) -> bool:
    """Whether a path is open to everybody.

    The server's version and health, the page's files, and the description of the API.
    """
    return path in _OPEN_PATHS or path.startswith(_PAGE)


class Guard:
    """Refuses requests before the application sees them.

    A token is asked for as `Gatekeeper` says. What is not `is_open` needs it, what is added later
    too; but not channels, which have tokens of their own. Where no token is asked for, `own_pages`
    says who may ask for what is not `is_open`, of channels too. A rate is counted for the user of a
    JSON web token, else for the client's address; health is always told.

    Args:
        app: what it guards.
        gatekeeper: says who asks.
        limits: see `Limits`.
        own_pages: refuses other websites' requests where no token is asked for; None: nothing does.
        channel_paths: paths of channels besides those under /webhooks/.
    """

    def __init__(
        self,
        app: ASGIApp,
        gatekeeper: Gatekeeper,
        limits: Limits,
        own_pages: OwnPagesOnly | None = None,
        channel_paths: Iterable[str] = (),
    ) -> None:
        self._app = app
        self._gatekeeper = gatekeeper
        self._limits = limits
        self._own_pages = own_pages
        # An application at the root would open all there is.
        self._channels = (_CHANNELS, *(f"{path}/" for path in channel_paths if path.strip("/")))
        self._rate = None if limits.rate is None else RateLimit(limits.rate)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take a request, or the beginning of a socket."""
        refusal = None if scope["type"] == "lifespan" else self._refusal(scope)
        if refusal is None and scope["type"] == "http":
            refusal = await self._answered(scope, receive, send)
        elif refusal is None:
            await self._app(scope, receive, send)
        if refusal is not None:
            answer = JSONResponse(refusal.to_dict(), refusal.status, headers=refusal.headers)
            await answer(scope, receive, send)

    def _who(self, scope: Scope) -> Identity | ServeError | None:
        """Who asks, or why they are refused; None: nobody has to say who they are."""
        path: str = scope["path"]
        if is_open(path):
            return None
        if not self._gatekeeper.asks:
            return None if self._own_pages is None else self._own_pages.refusal(scope["headers"])
        if path.startswith(self._channels):
            return None
        method = scope.get("method", "GET")  # a socket has none
        return self._gatekeeper.identify(scope["query_string"], scope["headers"], method, path)

    def _refusal(self, scope: Scope) -> ServeError | None:
        path: str = scope["path"]
        who = self._who(scope)
        if self._rate is not None and not path.startswith("/health/"):
            name = user_of(who)
            too_often = self._rate.refusal(asker_of(scope) if name is None else f"user {name}")
            if too_often is not None:
                return too_often
        if isinstance(who, ServeError):
            return who
        scope.setdefault("state", {})[USER] = user_of(who)
        return None

    async def _answered(self, scope: Scope, receive: Receive, send: Send) -> ServeError | None:
        """Let the application answer; an error to answer with instead, if it could not."""
        is_training = scope["path"].startswith(WITH_TRAINING_DATA)
        limit = self._limits.training_body if is_training else self._limits.body
        length = _content_length(scope)
        if length is None:  # sent in chunks, or none; else the HTTP parser sees to its length
            receive = LimitedBody(receive, limit)
        elif length > limit:
            return too_large(limit)
        watched = WatchedAnswer(send)
        timeout = asyncio.timeout(self._limits.response_seconds)
        try:
            async with timeout:
                await self._app(scope, receive, watched)
        except TimeoutError:
            if not timeout.expired() or watched.has_begun:
                raise
            return overloaded("the answer took too long")
        return None


class LimitedBody:
    """A request's body, up to a size, as the application receives it.

    Args:
        receive: gives its parts.
        limit: bytes at most.
    """

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._left = limit

    async def __call__(self) -> Message:
        """The next part.

        Raises:
            ServeError: 413, there is more than the limit.
        """
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            raise too_large(self._limit)
        return message


class WatchedAnswer:
    """What the application sends, and whether it has begun.

    Args:
        send: sends it.

    Attributes:
        has_begun: whether the first part was sent.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_begun = False

    async def __call__(self, message: Message) -> None:
        """Send a part."""
        self.has_begun = True
        await self._send(message)


def too_large(limit: int) -> ServeError:
    """413: a body is larger than it may be."""
    return ServeError(413, "TooLarge", f"a request's body may have {limit} bytes")


def _content_length(scope: Scope) -> int | None:
    for name, value in scope["headers"]:
        if name == b"content-length":
            return int(value) if value.isdigit() and len(value) < 20 else None
    return None
