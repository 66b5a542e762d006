from __future__ import annotations

import copy
import dataclasses
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from gossamer.data.config import ComponentConfig, ProjectConfig
from gossamer.data.errors import ConfigError, DataError, Location, ModelFileError
from gossamer.data.nlu.examples import (
    Entity,
    Example,
    LookupTable,
    RegexPattern,
    Synonym,
    TrainingData,
)
from gossamer.nlu.pipeline import registry
from gossamer.nlu.pipeline.checks import check_components
from gossamer.nlu.pipeline.component import Component, ComponentOptions, EpochListener, EpochReport
from gossamer.nlu.pipeline.messages import (
    ComponentState,
    IntentPrediction,
    MessageBatch,
    Parse,
    TrainingBatch,
)
from gossamer.nlu.pipeline.pipeline import ComponentRecord, Pipeline

FILE = Path("config.yml")


def config(*items: str | tuple[str, Mapping[str, Any]], language: str = "en") -> ProjectConfig:
    pairs = [(item, {}) if isinstance(item, str) else item for item in items]
    return ProjectConfig(
        language=language,
        pipeline=tuple(
            ComponentConfig(name=name, options=options, where=Location(FILE, line))
            for line, (name, options) in enumerate(pairs, start=1)
        ),
        where=Location(FILE),
    )


def build(*items: str | tuple[str, Mapping[str, Any]], language: str = "en") -> Pipeline:
    return Pipeline.from_config(config(*items, language=language))


CITY = Entity(start=6, end=10, entity="city", value="Roma")
DATA = TrainingData(
    examples=(
        Example(text="hello", intent="greet"),
        Example(text="hello", intent="greet"),
        Example(text="go to Rome", intent="travel", entities=(CITY,)),
    ),
    synonyms=(Synonym(text="eternal city", value="Roma"),),
    lookups=(LookupTable(name="city", elements=("Rome", "eternal city")),),
)
FULL = (
    "WhitespaceTokenizer",
    "RegexFeaturizer",
    "LexicalSyntacticFeaturizer",
    "CountVectorsFeaturizer",
    ("CountVectorsFeaturizer", {"analyzer": "char_wb", "max_ngram": 3}),
    "KeywordIntentClassifier",
    "RegexEntityExtractor",
    "EntitySynonymMapper",
    ("FallbackClassifier", {"threshold": 0.4}),
)


@pytest.fixture(scope="module")
def trained() -> Pipeline:
    pipeline = build(*FULL)
    pipeline.train(DATA)
    return pipeline


def check_parses(pipeline: Pipeline) -> None:
    hello, city, blank, unclear, direct = pipeline.parse(
        ["hello you", "the Eternal City", " \n", "bla", "/travel@0.8"]
    )
    assert hello.intent == IntentPrediction(name="greet", confidence=1.0)
    assert [token.text for token in hello.tokens] == ["hello", "you"]
    (entity,) = city.entities
    assert (entity.start, entity.end, entity.value) == (4, 16, "Roma")
    assert entity.processors == ("EntitySynonymMapper",)
    assert blank == Parse(text=" \n", intent=unclear.intent, intent_ranking=[unclear.intent])
    assert unclear.intent == IntentPrediction(name="nlu_fallback", confidence=0.4)
    assert direct.intent == IntentPrediction(name="travel", confidence=0.8)


def test_from_config_to_parse(trained: Pipeline) -> None:
    assert trained.is_trained
    check_parses(trained)
    assert trained.parse([]) == []


def test_aliases(trained: Pipeline) -> None:
    assert [component.alias for component in trained.components] == [
        "WhitespaceTokenizer",
        "RegexFeaturizer",
        "LexicalSyntacticFeaturizer",
        "CountVectorsFeaturizer",
        "CountVectorsFeaturizer_2",
        "KeywordIntentClassifier",
        "RegexEntityExtractor",
        "EntitySynonymMapper",
        "FallbackClassifier",
        "RegexMessageHandler",
    ]
    named = build("WhitespaceTokenizer", ("CountVectorsFeaturizer", {"alias": "words"}))
    assert named.components[1].alias == "words"


def test_a_batch_has_the_features_of_its_messages(trained: Pipeline) -> None:
    texts = ["hello", "go to Rome 42!", "Completely new words in the Eternal City"]
    together = trained.process(texts)
    assert [block.origin for block in together.blocks] == [
        "RegexFeaturizer",
        "LexicalSyntacticFeaturizer",
        "CountVectorsFeaturizer",
        "CountVectorsFeaturizer_2",
    ]
    for index, block in enumerate(together.blocks):
        singles = [trained.process([text]).blocks[index] for text in texts]
        for kind in ("sequence", "sentence"):
            matrix = getattr(block, kind)
            if matrix is not None:
                rows = np.vstack([getattr(single, kind).toarray() for single in singles])
                np.testing.assert_array_equal(matrix.toarray(), rows)


