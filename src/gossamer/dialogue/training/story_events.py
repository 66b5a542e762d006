"""From steps of a story to events of a conversation.

As in Rasa 3.6: the assistant listens before each message and at the end; entities of a message fill
the slots that are mapped from them; a slot that is only named has some value.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from gossamer.data.domain.domain import ACTION_LISTEN, Domain
from gossamer.data.domain.slots import MappingType, SlotMapping, SlotType
from gossamer.data.entities import Entity
from gossamer.data.errors import DataError, place_prefix
from gossamer.data.stories.steps import (
    ActionStep,
    BotStep,
    EventStep,
    LoopStep,
    SlotStep,
    UserStep,
)
from gossamer.dialogue.history.event_json import event_from_dict
from gossamer.dialogue.history.events import ActionExecuted, ActiveLoop, Event, SlotSet, UserUttered
from gossamer.dialogue.history.situation import SHOULD_NOT_BE_SET

PlainStep = UserStep | ActionStep | BotStep | SlotStep | LoopStep | EventStep

LISTEN = ActionExecuted(name=ACTION_LISTEN)


def step_events(step: PlainStep, domain: Domain, *, in_rule: bool = False) -> list[Event]:
    """The events of one step, followed by those it implies.

    Args:
        step: a step.
        domain: decides what slots and entities mean.
        in_rule: a slot or loop without a value then must not be set, rather than is not.

    Raises:
        DataError: an event's fields are not valid.
    """
    match step:
        case UserStep():
            message = UserUttered(text=step.text, intent=step.base_intent, entities=step.entities)
            return [message, *entity_slots(step.entities, domain)]
        case ActionStep():
            return [ActionExecuted(name=step.name)]
        case BotStep():
            return [ActionExecuted(action_text=step.text)]
        case SlotStep():
            value = slot_value(step, domain)
            if in_rule and value is None:
                value = SHOULD_NOT_BE_SET
            return [SlotSet(name=step.name, value=value)]
        case LoopStep():
            name = SHOULD_NOT_BE_SET if in_rule and step.name is None else step.name
            return [ActiveLoop(name=name)]
        case EventStep():
            return [_other_event(step)]


def slot_value(step: SlotStep, domain: Domain) -> Any:
    """What a step sets a slot to.

    A slot that is only named gets some value of its type where any value is as good as another:
    a text, or a list of one. Otherwise its value matters; without one it counts as not set, with a
    warning, as in Rasa 3.6.
    """
    slot = domain.slot_by_name.get(step.name)
    if not step.is_named_only or slot is None:
        return step.value
    if slot.type is SlotType.TEXT:
        return "filled"
    if slot.type is SlotType.LIST:
        return ["filled"]
    if slot.feature_size > 0:
        place = place_prefix(step.where)
        warnings.warn(
            f"{place}the {slot.type} slot '{step.name}' has no value here, which counts as not "
            f"set. Try: {step.name}: VALUE",
            stacklevel=2,
        )
    return None


def entity_slots(entities: Sequence[Entity], domain: Domain) -> list[Event]:
    """Slots that entities fill in a story, as Rasa 3.6 fills them.

    Mappings that count only in a form do not count here. A list slot gets all values, another one
    the last.
    """
    if not domain.store_entities_as_slots or not entities:
        return []
    events: list[Event] = []
    for slot in domain.slots:
        values = [
            entity.value
            for mapping in slot.mappings
            if _counts_in_stories(mapping)
            for entity in entities
            if matches(mapping, entity)
        ]
        if values:
            value = values if slot.type is SlotType.LIST else values[-1]
            events.append(SlotSet(name=slot.name, value=value))
    return events


def matches(mapping: SlotMapping, entity: Entity) -> bool:
    """Whether an entity is of the type, role and group that a mapping names."""
    wanted = (mapping.entity, mapping.role, mapping.group)
    return wanted == (entity.entity, entity.role, entity.group)


def _counts_in_stories(mapping: SlotMapping) -> bool:
    is_conditional = bool(mapping.conditions) and mapping.conditions[0].active_loop is not None
    return mapping.type is MappingType.FROM_ENTITY and not is_conditional


def _other_event(step: EventStep) -> Event:
    try:
        return event_from_dict({"event": step.name, **step.fields})
    except DataError as error:
        raise DataError(
            f"an event in a story must be one that Gossamer knows: {error.must_hold}",
            got={step.name: dict(step.fields)},
            where=step.where,
            hint=error.hint,
        ) from None
