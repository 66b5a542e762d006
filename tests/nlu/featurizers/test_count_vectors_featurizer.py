from __future__ import annotations

import json
import re
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.feature_extraction.text import CountVectorizer

from gossamer.data.errors import ModelFileError
from gossamer.data.nlu.examples import Example, TrainingData
from gossamer.nlu.featurizers.count_options import CountVectorsFeaturizerOptions
from gossamer.nlu.featurizers.count_vectors_featurizer import CountVectorsFeaturizer
from gossamer.nlu.pipeline.messages import (
    ComponentState,
    FeatureMatrix,
    MessageBatch,
    TrainingBatch,
)
from gossamer.nlu.tokenizers.whitespace_tokenizer import (
    WhitespaceTokenizer,
    WhitespaceTokenizerOptions,
)
from gossamer.nn.csr import CsrMatrix

Intents = dict[str, list[str]]


def train(
    intents: Intents, *, tokenizer: dict[str, Any] | None = None, **options: Any
) -> tuple[CountVectorsFeaturizer, TrainingBatch]:
    given = {"rasa_defaults": True, **options}  # single words, unless a test says otherwise
    featurizer = CountVectorsFeaturizer(CountVectorsFeaturizerOptions.model_validate(given))
    examples = [Example(text=t, intent=i) for i, texts in intents.items() for t in texts]
    batch = TrainingBatch(
        texts=[example.text for example in examples],
        examples=examples,
        labels=sorted({str(example.base_intent) for example in examples}),
    )
    WhitespaceTokenizer(WhitespaceTokenizerOptions.model_validate(tokenizer or {})).process(batch)
    featurizer.train(TrainingData(examples=tuple(examples)), batch)
    featurizer.process(batch)
    return featurizer, batch


def process(featurizer: CountVectorsFeaturizer, *texts: str) -> MessageBatch:
    batch = MessageBatch(texts=texts)
    WhitespaceTokenizer(WhitespaceTokenizerOptions()).process(batch)
    featurizer.process(batch)
    return batch


def dense(matrix: FeatureMatrix | None) -> list[list[float]]:
    assert isinstance(matrix, CsrMatrix)
    assert matrix.dtype == np.float32
    assert matrix.indices.dtype == matrix.indptr.dtype == np.int32
    for start, end in zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True):
        assert (np.diff(matrix.indices[start:end]) > 0).all()
    values: list[list[float]] = matrix.toarray().tolist()
    return values


def sequence(featurizer: CountVectorsFeaturizer, *texts: str) -> list[list[float]]:
    return dense(process(featurizer, *texts).blocks[0].sequence)


def sentence(featurizer: CountVectorsFeaturizer, *texts: str) -> list[list[float]]:
    return dense(process(featurizer, *texts).blocks[0].sentence)


def test_words_of_tokens_and_texts() -> None:
    featurizer, _ = train({"a": ["Go go home", "x-ray 42 a"]})
    assert featurizer.vocabulary == ["__number__", "a", "go", "home", "ray", "x"]
    assert sequence(featurizer, "GO go x-X unknown") == [
        [0, 0, 1, 0, 0, 0],
        [0, 0, 1, 0, 0, 0],
        [0, 0, 0, 0, 0, 2],
        [0, 0, 0, 0, 0, 0],
    ]
    assert sentence(featurizer, "GO go x-X unknown", "7") == [
        [0, 0, 2, 0, 0, 2],
        [1, 0, 0, 0, 0, 0],
    ]


def test_numbers_count_as_one_word_only_when_they_stand_alone() -> None:
    featurizer, _ = train({"a": ["10.50 a1 b"]}, lowercase=False)
    assert featurizer.vocabulary == ["__NUMBER__", "a1", "b"]
    assert sequence(featurizer, "3.1415 a1") == [[2, 0, 0], [0, 1, 0]]


def test_word_ngrams_occur_in_sentences_only() -> None:
    featurizer, _ = train({"a": ["one two three"]}, min_ngram=2, max_ngram=2)
    assert featurizer.vocabulary == ["one two", "two three"]
    assert sequence(featurizer, "one two") == [[0, 0], [0, 0]]
    assert sentence(featurizer, "one two", "zero one") == [[1, 0], [0, 0]]


