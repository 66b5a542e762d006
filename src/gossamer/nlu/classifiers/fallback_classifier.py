"""Answers "nlu_fallback" when no intent is likely enough or two are nearly as likely."""

from __future__ import annotations

import math
from typing import ClassVar

from pydantic import Field

from gossamer.data.nlu.intents import FALLBACK_INTENT
from gossamer.nlu.pipeline.component import Component, ComponentOptions
from gossamer.nlu.pipeline.messages import IntentPrediction, MessageBatch, Parse


class FallbackClassifierOptions(ComponentOptions):
    """Options of `FallbackClassifier`.

    Attributes:
        threshold: least confidence that counts. Negative ones make sense for classifiers that
            report a raw similarity.
        ambiguity_threshold: least distance between the two best confidences.
    """

    threshold: float = Field(default=0.3, ge=-1.0, le=1.0)
    ambiguity_threshold: float = Field(default=0.1, ge=0.0, le=2.0)


class FallbackClassifier(Component):
    """Puts the intent "nlu_fallback" before all others when the classifier is not confident.

    As in Rasa, its confidence is the threshold itself. Messages without an intent fall back as
    well, whatever the threshold. Departure from Rasa: so do those of which a confidence is not a
    number, as after a training that diverged.
    """

    name: ClassVar[str] = "FallbackClassifier"
    Options: ClassVar[type[ComponentOptions]] = FallbackClassifierOptions
    provides: ClassVar[frozenset[str]] = frozenset({"intent"})
    requires: ClassVar[frozenset[str]] = frozenset({"intent"})

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self.options: FallbackClassifierOptions

    def process(self, batch: MessageBatch) -> None:
        """Set the intent of each unclear message, and put it first in the ranking."""
        fallback = IntentPrediction(name=FALLBACK_INTENT, confidence=self.options.threshold)
        for parse in batch.parses:
            if self._is_unclear(parse):
                parse.intent = fallback
                parse.intent_ranking = [fallback, *parse.intent_ranking]

    def _is_unclear(self, parse: Parse) -> bool:
        ranking = [intent.confidence for intent in parse.intent_ranking]
        # Comparisons with NaN are false: what does not pass a test is unclear.
        if parse.intent.name is None or any(map(math.isnan, ranking)):
            return True
        if not parse.intent.confidence >= self.options.threshold:
            return True
        return len(ranking) > 1 and not ranking[0] - ranking[1] >= self.options.ambiguity_threshold
