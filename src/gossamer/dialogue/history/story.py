"""A conversation that happened as the steps of a story."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from gossamer.data.domain.domain import ACTION_LISTEN
from gossamer.data.errors import DataError
from gossamer.data.stories.steps import (
    ActionStep,
    BotStep,
    LoopStep,
    SlotStep,
    Step,
    Story,
    StoryData,
    UserStep,
)
from gossamer.data.stories.yaml_writer import dump_stories
from gossamer.dialogue.history.events import (
    ActionExecuted,
    ActiveLoop,
    Event,
    SlotSet,
    UserUttered,
)
from gossamer.dialogue.history.situation import ACTION_SESSION_START

_NOT_TOLD = (ACTION_LISTEN, ACTION_SESSION_START)


def steps_of(events: Iterable[Event]) -> tuple[Step, ...]:
    """Events as steps of a test story: messages with their texts, actions, slots and loops.

    Args:
        events: those that count, as of `Tracker.applied_events`.
    """
    return tuple(step for event in events for step in _step(event))


def _step(event: Event) -> Iterator[Step]:
    match event:
        case UserUttered(text=text, intent=intent) if text or intent:
            yield UserStep(text=text or None, intent=intent, entities=tuple(event.entities))
        case ActionExecuted(name=str(name)) if name not in _NOT_TOLD:
            yield ActionStep(name=name)
        case ActionExecuted(action_text=str(said)):
            yield BotStep(text=said)
        case SlotSet():
            yield SlotStep(name=event.name, value=event.value)
        case ActiveLoop():
            yield LoopStep(name=event.name)


def writable(story: Story) -> Story:
    """What YAML can carry of a story; the other steps are left out, or what they say besides."""
    steps: list[Step] = []
    for step in story.steps:
        choices: list[Step] = [step]
        if isinstance(step, UserStep):
            without_places = tuple(
                dataclasses.replace(entity, start=None, end=None) for entity in step.entities
            )
            choices.append(UserStep(intent=step.intent, entities=without_places))
            choices.append(UserStep(intent=step.intent))
        steps += [choice for choice in choices if _can_be_written(choice)][:1]
    return Story(name=story.name, steps=tuple(steps))


def _can_be_written(step: Step) -> bool:
    if isinstance(step, UserStep) and step.intent is None and step.text is None:
        return False
    try:
        dump_stories(StoryData(stories=(Story(name="step", steps=(step,)),)))
    except DataError:
        return False
    return True
