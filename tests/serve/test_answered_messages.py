"""A message that comes again finds its turn."""

from __future__ import annotations

from typing import Any

import pytest

from gossamer.dialogue.history.event_json import events_from_dicts
from gossamer.serve.conversations import answer_to

EVENTS: list[dict[str, Any]] = [
    {"event": "action", "name": "action_session_start"},
    {"event": "user", "text": "a", "message_id": "1"},
    {"event": "bot", "text": "A1"},
    {"event": "slot", "name": "s", "value": None},
    {"event": "bot", "text": "A2"},
    {"event": "user", "text": "b", "message_id": "2"},
    {"event": "user", "text": "c", "message_id": None},
    {"event": "bot", "text": "C"},
]


@pytest.mark.parametrize(
    ("message_id", "expected"), [("1", ["A1", "A2"]), ("2", []), ("3", None), ("None", None)]
)
def test_a_turn_is_what_was_said_up_to_the_next_message(
    message_id: str, expected: list[str] | None
) -> None:
    turn = answer_to(events_from_dicts(EVENTS), message_id)
    assert (None if turn is None else [event.text for event in turn]) == expected
