"""What every network's training has in common: `train_network`, called with a small network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gossamer.data.errors import ConfigError
from gossamer.nlu.diet.options import NetworkOptions
from gossamer.nlu.learning.training import MakeBatch, rebuild_network, train_network
from gossamer.nlu.pipeline.component import EpochReport
from gossamer.nn.training.batching import Indices
from gossamer.nn.training.callbacks import FitCallback
from gossamer.nn.training.fit import Regularized, StepResult


class Line(nn.Module):
    """Keeps the example numbers of each step."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)
        self.drop = nn.Dropout(0.3)
        self.learnt: list[list[int]] = []
        self.evaluated: list[list[int]] = []

    def step(self, batch: Indices, *, with_metrics: bool) -> StepResult:
        (self.learnt if self.training else self.evaluated).append(batch.tolist())
        return StepResult((self(batch) - 1).square().mean(), {})

    def forward(self, batch: Indices) -> Tensor:
        x: Tensor = self.layer(self.drop(torch.from_numpy(batch[:, None] / 100.0).float()))
        return x

    def regularized(self) -> list[Regularized]:
        return [Regularized(self.layer.weight)]


class Trained(NamedTuple):
    network: Line
    seed: int
    reports: list[EpochReport]


def train(
    n: int = 400,
    *,
    n_labels: int = 4,
    callbacks: tuple[FitCallback, ...] = (),
    varied: Callable[[np.random.Generator], MakeBatch] | None = None,
    fit_rest: Callable[[Line, Indices], None] | None = None,
    look: Callable[[Line, Indices], None] | None = None,
    **settings: Any,
) -> Trained:
    reports: list[EpochReport] = []
    options = {"epochs": 6, "batch_size": 50, "random_seed": 1, **settings}
    network, seed = train_network(
        Line,
        lambda chosen: chosen,
        n,
        np.arange(n) % n_labels if n_labels else None,
        options=NetworkOptions.model_validate(options),
        name="Someone",
        on_epoch=reports.append,
        callbacks=callbacks,
        varied=varied,
        fit_rest=fit_rest,
        look=look,
    )
    return Trained(network, seed, reports)


def seen(steps: list[list[int]]) -> set[int]:
    return {i for step in steps for i in step}


def test_a_seed_decides_all_and_the_global_generator_is_left_alone() -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()
    one, same, other, fresh = train(), train(), train(random_seed=2), train(random_seed=None)
    assert torch.equal(torch.get_rng_state(), before)
    assert (one.seed, same.seed, other.seed) == (1, 1, 2) and 0 <= fresh.seed < 2**31
    assert one.network.learnt == same.network.learnt != other.network.learnt
    weight = one.network.layer.weight
    assert torch.equal(weight, same.network.layer.weight)
    assert not torch.equal(weight, other.network.layer.weight)
    again = train(random_seed=fresh.seed)
    assert torch.equal(fresh.network.layer.weight, again.network.layer.weight)


@pytest.mark.parametrize("epochs", [0, 2])
def test_it_is_returned_in_evaluation_mode_and_reported(epochs: int) -> None:
    network, _, reports = train(epochs=epochs)
    assert not network.training
    assert [(r.component, r.epoch, r.n_epochs) for r in reports] == [
        ("Someone", number + 1, epochs) for number in range(epochs)
    ]


