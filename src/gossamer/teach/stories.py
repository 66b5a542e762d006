"""A conversation that happened as a story to learn from."""

from __future__ import annotations

from collections.abc import Iterable

from gossamer.data.domain.domain import Domain
from gossamer.data.entities import Entity
from gossamer.data.stories.steps import SlotStep, Step, Story, UserStep
from gossamer.dialogue.history.events import Event
from gossamer.dialogue.history.story import steps_of, writable


def story_to_learn(name: str, events: Iterable[Event], domain: Domain) -> Story:
    """The story that events tell, in which messages count by their intents.

    What users wrote is not in it, as Rasa's training stories have it; nor are slots that policies
    do not see, nor what YAML cannot carry.

    Args:
        name: of the story.
        events: those that count, as of `Tracker.applied_events`.
        domain: of the assistant.
    """
    seen = {slot.name for slot in domain.slots if slot.feature_size > 0}
    steps: list[Step] = []
    for step in steps_of(events):
        if isinstance(step, UserStep) and step.intent is not None:
            step = UserStep(intent=step.intent, entities=tuple(map(_named, step.entities)))
        if not isinstance(step, SlotStep) or step.name in seen:
            steps.append(step)
    return writable(Story(name=name, steps=tuple(steps)))


def _named(entity: Entity) -> Entity:
    """What a story says of an entity."""
    return Entity(entity=entity.entity, value=entity.value, role=entity.role, group=entity.group)
