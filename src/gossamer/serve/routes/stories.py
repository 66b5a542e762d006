"""A conversation as a test story, as `gossamer test core` reads it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

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
from gossamer.dialogue.history.tracker import Tracker

_NOT_TOLD = (ACTION_LISTEN, ACTION_SESSION_START)


def story_text(tracker: Tracker, *, all_sessions: bool = False) -> str:
    """The conversation as YAML: messages with intents and entities, actions, slots and loops.

    What YAML cannot carry is left out: places of entities that overlap, values of no YAML type.

    Args:
        tracker: the conversation.
        all_sessions: one story for each session, rather than one for the last.
    """
    sessions = _sessions(tracker) if all_sessions else [tracker]
    told = [steps for session in sessions if (steps := _steps(session.applied_events()))]
    name = tracker.sender_id if tracker.sender_id.strip() else ascii(tracker.sender_id)
    names = [f"{name}, story {number}" for number in range(1, len(told) + 1)]
    names = names if len(told) > 1 else [name]
    stories = [Story(name=name, steps=steps) for name, steps in zip(names, told, strict=False)]
    try:
        return dump_stories(StoryData(stories=tuple(stories)))
    except DataError:
        writable = (_writable(story) for story in stories)
        return dump_stories(StoryData(stories=tuple(story for story in writable if story.steps)))


def _sessions(tracker: Tracker) -> list[Tracker]:
    parts: list[list[Event]] = [[]]
    for event in tracker.events:
        if isinstance(event, ActionExecuted) and event.name == ACTION_SESSION_START and parts[-1]:
            parts.append([])
        parts[-1].append(event)
    sessions = []
    for events in parts:
        sessions.append(tracker.empty())
        sessions[-1].update_all(events)
    return sessions


def _steps(events: Sequence[Event]) -> tuple[Step, ...]:
    return tuple(step for event in events for step in _step(event))


def _step(event: Event) -> Iterable[Step]:
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


def _writable(story: Story) -> Story:
    """What YAML can carry of a story."""
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