@pytest.mark.parametrize("strategy", ["balanced", "sequence"])
def test_batches_are_balanced_where_that_is_the_strategy(strategy: str) -> None:
    """Two labels of three have two examples each."""
    labels = np.maximum(np.arange(96) // 2, 45) - 45
    network, _ = train_network(
        Line,
        lambda chosen: chosen,
        96,
        labels,
        options=NetworkOptions.model_validate(
            {"epochs": 1, "batch_size": 10, "batch_strategy": strategy}
        ),
        name="Someone",
    )
    assert seen(network.learnt) == set(range(96))
    assert (sum(map(len, network.learnt)) > 96) == (strategy == "balanced")


def test_what_is_held_out_is_evaluated_and_looked_at_in_the_end() -> None:
    looks: list[tuple[set[int], int]] = []
    network, _, reports = train(
        evaluate_on_number_of_examples=40,
        evaluate_every_number_of_epochs=3,
        look=lambda net, chosen: looks.append((set(chosen.tolist()), len(net.learnt))),
    )
    held_out = seen(network.evaluated)
    assert len(held_out) == 40 and sorted(i % 4 for i in held_out) == sorted([0, 1, 2, 3] * 10)
    assert seen(network.learnt) == set(range(400)) - held_out
    assert looks == [(held_out, len(network.learnt))]
    assert [r.epoch for r in reports if "val_t_loss" in r.metrics] == [3, 6]


def test_too_many_cannot_be_held_out() -> None:
    with pytest.raises(ConfigError, match=r"evaluate_on_number_of_examples .*399"):
        train(evaluate_on_number_of_examples=399)


def test_else_a_tenth_is_looked_at_half_way_and_then_joins() -> None:
    """What is fitted beside the steps is fitted to those that are known: first and in the end."""
    looks: list[tuple[list[int], int]] = []
    fits: list[tuple[list[int], int]] = []
    network, _, _ = train(
        batch_strategy="sequence",
        fit_rest=lambda net, chosen: fits.append((chosen.tolist(), len(net.learnt))),
        look=lambda net, chosen: looks.append((chosen.tolist(), len(net.learnt))),
    )
    ((late, half),) = looks
    (first, before), (everything, end) = fits
    assert len(late) == 40 and sorted(first + late) == list(range(400))
    assert everything == first + late
    assert (before, half, end) == (0, 3 * 8, 3 * 8 + 3 * 8)  # of 360 and of 400, 50 a batch
    assert seen(network.learnt[:half]) == set(first)
    assert seen(network.learnt[half:]) == set(range(400))


@pytest.mark.parametrize(
    ("n", "settings"), [(299, {}), (400, {"epochs": 5}), (400, {"n_labels": 0})]
)
def test_nothing_is_kept_back_where_that_would_say_little(n: int, settings: dict[str, Any]) -> None:
    looks: list[Indices] = []
    fits: list[int] = []
    train(
        n,
        look=lambda _, chosen: looks.append(chosen),
        fit_rest=lambda _, chosen: fits.append(len(chosen)),
        **settings,
    )
    assert looks == [] and fits == [n]


def test_variations_are_learnt_from_and_not_evaluated_on() -> None:
    """Their draws leave the order of the examples as it is."""

    def varied(rng: np.random.Generator) -> MakeBatch:
        (draws,) = rng.spawn(1)
        return lambda chosen: chosen + 1000 * draws.integers(1, 5, len(chosen))

    held_out: dict[str, Any] = {
        "evaluate_on_number_of_examples": 40,
        "evaluate_every_number_of_epochs": 1,
    }
    plain, other = train(**held_out).network, train(varied=varied, **held_out).network
    assert other.evaluated == plain.evaluated
    assert all(min(step) >= 1000 for step in other.learnt)
    assert [[i % 1000 for i in step] for step in other.learnt] == plain.learnt


def test_callbacks_take_part() -> None:
    class Noting(FitCallback):
        def __init__(self) -> None:
            self.told: list[Any] = []

        def begin(self, network: nn.Module, n_steps: int) -> None:
            self.told += [type(network), n_steps]

        def finish(self, network: nn.Module) -> None:
            self.told.append("end")

    noting = Noting()
    network = train(callbacks=(noting,)).network
    assert noting.told == [Line, len(network.learnt), "end"]


@pytest.mark.parametrize("seed", [None, 3])
def test_a_network_is_built_again(seed: int | None) -> None:
    before = torch.get_rng_state()
    trained = train().network
    built = rebuild_network(Line, seed, trained.state_dict())
    assert torch.equal(built.layer.weight, trained.layer.weight)
    assert torch.equal(torch.get_rng_state(), before)


def kept(n: int, *, epochs: int = 6, n_labels: int = 5) -> int:
    """How many of `n` examples are kept back."""
    found = [0]
    train(
        n,
        n_labels=n_labels,
        epochs=epochs,
        batch_size=n,
        look=lambda _, chosen: found.append(len(chosen)),
    )
    return found[-1]


@pytest.mark.parametrize(("n", "number"), [(299, 0), (300, 30), (9_999, 999), (30_000, 1000)])
def test_bounds_of_what_is_kept_back(n: int, number: int) -> None:
    assert kept(n) == number


def test_labels_of_fewer_than_five_examples_keep_all() -> None:
    assert kept(800, n_labels=200) == 0


@pytest.mark.parametrize(("epochs", "is_kept"), [(0, False), (5, False), (6, True), (7, True)])
def test_half_of_few_epochs(epochs: int, is_kept: bool) -> None:
    assert (kept(600, epochs=epochs) > 0) == is_kept
