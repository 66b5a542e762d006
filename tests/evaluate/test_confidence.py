from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from gossamer.data.nlu.intents import FALLBACK_INTENT
from gossamer.evaluate import (
    AtThreshold,
    IntentOutcome,
    calibration_error,
    out_of_scope_auroc,
    risk_coverage,
)


def _outcomes(*answers: tuple[float, bool]) -> list[IntentOutcome]:
    return [
        IntentOutcome(
            text="x", target="a", prediction="a" if is_right else "b", confidence=confidence
        )
        for confidence, is_right in answers
    ]


SILENT = IntentOutcome(text="x", target="a", prediction=None, confidence=0.0)
FELL_BACK = IntentOutcome(text="x", target="a", prediction=FALLBACK_INTENT, confidence=0.4)

# Right and wrong alternate; the two at 0.6 are a tie.
MIXED = _outcomes((0.9, True), (0.8, False), (0.6, True), (0.6, False), (0.3, True))


@pytest.mark.parametrize(
    ("outcomes", "error"),
    [
        (_outcomes((1.0, True)), 0.0),
        (_outcomes((1.0, False)), 1.0),
        (_outcomes((0.7, True)), 0.3),
        (_outcomes((0.0, False)), 0.0),
        # All right: mean gap 1 - c. All wrong: mean of c.
        (_outcomes((0.9, True), (0.5, True)), 0.3),
        (_outcomes((0.9, False), (0.5, False)), 0.7),
        # One bin, accuracy 1/2, mean confidence 0.95: gaps of right and wrong offset each other.
        (_outcomes((0.95, True), (0.95, False)), 0.45),
        # Two bins: 2/3 * |1/2 - 0.9| + 1/3 * |1 - 0.1|.
        (_outcomes((0.9, True), (0.9, False), (0.1, True)), 2 / 3 * 0.4 + 1 / 3 * 0.9),
        # A message without an intent is wrong with confidence 0, whatever the fallback's threshold.
        ([*_outcomes((0.8, True)), SILENT], 0.1),
        ([*_outcomes((0.8, True)), FELL_BACK], 0.1),
        # Rounding may carry a confidence a little over 1.
        (_outcomes((1.0 + 2**-20, True)), 2**-20),
    ],
)
def test_calibration_error_by_hand(outcomes: list[IntentOutcome], error: float) -> None:
    assert calibration_error(outcomes) == pytest.approx(error, abs=1e-12)


def test_bins_are_closed_at_their_upper_end() -> None:
    # Two bins, [0, 0.5] and (0.5, 1]: 0.5 is with 0.3, where the gaps +0.5 and -0.3 meet.
    assert calibration_error(_outcomes((0.5, True), (0.3, False)), n_bins=2) == pytest.approx(0.1)
    # 0.51 is not: 0.49 and 0.3 are apart.
    assert calibration_error(_outcomes((0.51, True), (0.3, False)), n_bins=2) == pytest.approx(
        (0.49 + 0.3) / 2
    )


@pytest.mark.parametrize("n_bins", [1, 3, 15])
def test_calibration_error_against_its_definition(n_bins: int) -> None:
    generator = np.random.default_rng(4)
    answers = [(c, bool(generator.random() < c)) for c in generator.random(500).tolist()]
    expected = 0.0
    for number in range(1, n_bins + 1):
        low, high = (number - 1) / n_bins, number / n_bins
        inside = [(c, is_right) for c, is_right in answers if low < c <= high]
        if inside:
            accuracy = sum(is_right for _, is_right in inside) / len(inside)
            confidence = sum(c for c, _ in inside) / len(inside)
            expected += len(inside) / len(answers) * abs(accuracy - confidence)
    assert calibration_error(_outcomes(*answers), n_bins=n_bins) == pytest.approx(expected)


@pytest.mark.parametrize("confidence", [math.nan, math.inf])
def test_what_is_no_confidence_is_refused(confidence: float) -> None:
    outcomes = _outcomes((confidence, True))
    with pytest.raises(ValueError, match="finite"):
        calibration_error(outcomes)
    with pytest.raises(ValueError, match="finite"):
        risk_coverage(outcomes)
    with pytest.raises(ValueError, match="of in_scope must be finite"):
        out_of_scope_auroc([confidence], [0.5])


def test_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        calibration_error([])
    with pytest.raises(ValueError, match="at least one"):
        risk_coverage([])
    with pytest.raises(ValueError, match="n_bins"):
        calibration_error(MIXED, n_bins=0)


def test_the_curve_by_hand() -> None:
    curve = risk_coverage([*MIXED, SILENT, FELL_BACK])
    assert curve.n_messages == 7
    assert curve.thresholds.tolist() == [0.3, 0.6, 0.8, 0.9]
    assert curve.n_answered.tolist() == [5, 4, 2, 1]
    assert curve.n_wrong.tolist() == [2, 2, 1, 0]
    assert curve.coverage.tolist() == [5 / 7, 4 / 7, 2 / 7, 1 / 7]
    assert curve.error.tolist() == [2 / 5, 2 / 4, 1 / 2, 0.0]


