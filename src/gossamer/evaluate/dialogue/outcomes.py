"""The results of test stories: each message, each action, each conversation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from gossamer.data.nlu.examples import Entity
from gossamer.dialogue.training.examples import UNLIKELY_INTENT
from gossamer.evaluate.dialogue.conversations import Conversation

LEARNT_BY_HEART = ("MemoizationPolicy", "RulePolicy")
"""Parts of the names of policies that only repeat what they were trained on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionOutcome:
    """What should have come next in a conversation, and what was predicted.

    Attributes:
        target: the action (or text) of the story.
        prediction: the predicted one.
        policy: which policy predicted it; None when the limit of actions in a row was reached.
        confidence: of the prediction.
        position: of the step in `Conversation.steps`; with `is_implied`, of the step it comes
            before.
        is_implied: whether no step says so: the assistant is to listen.
        is_after_unlikely_intent: whether `action_unlikely_intent`, which the story does not have,
            was predicted before.
    """

    target: str
    prediction: str
    policy: str | None
    confidence: float
    position: int
    is_implied: bool = False
    is_after_unlikely_intent: bool = False

    @property
    def is_right(self) -> bool:
        """Whether the prediction is the target."""
        return self.prediction == self.target

    @property
    def is_in_training_data(self) -> bool:
        """Whether a policy of `LEARNT_BY_HEART` predicted it."""
        return self.policy is not None and any(name in self.policy for name in LEARNT_BY_HEART)

    @property
    def remark(self) -> str | None:
        """What was predicted instead or before it, as text; None when all was right."""
        if self.is_right:
            return f"predicted: {UNLIKELY_INTENT}" if self.is_after_unlikely_intent else None
        after = f" after {UNLIKELY_INTENT}" if self.is_after_unlikely_intent else ""
        return f"predicted: {self.prediction}{after}"


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageOutcome:
    """What a message of a story means, and how it was understood.

    Attributes:
        text: the message.
        target: its intent, with its key where the story gives one.
        prediction: the predicted intent, with its key where the target has one; None for none.
        target_entities: as annotated.
        predicted_entities: as found.
        position: of the step in `Conversation.steps`.
    """

    text: str
    target: str
    prediction: str | None
    target_entities: tuple[Entity, ...] = ()
    predicted_entities: tuple[Entity, ...] = ()
    position: int

    @property
    def is_right(self) -> bool:
        """Whether intent and entities are right.

        As in Rasa, an entity is right when place, type and value (as a text) are; role and group
        do not count.
        """
        return self.prediction == self.target and _compared(self.target_entities) == _compared(
            self.predicted_entities
        )

    @property
    def expected(self) -> str:
        """What it means, as text: the intent, and the message with its entities."""
        return f"{self.target}: {_annotated(self.text, self.target_entities)}"

    @property
    def remark(self) -> str | None:
        """How it was understood, as text; None when that is right."""
        if self.is_right:
            return None
        return f"predicted: {self.prediction}: {_annotated(self.text, self.predicted_entities)}"

    def labels(self) -> tuple[list[str], list[str]]:
        """True and predicted labels to compare: intents, then entities, "None" for a gap.

        Entities of the same place are paired. An entity's label is its span with type and value, as
        Rasa's `story_report.json` has it.
        """
        places = sorted({e.span for e in (*self.target_entities, *self.predicted_entities)})
        pairs = [
            pair
            for place in places
            for pair in zip_longest(
                (e for e in self.target_entities if e.span == place),
                (e for e in self.predicted_entities if e.span == place),
            )
        ]
        return (
            [self.target, *(self._label(true) for true, _ in pairs)],
            [str(self.prediction), *(self._label(found) for _, found in pairs)],
        )

    def _label(self, entity: Entity | None) -> str:
        return "None" if entity is None else entity_label(self.text, entity)


def _annotated(text: str, entities: Sequence[Entity]) -> str:
    """The text with its entities in the short form of annotations; of those that overlap, one."""
    pieces: list[str] = []
    end = 0
    for entity in sorted(entities, key=lambda e: e.span):
        start, after = entity.span
        if start >= end:
            pieces += (text[end:start], entity_label(text, entity))
            end = after
    return f"{''.join(pieces)}{text[end:]}"


def entity_label(text: str, entity: Entity) -> str:
    """An entity in the short form of annotations: "[the capital](city:Rome)"."""
    stretch = text[entity.start : entity.end]
    value = "" if str(entity.value) == stretch else f":{entity.value}"
    return f"[{stretch}]({entity.entity}{value})"


def _compared(entities: Sequence[Entity]) -> set[tuple[int, int, str, str]]:
    return {(*e.span, e.entity, str(e.value)) for e in entities}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationOutcome:
    """The result of one conversation.

    Attributes:
        conversation: as the test stories have it.
        actions: in order; the first listening and an action that begins the story are not there.
        messages: in order; those that were understood by a parser, none where intents were given.
    """

    conversation: Conversation = field(repr=False)
    actions: tuple[ActionOutcome, ...]
    messages: tuple[MessageOutcome, ...] = ()

    @property
    def name(self) -> str:
        """Of the conversation."""
        return self.conversation.name

    @property
    def is_right(self) -> bool:
        """Whether all actions, intents and entities are right."""
        return not self.errors

    @property
    def has_warnings(self) -> bool:
        """Whether all is right but for an `action_unlikely_intent` that the story does not have."""
        return self.is_right and any(part.is_after_unlikely_intent for part in self.actions)

    @property
    def parts(self) -> list[ActionOutcome | MessageOutcome]:
        """Messages and actions in the order of the conversation."""
        parts: list[ActionOutcome | MessageOutcome] = [*self.messages, *self.actions]
        return sorted(parts, key=_place)

    @property
    def errors(self) -> list[ActionOutcome | MessageOutcome]:
        """What is wrong, in the order of the conversation."""
        return [part for part in self.parts if not part.is_right]


def _place(part: ActionOutcome | MessageOutcome) -> tuple[int, bool]:
    """Where in a conversation; implied listening comes before its step."""
    return (part.position, not (isinstance(part, ActionOutcome) and part.is_implied))
