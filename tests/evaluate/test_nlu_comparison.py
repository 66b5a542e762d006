"""Pipelines compared on fewer and fewer examples."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from gossamer.data import ConfigError, InputError, TrainingData
from gossamer.data.nlu.examples import Entity, Example
from gossamer.evaluate import compare_nlu, comparison_text
from gossamer.evaluate.nlu_comparison import keep_examples
from gossamer.nlu.pipeline.messages import IntentPrediction, Parse, Token

SIZES = {"a": 20, "b": 10, "c": 5}
DATA = TrainingData(
    examples=tuple(
        Example(
            text=f"{intent}{n}",
            intent=intent,
            entities=(Entity(start=0, end=1, entity="letter", value=intent),),
        )
        for intent, size in SIZES.items()
        for n in range(size)
    )
)


class Memory:
    """Knows an intent if it had more than some examples of it."""

    def __init__(self, data: TrainingData, least: int) -> None:
        counts = {i: sum(e.intent == i for e in data.examples) for i in SIZES}
        self.known = {intent for intent, count in counts.items() if count >= least}

    def parse_many(self, texts: Sequence[str], /) -> list[Parse]:
        return [
            Parse(
                text=text,
                intent=IntentPrediction(name=text[0], confidence=1.0)
                if text[0] in self.known
                else IntentPrediction(name="a", confidence=0.5),
                tokens=[Token(text, 0, len(text))],
            )
            for text in texts
        ]


def test_each_configuration_sees_the_same(seed: int) -> None:
    seen: list[tuple[str, frozenset[str], int]] = []

    def train(config: str, data: TrainingData, own_seed: int) -> Memory:
        seen.append((config, frozenset(e.text for e in data.examples), own_seed))
        return Memory(data, 1)

    told: list[Any] = []
    comparison = compare_nlu(
        {"x": "x", "y": "y"}, DATA, train=train, random_seed=seed, runs=2,
        exclude_percentages=(0, 50, 75), on_model=lambda *parts: told.append(parts),
    )  # fmt: skip
    assert [part[1:] for part in told] == [(n, 12) for n in range(1, 13)]
    assert [part[1:] for part in seen[::2]] == [part[1:] for part in seen[1::2]]
    assert [own for _, _, own in seen[::6]] == [seed, seed + 1]
    first = [texts for _, texts, _ in seen[:6:2]]
    assert first[0] > first[1] > first[2]
    assert len(first[0]) == 28
    assert seen[0][1] != seen[6][1], "each run holds out others"
    assert comparison.results() == {"x": [[1.0] * 3] * 2, "y": [[1.0] * 3] * 2}
    assert [each.name for each in comparison.measures] == [
        "intent weighted F1", "entity span micro F1",
    ]  # fmt: skip
    assert comparison.rows()[0]["n_examples"] == 28
    assert comparison.rows()[0]["entity span micro F1"] == 0.0


def test_fewer_examples_are_worse_and_failures_are_told() -> None:
    def train(config: str, data: TrainingData, own_seed: int) -> Memory:
        if config == "broken" and len(data.examples) < 10:
            raise ConfigError("too few examples")
        return Memory(data, 4)

    comparison = compare_nlu(
        {"good": "good", "broken": "broken"}, DATA, train=train, random_seed=1, runs=1
    )
    (good,), (broken,) = comparison.results().values()
    assert good[0] == 1.0
    assert good[0] is not None and good[-1] is not None and good[0] > good[-1]
    assert broken[-1] is None
    assert "1 of 8 trainings failed" in comparison_text(comparison)
    assert "broken, run 1, 75% left out: too few examples" in comparison_text(comparison)


def test_a_model_that_predicts_nothing_is_wrong_and_has_not_failed() -> None:
    class Silent(Memory):
        def parse_many(self, texts: Sequence[str], /) -> list[Parse]:
            return [Parse(text=text) for text in texts]

    def train(config: str, data: TrainingData, own_seed: int) -> Memory:
        return Silent(data, 1) if own_seed == 2 or config == "silent" else Memory(data, 1)

    comparison = compare_nlu(
        {"good": "good", "silent": "silent"}, DATA, train=train, random_seed=1, runs=2,
        exclude_percentages=(0,),
    )  # fmt: skip
    assert comparison.results() == {"good": [[1.0], [0.0]], "silent": [[0.0], [0.0]]}
    text = comparison_text(comparison)
    assert "0.5000 ± 0.7071" in text
    assert "failed" not in text


def test_shares_are_kept_and_nested(seed: int) -> None:
    percentages = (75, 10, 0, 99.9, 50)
    parts = keep_examples(DATA, percentages, random_seed=seed)
    for part, percentage in zip(parts, percentages, strict=True):
        for intent, size in SIZES.items():
            n_kept = sum(example.intent == intent for example in part.examples)
            assert n_kept >= 1
            assert abs(n_kept - max(size * (1 - percentage / 100), 1)) < 1.001
        assert [e for e in DATA.examples if e in part.examples] == list(part.examples)
    by_size = sorted(({e.text for e in part.examples} for part in parts), key=len)
    assert all(small <= large for small, large in itertools.pairwise(by_size))
    assert keep_examples(DATA, percentages, random_seed=seed) == parts


def test_rare_intents_are_left_out() -> None:
    few = TrainingData(examples=(*DATA.examples, Example(text="x", intent="rare")))

    def train(config: str, data: TrainingData, own_seed: int) -> Memory:
        assert "rare" not in data.intents
        return Memory(data, 1)

    with pytest.warns(UserWarning, match="fewer than 5 examples are left out .*: rare"):
        compare_nlu({"x": "x"}, few, train=train, random_seed=1, runs=1, exclude_percentages=(0,))
    with pytest.raises(InputError, match="at least two intents must have 5 examples"):
        compare_nlu({"x": "x"}, TrainingData(examples=DATA.examples[:20]), train=train,
                    random_seed=1)  # fmt: skip


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"runs": 0}, "one run at least"),
        ({"exclude_percentages": (100,)}, "percentage of examples to leave out must be at least 0"),
    ],
)
def test_bad_input(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        compare_nlu({"x": 1}, DATA, train=lambda c, d, s: Memory(d, 1), random_seed=1, **options)
