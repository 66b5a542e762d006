"""How checkpoints join stories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from gossamer.data.stories.steps import CheckpointStep, Step, Story


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryPart:
    """A part of a story without checkpoints.

    Attributes:
        story: the whole story.
        starts: checkpoints it begins at, any of them; none at the start of a conversation.
        steps: without checkpoints; at least one.
        ends: checkpoints it leads to, all of them; none where the story ends.
    """

    story: Story
    starts: tuple[CheckpointStep, ...]
    steps: tuple[Step, ...]
    ends: tuple[CheckpointStep, ...]


def story_parts(story: Story) -> tuple[StoryPart, ...]:
    """A story cut at its checkpoints; at one in the middle, a part ends and another begins.

    Args:
        story: with at least one step that is not a checkpoint.
    """
    runs = groupby(story.steps, key=lambda step: isinstance(step, CheckpointStep))
    parts: list[StoryPart] = []
    joint: tuple[CheckpointStep, ...] = ()
    waiting: tuple[Step, ...] = ()
    for is_joint, run in runs:
        if not is_joint:
            waiting = tuple(run)
            continue
        after = tuple(step for step in run if isinstance(step, CheckpointStep))
        if waiting:
            parts.append(StoryPart(story=story, starts=joint, steps=waiting, ends=after))
        joint, waiting = after, ()
    if waiting:
        parts.append(StoryPart(story=story, starts=joint, steps=waiting, ends=()))
    return tuple(parts)


def joined_stories(stories: Sequence[Story], *, with_equal: bool = False) -> list[list[int]]:
    """Positions of stories, in groups that no checkpoint joins.

    Args:
        stories: any; names of checkpoints show what belongs together.
        with_equal: stories whose steps are equal belong together, too.

    Returns:
        Groups in the order of their first story, positions in each ascending.
    """
    before = list(range(len(stories)))  # of each story an earlier one of its group, or itself
    first: dict[object, int] = {}

    def root(position: int) -> int:
        while before[position] != position:
            before[position] = before[before[position]]
            position = before[position]
        return position

    for position, story in enumerate(stories):
        keys: list[object] = [("checkpoint", name) for name in _checkpoint_names(story)]
        if with_equal:
            keys.append(("steps", repr(story.steps)))  # repr, as values may be lists
        for key in keys:
            one, other = root(first.setdefault(key, position)), root(position)
            before[max(one, other)] = min(one, other)
    members: dict[int, list[int]] = {}
    for position in range(len(stories)):
        members.setdefault(root(position), []).append(position)
    return list(members.values())


def _checkpoint_names(story: Story) -> list[str]:
    return [step.name for step in story.steps if isinstance(step, CheckpointStep)]
