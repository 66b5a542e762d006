"""Test stories as the conversations they describe, each as plain steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gossamer.data.domain.domain import Domain
from gossamer.data.stories.steps import Story, StoryData
from gossamer.dialogue.history.events import Event, UserUttered
from gossamer.dialogue.training.story_events import LISTEN, PlainStep, step_events
from gossamer.dialogue.training.story_graph import Segment
from gossamer.dialogue.training.unfolding import unfold_stories


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldEvent:
    """Something that happens in a test story.

    Attributes:
        event: what happens.
        position: of the step it comes from, or of the one that it comes before.
        is_implied: whether no step says so: the assistant listens before each message.
    """

    event: Event
    position: int
    is_implied: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One way through test stories.

    Attributes:
        name: names of its stories, joined by " > ".
        steps: in order; no checkpoints and no alternatives among them.
        is_open: whether it stops at a checkpoint that leads nowhere: the assistant need not listen
            after it.
    """

    name: str
    steps: tuple[PlainStep, ...]
    is_open: bool = False

    @property
    def story(self) -> Story:
        """As a story that can be written."""
        return Story(name=self.name, steps=self.steps)

    def events(self, domain: Domain) -> Iterator[GoldEvent]:
        """What happens, in order; listening included as in training stories."""
        last: Event | None = None
        for position, step in enumerate(self.steps):
            for event in step_events(step, domain):
                if isinstance(event, UserUttered) and last != LISTEN:
                    yield GoldEvent(event=LISTEN, position=position, is_implied=True)
                yield GoldEvent(event=event, position=position)
                last = event
        if not self.is_open and last != LISTEN:
            yield GoldEvent(event=LISTEN, position=len(self.steps), is_implied=True)


def conversations_of(stories: StoryData, domain: Domain) -> list[Conversation]:
    """The conversations that test stories describe, in the order of the stories.

    Checkpoints and alternatives are followed as in training; of conversations that look the same
    to a policy one remains, as in Rasa. Rules do not count.

    Raises:
        DataError: a step cannot be understood.
    """
    # By identity: segments are equal when the same happens in them, whatever story says so.
    paths = {
        tuple(map(id, unfolded.path)): unfolded.path
        for unfolded in unfold_stories(stories, domain)
        if unfolded.path
    }
    # What is cut at a restart or waits at a checkpoint also occurs as a whole.
    begun = {key[:end] for key in paths for end in range(1, len(key))}
    order = {id(story): number for number, story in enumerate(stories.stories)}
    whole = sorted(
        (path for key, path in paths.items() if key not in begun),
        key=lambda path: [order[id(segment.source)] for segment in path],
    )
    return [_conversation(path) for path in whole]


def _conversation(path: tuple[Segment, ...]) -> Conversation:
    return Conversation(
        name=" > ".join(dict.fromkeys(segment.story for segment in path)),
        steps=tuple(step for segment in path for step in segment.steps),
        is_open=bool(path[-1].ends),
    )
