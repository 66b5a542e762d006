"""What sends messages that answer no request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gossamer.dialogue.history.events import BotUttered


class Outgoing(Protocol):
    """A channel, as the server sees it."""

    async def send(self, recipient_id: str, messages: Sequence[BotUttered]) -> bool:
        """Send messages; False if it cannot."""
