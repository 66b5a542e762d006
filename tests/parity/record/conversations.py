"""Short names to write conversations down, in the layout of `dialogue_data.event_as_json`."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]

LISTEN: Json = {"event": "action", "name": "action_listen"}


def user(intent: str | None, text: str | None = None, **more: Any) -> Json:
    """A message. `more`: `entities`, and `confidence` of the intent."""
    found = {"event": "user", "intent": intent, "text": text, **more}
    return {key: value for key, value in found.items() if value is not None}


def said(intent: str | None, text: str | None = None, **more: Any) -> list[Json]:
    """The assistant listens and the user says something."""
    return [LISTEN, user(intent, text, **more)]


def entity(kind: str, value: Any, **more: Any) -> Json:
    """An entity; `more`: `role`, `group`."""
    return {"entity": kind, "value": value, **more}


def action(name: str, **more: Any) -> Json:
    """An action with a name; `more`: `hide_rule_turn`."""
    return {"event": "action", "name": name, **more}


def slot(name: str, value: Any) -> Json:
    """A slot gets a value."""
    return {"event": "slot", "name": name, "value": value}


def loop(name: str | None) -> Json:
    """A loop becomes active, or none."""
    return {"event": "active_loop", "name": name}


def event(kind: str, **fields: Any) -> Json:
    """Any other event."""
    return {"event": kind, **fields}


def rejected(name: str) -> Json:
    """An action would not run."""
    return event("action_execution_rejected", name=name)
