"""Which response was picked for a message."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

RESPONSE_PREFIX = "utter_"
"""Comes before a response key in the name of its response: `utter_faq/ask_price`."""

DEFAULT_SELECTOR = "default"
"""The name of a selector that picks among the responses of all retrieval intents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedResponse:
    """A response key ("faq/ask_price") with its confidence in [0, 1]."""

    intent_response_key: str
    confidence: float

    def to_dict(self) -> dict[str, Any]:
        """JSON of Rasa's shape."""
        return {"confidence": self.confidence, "intent_response_key": self.intent_response_key}


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseSelection:
    """What one selector picked.

    Attributes:
        ranking: response keys, best first; at least one.
        responses: the variations of the best one, as written; its key as a text where there is
            no such response.
    """

    ranking: tuple[RankedResponse, ...]
    responses: tuple[Mapping[str, Any], ...]

    @property
    def best(self) -> RankedResponse:
        """The head of the ranking."""
        return self.ranking[0]

    @property
    def utter_action(self) -> str:
        """Name of the best one's response, which is also that of the action that says it."""
        return RESPONSE_PREFIX + self.best.intent_response_key

    def to_dict(self) -> dict[str, Any]:
        """JSON of Rasa's shape."""
        return {
            "response": {
                "responses": [dict(variation) for variation in self.responses],
                "confidence": self.best.confidence,
                "intent_response_key": self.best.intent_response_key,
                "utter_action": self.utter_action,
            },
            "ranking": [ranked.to_dict() for ranked in self.ranking],
        }

    @classmethod
    def from_dict(cls, content: object) -> ResponseSelection | None:
        """The best response that such JSON gives, without the ranking; None when it gives none."""
        response = content.get("response") if isinstance(content, Mapping) else None
        name = response.get("utter_action") if isinstance(response, Mapping) else None
        if not isinstance(response, Mapping) or not isinstance(name, str):
            return None
        key, responses = name.removeprefix(RESPONSE_PREFIX), response.get("responses")
        best = RankedResponse(intent_response_key=key, confidence=response.get("confidence") or 0.0)
        return cls(
            ranking=(best,), responses=tuple(responses) if isinstance(responses, list) else ()
        )
