"""DIETClassifier under scikit-learn's own checks.

`check_estimator` leaves out nearly all of its checks for estimators of texts, as it knows only
matrices of numbers. So they run on a twin that writes each row of numbers as a text.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.exceptions import SkipTestWarning
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import check_is_fitted, validate_data

from gossamer.nlu.estimator.estimator import DIETClassifier

WORDS = ({"name": "WhitespaceTokenizer"}, {"name": "CountVectorsFeaturizer"})

EXPECTED_FAILURES = {
    "check_sample_weight_equivalence_on_dense_data": (
        "it shuffles the texts, and their order decides what is drawn at random; and without "
        "weights, repetitions count once, as in Rasa"
    ),
}
SKIPPED = {
    "check_sample_weights_pandas_series": "pandas is not installed",
    "check_classifier_data_not_an_array": "pandas is not installed",
    "check_array_api_input": "SCIPY_ARRAY_API is not set",
}


class OfNumbers(DIETClassifier):
    """Learns from matrices: each number, in steps of a half, becomes a word."""

    def fit(
        self,
        X: Any,
        y: Any = None,
        entities: Any = None,
        *,
        sample_weight: Any = None,
        on_epoch: Any = None,
    ) -> OfNumbers:
        texts = _words(validate_data(self, X))
        return super().fit(texts, y, entities, sample_weight=sample_weight, on_epoch=on_epoch)

    def predict_proba(self, X: Any) -> Any:
        check_is_fitted(self)
        return super().predict_proba(_words(validate_data(self, X, reset=False)))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        tags.input_tags.one_d_array = tags.input_tags.string = False
        return tags


def _words(rows: Any) -> list[str]:
    steps = np.clip(np.asarray(rows, dtype=float) * 2, -9, 9).astype(int)
    return [
        " ".join(f"{chr(97 + i)}{step + 9}" for i, step in enumerate(row[:12])) for row in steps
    ]


def test_tags() -> None:
    tags = get_tags(DIETClassifier())
    assert tags.estimator_type == "classifier"
    assert tags.input_tags.string and tags.input_tags.one_d_array
    assert not tags.input_tags.two_d_array and not tags.input_tags.sparse
    assert not tags.input_tags.allow_nan
    assert not tags.target_tags.required, "entities may be all there is to learn"
    assert tags.target_tags.one_d_labels is False and tags.target_tags.single_output
    assert tags.classifier_tags.multi_class and not tags.classifier_tags.multi_label
    assert tags.requires_fit and not tags.no_validation and not tags.non_deterministic


def test_check_estimator_on_texts() -> None:
    with pytest.warns(SkipTestWarning, match="requires input  of type"):
        results = check_estimator(DIETClassifier(), on_fail="raise")
    assert [result["status"] for result in results] == ["passed"]


@pytest.mark.long
def test_check_estimator_on_numbers() -> None:
    estimator = OfNumbers(
        featurizers=WORDS,
        number_of_transformer_layers=0,
        dense_dimension={"text": 16, "label": 8},
        batch_size=32,
        epochs=12,
        learning_rate=0.05,
        drop_rate=0.0,
        weight_averaging=0.0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(
            estimator, on_fail=None, on_skip=None, expected_failed_checks=EXPECTED_FAILURES
        )
    of_status: dict[str, dict[str, Any]] = {}
    for result in results:
        of_status.setdefault(result["status"], {})[result["check_name"]] = result["exception"]
    assert of_status.pop("failed", {}) == {}
    assert set(of_status["xfail"]) == set(EXPECTED_FAILURES)
    assert set(of_status.get("skipped", {})) <= set(SKIPPED)
    assert len(of_status["passed"]) > 45
