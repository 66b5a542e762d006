"""States as JSON of Rasa's layout, and back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from gossamer.data.domain.domain import Domain
from gossamer.dialogue.history.state import State, UserState


def states_to_dicts(states: Sequence[State]) -> list[dict[str, Any]]:
    """JSON of Rasa's layout."""
    return [state.to_dict() for state in states]


def states_from_dicts(contents: Iterable[Mapping[str, Any]], domain: Domain) -> tuple[State, ...]:
    """What `states_to_dicts` wrote; slots in the domain's order.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: it is not that.
    """
    order = {slot.name: number for number, slot in enumerate(domain.slots)}
    return tuple(_state_from_dict(content, order) for content in contents)


def _state_from_dict(content: Mapping[str, Any], order: Mapping[str, int]) -> State:
    user = content.get("user")
    slots: list[tuple[str, tuple[float, ...] | str]] = [
        (name, value if isinstance(value, str) else tuple(float(x) for x in value))
        for name, value in content.get("slots", {}).items()
    ]
    slots.sort(key=lambda part: order[part[0]])
    action = content.get("prev_action", {})
    return State(
        None
        if not user
        else UserState(_text(user, "intent"), _text(user, "text"), _labels(user.get("entities"))),
        _text(action, "action_name"),
        _text(action, "action_text"),
        tuple(slots),
        _text(content.get("active_loop", {}), "name"),
    )


def _text(content: Mapping[str, Any], key: str) -> str | None:
    value = content.get(key)
    if value is not None and not isinstance(value, str):
        raise TypeError(f'"{key}" must be a text')
    return value


def _labels(value: Collection[str] | None) -> tuple[str, ...]:
    labels = () if value is None else tuple(value)
    if not all(isinstance(label, str) for label in labels):
        raise TypeError('"entities" must be names')
    return labels
