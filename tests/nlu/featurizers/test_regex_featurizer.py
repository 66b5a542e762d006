from __future__ import annotations

import json

import numpy as np
import pytest

from gossamer.data.errors import ModelFileError
from gossamer.data.nlu.examples import LookupTable, RegexPattern, TrainingData
from gossamer.nlu.featurizers.regex_featurizer import RegexFeaturizer, RegexFeaturizerOptions
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

DATA = TrainingData(
    regexes=(
        RegexPattern(name="number", pattern="[0-9]+"),
        RegexPattern(name="hello", pattern="hey*"),
        RegexPattern(name="phrase", pattern="how are"),
    ),
    lookups=(LookupTable(name="drink", elements=("tea", "club mate")),),
)


def trained(data: TrainingData = DATA, **options: object) -> RegexFeaturizer:
    featurizer = RegexFeaturizer(RegexFeaturizerOptions.model_validate(options), alias="rx")
    featurizer.train(data, TrainingBatch(texts=[], examples=[], labels=[]))
    return featurizer


def process(featurizer: RegexFeaturizer, *texts: str) -> MessageBatch:
    batch = MessageBatch(texts=texts)
    WhitespaceTokenizer(WhitespaceTokenizerOptions()).process(batch)
    featurizer.process(batch)
    return batch


def dense(matrix: FeatureMatrix | None) -> list[list[float]]:
    assert isinstance(matrix, CsrMatrix)
    assert matrix.dtype == np.float32
    values: list[list[float]] = matrix.toarray().tolist()
    return values


def test_a_token_that_a_match_overlaps_is_marked() -> None:
    (block,) = process(trained(), "heyy how are 2 club mates?", "a club mate, tea").blocks
    assert block.origin == "rx"
    # columns: hello, number, phrase, drink
    assert dense(block.sequence) == [
        [1, 0, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 1, 0],
        [0, 1, 0, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 1],
        [0, 0, 0, 1],
        [0, 0, 0, 1],
    ]
    assert dense(block.sentence) == [[1, 1, 1, 0], [0, 0, 0, 1]]


def test_options() -> None:
    texts = ("HEY Tea", "teapot")
    assert dense(process(trained(), *texts).blocks[0].sentence) == [[0] * 4, [0] * 4]
    insensitive = process(trained(case_sensitive=False), *texts).blocks[0]
    assert dense(insensitive.sentence) == [[1, 0, 0, 1], [0] * 4]
    unbounded = process(trained(use_word_boundaries=False), *texts).blocks[0]
    assert dense(unbounded.sentence) == [[0] * 4, [0, 0, 0, 1]]
    assert trained(use_regexes=False).n_features == 1
    assert trained(use_lookup_tables=False).n_features == 3


def test_no_patterns_no_features() -> None:
    assert process(trained(TrainingData()), "hey").blocks == []


def test_no_tokens() -> None:
    (block,) = process(trained(), " ").blocks
    assert dense(block.sequence) == []
    assert dense(block.sentence) == [[0] * 4]


def test_state_round_trips_through_json() -> None:
    featurizer = trained(case_sensitive=False)
    state = ComponentState(json=json.loads(json.dumps(featurizer.state().json)))
    other = RegexFeaturizer(RegexFeaturizerOptions(case_sensitive=False), alias="rx")
    other.restore(state)
    text = "HEY, 3 teas and a TEA"
    for name in ("sequence", "sentence"):
        assert dense(getattr(process(other, text).blocks[0], name)) == dense(
            getattr(process(featurizer, text).blocks[0], name)
        )


def test_damaged_state_is_refused() -> None:
    with pytest.raises(ModelFileError, match="RegexFeaturizer"):
        trained().restore(ComponentState(json={"patterns": "x"}))
