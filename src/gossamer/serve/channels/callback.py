"""The channel `callback`: a message in, the answers are posted to an address."""

from __future__ import annotations

import asyncio
import http.client
import json
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse

from gossamer.data import credentials
from gossamer.dialogue.actions.http_calls import post_json
from gossamer.dialogue.history.events import BotUttered
from gossamer.serve.bodies import body_of, schema_of
from gossamer.serve.channels.channel import Channel
from gossamer.serve.channels.messages import message_json
from gossamer.serve.channels.outbox import Outbox
from gossamer.serve.channels.rest import RestMessage
from gossamer.serve.errors import overloaded

if TYPE_CHECKING:
    from gossamer.serve.server import Server

_log: Final = logging.getLogger(__name__)
PAUSES: Final = (0.5, 2.0)
_MOST_WAITING: Final = 10_000
_THREADS: Final = 16
_CLOSING_SECONDS: Final = 5.0
_ANSWER_BYTES: Final = 1_000
_TRY_AGAIN: Final = frozenset({408, 425, 429})


class CallbackChannel(Channel):
    """Rasa's channel of that name.

    Answers of one conversation are posted one after the other, in the background. One that the
    address does not take is tried again after half a second and after two more, unless its answer
    says that this is of no use. So one whose receipt was not confirmed may come twice.

    Departures from Rasa 3.6: `POST /webhook` is answered when the turn is stored, before answers
    are posted; Rasa tries once only.

    Args:
        server: takes messages.
        options: the address, and what a call of it needs.

    Attributes:
        n_sent: answers that were taken.
        n_failed: answers that were given up.
    """

    name = "callback"

    def __init__(self, server: Server, options: credentials.CallbackChannel) -> None:
        super().__init__(server, {})
        self.n_sent = 0
        self.n_failed = 0
        self._endpoint = options
        self._outbox = Outbox(self._post, limit=_MOST_WAITING)
        self._threads = ThreadPoolExecutor(_THREADS, "callback")

    def routes(self) -> APIRouter:
        """`GET /` and `POST /webhook`."""
        router = APIRouter()

        @router.get("/")
        async def health() -> JSONResponse:
            return JSONResponse({"status": "ok"})

        @router.post(
            "/webhook",
            response_class=PlainTextResponse,
            openapi_extra=schema_of(RestMessage),
        )
        async def webhook(request: Request) -> PlainTextResponse:
            body = await body_of(request, RestMessage)
            if self._outbox.is_full:
                raise overloaded("too many answers wait for the callback's address")
            turn = await self.server.handle(
                body.message,
                body.sender_id,
                channel=self.name,
                metadata=body.metadata,
                message_id=body.message_id,
            )
            self._put(body.sender_id, turn.messages)
            return PlainTextResponse("success")

        return router

    async def send(self, recipient_id: str, messages: Sequence[BotUttered]) -> bool:
        """See `Channel.send`. True: they are posted in the background."""
        if self._outbox.is_full:
            return False
        self._put(recipient_id, messages)
        return True

    async def stop(self) -> None:
        """Post what waits, for some seconds."""
        await self._outbox.close(_CLOSING_SECONDS)
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _put(self, recipient_id: str, messages: Sequence[BotUttered]) -> None:
        self._outbox.put(
            recipient_id, [part for each in messages for part in message_json(recipient_id, each)]
        )

    async def _post(self, recipient_id: str, message: Any) -> None:
        body = json.dumps(message).encode()
        failure = ""
        for pause in (0.0, *PAUSES):
            await asyncio.sleep(pause)
            failure, may_help = await asyncio.get_running_loop().run_in_executor(
                self._threads, self._failure, body
            )
            if not failure:
                self.n_sent += 1
                return
            if not may_help:
                break
        self.n_failed += 1
        _log.error(
            "an answer could not be posted to %s: %s", self._endpoint.url.partition("?")[0], failure
        )

    def _failure(self, body: bytes) -> tuple[str, bool]:
        """Post once. Why it failed, or ""; and whether to try again may help."""
        try:
            answer = post_json(self._endpoint, body, max_bytes=_ANSWER_BYTES)
        except (OSError, http.client.HTTPException, UnicodeError) as error:
            return f"{type(error).__name__} {error}".rstrip(), True
        if answer.status < 300:
            return "", False
        return f"status {answer.status}", answer.status >= 500 or answer.status in _TRY_AGAIN
