"""Stories and rules as typed objects: conversations that people wrote down.

A story is a sequence of steps. Readers make them from Rasa YAML and Markdown and know nothing of
the domain; what a step means there (the value of a slot that is only named, say) is decided where
stories become conversations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from gossamer.data.entities import Entity
from gossamer.data.errors import Location


@dataclass(frozen=True, slots=True, kw_only=True)
class UserStep:
    """The user says something; `intent`, `text` or both are given.

    Attributes:
        intent: the intent, a retrieval intent with its key in test stories ("faq/ask_price"), or
            None for a text alone (end-to-end learning).
        entities: with positions when they come from annotations in `text`.
        text: the plain message, annotations removed, or None.
        where: where it is written; does not count in comparisons. The same in all other steps.
    """

    intent: str | None = None
    entities: tuple[Entity, ...] = ()
    text: str | None = None
    where: Location | None = field(default=None, compare=False, repr=False)

    @property
    def base_intent(self) -> str | None:
        """What models see: "faq" for "faq/ask_price"."""
        return None if self.intent is None else self.intent.partition("/")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionStep:
    """The assistant does something."""

    name: str
    where: Location | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class BotStep:
    """The assistant says this text (end-to-end learning)."""

    text: str
    where: Location | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotStep:
    """A slot has been set.

    Attributes:
        name: of the slot.
        value: what to; None also means "not set".
        is_named_only: no value is written: a text slot then has some text, a list slot some item.
    """

    name: str
    value: Any = None
    is_named_only: bool = False
    where: Location | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopStep:
    """A loop (form) becomes active; None: none is active any more."""

    name: str | None
    where: Location | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointStep:
    """Where stories are joined: one that ends with a name goes on in all that begin with it.

    Attributes:
        name: of the checkpoint.
        conditions: slots that must have these values for the story to go on from here.
    """

    name: str
    conditions: tuple[SlotStep, ...] = ()
    where: Location | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventStep:
    """Another event, under the name it has in Rasa's JSON ("restart", "rewind")."""

    name: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    where: Location | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrStep:
    """One of several things happens; the story is one story for each of them.

    Attributes:
        alternatives: messages, or slots that have been set; at least one.
    """

    alternatives: tuple[UserStep | SlotStep, ...]
    where: Location | None = field(default=None, compare=False, repr=False)


Step: TypeAlias = (
    UserStep | ActionStep | BotStep | SlotStep | LoopStep | CheckpointStep | EventStep | OrStep
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A conversation as written down.

    Attributes:
        name: as written; need not be unique.
        steps: in order.
        metadata: what the author attached, or None.
        where: where it is written; does not count in comparisons.
    """

    name: str
    steps: tuple[Step, ...] = ()
    metadata: Any = None
    where: Location | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A short piece of conversation that always goes the same way.

    Attributes:
        name: as written.
        steps: in order, conditions not among them.
        conditions: slots and loop that must be so for the rule to hold.
        conversation_start: it holds at the start of a conversation only.
        wait_for_user_input: whether the assistant listens after it.
        metadata: what the author attached, or None.
        where: where it is written; does not count in comparisons.
    """

    name: str
    steps: tuple[Step, ...] = ()
    conditions: tuple[SlotStep | LoopStep, ...] = ()
    conversation_start: bool = False
    wait_for_user_input: bool = True
    metadata: Any = None
    where: Location | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, kw_only=True)
class StoryData:
    """All stories and rules that were read, in order."""

    stories: tuple[Story, ...] = ()
    rules: tuple[Rule, ...] = ()

    def merge(self, others: Iterable[StoryData]) -> StoryData:
        """This data followed by that of `others`."""
        parts = [self, *others]
        return StoryData(
            stories=tuple(story for part in parts for story in part.stories),
            rules=tuple(rule for part in parts for rule in part.rules),
        )