def test_state_round_trips_through_json(trained: Pipeline) -> None:
    records = [
        ComponentRecord(name, alias, options, ComponentState(json=state["json"]))
        for name, alias, options, state in json.loads(
            json.dumps([(*r[:3], {"json": dict(r.state.json)}) for r in trained.state()])
        )
    ]
    restored = Pipeline.from_state(records)
    assert restored.is_trained
    check_parses(restored)
    assert [r[:3] for r in restored.state()] == [r[:3] for r in trained.state()]


class Recorder(Component):
    """Keeps the batch it is trained on."""

    name: ClassVar[str] = "Recorder"
    Options: ClassVar[type[ComponentOptions]] = ComponentOptions
    seen: ClassVar[list[TrainingBatch]] = []

    def train(
        self, data: TrainingData, batch: TrainingBatch, *, on_epoch: EpochListener | None = None
    ) -> None:
        self.seen.append(batch)
        if on_epoch is not None:
            on_epoch(EpochReport(component=self.name, epoch=1, n_epochs=1, metrics={}, seconds=0.0))

    def process(self, batch: MessageBatch) -> None: ...


def test_components_are_trained_on_unique_examples_with_features(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry, "_registered", {"Recorder": Recorder})
    monkeypatch.setattr(Recorder, "seen", [])
    pipeline = build("WhitespaceTokenizer", "CountVectorsFeaturizer", "Recorder")
    reports: list[EpochReport] = []
    data = dataclasses.replace(DATA, synonyms=(), lookups=(), examples=DATA.examples[:2])
    data = data.merge([TrainingData(examples=(Example(text="bye now", intent="faq/x"),))])
    pipeline.train(data, on_epoch=reports.append)
    (batch,) = Recorder.seen
    assert list(batch.texts) == ["hello", "bye now"]
    assert list(batch.labels) == ["faq", "greet"]
    assert [len(tokens) for tokens in batch.tokens] == [1, 2]
    assert len(batch.blocks) == len(batch.label_blocks) == 1
    assert [report.component for report in reports] == ["Recorder"]


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (
            ("WhitespaceTokenizer", "WhitespaceTokenizer"),
            r"config\.yml:2: a pipeline may have one tokenizer",
        ),
        (
            (
                "WhitespaceTokenizer",
                ("CountVectorsFeaturizer", {"alias": "a"}),
                ("RegexFeaturizer", {"alias": "a"}),
            ),
            r"config\.yml:3: the aliases of components must differ \(got 'a'\)",
        ),
        (
            ("CountVectorsFeaturizer",),
            r"config\.yml:1: CountVectorsFeaturizer needs tokens .*Try: a tokenizer such as",
        ),
        (("FallbackClassifier",), "needs intent of an earlier component"),
        (("KeywordIntentClassifier", "EntitySynonymMapper"), "needs entities"),
        (
            (("WhitespaceTokenizer", {"token_patern": "x"}),),
            r"config\.yml:1: WhitespaceTokenizer has no option .*Try: 'token_pattern', or one of",
        ),
        (("RegexMessageHandler",), "must be one that Gossamer has"),
        ((), r"config\.yml: the pipeline needs at least one component"),
    ],
)
def test_pipelines_that_cannot_work_are_refused(items: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(*items)


def test_a_default_alias_that_is_taken_is_refused() -> None:
    with pytest.raises(ConfigError, match="aliases of components must differ"):
        build(
            "WhitespaceTokenizer",
            ("RegexFeaturizer", {"alias": "CountVectorsFeaturizer"}),
            "CountVectorsFeaturizer",
        )


def test_languages_without_white_space_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"WhitespaceTokenizer cannot cut .*\(got 'zh'\)"):
        build("WhitespaceTokenizer", language="zh")


class Extractor(Component):
    """Stands for an extractor that learns."""

    class Options(ComponentOptions):
        entity_recognition: bool = True

    name: ClassVar[str] = "Extractor"
    provides: ClassVar[frozenset[str]] = frozenset({"entities"})

    def process(self, batch: MessageBatch) -> None: ...


def test_competing_extractors_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {"Extractor": Extractor})
    with pytest.warns(UserWarning, match="Extractor and Extractor_2 all learn the same entities"):
        build("Extractor", "Extractor")
    build("Extractor", ("Extractor", {"entity_recognition": False}))
    pipeline = build("Extractor", "RegexEntityExtractor", "EntitySynonymMapper")
    with pytest.warns(UserWarning, match="Extractor and RegexEntityExtractor both look for city"):
        pipeline.train(DATA)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            TrainingData(regexes=(RegexPattern(name="r", pattern="x", where=Location(FILE, 3)),)),
            r"config\.yml:3: the training data has regexes but nothing .*; add RegexFeaturizer",
        ),
        (TrainingData(lookups=(LookupTable(name="l", elements=("x",)),)), "has lookup tables"),
        (TrainingData(synonyms=(Synonym(text="a", value="b"),)), "synonyms .*EntitySynonymMapper"),
        (TrainingData(examples=(DATA.examples[2],)), "the training data has synonyms"),
    ],
)
def test_data_that_nothing_uses_is_told(data: TrainingData, message: str) -> None:
    both = data.merge([TrainingData(examples=(Example(text="hi", intent="greet"),))])
    with pytest.warns(UserWarning, match=message):
        build("KeywordIntentClassifier").train(both)


