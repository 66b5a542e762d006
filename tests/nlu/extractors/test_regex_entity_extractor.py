from __future__ import annotations

import json

import pytest

from gossamer.data.nlu.examples import Entity, Example, LookupTable, RegexPattern, TrainingData
from gossamer.nlu.extractors.regex_entity_extractor import (
    RegexEntityExtractor,
    RegexEntityExtractorOptions,
)
from gossamer.nlu.pipeline.messages import ComponentState, MessageBatch, TrainingBatch

DATA = TrainingData(
    examples=(
        Example(
            text="12345 Rome",
            intent="a",
            entities=(
                Entity(start=0, end=5, entity="zip", value="12345"),
                Entity(start=6, end=10, entity="city", value="Rome"),
            ),
        ),
    ),
    regexes=(
        RegexPattern(name="zip", pattern="[0-9]{5}"),
        RegexPattern(name="not_annotated", pattern="[a-z]+"),
    ),
    lookups=(LookupTable(name="city", elements=("Rome", "New York")),),
)


def trained(data: TrainingData = DATA, **options: object) -> RegexEntityExtractor:
    extractor = RegexEntityExtractor(RegexEntityExtractorOptions.model_validate(options))
    extractor.train(data, TrainingBatch(texts=[], examples=[], labels=[]))
    return extractor


def found(extractor: RegexEntityExtractor, text: str) -> list[tuple[str, int, int, object]]:
    batch = MessageBatch(texts=[text])
    extractor.process(batch)
    entities = batch.parses[0].entities
    assert all(e.extractor == "RegexEntityExtractor" and e.confidence is None for e in entities)
    return [(e.entity, *e.span, e.value) for e in entities]


def test_all_matches_of_patterns_named_like_entities() -> None:
    assert found(trained(), "from new york to 54321 and ROME, not romeo") == [
        ("zip", 17, 22, "54321"),
        ("city", 5, 13, "new york"),
        ("city", 27, 31, "ROME"),
    ]


def test_options() -> None:
    assert found(trained(case_sensitive=True), "ROME Rome") == [("city", 5, 9, "Rome")]
    assert found(trained(use_regexes=False), "12345 Rome") == [("city", 6, 10, "Rome")]
    assert found(trained(use_lookup_tables=False), "12345 Rome") == [("zip", 0, 5, "12345")]
    assert found(trained(use_word_boundaries=False), "romeo") == [("city", 0, 4, "rome")]


def test_empty_matches_are_no_entities() -> None:
    data = TrainingData(
        examples=DATA.examples, regexes=(RegexPattern(name="zip", pattern="[0-9]*"),)
    )
    assert found(trained(data), "a 1") == [("zip", 2, 3, "1")]


def test_nothing_to_look_for_is_told() -> None:
    with pytest.warns(UserWarning, match="RegexEntityExtractor finds nothing"):
        extractor = trained(TrainingData(regexes=DATA.regexes))
    assert found(extractor, "12345") == []


def test_state_round_trips_through_json() -> None:
    extractor = RegexEntityExtractor(RegexEntityExtractorOptions())
    extractor.restore(ComponentState(json=json.loads(json.dumps(trained().state().json))))
    assert found(extractor, "ROME") == [("city", 0, 4, "ROME")]
