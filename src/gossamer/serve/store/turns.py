"""Finding a turn again, so that a message sent twice is not answered twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def turn_of(events: Sequence[Mapping[str, Any]], message_id: str) -> list[Mapping[str, Any]] | None:
    """What the assistant said to a message, if it was stored already.

    Args:
        events: of the conversation, in order.
        message_id: the message's id, as its user event has it.

    Returns:
        The bot events from that user event (the last one with this id) to the next; None if no
        user event has this id.
    """
    said: list[Mapping[str, Any]] = []
    for event in reversed(events):
        if event["event"] == "bot":
            said.append(event)
        elif event["event"] == "user":
            if event.get("message_id") == message_id:
                return said[::-1]
            said = []
    return None
