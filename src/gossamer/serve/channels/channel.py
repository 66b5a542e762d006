"""What a channel is: routes of its own under /webhooks/NAME, and a way to send messages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from fastapi import APIRouter

from gossamer.dialogue.history.events import BotUttered

if TYPE_CHECKING:
    from gossamer.serve.server import Server


class Channel(ABC):
    """A way by which people talk with the assistant.

    Args:
        server: takes messages, `await server.handle(text, sender_id, channel=self.name)`.
        options: what `credentials.yml` says under its name.
    """

    name: ClassVar[str]

    def __init__(self, server: Server, options: Mapping[str, Any]) -> None:
        self.server = server
        self.options = options

    @abstractmethod
    def routes(self) -> APIRouter:
        """Its routes; they are put under /webhooks/NAME."""

    async def send(self, recipient_id: str, messages: Sequence[BotUttered]) -> bool:
        """Send messages that answer no request: of a reminder, or of another program.

        Returns:
            Whether the channel can; this one cannot.
        """
        return False


def message_json(recipient_id: str, message: BotUttered) -> list[dict[str, Any]]:
    """A message as Rasa's REST channel writes it: texts apart from what else it has.

    Blank lines part a text into several messages, as in Rasa.
    """
    to = {"recipient_id": recipient_id}
    data = message.data
    parts: list[dict[str, Any]] = []
    if message.text is not None:
        texts = [text.strip() for text in message.text.split("\n\n")]
        parts = [to | {"text": text} for text in texts if text]
    if data.get("buttons"):
        if not parts:
            parts = [to | {"text": ""}]
        parts[-1]["buttons"] = data["buttons"]
    parts += [to | {key: data[key]} for key in ("image", "attachment", "custom") if data.get(key)]
    return parts
