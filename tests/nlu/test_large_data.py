"""What spares time and memory on large data changes no feature, and leaves nobody without."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from gossamer.data import ComponentConfig, Example, ProjectConfig, TrainingData
from gossamer.nlu.featurizers.count_options import CountVectorsFeaturizerOptions
from gossamer.nlu.pipeline import registry
from gossamer.nlu.pipeline.component import Component, ComponentOptions, EpochListener
from gossamer.nlu.pipeline.messages import MessageBatch, TrainingBatch
from gossamer.nlu.pipeline.pipeline import Pipeline

TEXTS = ["one two two", "Two Three-four 12", "!!!", "fünf 12 12 one", "two  one?"]
DATA = TrainingData(
    examples=tuple(Example(text=text, intent=f"i_{number}") for number, text in enumerate(TEXTS))
)


class Reader(Component):
    """Notes how many blocks it sees, and says that it is done with them."""

    name: ClassVar[str] = "Reader"
    Options: ClassVar[type[ComponentOptions]] = ComponentOptions
    requires: ClassVar[frozenset[str]] = frozenset({"features"})
    seen: ClassVar[list[tuple[int, int]]] = []
    batches: ClassVar[list[TrainingBatch]] = []

    def train(
        self, data: TrainingData, batch: TrainingBatch, *, on_epoch: EpochListener | None = None
    ) -> None:
        before = len(batch.blocks)
        batch.drop_read_features()
        self.seen.append((before, len(batch.blocks)))
        self.batches.append(batch)

    def process(self, batch: MessageBatch) -> None: ...


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> type[Reader]:
    monkeypatch.setattr(registry, "_registered", {"Reader": Reader})
    monkeypatch.setattr(Reader, "seen", [])
    monkeypatch.setattr(Reader, "batches", [])
    return Reader


def trained(*items: tuple[str, Mapping[str, Any]]) -> Pipeline:
    parts = [ComponentConfig(name=name, options=options) for name, options in items]
    pipeline = Pipeline.from_config(ProjectConfig(language="en", pipeline=tuple(parts)))
    pipeline.train(DATA)
    return pipeline


Item = tuple[str, Mapping[str, Any]]
COUNTS: list[Item] = [("WhitespaceTokenizer", {}), ("CountVectorsFeaturizer", {})]


def test_only_the_last_reader_drops_the_features(reader: type[Reader]) -> None:
    trained(*COUNTS, ("Reader", {}), ("Reader", {}), ("KeywordIntentClassifier", {}))
    assert reader.seen == [(1, 1), (1, 0)]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_shared_vocab": True},
        {"stop_words": ["two"], "lowercase": False},
        {"OOV_token": "oov", "OOV_words": ["three"]},
        {"strip_accents": "unicode"},
        {"analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4},
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:CountVectorsFeaturizer")
def test_a_vocabulary_of_words_is_that_of_texts(
    options: dict[str, Any], reader: type[Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    featurizer: Item = ("CountVectorsFeaturizer", options)
    pipeline: list[Item] = [COUNTS[0], featurizer, ("Reader", {}), ("Reader", {})]
    from_words = trained(*pipeline).components[1].state()
    monkeypatch.setattr(CountVectorsFeaturizerOptions, "needs_frequencies", True)
    from_texts = trained(*pipeline).components[1].state()
    assert from_words == from_texts
    first, second = reader.batches[0], reader.batches[2]
    shapes = [[block.sequence.shape for block in b.label_blocks if block.sequence is not None]
              for b in (first, second)]  # fmt: skip
    assert shapes[0] == shapes[1]


@pytest.mark.parametrize(
    ("options", "needs"),
    [
        ({}, False),
        ({"min_df": 1}, False),
        ({"min_df": 2}, True),
        ({"min_df": 1.0}, True),
        ({"max_df": 1.0}, False),
        ({"max_df": 1}, True),
        ({"max_df": 0.9}, True),
        ({"max_features": 100}, True),
    ],
    ids=str,
)
def test_which_options_need_frequencies(options: dict[str, Any], needs: bool) -> None:
    assert CountVectorsFeaturizerOptions.model_validate(options).needs_frequencies is needs
