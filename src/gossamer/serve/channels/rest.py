"""The channel `rest`: a message in, the answers out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from gossamer.dialogue.history.events import BotUttered
from gossamer.dialogue.runtime.turn import Turn
from gossamer.dialogue.runtime.turn_runner import MessageListener
from gossamer.serve.bodies import Body, body_of, schema_of
from gossamer.serve.channels.channel import Channel
from gossamer.serve.channels.failures import told
from gossamer.serve.channels.messages import message_json

if TYPE_CHECKING:
    from gossamer.serve.server import Server

DEFAULT_SENDER: Final = "default"


class RestMessage(Body):
    """A user's message."""

    sender: str | int | None = None
    message: str
    metadata: dict[str, Any] | None = None
    input_channel: str | None = None
    message_id: str | None = None

    @property
    def sender_id(self) -> str:
        """Whose conversation; numbers count as text, as in Rasa."""
        return DEFAULT_SENDER if self.sender is None else str(self.sender)


class RestChannel(Channel):
    """Rasa's channel of that name.

    Departure from Rasa 3.6: a turn that fails is answered with an error, not with [].
    """

    name = "rest"

    def __init__(self, server: Server, options: Mapping[str, Any]) -> None:
        super().__init__(server, options)
        self._streamed: set[asyncio.Task[Turn]] = set()  # kept until they end

    def routes(self) -> APIRouter:
        """`GET /` and `POST /webhook`."""
        router = APIRouter()

        @router.get("/")
        async def health() -> JSONResponse:
            return JSONResponse({"status": "ok"})

        @router.post("/webhook", openapi_extra=schema_of(RestMessage))
        async def webhook(request: Request) -> Response:
            body = await body_of(request, RestMessage)
            if request.query_params.get("stream", "").lower() == "true":
                return await self._stream(body)
            turn = await self._handle(body)
            parts = [message_json(body.sender_id, message) for message in turn.messages]
            return JSONResponse([part for message in parts for part in message])

        return router

    async def _handle(self, body: RestMessage, on_message: MessageListener | None = None) -> Turn:
        return await self.server.handle(
            body.message,
            body.sender_id,
            channel=body.input_channel or self.name,
            metadata=body.metadata,
            message_id=body.message_id,
            on_message=on_message,
        )

    async def _stream(self, body: RestMessage) -> Response:
        """Lines of JSON, each as soon as it is said.

        The turn goes on when the client goes away.

        Raises:
            ServeError: nothing was said yet; afterwards it is the last line.
        """
        loop = asyncio.get_running_loop()
        said: asyncio.Queue[BotUttered | None] = asyncio.Queue()

        def on_message(message: BotUttered) -> None:
            loop.call_soon_threadsafe(said.put_nowait, message)

        turn = loop.create_task(self._handle(body, on_message))
        self._streamed.add(turn)
        turn.add_done_callback(self._streamed.discard)
        turn.add_done_callback(lambda _: said.put_nowait(None))
        first = await said.get()
        if first is None:
            await turn
        lines = _lines(body.sender_id, first, said, turn)
        return StreamingResponse(lines, media_type="text/event-stream")  # as Rasa calls it


async def _lines(
    sender_id: str,
    message: BotUttered | None,
    said: asyncio.Queue[BotUttered | None],
    turn: asyncio.Task[Turn],
) -> AsyncIterator[str]:
    n_said = 0
    while message is not None:
        n_said += 1
        for part in message_json(sender_id, message):
            yield json.dumps(part) + "\n"
        message = await said.get()
    error = turn.exception()
    if error is not None:
        yield json.dumps({"error": told(error).to_dict()}) + "\n"
        return
    for repeated in turn.result().messages[n_said:]:  # of a message that was answered before
        for part in message_json(sender_id, repeated):
            yield json.dumps(part) + "\n"
