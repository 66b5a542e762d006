from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gossamer.data import (
    Entity,
    Example,
    Location,
    Synonym,
    TrainingData,
    synonym_conflicts,
    synonym_map,
)


def annotated(text: str, value: Any) -> Example:
    entity = Entity(start=0, end=len(text), entity="city", value=value)
    return Example(text=text, entities=(entity,), where=Location(Path("a.yml"), 3))


def test_items_and_annotations() -> None:
    data = TrainingData(
        examples=(annotated("NYC", "New York"), annotated("Rome", "Rome"), annotated("two", 2)),
        synonyms=(Synonym(text="Big Apple", value="New York"), Synonym(text="x", value="x")),
    )
    assert synonym_map(data) == {
        "big apple": "New York",
        "nyc": "New York",
        "new york": "New York",
    }
    assert synonym_conflicts(data) == []


def test_the_later_of_two_values_counts() -> None:
    data = TrainingData(
        examples=(annotated("nyc", "York"),), synonyms=(Synonym(text="NYC", value="New York"),)
    )
    with pytest.warns(UserWarning, match=r"^a\.yml:3: synonym 'nyc' means 'New York' and 'Yo"):
        assert synonym_map(data) == {"nyc": "York", "york": "York"}
    assert synonym_conflicts(data) == [("nyc", "New York", "York", Location(Path("a.yml"), 3))]


def test_a_synonym_that_is_a_value_keeps_its_meaning() -> None:
    data = TrainingData(
        synonyms=(Synonym(text="B", value="A"), Synonym(text="a", value="C")),
    )
    assert synonym_map(data) == {"b": "A", "a": "C", "c": "C"}


def test_none() -> None:
    assert synonym_map(TrainingData()) == {}
