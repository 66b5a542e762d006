"""A conversation as a test story, as `gossamer test core` reads it."""

from __future__ import annotations

from gossamer.data.errors import DataError
from gossamer.data.stories.steps import Story, StoryData
from gossamer.data.stories.yaml_writer import dump_stories
from gossamer.dialogue.history.events import ActionExecuted, Event
from gossamer.dialogue.history.situation import ACTION_SESSION_START
from gossamer.dialogue.history.story import steps_of, writable
from gossamer.dialogue.history.tracker import Tracker


def story_text(tracker: Tracker, *, all_sessions: bool = False) -> str:
    """The conversation as YAML: messages with intents and entities, actions, slots and loops.

    What YAML cannot carry is left out: places of entities that overlap, values of no YAML type.

    Args:
        tracker: the conversation.
        all_sessions: one story for each session, rather than one for the last.
    """
    sessions = _sessions(tracker) if all_sessions else [tracker]
    told = [steps for session in sessions if (steps := steps_of(session.applied_events()))]
    name = tracker.sender_id if tracker.sender_id.strip() else ascii(tracker.sender_id)
    names = [f"{name}, story {number}" for number in range(1, len(told) + 1)]
    names = names if len(told) > 1 else [name]
    stories = [Story(name=name, steps=steps) for name, steps in zip(names, told, strict=False)]
    try:
        return dump_stories(StoryData(stories=tuple(stories)))
    except DataError:
        carried = (writable(story) for story in stories)
        return dump_stories(StoryData(stories=tuple(story for story in carried if story.steps)))


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
