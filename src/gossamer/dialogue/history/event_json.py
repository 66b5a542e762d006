"""Events read from JSON of Rasa's shape; `Event.to_dict` writes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from gossamer.data.entities import Entity
from gossamer.data.errors import DataError
from gossamer.dialogue.history.events import (
    UNDERSTOOD,
    ActionExecuted,
    ActionExecutionRejected,
    ActionReverted,
    ActiveLoop,
    AgentUttered,
    AllSlotsReset,
    BotUttered,
    ConversationPaused,
    ConversationResumed,
    EntitiesAdded,
    Event,
    FollowupAction,
    LoopInterrupted,
    ReminderCancelled,
    ReminderScheduled,
    Restarted,
    SessionStarted,
    SlotSet,
    StoryExported,
    UserFeaturization,
    UserUtteranceReverted,
    UserUttered,
    json_keys,
)
from gossamer.nlu.pipeline.parse import Parse

_TYPES: Mapping[str, type[Event]] = {
    kind.type_name: kind
    for kind in (
        UserUttered,
        BotUttered,
        ActionExecuted,
        SlotSet,
        AllSlotsReset,
        ActiveLoop,
        LoopInterrupted,
        ActionExecutionRejected,
        FollowupAction,
        SessionStarted,
        Restarted,
        UserUtteranceReverted,
        ActionReverted,
        ConversationPaused,
        ConversationResumed,
        UserFeaturization,
        EntitiesAdded,
        ReminderScheduled,
        ReminderCancelled,
        StoryExported,
        AgentUttered,
    )
} | {"form": ActiveLoop}

EVENT_NAMES: Final = frozenset({*_TYPES, "form_validation"})
"""What JSON of events has under "event"."""


def event_from_dict(content: object) -> Event:
    """The event that JSON of Rasa's shape describes; further keys are ignored.

    Legacy names count: "form" for "active_loop", "form_validation" for "loop_interrupted".

    Raises:
        DataError: it is not such JSON; the message names the first fault.
    """
    if not isinstance(content, Mapping) or not isinstance(content.get("event"), str):
        raise DataError('an event must be a mapping with the key "event"', got=content)
    name = content["event"]
    if name == "form_validation":
        is_interrupted = not content.get("validate", True)
        return _checked(LoopInterrupted, {**content, "is_interrupted": is_interrupted})
    kind = _TYPES.get(name)
    if kind is None:
        raise DataError(
            "an event must be of a known type", got=name, hint=f"one of {', '.join(sorted(_TYPES))}"
        )
    if kind is UserUttered:
        return _user_uttered(content)
    if kind is EntitiesAdded and isinstance(content.get("entities"), list | tuple):
        content = {**content, "entities": tuple(map(Entity.from_dict, content["entities"]))}
    event = _checked(kind, content)
    if isinstance(event, BotUttered):
        _check_buttons(event.data)
    return event


def events_from_dicts(contents: object) -> list[Event]:
    """Events in order; see `event_from_dict`.

    Raises:
        DataError: it is not a list of them.
    """
    if not isinstance(contents, Sequence) or isinstance(contents, str | bytes):
        raise DataError("events must be a list", got=contents)
    return [event_from_dict(content) for content in contents]


@cache
def _adapter(type_name: str) -> TypeAdapter[Event]:
    return TypeAdapter(_TYPES[type_name])


def _checked(kind: Any, content: Mapping[str, Any]) -> Event:
    known = json_keys(kind)
    given = {name: content[key] for name, key in known.items() if key in content}
    for name in ("metadata", "data"):
        if name in given and given[name] is None:
            del given[name]
    try:
        return _adapter(kind.type_name).validate_python(given)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise DataError(
            f'the event "{kind.type_name}" must have a valid {place or "content"}: '
            f"{problem['msg']}",
            got=dict(content),
        ) from None


def _user_uttered(content: Mapping[str, Any]) -> Event:
    parse_data = content.get("parse_data") or {}
    if not isinstance(parse_data, Mapping):
        raise DataError('the event "user" must have a mapping as parse_data', got=parse_data)
    intent = parse_data.get("intent") or {}
    entities = parse_data.get("entities") or []
    if not isinstance(intent, Mapping) or not isinstance(entities, list):
        raise DataError('the event "user" must have an intent and a list of entities', got=content)
    ranking = parse_data.get("intent_ranking") or []
    if not _are_mappings(ranking):
        raise DataError("an intent_ranking must be a list of mappings", got=ranking)
    said = UserUttered.of(Parse.from_dict(parse_data))
    return _checked(UserUttered, {**content, **{key: getattr(said, key) for key in UNDERSTOOD}})


def _check_buttons(data: Mapping[str, Any]) -> None:
    for key in ("buttons", "quick_replies"):
        if not _are_mappings(data.get(key) or []):
            raise DataError(f"the {key} of a message must be a list of mappings", got=data[key])


def _are_mappings(content: object) -> bool:
    return isinstance(content, list | tuple) and all(isinstance(x, Mapping) for x in content)
