"""As many epochs as the number of examples asks for, where the option is open."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gossamer.assistant import Assistant
from gossamer.data import ProjectConfig
from gossamer.data.nlu.examples import Example, TrainingData
from gossamer.nlu.diet.options import DIETOptions, NetworkOptions
from gossamer.nlu.pipeline.component import EpochReport


@pytest.mark.parametrize(
    ("n_examples", "epochs"),
    [
        (0, 100),
        (1, 100),
        (900, 100),
        (910, 99),
        (1500, 60),
        (1526, 59),
        (4500, 20),
        (8571, 11),
        (8572, 10),
        (9000, 10),
        (10**9, 10),
    ],
)
def test_epochs_go_with_the_number_of_examples(n_examples: int, epochs: int) -> None:
    options = DIETOptions()
    assert options.epochs_for(n_examples) == epochs
    assert options.fitting(n_examples).epochs == epochs
    assert DIETOptions(epochs=3).epochs_for(n_examples) == 3
    assert NetworkOptions().epochs_for(n_examples) == 300


@pytest.mark.parametrize(
    ("n_examples", "sizes"),
    [
        (0, (16, 16)),
        (101, (16, 16)),
        (102, (16, 17)),
        (272, (17, 45)),
        (1536, (64, 256)),
        (1023, (63, 170)),
        (10**9, (64, 256)),
    ],
)
def test_batches_go_with_the_number_of_examples(n_examples: int, sizes: tuple[int, int]) -> None:
    assert DIETOptions().fitting(n_examples).batch_size == sizes
    assert DIETOptions(batch_size=[8, 9]).fitting(n_examples).batch_size == (8, 9)
    assert DIETOptions(rasa_defaults=True).fitting(n_examples).batch_size == (64, 256)


@pytest.mark.parametrize(("every", "expected"), [(20, 20), (100, 100), (101, 100), (-1, -1)])
def test_there_is_an_evaluation_however_few_the_epochs(every: int, expected: int) -> None:
    options = DIETOptions(evaluate_every_number_of_epochs=every, evaluate_on_number_of_examples=5)
    assert options.fitting(100).evaluate_every_number_of_epochs == expected


def test_these_are_trained_and_reported(tiny_config: Callable[..., ProjectConfig]) -> None:
    examples = tuple(
        Example(text=f"{'yes' if i % 2 else 'no'} {i}", intent="deny" if i % 2 else "affirm")
        for i in range(4)
    )
    told: list[EpochReport] = []
    options = {"epochs": None, "number_of_transformer_layers": 0, "batch_size": 256}
    Assistant.train(
        tiny_config(options, before=(("WhitespaceTokenizer", {}), ("CountVectorsFeaturizer", {}))),
        TrainingData(examples=examples),
        on_epoch=told.append,
    )
    assert [report.epoch for report in told] == list(range(1, 101))
    assert {report.n_epochs for report in told} == {100}
