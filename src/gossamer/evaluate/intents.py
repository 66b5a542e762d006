"""Intent scores, counted as Rasa's `test nlu` counts them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gossamer.data.nlu.examples import Example
from gossamer.data.nlu.intents import FALLBACK_INTENT
from gossamer.evaluate.labels import LabelScores, score_labels
from gossamer.nlu.pipeline.messages import IntentPrediction, Parse

NO_PREDICTION = ""
"""The label for "no intent predicted" in reports, as in Rasa."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntentOutcome:
    """What was asked and what came out for one example.

    Attributes:
        text: the example's text.
        target: its base intent.
        prediction: the predicted intent, a fallback undone; None when nothing was predicted.
        confidence: of the prediction, in [0, 1].
    """

    text: str
    target: str
    prediction: str | None
    confidence: float

    @property
    def is_right(self) -> bool:
        """Whether the prediction is the target."""
        return self.prediction == self.target

    @property
    def has_answer(self) -> bool:
        """Whether an intent was predicted; a fallback that could not be undone is not one."""
        return self.prediction is not None and self.prediction != FALLBACK_INTENT


@dataclass(frozen=True, kw_only=True)
class IntentEvaluation:
    """Intent predictions with their scores.

    Attributes:
        outcomes: one per example that has an intent.
        scores: over all outcomes.
    """

    outcomes: tuple[IntentOutcome, ...]
    scores: LabelScores

    @property
    def has_confidences(self) -> bool:
        """Whether all confidences are finite numbers; a training that diverged gives none."""
        return all(math.isfinite(outcome.confidence) for outcome in self.outcomes)

    @property
    def errors(self) -> list[IntentOutcome]:
        """Wrong predictions, the most confident first."""
        return sorted(
            (outcome for outcome in self.outcomes if not outcome.is_right),
            key=lambda outcome: -outcome.confidence,
        )

    @property
    def successes(self) -> list[IntentOutcome]:
        """Right predictions, in the order of the examples."""
        return [outcome for outcome in self.outcomes if outcome.is_right]


def evaluate_intents(examples: Sequence[Example], parses: Sequence[Parse]) -> IntentEvaluation:
    """Score predicted intents against annotated ones.

    A classifier predicts base intents ("faq" for "faq/ask_price"), so these are compared. Examples
    without an intent are left out. A predicted `nlu_fallback` is undone: the runner-up counts, so
    that the figures describe the classifier and not the fallback's threshold.

    Args:
        examples: annotated examples, at least one of them with an intent.
        parses: their parses, parallel to `examples`.

    Returns:
        Outcomes and scores.

    Raises:
        ValueError: the lengths differ, or no example has an intent.
    """
    outcomes = []
    for example, parse in zip(examples, parses, strict=True):
        target = example.base_intent
        if target is None or target == "":
            continue
        predicted = without_fallback(parse)
        outcomes.append(
            IntentOutcome(
                text=example.text,
                target=target,
                prediction=predicted.name,
                confidence=predicted.confidence,
            )
        )
    scores = score_labels(
        [outcome.target for outcome in outcomes],
        [NO_PREDICTION if o.prediction is None else o.prediction for o in outcomes],
    )
    return IntentEvaluation(outcomes=tuple(outcomes), scores=scores)


def without_fallback(parse: Parse) -> IntentPrediction:
    """The intent of a parse as it was before FallbackClassifier put `nlu_fallback` first.

    Where the ranking holds nothing after the fallback, the fallback stays, as in Rasa.
    """
    if parse.intent.name == FALLBACK_INTENT and len(parse.intent_ranking) >= 2:
        return parse.intent_ranking[1]
    return parse.intent
