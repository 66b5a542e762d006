"""The vocabulary is the one that scikit-learn's CountVectorizer would learn."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from gossamer.nlu.featurizers.vocabulary import learn_vocabulary

documents = st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=8), max_size=8)
frequency = st.one_of(st.integers(1, 3), st.sampled_from([0.0, 0.25, 0.5, 1.0]))


@given(documents, frequency, frequency, st.one_of(st.none(), st.integers(1, 4)))
def test_equals_count_vectorizer(
    documents: list[list[str]], min_df: float, max_df: float, max_features: int | None
) -> None:
    vectorizer = CountVectorizer(
        analyzer=lambda terms: terms, min_df=min_df, max_df=max_df, max_features=max_features
    )
    try:
        expected = [str(term) for term in vectorizer.fit(documents).get_feature_names_out()]
    except ValueError:
        expected = []
    try:
        found = learn_vocabulary(documents, min_df=min_df, max_df=max_df, max_features=max_features)
    except ValueError:
        found = []
    assert found == expected


@pytest.mark.parametrize(
    ("documents", "settings", "message"),
    [
        ([], {}, "no term"),
        ([[], []], {}, "no term"),
        ([["a"], ["b"]], {"min_df": 2}, "min_df = 2"),
        ([["a"], ["b"], ["c"]], {"min_df": 3, "max_df": 0.5}, "max_df = 0.5 is below min_df = 3"),
    ],
)
def test_says_why_nothing_is_left(
    documents: list[list[str]], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        learn_vocabulary(documents, **settings)
