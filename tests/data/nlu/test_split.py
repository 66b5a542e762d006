from __future__ import annotations

from collections import Counter
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gossamer.data import (
    Example,
    InputError,
    LookupTable,
    RegexPattern,
    Synonym,
    TrainingData,
    split_examples,
)


def data_of(**counts: int) -> TrainingData:
    return TrainingData(
        examples=tuple(
            Example(text=f"{intent} {number}", intent=intent.replace("__", "/"))
            for number in range(max(counts.values()))
            for intent, count in counts.items()
            if number < count
        ),
        synonyms=(Synonym(text="a", value="b"),),
        regexes=(RegexPattern(name="a", pattern="b"),),
        lookups=(LookupTable(name="a", elements=("b",)),),
        responses=MappingProxyType({"utter_faq/x": ({"text": "b"},)}),
    )


def test_every_intent_has_its_share() -> None:
    data = data_of(big=100, faq__x=10, faq__y=10, two=2, one=1)
    training, test = split_examples(data, random_seed=3)
    assert Counter(e.intent for e in training.examples) == {
        "big": 80,
        "faq/x": 8,
        "faq/y": 8,
        "two": 1,
        "one": 1,
    }
    assert set(training.examples) | set(test.examples) == set(data.examples)
    assert len(training.examples) + len(test.examples) == len(data.examples)
    order = {example: position for position, example in enumerate(data.examples)}
    for side in (training, test):
        assert [order[e] for e in side.examples] == sorted(order[e] for e in side.examples)
        assert (side.synonyms, side.regexes) == (data.synonyms, data.regexes)
        assert (side.lookups, side.responses) == (data.lookups, data.responses)


def test_the_seed_decides() -> None:
    data = data_of(a=30, b=30)
    assert split_examples(data, random_seed=1) == split_examples(data, random_seed=1)
    assert split_examples(data, random_seed=1) != split_examples(data, random_seed=2)
    # Recorded: the same on every machine and every Python.
    _, test = split_examples(data_of(a=6), training_fraction=0.5, random_seed=0)
    assert [e.text for e in test.examples] == ["a 0", "a 3", "a 5"]


def test_repeated_examples_count_once() -> None:
    example = Example(text="x", intent="a")
    data = TrainingData(examples=(example, Example(text="y", intent="a"), example))
    training, test = split_examples(data, random_seed=0)
    assert len(training.examples) == len(test.examples) == 1


@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=12),
    st.floats(0.01, 0.99),
    st.integers(0, 2**32),
)
def test_shares(counts: list[int], fraction: float, seed: int) -> None:
    data = data_of(**{f"i{number}": count for number, count in enumerate(counts)})
    training, _ = split_examples(data, training_fraction=fraction, random_seed=seed)
    found = Counter(e.intent for e in training.examples)
    for number, count in enumerate(counts):
        n_training = found[f"i{number}"]
        if count == 1:
            assert n_training == 1
            continue
        assert 1 <= n_training <= count - 1
        if 1 <= fraction * count <= count - 1:
            assert abs(n_training - fraction * count) < 1


def test_rounding_keeps_to_the_fraction_in_all() -> None:
    data = data_of(**{f"i{number}": 3 for number in range(100)})
    training, _ = split_examples(data, random_seed=0)
    assert len(training.examples) == pytest.approx(240, abs=45)
    training, _ = split_examples(data, training_fraction=0.5, random_seed=0)
    assert len(training.examples) == 150


@pytest.mark.parametrize("fraction", [0.0, 1.0, -1.0, 80.0, float("nan")])
def test_fractions_outside(fraction: float) -> None:
    with pytest.raises(InputError, match="above 0 and below 1"):
        split_examples(data_of(a=2), training_fraction=fraction)
