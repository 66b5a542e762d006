"""Examples with other values of their entities."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gossamer.data import DataError, Entity, Example, InputError, TrainingData, augment_examples
from gossamer.data.nlu.augmentation import entity_phrases
from gossamer.data.nlu.formats.annotations import annotate
from gossamer.data.nlu.formats.rasa_yaml import parse_rasa_yaml
from gossamer.data.nlu.formats.rasa_yaml_writer import dump_yaml

DATA = parse_rasa_yaml(
    """\
nlu:
- intent: travel
  examples: |
    - from [Rome]{"entity": "city", "role": "from"} to [Oslo](city) [today](day)
    - to [NYC](city:New York)
- intent: greet
  examples: |
    - hi
- lookup: city
  examples: |
    - Lima
    - Roma
- lookup: country
  examples: |
    - Peru
- synonym: Rome
  examples: |
    - Roma
    - the eternal city
- synonym: Peru
  examples: |
    - Piruw
""",
    Path("nlu.yml"),
)


def test_phrases_come_from_examples_lookup_tables_and_synonyms() -> None:
    assert entity_phrases(DATA) == {
        "city": [
            ("Rome", "Rome"), ("Oslo", "Oslo"), ("NYC", "New York"), ("Lima", "Lima"),
            ("Roma", "Rome"), ("the eternal city", "Rome"),
        ],
        "day": [("today", "today")],
    }  # fmt: skip


def test_sentences_stay_and_values_change(seed: int) -> None:
    new = augment_examples(DATA, 40, random_seed=seed)
    assert {example.intent for example in new} == {"travel"}
    phrases = dict(entity_phrases(DATA)["city"])
    for example in new:
        for entity in example.entities:
            said = example.text[entity.start : entity.end]
            assert entity.value == phrases.get(said, "today")
    short = {example.text for example in new if len(example.entities) == 1}
    assert short == {f"to {city}" for city in phrases if city != "NYC"}
    long = [example for example in new if len(example.entities) == 3]
    assert 15 < len(long) <= 35
    assert all(example.entities[0].role == "from" for example in long)
    assert all(example.text.endswith(" today") for example in long)
    assert len({example.text for example in (*new, *DATA.examples)}) == len(new) + 3


def test_the_factor_is_kept_and_the_seed_decides(seed: int) -> None:
    new = augment_examples(DATA, 2, random_seed=seed)
    assert len([example for example in new if len(example.entities) == 3]) <= 2
    assert len(new) <= 4
    assert augment_examples(DATA, 2, random_seed=seed) == new
    many = [augment_examples(DATA, 2, random_seed=seed + n) for n in range(5)]
    assert any(other != new for other in many)


def test_they_can_be_written() -> None:
    new = augment_examples(DATA, 3, random_seed=1)
    text = dump_yaml(TrainingData(examples=new))
    assert parse_rasa_yaml(text, Path("x.yml")).examples == new
    assert all("](city" in annotate(example) or "]{" in annotate(example) for example in new)


def test_a_type_whose_only_phrase_is_blank_is_not_varied() -> None:
    blank = Entity(start=2, end=3, entity="size", value=" ")
    city = Entity(start=5, end=9, entity="city", value="Rome")
    examples = (
        Example(text="a   to Rome", entities=(blank, replace(city, start=7, end=11))),
        Example(text="from Rome", entities=(city,)),
        Example(text="near Oslo", entities=(replace(city, value="Oslo"),)),
    )
    new = augment_examples(TrainingData(examples=examples), 3)
    assert {example.text for example in new} == {"from Oslo", "near Rome"}
    with pytest.raises(DataError, match="there must be annotated entities"):
        augment_examples(TrainingData(examples=examples[:1]), 3)


def test_what_annotations_cannot_hold_is_left_out() -> None:
    data = parse_rasa_yaml(
        """\
nlu:
- intent: travel
  examples: |
    - to [Rome](city)
- lookup: city
  examples: |
    - New York [NY]
    - Lima
- synonym: Rome
  examples: |
    - Roma [R]
""",
        Path("nlu.yml"),
    )
    told = r"nlu.yml:\d+: 'New York \[NY\]' of lookup table 'city' is left out"
    with pytest.warns(UserWarning, match=told) as caught:
        new = augment_examples(data, 9)
    assert "'Roma [R]' of the synonyms of 'Rome' is left out" in str(caught[0].message)
    assert [example.text for example in new] == ["to Lima"]
    assert dump_yaml(TrainingData(examples=new))


def test_bad_input() -> None:
    with pytest.raises(InputError, match="factor must be at least 1"):
        augment_examples(DATA, 0)
    with pytest.raises(DataError, match="there must be annotated entities"):
        augment_examples(TrainingData(examples=DATA.examples[2:]), 1)
    one = parse_rasa_yaml("nlu: [{intent: a, examples: '- to [Rome](city)'}]", Path("x.yml"))
    with pytest.raises(DataError, match="entities must have several values") as caught:
        augment_examples(one, 1)
    assert "{'city': 1}" in str(caught.value)
