"""What is understood of a message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gossamer.data.entities import Entity
from gossamer.nlu.pipeline.response_selection import ResponseSelection


@dataclass(frozen=True, slots=True)
class Token:
    """A word and its place.

    Attributes:
        text: the word as the tokenizer cut it.
        start: offset of its first character in the message.
        end: offset after its last character.
        lemma: its base form, where the tokenizer knows it; "" where not.
        pos: its fine-grained part of speech ("NNP"), where the tokenizer knows it; "" where not.
    """

    text: str
    start: int
    end: int
    lemma: str = ""
    pos: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentPrediction:
    """An intent with its confidence in [0, 1]; the name is None when nothing was predicted."""

    name: str | None
    confidence: float

    def to_dict(self) -> dict[str, Any]:
        """JSON of Rasa's shape."""
        return {"name": self.name, "confidence": self.confidence}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> IntentPrediction:
        """The intent that such JSON describes."""
        return cls(name=content.get("name"), confidence=content.get("confidence") or 0.0)


NO_INTENT = IntentPrediction(name=None, confidence=0.0)


@dataclass(slots=True, kw_only=True)
class Parse:
    """What is understood of one message.

    Attributes:
        text: the message.
        intent: the best intent.
        intent_ranking: intents, best first.
        entities: recognised entities, in the order the extractors gave them.
        tokens: the tokens it was cut into.
        response_selector: what each response selector picked, by its retrieval intent or
            `DEFAULT_SELECTOR`.
        retrieval_intents: all retrieval intents that the selectors' training data had, sorted.
        is_truncated: whether the message was too long, and only its beginning was read.
        source: the JSON it was read from, which `to_dict` gives back, or None.
    """

    text: str
    intent: IntentPrediction = NO_INTENT
    intent_ranking: list[IntentPrediction] = field(default_factory=list)
    entities: list[Entity] = field(default_factory=list)
    tokens: Sequence[Token] = ()
    response_selector: dict[str, ResponseSelection] = field(default_factory=dict)
    retrieval_intents: Sequence[str] = ()
    is_truncated: bool = False
    source: Mapping[str, Any] | None = field(default=None, compare=False, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """JSON of the shape that Rasa's `parse` returns.

        `response_selector` is there only when a selector has picked something, `truncated` (true)
        only when the message was cut.
        """
        if self.source is not None:
            return dict(self.source)
        result: dict[str, Any] = {
            "text": self.text,
            "intent": self.intent.to_dict(),
            "entities": [entity.to_dict() for entity in self.entities],
            "text_tokens": [[token.start, token.end] for token in self.tokens],
            "intent_ranking": [intent.to_dict() for intent in self.intent_ranking],
        }
        if self.response_selector:
            result["response_selector"] = {
                "all_retrieval_intents": list(self.retrieval_intents),
                **{name: picked.to_dict() for name, picked in self.response_selector.items()},
            }
        if self.is_truncated:
            result["truncated"] = True
        return result

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Parse:
        """What such JSON says of text, intents, entities and responses.

        Raises:
            DataError: an entity is not a mapping that names its type.
        """
        selected = content.get("response_selector")
        selections = selected.items() if isinstance(selected, Mapping) else ()
        picked = {name: ResponseSelection.from_dict(part) for name, part in selections}
        return cls(
            text=content.get("text") or "",
            intent=IntentPrediction.from_dict(content.get("intent") or {}),
            intent_ranking=[
                IntentPrediction.from_dict(part) for part in content.get("intent_ranking") or ()
            ],
            entities=[Entity.from_dict(part) for part in content.get("entities") or ()],
            response_selector={name: found for name, found in picked.items() if found is not None},
            source=content,
        )
