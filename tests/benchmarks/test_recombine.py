from __future__ import annotations

from collections import Counter

import pytest
from support.recombine import recombine, split_intents

from gossamer.data import Example, TrainingData, annotate, parse_annotated

MARKED = {
    "travel": [
        "take me to [Ottersea](city)",
        "a ticket from [Lowmarsh](city) to [Westhaven](city) on [Friday](day)",
        "a seat to [the capital](city:Highcastle) please",
        "book [two](number) seats to [Silverfen]{'entity': 'city', 'role': 'to'}".replace("'", '"'),
        "[Monday](day) to [Ottersea](city)",
    ],
    "weather": [
        "is it raining in [Westhaven](city)",
        "will it snow on [Sunday](day)",
        "what is the weather in [Lowmarsh](city) on [Tuesday](day)",
    ],
    "greet": ["hello", "good morning", "hi there"],
}


def example(marked: str, intent: str) -> Example:
    text, entities = parse_annotated(marked)
    return Example(text=text, intent=intent, entities=entities)


@pytest.fixture
def sources() -> TrainingData:
    return TrainingData(
        examples=tuple(example(text, intent) for intent in MARKED for text in MARKED[intent])
    )


def test_the_seed_decides(sources: TrainingData, seed: int) -> None:
    made = recombine(sources, 100, n_intents=6, seed=seed)
    assert made == recombine(sources, 100, n_intents=6, seed=seed)
    assert made != recombine(sources, 100, n_intents=6, seed=seed + 1)


def test_texts_differ_and_the_numbers_are_right(sources: TrainingData, seed: int) -> None:
    made = recombine(sources, 120, n_intents=7, seed=seed)
    assert len(made.examples) == len({example.text for example in made.examples}) == 120
    assert len(made.intents) == 7
    assert {example.intent for example in made.examples[:7]} == set(made.intents)


def test_entities_are_values_of_their_entity_in_their_place(
    sources: TrainingData, seed: int
) -> None:
    known = {
        (entity.entity, example.text[entity.start : entity.end], entity.value)
        for example in sources.examples
        for entity in example.entities
    }
    made = recombine(sources, 120, n_intents=7, seed=seed)
    found = {
        (entity.entity, example.text[entity.start : entity.end], entity.value)
        for example in made.examples
        for entity in example.entities
    }
    assert found <= known
    assert ("city", "the capital", "Highcastle") in found
    assert {entity.role for example in made.examples for entity in example.entities} == {None, "to"}
    for item in made.examples:
        assert parse_annotated(annotate(item)) == (item.text, item.entities)


def test_the_words_around_the_entities_stay(sources: TrainingData, seed: int) -> None:
    def skeleton(item: Example) -> str:
        text = item.text
        for entity in reversed(item.entities):
            text = f"{text[: entity.start]}[{entity.entity}]{text[entity.end :]}"
        return text

    made = recombine(sources, 120, n_intents=7, seed=seed)
    assert {skeleton(e) for e in made.examples} <= {skeleton(e) for e in sources.examples}


def test_large_intents_are_split_by_first_words(sources: TrainingData) -> None:
    names = split_intents(sources.examples, 5)
    of_travel = [n for e, n in zip(sources.examples, names, strict=True) if e.intent == "travel"]
    assert Counter(of_travel) == {"travel_1": 3, "travel_2": 2}
    assert len(set(names)) == 5
    # Both begin with "a", so they stay together.
    assert of_travel[1] == of_travel[2]


def test_an_intent_that_is_not_split_keeps_its_name(sources: TrainingData) -> None:
    assert split_intents(sources.examples, 3) == [e.intent for e in sources.examples]


@pytest.mark.parametrize("n_intents", [2, 50])
def test_a_number_of_intents_that_cannot_be(sources: TrainingData, n_intents: int) -> None:
    with pytest.raises(ValueError, match=f"split into {n_intents} intents"):
        split_intents(sources.examples, n_intents)


def test_more_texts_than_there_can_be(sources: TrainingData) -> None:
    greetings = TrainingData(examples=sources.examples[-3:])
    with pytest.raises(ValueError, match="must give 4 texts: got 3"):
        recombine(greetings, 4, n_intents=1, seed=1)
