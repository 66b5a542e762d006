"""The channel `rest`: a message in, the answers out."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from gossamer.serve.bodies import Body, body_of, schema_of
from gossamer.serve.channels.channel import Channel, message_json


class RestMessage(Body):
    """A user's message."""

    sender: str = "default"
    message: str
    metadata: dict[str, Any] | None = None
    input_channel: str | None = None
    message_id: str | None = None


class RestChannel(Channel):
    """Rasa's channel of that name."""

    name = "rest"

    def routes(self) -> APIRouter:
        """`GET /` and `POST /webhook`."""
        router = APIRouter()

        @router.get("/")
        async def health() -> JSONResponse:
            return JSONResponse({"status": "ok"})

        @router.post("/webhook", openapi_extra=schema_of(RestMessage))
        async def webhook(request: Request) -> JSONResponse:
            body = await body_of(request, RestMessage)
            turn = await self.server.handle(
                body.message,
                body.sender,
                channel=body.input_channel or self.name,
                metadata=body.metadata,
                message_id=body.message_id,
            )
            parts = [message_json(body.sender, message) for message in turn.messages]
            return JSONResponse([part for message in parts for part in message])

        return router