def test_char_ngrams_cross_blanks_in_sentences_and_char_wb_do_not() -> None:
    char, _ = train({"a": ["ab c"]}, analyzer="char", min_ngram=2, max_ngram=2)
    assert char.vocabulary == [" c", "ab", "b "]
    assert sequence(char, "ab c") == [[0, 1, 0], [0, 0, 0]]
    assert sentence(char, "ab c") == [[1, 1, 1]]
    padded, _ = train({"a": ["ab c"]}, analyzer="char_wb", min_ngram=2, max_ngram=2)
    assert padded.vocabulary == [" a", " c", "ab", "b ", "c "]
    assert sequence(padded, "ab c") == [[1, 0, 1, 1, 0], [0, 1, 0, 0, 1]]


WORDS = st.lists(
    st.text("abé1Aß_-' İ\u0301", min_size=1, max_size=6).filter(lambda word: word.strip()),
    min_size=1,
    max_size=6,
).map(" ".join)


@given(
    st.lists(WORDS, min_size=1, max_size=6),
    st.lists(WORDS, min_size=1, max_size=4),
    st.sampled_from(["word", "char", "char_wb"]),
    st.tuples(st.integers(1, 4), st.integers(0, 3)),
    st.booleans(),
    st.sampled_from([None, "ascii", "unicode"]),
    st.sampled_from([1, 2, 0.3]),
    st.sampled_from([None, 4]),
)
def test_equals_scikit_learn(
    fitted: list[str],
    asked: list[str],
    analyzer: str,
    ngrams: tuple[int, int],
    lowercase: bool,
    strip_accents: str | None,
    min_df: float,
    max_features: int | None,
) -> None:
    sizes = (ngrams[0], ngrams[0] + ngrams[1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        featurizer, batch = train(
            {"a": fitted},
            analyzer=analyzer,
            min_ngram=sizes[0],
            max_ngram=sizes[1],
            lowercase=lowercase,
            strip_accents=strip_accents,
            min_df=min_df,
            max_features=max_features,
        )
    peer = CountVectorizer(
        analyzer=analyzer,
        token_pattern=r"(?u)\b\w+\b" if analyzer == "word" else None,
        ngram_range=sizes,
        lowercase=lowercase,
        strip_accents=strip_accents,
        min_df=min_df,
        max_features=max_features,
    )

    def cleaned(token: str) -> str:
        token = re.sub(r"\b[0-9]+\b", "__NUMBER__", token)
        return token.lower() if lowercase else token

    try:
        peer.fit([" ".join(cleaned(t.text) for t in tokens) for tokens in batch.tokens])
    except ValueError:
        assert featurizer.n_features == 0
        return
    assert featurizer.vocabulary == list(peer.get_feature_names_out())
    result = process(featurizer, *asked)
    tokens = [[cleaned(token.text) for token in tokens] for tokens in result.tokens]
    block = result.blocks[0]
    assert dense(block.sentence) == peer.transform(map(" ".join, tokens)).toarray().tolist()
    alone = peer.transform([token for text in tokens for token in text])
    assert dense(block.sequence) == alone.toarray().tolist()
    # A batch gives the rows of its messages.
    singles = [process(featurizer, text).blocks[0] for text in asked]
    assert dense(block.sequence) == [row for single in singles for row in dense(single.sequence)]
    assert dense(block.sentence) == [row for single in singles for row in dense(single.sentence)]


def test_frequency_limits() -> None:
    intents = {"a": ["x y", "x z", "x z"]}
    assert train(intents, min_df=2)[0].vocabulary == ["x", "z"]
    assert train(intents, min_df=0.5, max_df=0.9)[0].vocabulary == ["z"]
    assert train(intents, max_df=1)[0].vocabulary == ["y"]
    assert train(intents, max_features=1)[0].vocabulary == ["x"]


def test_stop_words() -> None:
    assert train({"a": ["the red cat"]}, stop_words="english")[0].vocabulary == ["cat", "red"]
    featurizer, _ = train({"a": ["the red cat"]}, stop_words=["red"], max_ngram=2)
    assert featurizer.vocabulary == ["cat", "the", "the cat"]
    assert sentence(featurizer, "the red cat") == [[1, 1, 1]]


def test_unknown_words_count_as_the_oov_token() -> None:
    featurizer, _ = train({"a": ["hi OOV there"]}, OOV_token="OOV")
    assert featurizer.vocabulary == ["hi", "oov", "there"]
    assert sequence(featurizer, "hi you don't") == [[1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 1, 0]]
    assert sentence(featurizer, "hi you") == [[1, 1, 0]]


def test_oov_words_become_the_token_in_training() -> None:
    featurizer, batch = train({"a": ["hi Foo bar"]}, OOV_token="oov", OOV_words=["foo"])
    assert featurizer.vocabulary == ["bar", "hi", "oov"]
    assert dense(batch.blocks[0].sentence) == [[1, 1, 1]]
    assert sequence(featurizer, "foo never-seen") == [[0, 0, 1], [0, 0, 1]]


def test_oov_words_keep_their_case_unless_texts_are_lower_cased() -> None:
    options: dict[str, Any] = {"OOV_token": "X", "OOV_words": ["Foo"], "lowercase": False}
    assert train({"a": ["hi foo Foo"]}, **options)[0].vocabulary == ["X", "foo", "hi"]


def test_settings_without_effect_are_told() -> None:
    with pytest.warns(UserWarning, match="OOV_token 'oov' has no effect"):
        train({"a": ["hi"]}, OOV_token="oov")
    for options, told in (
        (
            {"OOV_token": "hi", "analyzer": "char"},
            "OOV_token is without effect with analyzer 'char'",
        ),
        (
            {"stop_words": ["x"], "analyzer": "char_wb"},
            "stop_words are without effect with analyzer 'char_wb'",
        ),
        ({"OOV_words": ["x"]}, "OOV_words are without effect unless OOV_token is set"),
    ):
        read = CountVectorsFeaturizerOptions.model_validate(options)
        assert list(read.without_effect()) == [told]


def test_labels_have_a_vocabulary_of_their_own() -> None:
    _, batch = train({"faq/x": ["a"], "ask-faq": ["b"], "Ask_faq": ["c"]})
    (block,) = batch.label_blocks
    assert block.sentence is None
    # labels: Ask_faq, ask-faq, faq; words: ask, ask_faq, faq
    assert dense(block.sequence) == [[0, 1, 0], [1, 0, 1], [0, 0, 1]]


def test_labels_in_several_tokens_are_summed() -> None:
    _, batch = train(
        {"ask_faq": ["a"], "ask_ask": ["b"]}, tokenizer={"intent_tokenization_flag": True}
    )
    assert dense(batch.label_blocks[0].sequence) == [[2, 0], [1, 1]]


def test_a_shared_vocabulary_serves_texts_and_labels() -> None:
    featurizer, batch = train({"greet": ["hello"], "bye": ["bye"]}, use_shared_vocab=True)
    assert featurizer.vocabulary == ["bye", "greet", "hello"]
    assert dense(batch.label_blocks[0].sequence) == [[1, 0, 0], [0, 1, 0]]
    assert dense(batch.blocks[0].sentence) == [[0, 0, 1], [1, 0, 0]]


def test_min_df_leaves_labels_alone() -> None:
    featurizer, batch = train({"a": ["x", "x y"], "b": ["z"]}, min_df=2)
    assert featurizer.vocabulary == ["x"]
    assert dense(batch.label_blocks[0].sequence) == [[1, 0], [0, 1]]


@pytest.mark.parametrize("analyzer", ["char", "char_wb"])
def test_characters_give_no_label_features(analyzer: str) -> None:
    _, batch = train({"a": ["hi"]}, analyzer=analyzer, use_shared_vocab=True)
    assert batch.label_blocks == []
    assert len(batch.blocks) == 1


def test_labels_without_words_have_no_features() -> None:
    _, batch = train({"+": ["hi"], "?": ["you"]})
    assert batch.label_blocks == []
    assert len(batch.blocks) == 1


def test_nothing_to_count_warns_and_gives_no_features() -> None:
    with pytest.warns(UserWarning, match="CountVectorsFeaturizer: no features of texts"):
        featurizer, batch = train({"a": ["?!", "..."]})
    assert featurizer.n_features == 0
    assert batch.blocks == []
    assert process(featurizer, "hi").blocks == []


def test_no_tokens() -> None:
    featurizer, _ = train({"a": ["hi you"]})
    block = process(featurizer, " ").blocks[0]
    assert dense(block.sequence) == []
    assert dense(block.sentence) == [[0, 0]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_ngram": 3, "max_ngram": 2}, "max_ngram must be at least min_ngram: 2 < 3"),
        ({"min_ngram": 0}, "greater than or equal to 1"),
        ({"analyzer": "chars"}, "'word', 'char' or 'char_wb'"),
        ({"min_df": True}, "valid"),
        ({"min_df": 1.5}, "less than or equal to 1"),
        ({"stop_words": "german"}, "english"),
        ({"number_additional_patterns": 3}, "Extra inputs"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CountVectorsFeaturizerOptions.model_validate(options)


def test_defaults_are_those_of_rasa() -> None:
    options = CountVectorsFeaturizerOptions(rasa_defaults=True)
    assert options.model_dump(mode="json") == {
        "rasa_defaults": True,
        "alias": None,
        "analyzer": "word",
        "use_shared_vocab": False,
        "strip_accents": None,
        "stop_words": None,
        "min_df": 1,
        "max_df": 1.0,
        "min_ngram": 1,
        "max_ngram": 1,
        "max_features": None,
        "lowercase": True,
        "OOV_token": None,
        "OOV_words": [],
        "use_lemma": True,
        "whole_words": False,
    }


@pytest.mark.parametrize(
    ("given", "longest"),
    [
        ({}, 2),
        ({"min_ngram": 3}, 3),
        ({"max_ngram": 1}, 1),
        ({"max_ngram": 4}, 4),
        ({"analyzer": "char_wb"}, 1),
        ({"analyzer": "char", "min_ngram": 2}, 2),
        ({"rasa_defaults": True}, 1),
        ({"rasa_defaults": True, "max_ngram": 3}, 3),
    ],
)
def test_pairs_of_neighbouring_words_count_too(given: dict[str, Any], longest: int) -> None:
    assert CountVectorsFeaturizerOptions.model_validate(given).longest_ngram == longest


def test_pairs_are_counted_in_texts() -> None:
    featurizer, _ = train({"a": ["go home now"]}, rasa_defaults=False)
    assert featurizer.vocabulary == ["go", "go home", "home", "home now", "now"]
    assert sentence(featurizer, "now go home") == [[1, 1, 1, 0, 1]]
    assert sequence(featurizer, "now go home") == [
        [0, 0, 0, 0, 1],
        [1, 0, 0, 0, 0],
        [0, 0, 1, 0, 0],
    ]


@pytest.mark.parametrize(
    "options",
    [
        {"stop_words": "english", "OOV_token": "oov", "min_df": 1},
        {"analyzer": "char_wb", "max_ngram": 4, "max_df": 1.0},
    ],
)
def test_state_and_options_round_trip_through_json(options: dict[str, Any]) -> None:
    featurizer, _ = train({"a": ["the red oov cat", "a blue cat 7"]}, **options)
    stored = json.loads(
        json.dumps([featurizer.options.model_dump(mode="json"), dict(featurizer.state().json)])
    )
    other = CountVectorsFeaturizer(CountVectorsFeaturizerOptions.model_validate(stored[0]))
    other.restore(ComponentState(json=stored[1]))
    assert other.options == featurizer.options
    text = "the new cat is red, 8"
    assert sequence(other, text) == sequence(featurizer, text)
    assert sentence(other, text) == sentence(featurizer, text)


@pytest.mark.parametrize("vocabulary", [None, {"a": 0}, ["a", "a"], ["a", 1]])
def test_damaged_state_is_refused(vocabulary: object) -> None:
    featurizer = CountVectorsFeaturizer(CountVectorsFeaturizerOptions())
    with pytest.raises(ModelFileError, match=r"must be stored .*vocabulary"):
        featurizer.restore(ComponentState(json={"vocabulary": vocabulary, "stop_words": []}))


def test_many_different_words_do_not_fill_the_memory() -> None:
    featurizer, _ = train({"a": ["hi you"]})
    process(featurizer, *(f"w{number}" for number in range(25_000)), "x" * 1000)
    assert len(featurizer._texts._cache) <= 20_000
    assert "x" * 1000 not in featurizer._texts._cache
