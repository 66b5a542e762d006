"""Learning curves: they rise where there is more to learn, and say so."""

from __future__ import annotations

import itertools

import pytest

from gossamer.data.errors import DataError
from gossamer.data.nlu.examples import Example, TrainingData
from gossamer.teach.look import learning_curve
from gossamer.teach.look.curve import _advice

WORDS = ("red", "blue", "green", "white", "black", "pink", "grey", "brown")
THINGS = ("shoe", "hat", "coat", "sock")


def data_of(*intents: tuple[str, str]) -> TrainingData:
    """32 examples of each intent, which begin with a verb of their own."""
    return TrainingData(
        examples=tuple(
            Example(text=f"{verb} a {colour} {thing}", intent=name)
            for name, verb in intents
            for colour, thing in itertools.product(WORDS, THINGS)
        )
    )


def test_what_is_learnt_at_once_needs_no_more() -> None:
    shares: list[float] = []
    data = data_of(("buy", "order"), ("sell", "return"))
    found = learning_curve("buy", data, TrainingData(), on_point=shares.append)
    assert [point["n_examples"] for point in found["points"]] == [2, 5, 10, 20, 24]
    assert found["points"][-1]["f1"] == 1.0
    assert found["points"][-1]["spread"] == 0.0
    assert found["advice"] == "enough"
    assert found["n_examples"] == 32
    assert found["n_test_messages"] == 8
    assert "held out" in found["how"]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_test_messages_are_used_where_there_are_enough() -> None:
    asked = [Example(text=f"please order {n} hats", intent="buy") for n in range(5)]
    asked += [Example(text=f"return {n} hats", intent="sell") for n in range(3)]
    data = data_of(("buy", "order"), ("sell", "return"))
    found = learning_curve("buy", data, TrainingData(examples=tuple(asked)))
    assert found["n_test_messages"] == 5
    assert [point["n_examples"] for point in found["points"]][-1] == 32
    assert "8 messages of the test data" in found["how"]


def test_few_examples_have_no_curve() -> None:
    data = data_of(("buy", "order"))
    few = TrainingData(examples=(*data.examples, Example(text="hi", intent="greet")))
    assert learning_curve("greet", few, TrainingData())["state"] == "none"
    assert learning_curve("buy", data, TrainingData())["state"] == "none"


def test_an_unknown_intent_is_refused() -> None:
    with pytest.raises(DataError, match="must have examples"):
        learning_curve("nothing", data_of(("buy", "order")), TrainingData())


@pytest.mark.parametrize(
    ("f1", "spread", "advice"),
    [
        ((0.5, 0.7), 0.01, "more_helps"),
        ((0.5, 0.7), 0.3, "unclear"),
        ((0.7, 0.705), 0.005, "enough"),
        ((0.7, 0.6), 0.005, "enough"),
    ],
)
def test_advice(f1: tuple[float, float], spread: float, advice: str) -> None:
    points = [
        {"n_examples": n, "f1": value, "spread": spread}
        for n, value in zip((10, 20), f1, strict=True)
    ]
    assert _advice(points)[0] == advice