def test_a_threshold_answers_what_equals_it() -> None:
    curve = risk_coverage(MIXED)
    point = curve.at(0.6)
    assert (point.n_answered, point.n_wrong, point.n_withheld) == (4, 2, 1)
    assert point.coverage == 0.8
    assert point.error == 0.5
    assert curve.at(math.nextafter(0.6, 1)).n_answered == 2
    everything = curve.at(0.0)
    assert (everything.n_answered, everything.n_wrong, everything.n_withheld) == (5, 2, 0)
    nothing = curve.at(0.95)
    assert (nothing.n_answered, nothing.n_wrong, nothing.n_withheld) == (0, 0, 3)
    assert nothing.coverage == 0.0
    assert nothing.error is None


@pytest.mark.parametrize("is_right", [True, False])
def test_one_message(is_right: bool) -> None:
    curve = risk_coverage(_outcomes((0.7, is_right)))
    assert curve.coverage.tolist() == [1.0]
    assert curve.error.tolist() == [0.0 if is_right else 1.0]
    best = curve.best()
    assert best is not None
    assert best.threshold == 0.0
    assert best.n_answered == 1


def test_messages_without_an_intent_are_never_answered() -> None:
    curve = risk_coverage([SILENT, FELL_BACK])
    assert curve.thresholds.size == 0
    assert curve.best() is None
    assert curve.reaching(1.0) is None
    assert curve.at(0.0) == AtThreshold(
        threshold=0.0, n_messages=2, n_answered=0, n_wrong=0, n_withheld=0
    )


def test_the_best_threshold_makes_the_fewest_mistakes() -> None:
    # Wrong given plus right withheld from the lowest confidence on: 2+0, 1+0, 1+1, 0+1, 0+2.
    curve = risk_coverage(
        _outcomes((0.1, False), (0.4, True), (0.5, False), (0.7, True), (0.9, True))
    )
    best = curve.best()
    assert best is not None
    assert (best.n_answered, best.n_wrong, best.n_withheld) == (4, 1, 0)
    # Every number over 0.1 and up to 0.4 does this.
    assert 0.1 < best.threshold <= 0.4
    assert len(repr(best.threshold)) == len("0.2")


def test_of_equally_good_thresholds_the_lowest() -> None:
    # 0.2 upwards: one wrong. 0.6 upwards: one right withheld.
    curve = risk_coverage(_outcomes((0.2, True), (0.4, False), (0.6, True)))
    best = curve.best()
    assert best is not None
    assert best.threshold == 0.0
    assert best.n_answered == 3


def test_all_right_and_all_wrong() -> None:
    right = risk_coverage(_outcomes((0.2, True), (0.6, True))).best()
    assert right is not None
    assert (right.threshold, right.n_wrong, right.n_withheld) == (0.0, 0, 0)
    wrong = risk_coverage(_outcomes((0.2, False), (0.6, False))).best()
    # At least one message is answered.
    assert wrong is not None
    assert wrong.n_answered == 1
    assert 0.2 < wrong.threshold <= 0.6


def test_the_threshold_of_an_error_answers_most() -> None:
    # Errors from the lowest confidence on: 2/5, 1/4, 1/3, 1/2, 0.
    curve = risk_coverage(
        _outcomes((0.1, False), (0.4, True), (0.5, True), (0.7, False), (0.9, True))
    )
    for error, n_answered in ((1.0, 5), (0.4, 5), (0.39, 4), (0.25, 4), (0.24, 1), (0.0, 1)):
        point = curve.reaching(error)
        assert point is not None
        assert point.n_answered == n_answered
        assert point.error is not None
        assert point.error <= error
    assert risk_coverage(_outcomes((0.9, False), (0.5, True))).reaching(0.1) is None


def test_a_threshold_between_close_neighbours_still_parts_them() -> None:
    above = math.nextafter(0.5, 1)
    best = risk_coverage(_outcomes((0.5, False), (above, True))).best()
    assert best is not None
    assert best.threshold == above
    saturated = risk_coverage(_outcomes((0.99991, False), (1.0, True))).best()
    assert saturated is not None
    assert saturated.n_answered == 1
    assert len(repr(saturated.threshold)) <= len("0.99996")


def test_auroc_by_hand() -> None:
    assert out_of_scope_auroc([0.9, 0.8], [0.1]) == 1.0
    assert out_of_scope_auroc([0.1], [0.9, 0.8]) == 0.0
    assert out_of_scope_auroc([0.5, 0.5], [0.5]) == 0.5
    # Pairs: 0.9 beats both, 0.5 ties with one and loses to the other: 2.5 of 4.
    assert out_of_scope_auroc([0.9, 0.5], [0.5, 0.7]) == 2.5 / 4
    for inside, outside in (([], [0.5]), ([0.5], [])):
        with pytest.raises(ValueError, match="at least one"):
            out_of_scope_auroc(inside, outside)


def test_auroc_agrees_with_scikit_learn() -> None:
    generator = np.random.default_rng(2)
    # Rounded, so that there are ties.
    inside = np.round(generator.random(300) ** 0.5, 2).tolist()
    outside = np.round(generator.random(70), 2).tolist()
    expected = roc_auc_score([1] * 300 + [0] * 70, inside + outside)
    assert out_of_scope_auroc(inside, outside) == pytest.approx(expected)
