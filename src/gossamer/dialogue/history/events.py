"""What can happen in a conversation. Names and JSON are those of Rasa 3.6, so logs can be read."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, ClassVar

from gossamer.data.entities import Entity
from gossamer.nlu.pipeline.parse import Parse

UNDERSTOOD = ("intent", "confidence", "entities", "parse")
"""Attributes of `UserUttered` that are in "parse_data" in JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened.

    Attributes:
        timestamp: seconds since the epoch, or None; does not count in comparisons.
        metadata: anything attached; does not count in comparisons.
    """

    type_name: ClassVar[str]
    json_names: ClassVar[Mapping[str, str]] = {}

    timestamp: float | None = field(default=None, compare=False)
    metadata: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """JSON of Rasa's shape, with the key "event"."""
        result: dict[str, Any] = {"event": self.type_name, "timestamp": self.timestamp}
        if self.metadata:
            result["metadata"] = dict(self.metadata)
        kind: Any = type(self)
        for name, key in json_keys(kind).items():
            if name not in ("timestamp", "metadata"):
                result[key] = getattr(self, name)
        return result


@dataclass(frozen=True, slots=True, kw_only=True)
class UserUttered(Event):
    """The user said something.

    Attributes:
        text: the message, or None in a story that has intents only.
        intent: the intent, without a retrieval key, or None.
        confidence: how sure the classifier was of it.
        entities: what the message names.
        parse: everything that was understood, or None in a story.
        input_channel: where the message came from, or None.
        message_id: its number there, or None.
    """

    type_name: ClassVar[str] = "user"

    text: str | None = None
    intent: str | None = None
    confidence: float = 1.0
    entities: Sequence[Entity] = ()
    parse: Parse | None = field(default=None, compare=False, repr=False)
    input_channel: str | None = field(default=None, compare=False)
    message_id: str | None = field(default=None, compare=False)

    @classmethod
    def of(cls, parse: Parse, **more: Any) -> UserUttered:
        """The message that was understood.

        Args:
            parse: what was understood.
            more: further attributes (`input_channel`, `message_id`, `metadata`, `timestamp`).
        """
        return cls(
            text=parse.text,
            intent=parse.intent.name,
            confidence=parse.intent.confidence,
            entities=tuple(parse.entities),
            parse=parse,
            **more,
        )

    @property
    def is_empty(self) -> bool:
        """Whether it is empty."""
        return not self.text and self.intent is None and not self.entities

    @property
    def entity_labels(self) -> set[str]:
        """Entity types, "type#role" and "type#group" that occur."""
        labels: set[str] = set()
        for entity in self.entities:
            labels.add(entity.entity)
            labels.update(f"{entity.entity}#{x}" for x in (entity.role, entity.group) if x)
        return labels

    @property
    def parse_data(self) -> dict[str, Any]:
        """What was understood, JSON of Rasa's shape, with this event's intent and entities."""
        said = {} if self.parse is None else self.parse.to_dict()
        intent = said.get("intent") or {}
        return {
            "text": self.text,
            **said,
            "intent": {**intent, "name": self.intent, "confidence": self.confidence},
            "entities": [entity.to_dict() for entity in self.entities],
        }

    def to_dict(self) -> dict[str, Any]:
        """See `Event.to_dict`; intent and entities are in "parse_data"."""
        parts = Event.to_dict(self) | {"parse_data": self.parse_data}
        return {key: part for key, part in parts.items() if key not in UNDERSTOOD}


