"""A conversation's state as JSON of Rasa's shape, as action servers and the HTTP API expect it."""

from __future__ import annotations

from typing import Any

from gossamer.dialogue.history.events import UserUttered
from gossamer.dialogue.history.tracker import Tracker

_NO_MESSAGE = UserUttered(confidence=0.0)


def current_state(tracker: Tracker) -> dict[str, Any]:
    """The state: slots, the last message, the active loop, and all events."""
    events = tracker.events
    message = tracker.latest_message
    heard = [event for event in events if isinstance(event, UserUttered)]
    action = tracker.latest_action
    latest_action: dict[str, str | None] = {}
    if action is not None and action.name is not None:
        latest_action = {"action_name": action.name}
    elif action is not None:
        latest_action = {"action_text": action.action_text}
    return {
        "sender_id": tracker.sender_id,
        "slots": dict(tracker.slots),
        "latest_message": {
            **(_NO_MESSAGE if message is None else message).parse_data,
            "message_id": None if message is None else message.message_id,
            "metadata": {} if message is None else dict(message.metadata),
        },
        "latest_event_time": events[-1].timestamp if events else None,
        "followup_action": tracker.followup_action,
        "paused": tracker.is_paused,
        "events": [event.to_dict() for event in events],
        "latest_input_channel": heard[-1].input_channel if heard else None,
        "active_loop": _active_loop(tracker),
        "latest_action": latest_action,
        "latest_action_name": tracker.latest_action_name,
    }


def _active_loop(tracker: Tracker) -> dict[str, Any]:
    loop = tracker.active_loop
    if loop is None:
        return {}
    return {
        "name": loop.name,
        "is_interrupted": loop.is_interrupted,
        "rejected": loop.is_rejected,
        "trigger_message": None if loop.trigger is None else loop.trigger.parse_data,
    }
