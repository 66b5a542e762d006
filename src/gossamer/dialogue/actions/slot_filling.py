"""What a message fills in: slots by their mappings, as Rasa 3.6's `action_extract_slots` does.

For each slot its mappings are tried in order, and the first that gives a value counts. A mapping is
skipped when it is not meant for the message's intent, when none of its conditions holds, or when,
in a form, it would fill several of the form's slots and this is not the one asked for.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Final

from gossamer.data.domain.domain import REQUESTED_SLOT, Domain
from gossamer.data.domain.slots import MappingType, Slot, SlotMapping, SlotType
from gossamer.data.errors import place_prefix
from gossamer.dialogue.actions.action import ActionContext, slot_sets, with_events
from gossamer.dialogue.actions.remote_action import RemoteAction
from gossamer.dialogue.history.events import BotUttered, Event, SlotSet, UserUttered
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.training.story_events import matches

SESSION_METADATA_SLOT: Final = "session_started_metadata"
VALIDATE_SLOT_MAPPINGS: Final = "action_validate_slot_mappings"
_NEVER_FILLED = frozenset(
    {
        REQUESTED_SLOT,
        SESSION_METADATA_SLOT,
        "knowledge_base_listed_objects",
        "knowledge_base_last_object",
        "knowledge_base_last_object_type",
    }
)
_NO_MESSAGE = UserUttered()


def extract_slots(tracker: Tracker, context: ActionContext) -> list[Event]:
    """Slots that the last message fills.

    A mapping of the type "custom" runs its action, each action once; of what it wants only slots
    count. When the domain declares `action_validate_slot_mappings`, it sees all values before they
    are set and may change them, set None in place of a bad one, or say something; a slot it does
    not mention is valid. An action that fails is noted in the context's problems and fills nothing.

    Args:
        tracker: the conversation, the last message included; it is not changed.
        context: what else is needed.

    Returns:
        `SlotSet` events, and what `action_validate_slot_mappings` says.
    """
    proposed: list[SlotSet] = []
    actions_run: set[str] = set()
    for slot in context.domain.slots:
        if slot.name in _NEVER_FILLED:
            continue
        for mapping in slot.mappings:
            if not _is_tried(slot, mapping, tracker, context.domain):
                continue
            found = slot_value(slot, mapping, tracker)
            if found is not None:
                proposed.append(found)
                break
            action = mapping.action
            if (
                mapping.type is MappingType.CUSTOM
                and action is not None
                and action not in actions_run
            ):
                actions_run.add(action)
                events = _run(action, tracker, context)
                if any(isinstance(event, BotUttered) for event in events):
                    warnings.warn(
                        f"the action '{action}' fills slots, so what it says is not said, as in "
                        f"Rasa 3.6. Try: saying it in {VALIDATE_SLOT_MAPPINGS}",
                        stacklevel=2,
                    )
                proposed += slot_sets(events)
    return _validated(proposed, tracker, context)


def _validated(
    proposed: Sequence[SlotSet], tracker: Tracker, context: ActionContext
) -> list[Event]:
    if VALIDATE_SLOT_MAPPINGS not in context.domain.actions:
        return list(proposed)
    events = _run(VALIDATE_SLOT_MAPPINGS, with_events(tracker, proposed), context)
    decided = {event.name for event in slot_sets(events)}
    return [*events, *(event for event in proposed if event.name not in decided)]


def _run(name: str, tracker: Tracker, context: ActionContext) -> list[Event]:
    """What an action wants, only slots and messages."""
    try:
        events = RemoteAction(name).run(tracker, context)
    except Exception as error:  # what the message gives is filled in all the same
        return context.note(name, error)
    kept: list[Event] = [event for event in events if isinstance(event, SlotSet | BotUttered)]
    dropped = sorted({e.type_name for e in events} - {SlotSet.type_name, BotUttered.type_name})
    if dropped:
        warnings.warn(
            f"the action '{name}' fills slots; its events of the type {', '.join(dropped)} do not "
            "count. Try: another action for them",
            stacklevel=2,
        )
    return kept


def slot_value(slot: Slot, mapping: SlotMapping, tracker: Tracker) -> SlotSet | None:
    """What a mapping fills a slot with, its intents and conditions not asked; None: nothing.

    A list slot gets all entity values, another one the last. The value None is set only when the
    slot has another one.
    """
    values = _values(mapping, tracker)
    if not values:
        return None
    value = values if slot.type is SlotType.LIST else values[-1]
    if value is None and tracker.slots.get(slot.name) is None:
        return None
    return SlotSet(name=slot.name, value=value)


def _values(mapping: SlotMapping, tracker: Tracker) -> list[Any]:
    message = tracker.latest_message or _NO_MESSAGE
    match mapping.type:
        case MappingType.FROM_ENTITY:
            return [e.value for e in message.entities if matches(mapping, e)]
        case MappingType.FROM_INTENT:
            return [mapping.value]
        case MappingType.FROM_TRIGGER_INTENT:
            loops = {condition.active_loop for condition in mapping.conditions}
            active = tracker.active_loop_name
            is_meant = active is not None and (not loops or active in loops)
            return [mapping.value] if is_meant else []
        case MappingType.FROM_TEXT:
            return [message.text]
        case MappingType.CUSTOM:
            return []


def _is_tried(slot: Slot, mapping: SlotMapping, tracker: Tracker, domain: Domain) -> bool:
    return (
        _is_sound(slot, mapping, domain)
        and fits_intent(mapping, tracker, domain)
        and fits_conditions(slot, mapping, tracker)
        and not _is_ambiguous(slot, mapping, tracker, domain)
    )


def _is_sound(slot: Slot, mapping: SlotMapping, domain: Domain) -> bool:
    """Whether the entity or intents that a mapping names are in the domain; warns if not."""
    unknown: list[str] = []
    if mapping.type is MappingType.FROM_ENTITY:
        if all(entity.name != mapping.entity for entity in domain.entities):
            unknown = [f"entity '{mapping.entity}'"]
    elif mapping.type is MappingType.FROM_INTENT:
        unknown = [f"intent '{i}'" for i in mapping.intents if i not in domain.intent_names]
    if unknown:
        place = place_prefix(mapping.where)
        warnings.warn(
            f"{place}the slot '{slot.name}' is mapped from the {unknown[0]}, which the domain does "
            "not have, so it is not filled that way. Try: declaring it",
            stacklevel=2,
        )
    return not unknown


def fits_intent(mapping: SlotMapping, tracker: Tracker, domain: Domain) -> bool:
    """Whether a mapping is meant for the last message's intent.

    Intents that the active form ignores do not count, unless the mapping names them. A mapping
    with conditions of which none names the form does not care what the form ignores.
    """
    message = tracker.latest_message
    intent = None if message is None else message.intent
    if mapping.intents:
        return intent in mapping.intents
    loop = tracker.active_loop_name
    ignored: Sequence[str] = ()
    if loop is not None and loop in domain.forms:
        loops = {condition.active_loop for condition in mapping.conditions}
        ignored = domain.forms[loop].ignored_intents if not loops or loop in loops else ()
    return intent not in mapping.not_intents and intent not in ignored


def fits_conditions(slot: Slot, mapping: SlotMapping, tracker: Tracker) -> bool:
    """Whether one of a mapping's conditions holds, or it has none.

    None holds for the slot that a form asked for when the form was just rejected. Conditions of
    "from_trigger_intent" are not asked here; see `slot_value`.
    """
    if not mapping.conditions or mapping.type is MappingType.FROM_TRIGGER_INTENT:
        return True
    requested = tracker.slots.get(REQUESTED_SLOT)
    loop = tracker.active_loop
    if loop is not None and loop.is_rejected and requested == slot.name:
        return False
    return any(
        condition.active_loop == tracker.active_loop_name
        and (condition.active_loop is None or condition.requested_slot in (None, requested))
        for condition in mapping.conditions
    )


def _is_ambiguous(slot: Slot, mapping: SlotMapping, tracker: Tracker, domain: Domain) -> bool:
    """Whether a form is active in which an entity would fill this slot and another one alike."""
    form = domain.forms.get(tracker.active_loop_name or "")
    if (
        mapping.type is not MappingType.FROM_ENTITY
        or form is None
        or tracker.slots.get(REQUESTED_SLOT) == slot.name
        or slot.name not in form.required_slots
    ):
        return False
    alike = [
        other
        for name in form.required_slots
        if name in domain.slot_by_name
        for other in domain.slot_by_name[name].mappings
        if other == mapping
    ]
    return len(alike) > 1
