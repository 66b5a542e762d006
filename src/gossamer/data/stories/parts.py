"""What story files of all formats have in common: what makes a step and a story valid."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Final

from gossamer.data.entities import Entity
from gossamer.data.errors import DataError, Location
from gossamer.data.nlu.direct_message import parse_direct_message
from gossamer.data.nlu.formats.annotations import parse_annotated
from gossamer.data.nlu.intents import intent_name
from gossamer.data.stories.steps import (
    ActionStep,
    CheckpointStep,
    EventStep,
    Step,
    UserStep,
)

PLAIN_EVENTS: Final = frozenset(
    {"export", "pause", "reset_slots", "restart", "resume", "rewind", "session_started", "undo"}
)
"""Events that need no fields; Rasa reads them in place of the name of an action."""

EVENTS_WITH_FIELDS: Final = frozenset(
    {
        "action_execution_rejected",
        "agent",
        "bot",
        "cancel_reminder",
        "entities",
        "followup",
        "form_validation",
        "loop_interrupted",
        "reminder",
        "user",
        "user_featurization",
    }
)
"""Events that mean nothing without fields."""

_STEPS_OF_THEIR_OWN = frozenset({"action", "active_loop", "form", "slot"})


def action_step(name: str, where: Location | None = None) -> ActionStep | EventStep:
    """The step of an action's name, which is an event if Rasa takes the name for one.

    Args:
        name: as written.
        where: where it was read.

    Raises:
        DataError: there is no name, or it is that of an event that needs fields.
    """
    if not name.strip():
        raise DataError("an action needs a name", where=where, hint="action: utter_greet")
    if name in PLAIN_EVENTS:
        return EventStep(name=name, where=where)
    if name in EVENTS_WITH_FIELDS | _STEPS_OF_THEIR_OWN:
        raise DataError(
            "an action must not have the name of an event",
            got=name,
            where=where,
            hint="another name for the action, in the domain too",
        )
    return ActionStep(name=name, where=where)


def event_step(name: str, fields: Mapping[str, Any], where: Location | None = None) -> EventStep:
    """The step of an event with fields; an old name becomes the current one.

    Raises:
        DataError: there is no such event, or it needs fields and has none.
    """
    if name == "form_validation":
        return EventStep(
            name="loop_interrupted",
            fields={"is_interrupted": not fields.get("validate", True)},
            where=where,
        )
    if name not in PLAIN_EVENTS | EVENTS_WITH_FIELDS:
        raise DataError(
            "only events have fields; an action has none",
            got=f"{name} {dict(fields)}",
            where=where,
            hint="a name alone; events with fields are slot, active_loop, "
            + ", ".join(sorted(EVENTS_WITH_FIELDS)),
        )
    if not fields and name in EVENTS_WITH_FIELDS:
        raise DataError(f"the event '{name}' needs fields", where=where, hint="remove it")
    return EventStep(name=name, fields=dict(fields), where=where)


def story_intent(text: str, where: Location | None = None) -> str:
    """The intent that a story names; a leading "/" is dropped with a warning, as Rasa does.

    Raises:
        DataError: as `intent_name`.
    """
    name = text.strip()
    if name.startswith("/"):
        warnings.warn(f"{where}: the intent '{name}' needs no '/'", stacklevel=2)
        name = name[1:]
    return intent_name(name, where)


def message_step(text: str, intent: str | None, where: Location | None = None) -> UserStep:
    """What a user says, word for word: a text with annotations, or a direct message.

    Departure from Rasa: a direct message without an intent beside it (`user: /greet`) has the
    intent it names; Rasa gives it none.

    Args:
        text: as written.
        intent: the intent that was written beside it, or None.
        where: where it was read.

    Raises:
        DataError: an annotation or the JSON of a direct message is broken.
    """
    direct = parse_direct_message(text)
    if direct is None:
        plain, annotated = parse_annotated(text, where)
        return UserStep(intent=intent, text=plain, entities=annotated, where=where)
    if direct.values is None:
        raise DataError(
            "the entities of a direct message must be valid JSON",
            got=text,
            where=where,
            hint='/inform{"city": "Rome"}',
        )
    return UserStep(
        intent=intent_name(direct.intent, where) if intent is None else intent,
        text=text,
        entities=tuple(
            Entity(entity=entity, value=value, start=direct.start, end=direct.end)
            for entity, value in direct.entities()
        ),
        where=where,
    )


def check_steps(kind: str, name: str, steps: Sequence[Step], where: Location | None) -> None:
    """Refuse steps that do not make a story.

    Args:
        kind: "story" or "rule".
        name: its name.
        steps: its steps.
        where: where it was read.

    Raises:
        DataError: there are no steps but checkpoints, a checkpoint that does not begin the story
            has conditions (Rasa drops them), or a rule has a checkpoint.
    """
    if not any(not isinstance(step, CheckpointStep) for step in steps):
        besides = " besides checkpoints" if steps else ""
        raise DataError(
            f"a {kind} needs steps{besides}", got=name, where=where, hint=f"remove the {kind}"
        )
    begins = True
    for step in steps:
        if not isinstance(step, CheckpointStep):
            begins = False
        elif kind == "rule":
            raise DataError(
                "a rule must not have checkpoints", got=step.name, where=step.where, hint="a story"
            )
        elif step.conditions and not begins:
            raise DataError(
                "only a checkpoint that a story begins with has conditions",
                got=step.name,
                where=step.where,
                hint="move them to the stories that begin with it",
            )
