"""What a person teaches: what a message means, or how a conversation goes; and its JSON.

The JSON is the same in HTTP, in the journal and in Python:

    {"kind": "message", "text": "to Rome", "intent": "inform",
     "entities": [{"start": 3, "end": 7, "entity": "city", "role": "to"}]}
    {"kind": "story", "name": "greet", "steps": [{"intent": "greet"}, {"action": "utter_greet"}]}

An entity's `value` is the text that it covers unless something else is given; `role` and `group`
may be left out. Steps of a story are those of a story file, entities in the form above: with
`start` and `end` where the step has the text of the `user`, without where it has none.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeGuard

from gossamer.data.entities import Entity
from gossamer.data.errors import DataError
from gossamer.data.nlu.direct_message import parse_direct_message
from gossamer.data.nlu.examples import Example
from gossamer.data.nlu.intents import intent_name
from gossamer.data.stories.parts import action_step, check_steps, message_step, story_intent
from gossamer.data.stories.steps import (
    ActionStep,
    BotStep,
    EventStep,
    LoopStep,
    SlotStep,
    Step,
    Story,
    UserStep,
)
from gossamer.data.text.limits import MAX_DEPTH, is_too_deep

MOST_STEPS: Final = 1_000
"""Of a taught story: what would be written is worked out with each keystroke."""
_ENTITY_KEYS: Final = ("start", "end", "entity", "value", "role", "group")
_UNWRITABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class MessageCorrection:
    """What a message means: `example` has an intent, and its entities have places."""

    example: Example


@dataclass(frozen=True, slots=True)
class StoryCorrection:
    """How a conversation goes."""

    story: Story


Correction: TypeAlias = MessageCorrection | StoryCorrection


def correction_of(content: object) -> Correction:
    """The correction that JSON describes.

    Blanks at the ends of a message are dropped, as the assistant drops them before it reads one.

    Args:
        content: parsed JSON.

    Raises:
        DataError: it is none; the message says what must hold.
    """
    read = _mapping(content, "a correction", '{"kind": "message", ...} or {"kind": "story", ...}')
    kind = read.get("kind")
    if kind == "message":
        _known(read, ("kind", "text", "intent", "entities"), "a correction of a message")
        return MessageCorrection(_example(read))
    if kind == "story":
        _known(read, ("kind", "name", "steps"), "a taught story")
        return StoryCorrection(_story(read))
    raise DataError("the 'kind' of a correction must be 'message' or 'story'", got=kind)


def correction_json(correction: Correction) -> dict[str, Any]:
    """The JSON of a correction; `correction_of` gives an equal one back.

    Raises:
        DataError: a story has a step that corrections cannot have (a checkpoint, alternatives).
    """
    if isinstance(correction, MessageCorrection):
        example = correction.example
        entities = [_entity_json(entity, example.text) for entity in example.entities]
        return {
            "kind": "message",
            "text": example.text,
            "intent": example.intent,
            "entities": entities,
        }
    story = correction.story
    return {
        "kind": "story",
        "name": story.name,
        "steps": [_step_json(step) for step in story.steps],
    }


def _mapping(content: object, what: str, hint: str) -> Mapping[str, Any]:
    if not isinstance(content, Mapping):
        raise DataError(f"{what} must be a JSON object", got=content, hint=hint)
    return content


def _known(content: Mapping[str, Any], keys: Sequence[str], what: str) -> None:
    for key in content:
        if key not in keys:
            raise DataError(f"{what} has the keys {', '.join(keys)}", got=key)


def _text(content: Mapping[str, Any], key: str, what: str) -> str:
    text = content.get(key)
    if not isinstance(text, str) or not text.strip():
        raise DataError(f"'{key}' of {what} must be a text that is not blank", got=text)
    if _UNWRITABLE.search(text) is not None:
        raise DataError(
            f"'{key}' of {what} must hold no NUL character and no half surrogate pair", got=text
        )
    return text


def _list(content: Mapping[str, Any], key: str, what: str) -> Sequence[Any]:
    items = content.get(key)
    if not isinstance(items, list | tuple):
        raise DataError(f"'{key}' of {what} must be a list", got=items)
    return items


def _example(content: Mapping[str, Any]) -> Example:
    what = "a correction of a message"
    written = _text(content, "text", what)
    text = written.strip()
    n_dropped = len(written) - len(written.lstrip())
    intent = intent_name(_text(content, "intent", what))
    items = _list(content, "entities", what) if content.get("entities") is not None else ()
    entities = [_placed_entity(item, written, n_dropped) for item in items]
    return Example(text=text, intent=intent, entities=_in_order(entities, text))


def _in_order(entities: Sequence[Entity], text: str) -> tuple[Entity, ...]:
    ordered = sorted(entities, key=lambda entity: entity.span)
    for first, second in itertools.pairwise(ordered):
        if first.span[1] > second.span[0] and first.span != second.span:
            raise DataError(
                "entities of a message must not overlap, unless they cover the same text",
                got=(text[slice(*first.span)], text[slice(*second.span)]),
            )
    if len(set(map(repr, ordered))) < len(ordered):
        raise DataError("an entity must be given once", got=[e.entity for e in ordered])
    return tuple(ordered)


def _placed_entity(content: object, text: str, n_dropped: int) -> Entity:
    """An entity with a place in a text, from whose beginning blanks are dropped."""
    read = _mapping(content, "an entity", '{"start": 0, "end": 5, "entity": "city"}')
    _known(read, _ENTITY_KEYS, "an entity of a message")
    start, end = read.get("start"), read.get("end")
    if not _is_whole(start) or not _is_whole(end) or not 0 <= start < end <= len(text):
        raise DataError(
            f"'start' and 'end' of an entity must lie in the text of {len(text)} characters, the "
            "end after the start",
            got=(start, end),
        )
    covered = text[start:end]
    if not covered.strip() or covered != covered.strip():
        raise DataError("an entity must not begin or end with a blank", got=covered)
    return Entity(
        start=start - n_dropped,
        end=end - n_dropped,
        entity=_text(read, "entity", "an entity"),
        value=_value(read.get("value", covered)),
        role=_label(read, "role"),
        group=_label(read, "group"),
    )


def _is_whole(number: object) -> TypeGuard[int]:
    return isinstance(number, int) and not isinstance(number, bool)


def _value(value: object) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(value, str):
        if _UNWRITABLE.search(value) is not None:
            raise DataError("the value of an entity must hold no NUL character", got=value)
        return value
    if not is_number or (isinstance(value, float) and not math.isfinite(value)):
        raise DataError("the value of an entity must be a text or a number", got=value)
    try:
        str(value)
    except ValueError:  # nor could it be written
        raise DataError("the value of an entity must not have thousands of digits") from None
    return value


def _label(content: Mapping[str, Any], key: str) -> str | None:
    return None if content.get(key) is None else _text(content, key, "an entity")


def _entity_json(entity: Entity, text: str | None) -> dict[str, Any]:
    parts: dict[str, Any] = {"start": entity.start, "end": entity.end, "entity": entity.entity}
    is_value = "" if text is None or not entity.has_place else text[slice(*entity.span)]
    if entity.value != is_value or type(entity.value) is not str:
        parts["value"] = entity.value
    parts |= {"role": entity.role, "group": entity.group}
    return {key: part for key, part in parts.items() if part is not None}


def _story(content: Mapping[str, Any]) -> Story:
    name = _text(content, "name", "a taught story").strip()
    items = _list(content, "steps", "a taught story")
    if len(items) > MOST_STEPS:
        raise DataError(f"a taught story may have {MOST_STEPS} steps", got=len(items))
    steps = tuple(step for item in items for step in _steps(item))
    check_steps("story", name, steps, None)
    return Story(name=name, steps=steps)


def _steps(content: object) -> Sequence[Step]:
    read = _mapping(content, "a step", '{"intent": "greet"} or {"action": "utter_greet"}')
    kind = next((key for key in _STEPS if key in read), None)
    if kind is None:
        raise DataError(
            f"a step of a taught story must have one of the keys {', '.join(_STEPS)}", got=read
        )
    keys, make = _STEPS[kind]
    _known(read, keys, f"a step with '{kind}'")
    return make(read)


def _user_step(content: Mapping[str, Any]) -> Sequence[Step]:
    what = "a step"
    intent = story_intent(_text(content, "intent", what)) if "intent" in content else None
    items = _list(content, "entities", what) if content.get("entities") is not None else ()
    if content.get("user") is None:
        if intent is None:
            raise DataError("a step of the user must have an 'intent' or a text", got=content)
        return (UserStep(intent=intent, entities=tuple(map(_named_entity, items))),)
    written = _text(content, "user", what)
    text = written.strip()
    if parse_direct_message(text) is not None:
        if items:
            raise DataError("a direct message must hold its entities itself", got=text)
        return (message_step(text, intent),)
    n_dropped = len(written) - len(written.lstrip())
    entities = [_placed_entity(item, written, n_dropped) for item in items]
    return (UserStep(intent=intent, text=text, entities=_in_order(entities, text)),)


def _named_entity(content: object) -> Entity:
    """An entity of a step without a text."""
    read = _mapping(content, "an entity", '{"entity": "city", "value": "Rome"}')
    _known(read, _ENTITY_KEYS, "an entity of a step")
    return Entity(
        entity=_text(read, "entity", "an entity"),
        value=_value(read.get("value", "")),
        role=_label(read, "role"),
        group=_label(read, "group"),
    )


def _action_step(content: Mapping[str, Any]) -> Sequence[Step]:
    return (action_step(_text(content, "action", "a step").strip()),)


def _bot_step(content: Mapping[str, Any]) -> Sequence[Step]:
    return (BotStep(text=_text(content, "bot", "a step").strip()),)


def _slot_steps(content: Mapping[str, Any]) -> Sequence[Step]:
    slots = _mapping(content["slot_was_set"], "'slot_was_set'", '{"slot_was_set": {"city": "x"}}')
    if not slots:
        raise DataError("'slot_was_set' must name a slot", got=slots)
    for name, value in slots.items():
        if not isinstance(name, str) or not name.strip():
            raise DataError("a slot needs a name", got=name)
        if is_too_deep(value):
            raise DataError(f"a value must not be nested more than {MAX_DEPTH} levels deep")
    return tuple(SlotStep(name=name, value=value) for name, value in slots.items())


def _loop_step(content: Mapping[str, Any]) -> Sequence[Step]:
    if content["active_loop"] is None:
        return (LoopStep(name=None),)
    return (LoopStep(name=_text(content, "active_loop", "a step").strip()),)


_USER_KEYS: Final = ("intent", "user", "entities")
_STEPS: Mapping[str, tuple[tuple[str, ...], Callable[[Mapping[str, Any]], Sequence[Step]]]] = {
    "intent": (_USER_KEYS, _user_step),
    "user": (_USER_KEYS, _user_step),
    "action": (("action",), _action_step),
    "bot": (("bot",), _bot_step),
    "slot_was_set": (("slot_was_set",), _slot_steps),
    "active_loop": (("active_loop",), _loop_step),
}


def _step_json(step: Step) -> dict[str, Any]:
    match step:
        case UserStep():
            parts: dict[str, Any] = {"intent": step.intent, "user": step.text}
            is_direct = step.text is not None and parse_direct_message(step.text) is not None
            if step.entities and not is_direct:
                parts["entities"] = [_entity_json(entity, step.text) for entity in step.entities]
            return {key: part for key, part in parts.items() if part is not None}
        case ActionStep():
            return {"action": step.name}
        case EventStep() if not step.fields:
            return {"action": step.name}
        case BotStep():
            return {"bot": step.text}
        case SlotStep() if not step.is_named_only:
            return {"slot_was_set": {step.name: step.value}}
        case LoopStep():
            return {"active_loop": step.name}
    raise DataError(
        "a taught story must consist of messages, actions, texts of the assistant, slots with "
        "their values, and loops",
        got=step,
    )