def test_a_component_that_is_told_not_to_use_patterns_does_not_count() -> None:
    data = dataclasses.replace(DATA, synonyms=(), examples=DATA.examples[:1])
    pipeline = build("WhitespaceTokenizer", ("RegexFeaturizer", {"use_lookup_tables": False}))
    with pytest.warns(UserWarning, match="has lookup tables but nothing"):
        pipeline.train(data)


def test_examples_without_text() -> None:
    blank = Example(text=" ", intent="greet", where=Location(FILE, 5))
    with pytest.warns(UserWarning, match=r"config\.yml:5: an example without text"):
        build("KeywordIntentClassifier").train(TrainingData(examples=(blank, DATA.examples[0])))
    with pytest.raises(DataError, match="at least one example with a text"):
        build("KeywordIntentClassifier").train(TrainingData())


def test_wrong_calls(trained: Pipeline) -> None:
    with pytest.raises(RuntimeError, match=r"must be trained before it parses"):
        build("KeywordIntentClassifier").parse(["a"])
    with pytest.raises(TypeError, match=r"Try: \[text\]"):
        trained.parse("hello")


def test_more_texts_than_are_processed_at_a_time(trained: Pipeline) -> None:
    texts = ["hello", " ", "go to Rome"] * 200
    parses = trained.parse(texts)
    assert [parse.text for parse in parses] == texts
    assert [parse.intent.name for parse in parses[-3:]] == ["greet", "nlu_fallback", "travel"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda records: [], "must end with RegexMessageHandler"),
        (lambda records: records[:-1], "must end with RegexMessageHandler"),
        (lambda records: records[1:], "must be one that this version can build"),
        (
            lambda records: [("Unknown", "u", {}, ComponentState()), *records],
            "one that this version can build.*Unknown.*Try: training the model again",
        ),
        (
            lambda records: [*records[:-1], (*records[-1][:3], ComponentState())],
            "lists of names",
        ),
    ],
)
def test_damaged_state_is_refused(trained: Pipeline, change: Any, message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        Pipeline.from_state(change(trained.state()))


def test_check_components_accepts_components_without_place() -> None:
    components = build("WhitespaceTokenizer", "RegexFeaturizer").components[:2]
    check_components(components, [None, None])


def test_a_pipeline_without_a_network_imports_neither_torch_nor_scikit_learn(
    trained: Pipeline, tmp_path: Path
) -> None:
    stored = tmp_path / "state.json"
    stored.write_text(
        json.dumps([[*r[:3], dict(r.state.json)] for r in trained.state()]), encoding="utf-8"
    )
    program = (
        "import json, sys\n"
        "from gossamer.nlu.pipeline.pipeline import Pipeline\n"
        "from gossamer.nlu.pipeline.messages import ComponentState\n"
        "records = json.load(open(sys.argv[1], encoding='utf-8'))\n"
        "p = Pipeline.from_state([(*r[:3], ComponentState(json=r[3])) for r in records])\n"
        "assert p.parse(['hello'])[0].intent.name == 'greet'\n"
        "print([m for m in ('torch', 'sklearn') if m in sys.modules])\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, str(stored)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[]"


def test_train_batch_gives_what_the_components_made() -> None:
    pipeline = build(*FULL)
    batch = pipeline.train_batch(DATA)
    check_parses(pipeline)
    examples = DATA.unique_examples()
    assert batch.texts == [example.text for example in examples]
    assert [[token.text for token in tokens] for tokens in batch.tokens] == [
        example.text.split() for example in examples
    ]
    assert list(batch.labels) == list(DATA.intents)
    again = pipeline.process(batch.texts)
    assert [block.origin for block in batch.blocks] == [block.origin for block in again.blocks]
    assert len(batch.blocks) == 4  # one for each featurizer


def test_a_component_can_be_trained_on_a_batch_again_and_again(
    travel_data: TrainingData, tiny_config: Any
) -> None:
    config = tiny_config({"epochs": 1})
    *before, _ = config.pipeline
    batch = Pipeline.from_config(dataclasses.replace(config, pipeline=tuple(before))).train_batch(
        travel_data
    )
    whole = Pipeline.from_config(config)
    whole.train(travel_data)
    expected = whole.components[-2].state().arrays
    for _ in range(2):
        diet = Pipeline.from_config(config).components[-2]
        diet.train(travel_data, copy.copy(batch))
        found = diet.state().arrays
        assert found.keys() == expected.keys()
        for name, array in found.items():
            assert np.array_equal(array, expected[name]), name


def test_train_batch_needs_a_text() -> None:
    pipeline = build("WhitespaceTokenizer", "CountVectorsFeaturizer")
    with pytest.raises(DataError, match="at least one example"):
        pipeline.train_batch(TrainingData(examples=()))
    assert not pipeline.is_trained
