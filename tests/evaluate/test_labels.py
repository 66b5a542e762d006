from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from gossamer.evaluate import score_labels


def test_averages_of_a_small_case_worked_out_by_hand() -> None:
    targets = ["a", "a", "a", "b", "b", "c"]
    predictions = ["a", "a", "b", "b", "x", "a"]
    scores = score_labels(targets, predictions)
    # a: precision 2/3, recall 2/3; b: 1/2, 1/2; c: 0, 0; x is only predicted, so not scored.
    assert scores.labels == ("a", "b", "c")
    assert scores.accuracy == pytest.approx(3 / 6)
    assert scores.f1 == pytest.approx((3 * 2 / 3 + 2 * 1 / 2 + 0) / 6)
    assert scores.precision == pytest.approx((3 * 2 / 3 + 2 * 1 / 2) / 6)
    assert scores.macro_f1 == pytest.approx((2 / 3 + 1 / 2) / 3)
    # Of five predictions of scored labels three are right.
    assert scores.micro_precision == pytest.approx(3 / 5)
    assert scores.micro_recall == pytest.approx(3 / 6)
    assert scores.confusion_labels == ("a", "b", "c", "x")
    np.testing.assert_array_equal(
        scores.confusion, [[2, 1, 0, 0], [0, 1, 0, 1], [1, 0, 0, 0], [0, 0, 0, 0]]
    )


def test_report_has_the_layout_that_scripts_read() -> None:
    report = score_labels(["a", "a", "b"], ["a", "b", "b"]).report
    assert set(report) == {"a", "b", "accuracy", "macro avg", "weighted avg"}
    assert set(report["a"]) == {"precision", "recall", "f1-score", "support", "confused_with"}
    assert report["a"]["confused_with"] == {"b": 1}
    assert report["b"]["confused_with"] == {}
    assert report["a"]["support"] == 2
    assert type(report["a"]["support"]) is int
    json.dumps(report)  # no NumPy scalars in it


def test_micro_average_is_in_the_report_where_labels_are_left_out() -> None:
    scores = score_labels(["a", "no", "a", "no"], ["a", "a", "no", "no"], exclude="no")
    assert scores.labels == ("a",)
    assert scores.report["micro avg"]["f1-score"] == pytest.approx(0.5)
    assert scores.report["accuracy"] == scores.accuracy == 0.5
    assert "no" not in scores.report
    assert scores.report["a"]["confused_with"] == {"no": 1}


def test_confused_with_looks_at_the_three_largest_cells() -> None:
    targets = ["a"] * 10
    predictions = ["a"] * 1 + ["b"] * 4 + ["c"] * 3 + ["d"] * 2
    report = score_labels(targets, predictions).report
    assert report["a"]["confused_with"] == {"b": 4, "c": 3, "d": 2}
    report = score_labels(targets, ["a"] * 4 + ["b"] * 3 + ["c"] * 2 + ["d"]).report
    assert report["a"]["confused_with"] == {"b": 3, "c": 2}


def test_nothing_to_score() -> None:
    scores = score_labels(["no", "no"], ["no", "a"], exclude="no")
    assert scores.labels == ()
    assert (scores.f1, scores.micro_f1, scores.macro_f1) == (0.0, 0.0, 0.0)
    assert scores.report == {"accuracy": 0.5}


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="equally long"):
        score_labels(["a"], [])
    with pytest.raises(ValueError, match="not empty"):
        score_labels([], [])


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abcx")), min_size=1, max_size=30)
)
def test_invariants(pairs: list[tuple[str, str]]) -> None:
    targets, predictions = [t for t, _ in pairs], [p for _, p in pairs]
    scores = score_labels(targets, predictions)
    assert int(scores.confusion.sum()) == len(pairs)
    # Every item has a scored label, so recall over all of them is the accuracy.
    assert scores.micro_recall == pytest.approx(scores.accuracy)
    assert scores.recall == pytest.approx(scores.accuracy)
    assert 0.0 <= scores.f1 <= 1.0
    assert (scores.f1 == 1.0) == (targets == predictions)


@given(
    st.lists(
        st.tuples(st.sampled_from(["a", "b", "c", "no"]), st.sampled_from(["a", "b", "no", "x"])),
        min_size=1,
        max_size=40,
    ),
    st.sampled_from([None, "no", "a"]),
)
def test_the_scores_are_those_of_scikit_learn(
    pairs: list[tuple[str, str]], exclude: str | None
) -> None:
    targets, predictions = [t for t, _ in pairs], [p for _, p in pairs]
    scores = score_labels(targets, predictions, exclude=exclude)
    labels = sorted(set(targets) - {exclude})
    assert scores.labels == (*labels,)
    if not labels:
        return
    theirs = metrics.classification_report(
        targets, predictions, labels=labels, output_dict=True, zero_division=0
    )
    # Theirs has either the accuracy or, where labels are left out, the micro average.
    theirs["accuracy"] = metrics.accuracy_score(targets, predictions)
    assert set(scores.report) == set(theirs)
    for name, row in theirs.items():
        ours = scores.report[name]
        if name != "accuracy":
            ours = {key: value for key, value in ours.items() if key != "confused_with"}
        assert ours == pytest.approx(row, abs=1e-12), name
    for average, shown in (
        ("micro", (scores.micro_precision, scores.micro_recall, scores.micro_f1)),
        ("weighted", (scores.precision, scores.recall, scores.f1)),
    ):
        expected = metrics.precision_recall_fscore_support(
            targets, predictions, labels=labels, average=average, zero_division=0
        )
        assert shown == pytest.approx(expected[:3], abs=1e-12), average
    macro = metrics.f1_score(targets, predictions, labels=labels, average="macro", zero_division=0)
    assert scores.macro_f1 == pytest.approx(macro, abs=1e-12)


def test_labels_may_have_the_names_of_averages() -> None:
    names = ["accuracy", "macro avg", "weighted avg", "micro avg", "a"]
    report = score_labels(names * 2, [*names, *reversed(names)]).report
    assert report["accuracy"] == pytest.approx(0.6)
    assert report["accuracy (label)"]["confused_with"] == {"a": 1}
    assert report["macro avg (label)"]["support"] == 2
    assert report["macro avg"]["support"] == 10
