from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gossamer.data.nlu.examples import Entity
from gossamer.evaluate import SpanCounts, score_spans
from gossamer.nlu.pipeline.messages import EntityPrediction


def _true(start: int, end: int, name: str, role: str | None = None) -> Entity:
    return Entity(start=start, end=end, entity=name, value="", role=role)


def _found(
    start: int, end: int, name: str, role: str | None = None, extractor: str = "A"
) -> EntityPrediction:
    return EntityPrediction(
        start=start, end=end, entity=name, value="other", extractor=extractor, role=role
    )


@pytest.mark.parametrize(
    "prediction",
    [
        pytest.param(_found(0, 3, "city", "to"), id="border"),
        pytest.param(_found(0, 4, "place", "to"), id="type"),
        pytest.param(_found(0, 4, "city", "from"), id="role"),
        pytest.param(_found(0, 4, "city"), id="no role"),
    ],
)
def test_everything_must_fit(prediction: EntityPrediction) -> None:
    total = score_spans([[_true(0, 4, "city", "to")]], [[prediction]]).total
    assert total == SpanCounts(right=0, invented=1, missed=1)


def test_values_do_not_count_and_doubles_count_once() -> None:
    scores = score_spans(
        [[_true(0, 4, "city")]],
        [[_found(0, 4, "city"), _found(0, 4, "city", extractor="B")]],
    )
    assert scores.total == SpanCounts(right=1)
    assert scores.total.f1 == 1.0


def test_report_averages() -> None:
    scores = score_spans(
        [[_true(0, 1, "a"), _true(2, 3, "a")], [_true(0, 1, "b")]],
        [[_found(0, 1, "a")], [_found(0, 1, "c")]],
    )
    report = scores.report()
    assert set(report) == {"a", "b", "c", "micro avg", "macro avg", "weighted avg"}
    assert report["micro avg"]["f1-score"] == pytest.approx(2 * 1 / (2 + 1 + 2))
    assert report["a"] == {
        "precision": 1.0,
        "recall": 0.5,
        "f1-score": pytest.approx(2 / 3),
        "support": 2,
        "right": 1,
        "invented": 0,
        "missed": 1,
    }
    # "c" is only predicted: it weighs nothing in the means over labels.
    assert report["macro avg"]["recall"] == pytest.approx(0.25)
    assert report["weighted avg"]["recall"] == pytest.approx(1 / 3)


def test_nothing_annotated_nothing_found() -> None:
    scores = score_spans([[]], [[]])
    assert scores.total.f1 == scores.total.precision == scores.total.recall == 0.0
    assert scores.report()["weighted avg"]["f1-score"] == 0.0


_SPANS = st.lists(st.tuples(st.integers(0, 3), st.sampled_from("ab")), max_size=5, unique=True)


@given(_SPANS, _SPANS)
def test_counts_add_up_and_f1_is_the_harmonic_mean(
    true: list[tuple[int, str]], found: list[tuple[int, str]]
) -> None:
    total = score_spans(
        [[_true(s, s + 1, n) for s, n in true]], [[_found(s, s + 1, n) for s, n in found]]
    ).total
    assert total.right + total.missed == len(true)
    assert total.right + total.invented == len(found)
    if total.right:
        mean = 2 / (1 / total.precision + 1 / total.recall)
        assert total.f1 == pytest.approx(mean)
