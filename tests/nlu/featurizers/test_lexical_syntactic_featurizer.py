from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gossamer.data.errors import ModelFileError
from gossamer.data.nlu.examples import TrainingData
from gossamer.nlu.featurizers.lexical_syntactic_featurizer import (
    LexicalSyntacticFeaturizer,
    LexicalSyntacticFeaturizerOptions,
)
from gossamer.nlu.pipeline.messages import ComponentState, MessageBatch, TrainingBatch
from gossamer.nlu.tokenizers.whitespace_tokenizer import (
    WhitespaceTokenizer,
    WhitespaceTokenizerOptions,
)
from gossamer.nn.csr import CsrMatrix

TOKENIZER = WhitespaceTokenizer(WhitespaceTokenizerOptions())


def trained(*texts: str, **options: object) -> LexicalSyntacticFeaturizer:
    featurizer = LexicalSyntacticFeaturizer(
        LexicalSyntacticFeaturizerOptions.model_validate(options)
    )
    batch = TrainingBatch(texts=texts, examples=[], labels=[])
    TOKENIZER.process(batch)
    featurizer.train(TrainingData(), batch)
    return featurizer


def rows(featurizer: LexicalSyntacticFeaturizer, *texts: str) -> list[list[float]]:
    batch = MessageBatch(texts=texts)
    TOKENIZER.process(batch)
    featurizer.process(batch)
    (block,) = batch.blocks
    assert block.sentence is None
    assert isinstance(block.sequence, CsrMatrix)
    assert block.sequence.dtype == np.float32
    parts = block.sequence.data, block.sequence.indices, block.sequence.indptr
    CsrMatrix.checked(*parts, featurizer.n_features)
    assert (np.diff(block.sequence.indices) > 0).sum() >= 0
    values: list[list[float]] = block.sequence.toarray().tolist()
    return values


def columns(featurizer: LexicalSyntacticFeaturizer) -> list[list[object]]:
    stored: list[list[object]] = featurizer.state().json["columns"]
    return stored


def test_columns_are_ordered_by_offset_feature_value() -> None:
    featurizer = trained("a B", features=[["upper", "low"], ["BOS", "suffix1"], ["EOS"]])
    assert columns(featurizer) == [
        [-1, "low", "True"],
        [-1, "upper", "False"],
        [0, "BOS", "False"],
        [0, "BOS", "True"],
        [0, "suffix1", "B"],
        [0, "suffix1", "a"],
        [1, "EOS", "True"],
    ]
    assert rows(featurizer, "a B") == [[0, 0, 0, 1, 0, 1, 1], [1, 1, 1, 0, 1, 0, 0]]


def test_unseen_values_contribute_nothing() -> None:
    featurizer = trained("ab cd", features=[["prefix2", "suffix1"]])
    assert rows(featurizer, "ax") == [[0, 0, 0, 0]]
    assert rows(featurizer, "ad") == [[0, 0, 0, 1]]


def test_an_even_window_looks_one_token_further_back() -> None:
    featurizer = trained("a b c", features=[["low"], []])
    assert columns(featurizer) == [[-1, "low", "True"]]
    assert rows(featurizer, "a b") == [[0], [1]]


def test_defaults_on_one_token() -> None:
    featurizer = trained("Hi", "hi")
    assert {column[0] for column in columns(featurizer)} == {0}
    assert columns(featurizer) == [
        [0, "BOS", "True"],
        [0, "EOS", "True"],
        [0, "digit", "False"],
        [0, "low", "False"],
        [0, "low", "True"],
        [0, "title", "False"],
        [0, "title", "True"],
        [0, "upper", "False"],
    ]


TEXT = st.lists(
    st.sampled_from(["Hi", "you", "THERE", "42", "x9", "é"]), min_size=1, max_size=6
).map(" ".join)


@given(st.lists(TEXT, min_size=1, max_size=5))
def test_a_batch_gives_the_rows_of_its_messages(texts: list[str]) -> None:
    featurizer = trained("Hi you THERE 42", "you", "42 Hi x9 x9")
    together = rows(featurizer, *texts)
    assert together == [row for text in texts for row in rows(featurizer, text)]


@given(TEXT)
def test_rows_equal_a_plain_reading_of_the_definition(text: str) -> None:
    featurizer = trained("Hi you THERE 42", "you", "42 Hi x9 x9")
    default = LexicalSyntacticFeaturizerOptions().features
    of_text = {"low": str.islower, "title": str.istitle, "upper": str.isupper, "digit": str.isdigit}
    words = text.split()
    for index, row in enumerate(rows(featurizer, text)):
        expected = set()
        for offset in (-1, 0, 1):
            at = index + offset
            if 0 <= at < len(words):
                for feature in default[offset + 1]:
                    value = {"BOS": at == 0, "EOS": at == len(words) - 1}.get(feature)
                    if value is None:
                        value = of_text[feature](words[at])
                    expected.add((offset, feature, str(value)))
        known = [tuple(column) for column in columns(featurizer)]
        assert {known[i] for i, cell in enumerate(row) if cell} == expected & set(known)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ([["lower"]], "'lower' is not a feature; available: BOS, EOS, digit, low"),
        ([[], []], "at least one feature"),
    ],
)
def test_bad_features_are_refused(features: list[list[str]], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        LexicalSyntacticFeaturizerOptions.model_validate({"features": features})


def test_no_training_texts_no_features() -> None:
    batch = MessageBatch(texts=["a"])
    TOKENIZER.process(batch)
    trained().process(batch)
    assert batch.blocks == []


def test_state_round_trips_through_json() -> None:
    featurizer = trained("Hi you 42")
    other = LexicalSyntacticFeaturizer(LexicalSyntacticFeaturizerOptions())
    other.restore(ComponentState(json=json.loads(json.dumps(featurizer.state().json))))
    assert rows(other, "you Hi") == rows(featurizer, "you Hi")
    assert other.n_features == featurizer.n_features


@pytest.mark.parametrize(
    "stored",
    [
        None,
        [[0, "low"]],
        [["0", "low", "True"]],
        [[0, "prefix2", "ab"]],
        [[5, "low", "True"]],
        [[0, "low", "True"], [0, "low", "True"]],
    ],
)
def test_damaged_state_is_refused(stored: object) -> None:
    featurizer = LexicalSyntacticFeaturizer(LexicalSyntacticFeaturizerOptions())
    with pytest.raises(ModelFileError, match="LexicalSyntacticFeaturizer"):
        featurizer.restore(ComponentState(json={"columns": stored}))


def test_many_different_words_do_not_fill_the_memory() -> None:
    featurizer = trained("Hi you", features=[["low"]])
    rows(featurizer, *(f"w{number}" for number in range(25_000)), "x" * 1000)
    assert len(featurizer._cache) <= 20_000
