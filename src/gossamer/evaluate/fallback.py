"""A threshold for FallbackClassifier, suggested from the data that a model was tested on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gossamer.evaluate.confidence import AtThreshold, RiskCoverage, calibration_error, risk_coverage
from gossamer.evaluate.intents import IntentEvaluation

TARGET_ERRORS = (0.05, 0.02, 0.01)
"""Errors among the answered messages for which a threshold is looked for."""

MIN_ANSWERS = 10
"""Fewest wrong answers from which a threshold is suggested, and fewest right ones it must give."""


@dataclass(frozen=True, kw_only=True)
class FallbackAdvice:
    """What thresholds of FallbackClassifier do on tested messages; see `advise_fallback`.

    Attributes:
        curve: error against coverage over all thresholds.
        everything: every predicted intent is answered.
        own: the threshold of the tested pipeline; None where it has no FallbackClassifier.
        suggested: None when there is too little to tell.
        reaching: thresholds by the error among the answered that they reach, None where no
            threshold does; empty when there is too little to tell.
        no_suggestion_because: why `suggested` is None.
    """

    curve: RiskCoverage
    everything: AtThreshold
    own: AtThreshold | None
    suggested: AtThreshold | None
    reaching: Mapping[float, AtThreshold | None]
    no_suggestion_because: str | None = None


def advise_fallback(
    intents: IntentEvaluation, *, own_threshold: float | None = None
) -> FallbackAdvice | None:
    """Suggest a `threshold` for FallbackClassifier.

    The rule: the fewest mistakes, wrong answers given plus right answers withheld; of equally good
    thresholds the lowest. Nothing is suggested with fewer than `MIN_ANSWERS` wrong answers, nor
    when the rule would leave fewer than `MIN_ANSWERS` right ones: then the model is mostly wrong.
    FallbackClassifier's `ambiguity_threshold` plays no part.

    On messages that the model was trained on, confidences are too high, and no threshold that
    suits them suits others.

    Args:
        intents: outcomes on held-out messages.
        own_threshold: of the tested pipeline, to compare with.

    Returns:
        None where a confidence is not a finite number, as after a training that diverged.

    Raises:
        ValueError: no outcomes.
    """
    if not intents.has_confidences:
        return None
    curve = risk_coverage(intents.outcomes)
    # Confidences are not negative.
    everything = curve.at(0.0)
    best = curve.best()
    reason = _why_not(everything, best)
    return FallbackAdvice(
        curve=curve,
        everything=everything,
        own=None if own_threshold is None else curve.at(own_threshold),
        suggested=best if reason is None else None,
        reaching={e: curve.reaching(e) for e in TARGET_ERRORS} if reason is None else {},
        no_suggestion_because=reason,
    )


def confidence_report(intents: IntentEvaluation, advice: FallbackAdvice) -> dict[str, Any]:
    """What is known about confidences, for JSON."""
    curve = advice.curve
    return {
        "calibration_error": calibration_error(intents.outcomes),
        "n_messages": curve.n_messages,
        "everything": _entry(advice.everything),
        "own": _entry(advice.own),
        "suggested": _entry(advice.suggested),
        "no_suggestion_because": advice.no_suggestion_because,
        "reaching": [
            {"target_error": error, "point": _entry(point)}
            for error, point in advice.reaching.items()
        ],
        "curve": {
            "threshold": curve.thresholds.tolist(),
            "coverage": curve.coverage.tolist(),
            "error": curve.error.tolist(),
        },
    }


def _why_not(everything: AtThreshold, best: AtThreshold | None) -> str | None:
    if everything.n_wrong < MIN_ANSWERS:
        n_wrong = everything.n_wrong
        return f"too few errors to tell ({n_wrong}, at least {MIN_ANSWERS} are needed)"
    n_right = 0 if best is None else best.n_answered - best.n_wrong
    if n_right < MIN_ANSWERS:
        return (
            "the model is mostly wrong at every confidence (right answers at the best threshold: "
            f"{n_right}; needed: {MIN_ANSWERS})"
        )
    return None


def _entry(point: AtThreshold | None) -> dict[str, float | None] | None:
    if point is None:
        return None
    return {
        "threshold": point.threshold,
        "coverage": point.coverage,
        "error": point.error,
        "n_answered": point.n_answered,
        "n_wrong": point.n_wrong,
        "n_right_withheld": point.n_withheld,
    }
