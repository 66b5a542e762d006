"""What a channel is: routes of its own under /webhooks/NAME, and a way to send messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from fastapi import APIRouter
from starlette.types import ASGIApp

from gossamer.dialogue.history.events import BotUttered
from gossamer.serve.channels.messages import message_json

if TYPE_CHECKING:
    from gossamer.serve.server import Server

__all__ = ["Channel", "message_json"]


class Channel:
    """A way by which people talk with the assistant. Own channels are made from this class.

    `credentials.yml` names an own channel by its module path, and what is under it are its options:

        my_channels.MyChannel:
          greeting: Hello

    Its methods, all of which may be left out, are called in the server's event loop, and must not
    block; what blocks runs with `await self.server.in_thread(lambda: ...)`.

    Args:
        server: takes messages: `turn = await self.server.handle(text, sender_id,
            channel=self.name)`. What was said is in `turn.messages`, and stored already.
        options: what `credentials.yml` says under its name.

    Attributes:
        name: letters, digits, and any of "_.-"; its routes are under /webhooks/NAME, and messages
            that come through it have it as their input channel.
        server: as given.
        options: as given.
    """

    name: ClassVar[str]

    def __init__(self, server: Server, options: Mapping[str, Any]) -> None:
        self.server = server
        self.options = options

    def routes(self) -> APIRouter:
        """Its routes, HTTP or WebSocket; they are put under /webhooks/NAME. By default none."""
        return APIRouter()

    def applications(self) -> Mapping[str, ASGIApp]:
        """Whole ASGI applications by the path that they take. By default none."""
        return {}

    async def start(self) -> None:
        """Called when the server starts, before the first message. By default nothing."""

    async def stop(self) -> None:
        """Called when the server ends, after the last request. By default nothing."""

    async def send(self, recipient_id: str, messages: Sequence[BotUttered]) -> bool:
        """Send messages that answer no request: of a reminder, or of another program.

        Args:
            recipient_id: whom they are for, the sender of the conversation.
            messages: what the assistant says, in order. It is stored already.

        Returns:
            Whether the channel can; by default it cannot.
        """
        return False