@dataclass(frozen=True, slots=True, kw_only=True)
class BotUttered(Event):
    """The assistant said something.

    Attributes:
        text: what it said, or None.
        data: "buttons", "quick_replies", "elements", "image", "attachment", "custom", where given.
    """

    type_name: ClassVar[str] = "bot"

    text: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionExecuted(Event):
    """The assistant did something: an action with a name, or a text that it said.

    Attributes:
        name: the action, or None.
        policy: which policy chose it, or None.
        confidence: how sure it was.
        action_text: the text, for end-to-end learning, or None.
        hide_rule_turn: whether models are not to see this turn, as it happens in rules only.
        is_unpredictable: whether a story begins with it, so that it is no example to learn from.
    """

    type_name: ClassVar[str] = "action"

    name: str | None = None
    policy: str | None = field(default=None, compare=False)
    confidence: float | None = field(default=None, compare=False)
    action_text: str | None = None
    hide_rule_turn: bool = field(default=False, compare=False)
    is_unpredictable: bool = field(default=False, compare=False, metadata={"json": False})

    @property
    def label(self) -> str | None:
        """The name or else the text."""
        return self.name if self.name is not None else self.action_text


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotSet(Event):
    """A slot got a value."""

    type_name: ClassVar[str] = "slot"

    name: str
    value: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AllSlotsReset(Event):
    """All slots have their initial values again."""

    type_name: ClassVar[str] = "reset_slots"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActiveLoop(Event):
    """A loop (form) became active; None: none is any more."""

    type_name: ClassVar[str] = "active_loop"

    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopInterrupted(Event):
    """The active loop was left for something else and is to go on without validating once."""

    type_name: ClassVar[str] = "loop_interrupted"

    is_interrupted: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionExecutionRejected(Event):
    """An action would not run: a form that found no value for the slot it asks for."""

    type_name: ClassVar[str] = "action_execution_rejected"

    name: str
    policy: str | None = field(default=None, compare=False)
    confidence: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowupAction(Event):
    """This action is to come next, whatever the policies say."""

    type_name: ClassVar[str] = "followup"

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionStarted(Event):
    """A session began; what was before does not count."""

    type_name: ClassVar[str] = "session_started"


@dataclass(frozen=True, slots=True, kw_only=True)
class Restarted(Event):
    """The conversation starts over; what was before does not count."""

    type_name: ClassVar[str] = "restart"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserUtteranceReverted(Event):
    """Everything from the last message on is taken back."""

    type_name: ClassVar[str] = "rewind"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionReverted(Event):
    """The last action and what came of it is taken back."""

    type_name: ClassVar[str] = "undo"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationPaused(Event):
    """The assistant is to be silent."""

    type_name: ClassVar[str] = "pause"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationResumed(Event):
    """The assistant is to answer again."""

    type_name: ClassVar[str] = "resume"


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFeaturization(Event):
    """Whether the next action was chosen from the last message's text (else from its intent)."""

    type_name: ClassVar[str] = "user_featurization"
    json_names: ClassVar[Mapping[str, str]] = {"use_text": "use_text_for_featurization"}

    use_text: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EntitiesAdded(Event):
    """A policy found further entities in the last message."""

    type_name: ClassVar[str] = "entities"

    entities: Sequence[Entity]

    def to_dict(self) -> dict[str, Any]:
        """See `Event.to_dict`."""
        return Event.to_dict(self) | {"entities": [entity.to_dict() for entity in self.entities]}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderScheduled(Event):
    """An intent is to be triggered at a time (ISO 8601)."""

    type_name: ClassVar[str] = "reminder"
    json_names: ClassVar[Mapping[str, str]] = {"kill_on_user_message": "kill_on_user_msg"}

    intent: str
    date_time: str
    entities: Any = None
    name: str | None = None
    kill_on_user_message: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ReminderCancelled(Event):
    """Reminders of this name, intent and entities are not to be triggered; None is any."""

    type_name: ClassVar[str] = "cancel_reminder"

    name: str | None = None
    intent: str | None = None
    entities: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryExported(Event):
    """The story was to be written to a file; nothing happens."""

    type_name: ClassVar[str] = "export"

    path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentUttered(Event):
    """A human agent said something."""

    type_name: ClassVar[str] = "agent"

    text: str | None = None
    data: Any = None


@cache
def json_keys(kind: Any) -> Mapping[str, str]:
    """The key in JSON of each attribute of a class of events that is there."""
    parts = [part for part in dataclasses.fields(kind) if part.metadata.get("json", True)]
    return {part.name: kind.json_names.get(part.name, part.name) for part in parts}
