"""The channel `socketio`: messages and answers are socket.io events."""

from __future__ import annotations

import json
import logging
import uuid
import warnings
from collections.abc import Awaitable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import jwt
from fastapi import APIRouter
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp

from gossamer.data import credentials
from gossamer.data.errors import ConfigError
from gossamer.dialogue.history.events import BotUttered
from gossamer.serve.channels.channel import Channel
from gossamer.serve.channels.failures import told
from gossamer.serve.channels.messages import socket_messages
from gossamer.serve.channels.outbox import Outbox
from gossamer.serve.errors import ServeError, bad_request
from gossamer.serve.security.nesting import is_nested_deeper, is_value_deeper, too_deep
from gossamer.serve.security.rate import RateLimit, asker_of

if TYPE_CHECKING:
    from gossamer.serve.server import Server

_log: Final = logging.getLogger(__name__)
_BEARER: Final = "Bearer "
_MOST_WAITING: Final = 10_000
_CLOSING_SECONDS: Final = 2.0
_ROOM: Final = "room"


class SocketioChannel(Channel):
    """Rasa's channel of that name, for clients of socket.io 3 and 4.

    Messages of reminders and of other programs go to the client while it is connected to this
    process.

    A message is acknowledged, if the client asks for that, when its turn is stored: without a
    value, or with {"error": ...} if it failed. Messages and requests of sessions of an address
    count for the limit of rate.

    Departures from Rasa 3.6: with a `namespace`, answers go there too; pages of other origins need
    `cors`; answers go out when the turn is stored, not before; a client is in one session at a
    time, the last one that it named.

    Args:
        server: takes messages.
        options: names, and the key that tokens are signed with.

    Raises:
        ConfigError: the key is none for the method.
    """

    name = "socketio"

    def __init__(self, server: Server, options: credentials.SocketioChannel) -> None:
        import socketio  # its clients come with it, and much of their own

        super().__init__(server, {})
        _check_key(options)
        self._said = options
        self._namespace = options.namespace or "/"
        rate, self._nesting = server.settings.limits.rate, server.settings.limits.nesting
        self._rate = None if rate is None else RateLimit(rate)
        self._outbox = Outbox(self._emit, limit=_MOST_WAITING)
        origins = server.settings.cors
        self._sockets = socketio.AsyncServer(
            async_mode="asgi",
            cors_allowed_origins="*" if "*" in origins else self._is_let_in if origins else None,
            max_http_buffer_size=server.settings.limits.body,
        )
        self._application = socketio.ASGIApp(self._sockets, socketio_path=options.socketio_path)
        for event, handler in (
            ("connect", self._connect),
            ("session_request", self._request_session),
            (options.user_message_evt, self._take),
        ):
            self._sockets.on(event, handler, namespace=self._namespace)

    def routes(self) -> APIRouter:
        """`GET /`."""
        router = APIRouter()

        @router.get("/")
        async def health() -> JSONResponse:
            return JSONResponse({"status": "ok"})

        return router

    def applications(self) -> Mapping[str, ASGIApp]:
        """Socket.io, at `socketio_path`."""
        return {self._said.socketio_path.rstrip("/"): self._application}

    def _is_let_in(self, origin: str | None, environ: Mapping[str, Any]) -> bool:
        """Whether pages of an origin may connect: those that settings name, and this server's."""
        if origin is None:
            return False
        hosts = [environ.get("HTTP_HOST"), environ.get("HTTP_X_FORWARDED_HOST")]
        return origin in self.server.settings.cors or urlsplit(origin).netloc in hosts

    async def send(self, recipient_id: str, messages: Sequence[BotUttered]) -> bool:
        """See `Channel.send`; False when the client is not connected to this process."""
        members = self._sockets.manager.get_participants(self._namespace, self._room(recipient_id))
        if self._outbox.is_full or next(iter(members), None) is None:
            return False
        self._put(recipient_id, messages)
        return True

    async def stop(self) -> None:
        """Send what waits, for some seconds, and close the connections."""
        await self._outbox.close(_CLOSING_SECONDS)
        await self._sockets.shutdown()

    async def _connect(self, sid: str, environ: object, auth: object = None) -> bool:
        key = self._said.jwt_key
        if key is None:
            return True
        token = auth.get("token") if isinstance(auth, Mapping) else None
        if not isinstance(token, str):
            return False
        try:
            jwt.decode(token.removeprefix(_BEARER), key, algorithms=[self._said.jwt_method])
        except jwt.PyJWTError as error:
            _log.warning("a socket.io client was refused: %s", error)
            return False
        return True

    async def _request_session(self, sid: str, data: object = None) -> dict[str, Any] | None:
        """A client says which session it is in, or gets a new one."""
        return await _told(self._confirm(sid, data))

    async def _take(self, sid: str, data: object = None) -> dict[str, Any] | None:
        """A user's message."""
        return await _told(self._answer(sid, data))

    async def _confirm(self, sid: str, data: object) -> None:
        self._check(sid, data)
        session_id = data.get("session_id") if isinstance(data, Mapping) else None
        session_id = uuid.uuid4().hex if session_id is None else str(session_id)
        await self._enter(sid, session_id)
        await self._sockets.emit("session_confirm", session_id, to=sid, namespace=self._namespace)

    async def _answer(self, sid: str, data: object) -> None:
        self._check(sid, data)
        text, sender_id, metadata = self._understood(sid, data)
        await self._enter(sid, sender_id)
        turn = await self.server.handle(text, sender_id, channel=self.name, metadata=metadata)
        self._put(sender_id, turn.messages)

    def _check(self, sid: str, data: object) -> None:
        """Refuse what is sent too often, or nested too deeply.

        Raises:
            ServeError: 429, 400.
        """
        environ = self._sockets.get_environ(sid, self._namespace)
        if self._rate is not None and environ is not None:  # None: it is gone already
            too_often = self._rate.refusal(asker_of(environ["asgi.scope"]))
            if too_often is not None:
                raise too_often
        if is_value_deeper(data, self._nesting):
            raise too_deep(self._nesting)

    async def _enter(self, sid: str, session_id: str) -> None:
        """Let a client have what is said in a session, and nothing more of the one before.

        Raises:
            ServeError: 400, the session cannot have that id.
        """
        self.server.check_sender(session_id)
        if not self._said.session_persistence:
            return
        client = await self._sockets.get_session(sid, self._namespace)
        before, client[_ROOM] = client.get(_ROOM), self._room(session_id)
        if before is not None:
            await self._sockets.leave_room(sid, before, self._namespace)
        await self._sockets.enter_room(sid, client[_ROOM], self._namespace)

    def _understood(self, sid: str, data: object) -> tuple[str, str, dict[str, Any] | None]:
        """Text, conversation and metadata of a message.

        Raises:
            ServeError: 400.
        """
        if not isinstance(data, Mapping) or not isinstance(data.get("message", ""), str):
            raise bad_request("a message must be an object with a text, {message: ...}")
        sender_id = sid
        if self._said.session_persistence:
            if not isinstance(data.get("session_id"), str) or not data["session_id"]:
                raise bad_request("a message must have the session_id that session_confirm gave")
            sender_id = data["session_id"]
        metadata = data.get(self._said.metadata_key)
        if isinstance(metadata, str):
            metadata = self._parsed(metadata)
        if not (metadata is None or isinstance(metadata, dict)):
            raise bad_request(f"'{self._said.metadata_key}' of a message must be an object")
        return data.get("message", ""), sender_id, metadata

    def _parsed(self, metadata: str) -> object:
        """Metadata that came as text; False: it is no JSON.

        Raises:
            ServeError: 400, it is nested too deeply.
        """
        try:
            if is_nested_deeper(metadata.encode(), self._nesting):
                raise too_deep(self._nesting)
            return json.loads(metadata)
        except ValueError:
            return False

    def _room(self, recipient_id: str) -> str:
        """Where a conversation's clients are; no session id can mean another client's own room."""
        return f"session {recipient_id}" if self._said.session_persistence else recipient_id

    def _put(self, recipient_id: str, messages: Sequence[BotUttered]) -> None:
        self._outbox.put(
            recipient_id, [part for each in messages for part in socket_messages(each)]
        )

    async def _emit(self, recipient_id: str, message: Any) -> None:
        await self._sockets.emit(
            self._said.bot_message_evt,
            message,
            to=self._room(recipient_id),
            namespace=self._namespace,
        )


async def _told(work: Awaitable[None]) -> dict[str, Any] | None:
    """What a client is told of its event: nothing, or why it failed. The connection survives."""
    try:
        await work
    except Exception as error:
        failure = told(error)
        if isinstance(error, ServeError):
            _log.warning("a message of a socket.io client was refused: %s", failure)
        return {"error": failure.to_dict()}
    return None


def _check_key(options: credentials.SocketioChannel) -> None:
    if options.jwt_key is None:
        return
    algorithm = jwt.get_algorithm_by_name(options.jwt_method)
    try:
        key = algorithm.prepare_key(options.jwt_key)
        weak = getattr(algorithm, "check_key_length", lambda _: None)(key)
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise ConfigError(
            f"the jwt_key of socketio must be a key for {options.jwt_method}: {error}",
            hint="a shared secret for HS256, or a public key as PEM for RS256",
        ) from None
    if weak:
        warnings.warn(f"the jwt_key of socketio is weak: {weak}", stacklevel=3)
