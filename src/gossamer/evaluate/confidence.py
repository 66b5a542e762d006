"""How reliable the confidence of an intent is: calibration, and error against coverage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gossamer.evaluate.intents import IntentOutcome

N_CALIBRATION_BINS = 15
"""Number of bins of the calibration error, as in Guo et al."""


def calibration_error(
    outcomes: Sequence[IntentOutcome], *, n_bins: int = N_CALIBRATION_BINS
) -> float:
    """Expected calibration error of intent confidences, in [0, 1]; 0 is best.

    Guo et al., "On Calibration of Modern Neural Networks" (2017), equation 3: confidences are put
    into bins of equal width, each closed at its upper end (0 is in the first); the gaps between a
    bin's accuracy and its mean confidence are averaged, weighted by the bin's number of messages.
    A message without an intent counts as wrong, with its confidence (0); so does a fallback that
    could not be undone, whose own confidence is only the threshold.

    Args:
        outcomes: at least one.
        n_bins: at least 1.

    Raises:
        ValueError: no outcomes, no bins, or a confidence that is not a finite number.
    """
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1 (got {n_bins})")
    confidences = _confidences(outcomes)
    right = np.array([o.has_answer and o.is_right for o in outcomes], dtype=np.float64)
    inner_edges = np.linspace(0.0, 1.0, n_bins + 1)[1:-1]
    bins = np.searchsorted(inner_edges, confidences, side="left")
    gaps = np.bincount(bins, weights=right - confidences, minlength=n_bins)
    return float(np.abs(gaps).sum() / len(outcomes))


@dataclass(frozen=True, slots=True, kw_only=True)
class AtThreshold:
    """What one threshold does: intents with a confidence of at least `threshold` are answered.

    Attributes:
        threshold: as FallbackClassifier takes it.
        n_messages: all messages.
        n_answered: messages that are answered.
        n_wrong: wrong ones among the answered.
        n_withheld: right intents that are not answered.
    """

    threshold: float
    n_messages: int
    n_answered: int
    n_wrong: int
    n_withheld: int

    @property
    def coverage(self) -> float:
        """Share of messages that are answered."""
        return self.n_answered / self.n_messages

    @property
    def error(self) -> float | None:
        """Share of wrong ones among the answered; None when nothing is answered."""
        return self.n_wrong / self.n_answered if self.n_answered else None


@dataclass(frozen=True, kw_only=True)
class RiskCoverage:
    """Error among the answered messages against their share, for every threshold.

    El-Yaniv and Wiener, "On the Foundations of Noise-free Selective Classification" (2010).
    A message without an intent is never answered, as FallbackClassifier has it, so coverage may end
    below 1. n_points is the number of different confidences among the other messages.

    Attributes:
        n_messages: all messages.
        thresholds: the confidences that occur, ascending. *Shape:* (n_points,).
        n_answered: messages with at least this confidence. *Shape:* (n_points,).
        n_wrong: wrong ones among these. *Shape:* (n_points,).
    """

    n_messages: int
    thresholds: npt.NDArray[np.float64]
    n_answered: npt.NDArray[np.int64]
    n_wrong: npt.NDArray[np.int64]

    @property
    def coverage(self) -> npt.NDArray[np.float64]:
        """Share of messages that are answered, descending. *Shape:* (n_points,)."""
        return self.n_answered / self.n_messages

    @property
    def error(self) -> npt.NDArray[np.float64]:
        """Share of wrong ones among the answered. *Shape:* (n_points,)."""
        return self.n_wrong / self.n_answered

    def at(self, threshold: float) -> AtThreshold:
        """What a threshold does."""
        point = int(np.searchsorted(self.thresholds, threshold, side="left"))
        is_answered = point < len(self.thresholds)
        n_answered = int(self.n_answered[point]) if is_answered else 0
        n_wrong = int(self.n_wrong[point]) if is_answered else 0
        n_right = int(self.n_answered[0] - self.n_wrong[0]) if len(self.thresholds) else 0
        return AtThreshold(
            threshold=threshold,
            n_messages=self.n_messages,
            n_answered=n_answered,
            n_wrong=n_wrong,
            n_withheld=n_right - (n_answered - n_wrong),
        )

    def best(self) -> AtThreshold | None:
        """The threshold with the fewest wrong answers given plus right ones withheld.

        In other words, the one that best separates right answers from wrong ones. Of equally good
        ones, the lowest. At least one message is answered; None when no message has an intent.
        """
        if not len(self.thresholds):
            return None
        # The right ones withheld are all right ones, a constant, less the right ones answered.
        mistakes = self.n_wrong - (self.n_answered - self.n_wrong)
        return self._at_point(int(mistakes.argmin()))

    def reaching(self, error: float) -> AtThreshold | None:
        """The threshold that answers most messages with at most this error; None if none does.

        Args:
            error: share of wrong ones among the answered, in [0, 1].
        """
        points = np.flatnonzero(self.error <= error)
        return self._at_point(int(points[0])) if len(points) else None

    def _at_point(self, point: int) -> AtThreshold:
        """All thresholds between two neighbouring confidences do the same: take a short one."""
        if point == 0:
            return self.at(min(0.0, float(self.thresholds[0])))
        below, above = float(self.thresholds[point - 1]), float(self.thresholds[point])
        return self.at(_short_number_between(below, above))


def risk_coverage(outcomes: Sequence[IntentOutcome]) -> RiskCoverage:
    """Error against coverage over all thresholds of confidence.

    Args:
        outcomes: at least one.

    Raises:
        ValueError: no outcomes, or a confidence that is not a finite number.
    """
    has_answer = np.array([outcome.has_answer for outcome in outcomes], dtype=bool)
    is_wrong = np.array([not outcome.is_right for outcome in outcomes], dtype=bool)
    confidences = _confidences(outcomes)[has_answer]
    thresholds, points = np.unique(confidences, return_inverse=True)
    n_at = np.bincount(points, minlength=len(thresholds))
    n_wrong_at = np.bincount(points[is_wrong[has_answer]], minlength=len(thresholds))
    return RiskCoverage(
        n_messages=len(outcomes),
        thresholds=thresholds,
        n_answered=n_at[::-1].cumsum()[::-1],
        n_wrong=n_wrong_at[::-1].cumsum()[::-1],
    )


def out_of_scope_auroc(in_scope: Sequence[float], out_of_scope: Sequence[float]) -> float:
    """How well confidence tells messages in scope from those out of scope.

    The area under the ROC curve: the probability that a message in scope has a higher confidence
    than one out of scope, ties counted as half. 1 is best, 0.5 is chance.

    Args:
        in_scope: confidences of messages that have an intent of the model, at least one.
        out_of_scope: confidences of messages that have not, at least one.

    Raises:
        ValueError: either is empty or holds a number that is not finite.
    """
    inside = _finite(np.asarray(in_scope, dtype=np.float64), "in_scope")
    outside = np.sort(_finite(np.asarray(out_of_scope, dtype=np.float64), "out_of_scope"))
    n_lower = np.searchsorted(outside, inside, side="left")
    n_not_higher = np.searchsorted(outside, inside, side="right")
    wins = int((n_lower + n_not_higher).sum()) / 2
    return wins / (len(inside) * len(outside))


def _confidences(outcomes: Sequence[IntentOutcome]) -> npt.NDArray[np.float64]:
    # A fallback that stayed has its threshold as its confidence, which means nothing.
    confidences = [o.confidence if o.has_answer or o.prediction is None else 0.0 for o in outcomes]
    return _finite(np.array(confidences, dtype=np.float64), "outcomes")


def _finite(confidences: npt.NDArray[np.float64], name: str) -> npt.NDArray[np.float64]:
    if not len(confidences):
        raise ValueError(f"{name} must hold at least one message (got none)")
    if not np.isfinite(confidences).all():
        raise ValueError(f"confidences of {name} must be finite numbers")
    return confidences


def _short_number_between(below: float, above: float) -> float:
    """The number with fewest decimals near the middle, over `below` and at most `above`."""
    middle = (below + above) / 2
    for n_decimals in range(1, 18):
        number = round(middle, n_decimals)
        if below < number <= above:
            return number
    return above
