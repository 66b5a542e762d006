from __future__ import annotations

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from gossamer.nlu.featurizers.ngrams import WORD_PATTERN, NgramAnalyzer


@given(
    st.text(st.sampled_from("ab1_ \t\nÉßİ\u0301-'") | st.characters(codec="utf-8"), max_size=20),
    st.sampled_from(["word", "char", "char_wb"]),
    st.integers(1, 5),
    st.integers(0, 3),
    st.booleans(),
    st.sampled_from([None, "ascii", "unicode"]),
    st.sampled_from([[], ["a", "b"]]),
)
def test_gives_the_terms_of_scikit_learn(
    text: str,
    analyzer: Literal["word", "char", "char_wb"],
    shortest: int,
    more: int,
    lowercase: bool,
    strip_accents: Literal["ascii", "unicode"] | None,
    stop_words: list[str],
) -> None:
    ours = NgramAnalyzer(
        analyzer=analyzer,
        min_ngram=shortest,
        max_ngram=shortest + more,
        lowercase=lowercase,
        strip_accents=strip_accents,
        stop_words=frozenset(stop_words),
    )
    peer = CountVectorizer(
        analyzer=analyzer,
        token_pattern=WORD_PATTERN,
        ngram_range=(shortest, shortest + more),
        lowercase=lowercase,
        strip_accents=strip_accents,
        stop_words=stop_words or None,
    ).build_analyzer()
    assert sorted(ours(text)) == sorted(peer(text))


@pytest.mark.parametrize(
    ("analyzer", "longest", "expected"),
    [("word", 1, True), ("word", 2, False), ("char_wb", 4, True), ("char", 1, False)],
)
def test_is_additive(
    analyzer: Literal["word", "char", "char_wb"], longest: int, expected: bool
) -> None:
    ours = NgramAnalyzer(analyzer=analyzer, max_ngram=longest)
    assert ours.is_additive is expected
    parts = sorted(ours("one two") + ours("three"))
    assert (sorted(ours("one two three")) == parts) is expected
