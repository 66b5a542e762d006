from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gossamer.data.errors import Location, ModelFileError
from gossamer.data.nlu.examples import Entity, Example, Synonym, TrainingData
from gossamer.data.nlu.synonyms import synonym_map
from gossamer.nlu.extractors.entity_synonym_mapper import (
    EntitySynonymMapper,
    EntitySynonymMapperOptions,
)
from gossamer.nlu.pipeline.messages import (
    ComponentState,
    EntityPrediction,
    MessageBatch,
    TrainingBatch,
)


def trained(data: TrainingData) -> EntitySynonymMapper:
    mapper = EntitySynonymMapper(EntitySynonymMapperOptions())
    mapper.train(data, TrainingBatch(texts=[], examples=[], labels=[]))
    return mapper


def annotated(text: str, value: Any, *, where: Location | None = None) -> Example:
    entity = Entity(start=0, end=len(text), entity="city", value=value)
    return Example(text=text, intent="a", entities=(entity,), where=where)


def mapped(mapper: EntitySynonymMapper, value: Any) -> EntityPrediction:
    batch = MessageBatch(texts=["x"])
    batch.parses[0].entities = [
        EntityPrediction(start=0, end=1, entity="city", value=value, extractor="E")
    ]
    mapper.process(batch)
    return batch.parses[0].entities[0]


DATA = TrainingData(
    synonyms=(Synonym(text="NYC", value="New York"), Synonym(text="five", value=5)),
    examples=(annotated("the Big Apple", "New York"), annotated("Rome", "Rome")),
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("nyc", "New York"),
        ("NYC", "New York"),
        ("THE big apple", "New York"),
        ("new york", "New York"),
        ("Five", 5),
    ],
)
def test_known_values_are_replaced(value: str, expected: object) -> None:
    entity = mapped(trained(DATA), value)
    assert entity.value == expected
    assert entity.processors == ("EntitySynonymMapper",)


@pytest.mark.parametrize("value", ["New York", "Bern", "rome", 7])
def test_other_values_stay(value: object) -> None:
    entity = mapped(trained(DATA), value)
    assert entity.value == value
    assert entity.processors == ()


def test_numbers_are_looked_up_as_text() -> None:
    data = TrainingData(synonyms=(Synonym(text="7", value="seven"),))
    assert mapped(trained(data), 7).value == "seven"


def test_of_two_contradicting_synonyms_the_later_wins() -> None:
    where = Location(Path("nlu.yml"), 3)
    data = TrainingData(
        synonyms=(Synonym(text="LA", value="Los Angeles"),),
        examples=(annotated("la", "Louisiana", where=where),),
    )
    with pytest.warns(UserWarning, match=r"nlu\.yml:3: 'la' is a synonym .*'Louisiana' is used"):
        mapper = trained(data)
    assert mapped(mapper, "LA").value == "Louisiana"


def test_a_repeated_example_changes_nothing() -> None:
    """As nothing is trained again for its sake."""
    data = TrainingData(examples=tuple(annotated("LA", v) for v in ("A", "B", "A")))
    with pytest.warns(UserWarning, match="'B' is used"):
        assert mapped(trained(data), "la").value == "B"
    with pytest.warns(UserWarning, match="means 'A' and 'B'"):
        assert synonym_map(data)["la"] == "B"


def test_a_value_that_is_itself_a_synonym_is_mapped_as_written() -> None:
    data = TrainingData(
        synonyms=(Synonym(text="Peking", value="Beijing"), Synonym(text="beijing", value="BJ"))
    )
    assert mapped(trained(data), "Beijing").value == "BJ"


def test_state_round_trips_through_json() -> None:
    mapper = EntitySynonymMapper(EntitySynonymMapperOptions())
    mapper.restore(ComponentState(json=json.loads(json.dumps(trained(DATA).state().json))))
    assert mapped(mapper, "nyc").value == "New York"


@pytest.mark.parametrize("stored", [None, ["a"], {1: "a"}])
def test_damaged_state_is_refused(stored: object) -> None:
    with pytest.raises(ModelFileError, match="EntitySynonymMapper"):
        trained(DATA).restore(ComponentState(json={"synonyms": stored}))
