"""Messages of stored conversations, each with what was understood and what was done about it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from gossamer.data.domain.domain import ACTION_LISTEN
from gossamer.data.nlu.direct_message import parse_direct_message
from gossamer.data.nlu.intents import FALLBACK_INTENT
from gossamer.dialogue.actions.default_actions import DEFAULT_FALLBACK
from gossamer.dialogue.actions.two_stage_fallback import TWO_STAGE_FALLBACK
from gossamer.dialogue.history.events import ActionExecuted, Event, UserUttered
from gossamer.dialogue.history.situation import ACTION_SESSION_START
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.policies.ensemble import DISAGREEMENT
from gossamer.nlu.pipeline.parse import Parse

_FALLBACK_ACTIONS: Final = frozenset({DEFAULT_FALLBACK, TWO_STAGE_FALLBACK})
_NO_ANSWERS: Final = frozenset({ACTION_LISTEN, ACTION_SESSION_START})


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMessage:
    """A message that a person typed in a stored conversation.

    Attributes:
        text: the message.
        sender_id: whose conversation.
        when: seconds since the epoch; 0.0 where that is not known.
        parse: what was understood, JSON of Rasa's "parse_data".
        action: the first action that followed, or None.
        policy: which policy chose it, or None.
        action_confidence: of that policy, or None.
        is_fallback: whether it was not understood, or the assistant fell back afterwards.
        disagreement: how far policies disagreed about what to do, in [0, 1]; see
            `EnsemblePrediction.disagreement`.
    """

    text: str
    sender_id: str
    when: float = 0.0
    parse: Mapping[str, Any]
    action: str | None = None
    policy: str | None = None
    action_confidence: float | None = None
    is_fallback: bool = False
    disagreement: float = 0.0

    @property
    def intent(self) -> str | None:
        """The intent that was understood."""
        return intent_of(self.parse)

    def to_json(self) -> dict[str, Any]:
        """All attributes."""
        return {
            "text": self.text,
            "sender_id": self.sender_id,
            "when": self.when,
            "parse": dict(self.parse),
            "action": self.action,
            "policy": self.policy,
            "action_confidence": self.action_confidence,
            "is_fallback": self.is_fallback,
            "disagreement": self.disagreement,
        }


def intent_of(parse: Mapping[str, Any]) -> str | None:
    """The name of the intent in JSON of a parse; None where there is none."""
    intent = parse.get("intent")
    name = intent.get("name") if isinstance(intent, Mapping) else None
    return name if isinstance(name, str) else None


def stored_messages(trackers: Iterable[Tracker]) -> Iterator[StoredMessage]:
    """Every message that was typed, in order; those of before a restart too.

    Left out are buttons and messages that name their intent (`/greet`), intents that the API
    triggered, and messages without a text.

    Args:
        trackers: stored conversations.
    """
    for tracker in trackers:
        events = tracker.events
        starts = [i for i, event in enumerate(events) if isinstance(event, UserUttered)]
        for start, end in zip(starts, [*starts[1:], len(events)], strict=True):
            message = events[start]
            if isinstance(message, UserUttered) and _is_typed(message):
                yield _stored(message, events[start + 1 : end], tracker.sender_id)


def parsed_anew(
    messages: Iterable[StoredMessage], parse_many: Callable[[Sequence[str]], Sequence[Parse]]
) -> list[StoredMessage]:
    """The messages as the model that answers now understands them.

    Where the intent is another one than it was, what was done after the message counts no more.

    Args:
        messages: stored with what an earlier model understood.
        parse_many: of the model, such as `Assistant.parse_many`; called once, each text once.
    """
    messages = list(messages)
    texts = list(dict.fromkeys(message.text for message in messages))
    parses = dict(zip(texts, (p.to_dict() for p in parse_many(texts)), strict=True))
    return [_with_parse(message, parses[message.text]) for message in messages]


def _with_parse(message: StoredMessage, parse: Mapping[str, Any]) -> StoredMessage:
    intent = intent_of(parse)
    if intent == message.intent:
        return replace(message, parse=parse)
    return replace(
        message,
        parse=parse,
        action=None,
        policy=None,
        action_confidence=None,
        is_fallback=intent == FALLBACK_INTENT,
        disagreement=0.0,
    )


def _is_typed(message: UserUttered) -> bool:
    text = message.text
    return (
        text is not None
        and bool(text.strip())
        and not message.metadata.get("is_external")
        and parse_direct_message(text) is None
    )


def _stored(message: UserUttered, after: Sequence[Event], sender_id: str) -> StoredMessage:
    actions = [
        event
        for event in after
        if isinstance(event, ActionExecuted) and event.name not in _NO_ANSWERS
    ]
    first = actions[0] if actions else None
    return StoredMessage(
        text=message.text or "",
        sender_id=sender_id,
        when=message.timestamp or 0.0,
        parse=message.parse_data,
        action=None if first is None else first.label,
        policy=None if first is None else first.policy,
        action_confidence=None if first is None else first.confidence,
        is_fallback=message.intent == FALLBACK_INTENT
        or any(action.name in _FALLBACK_ACTIONS for action in actions),
        disagreement=max(map(_disagreement, actions), default=0.0),
    )


def _disagreement(action: ActionExecuted) -> float:
    noted = action.metadata.get(DISAGREEMENT)
    if isinstance(noted, float | int) and not isinstance(noted, bool) and 0.0 <= noted <= 1.0:
        return float(noted)
    return 0.0
