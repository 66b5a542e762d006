"""How other code takes part in training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gossamer.nn.callbacks import Companions, FitCallback, Loss
from gossamer.nn.fit import FitOptions, Regularized, StepResult, fit
from gossamer.sparse import RandomlyConnectedLinear

X = torch.linspace(-1, 1, 20)[:, None].expand(20, 4)
LABELS = np.array([0] * 14 + [1] * 5 + [2])


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = RandomlyConnectedLinear(
            4, 4, connection_density=0.5, topology="uniform", seed=1
        )

    def step(self, batch: Tensor, *, with_metrics: bool) -> StepResult:
        return StepResult((self.layer(batch) - batch.flip(1)).square().mean(), {})

    def regularized(self) -> list[Regularized]:
        return [Regularized(self.layer.weight)]


class Told(FitCallback):
    """Writes down what it is told."""

    def __init__(self, name: str = "", log: list[str] | None = None) -> None:
        self.name = name
        self.log: list[str] = [] if log is None else log
        self.n_planned = 0
        self.n_steps = 0
        self.losses: list[float] = []
        self.companions: list[list[torch.Size]] = []
        self.modes: list[bool] = []

    def begin(self, network: nn.Module, n_steps: int) -> None:
        self.log.append(f"begin {self.name}")
        self.n_planned = n_steps

    def step(self, network: nn.Module, loss: Loss, companions: Companions) -> None:
        self.log.append(f"step {self.name}")
        self.n_steps += 1
        self.losses.append(float(loss(network).detach()))
        weight = network.get_parameter("layer.weight")
        self.companions.append([tensor.shape for tensor in companions(weight)])
        self.modes.append(network.training)

    def finish(self, network: nn.Module) -> None:
        self.log.append(f"finish {self.name}")
        self.modes.append(network.training)


def train(*callbacks: FitCallback, labels: Any = None, n: int = 20, **settings: Any) -> Small:
    network = Small()
    options = {"epochs": 3, "batch_size": (8, 8), "learning_rate": 0.01, **settings}
    fit(
        network,
        lambda chosen: X[torch.from_numpy(chosen)],
        np.arange(n),
        labels=labels,
        options=FitOptions(**options),
        rng=np.random.default_rng(3),
        callbacks=callbacks,
    )
    return network


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"batch_size": (2, 9), "epochs": 5},
        {"batch_size": (7, 3), "epochs": 4},
        {"drop_small_last_batch": True, "batch_size": (6, 6)},
        {"drop_small_last_batch": True, "batch_size": (5, 16), "epochs": 4},
        {"labels": LABELS},
        {"labels": LABELS, "batch_size": (2, 9), "epochs": 5, "drop_small_last_batch": True},
        {"n": 1},
        {"epochs": 1, "batch_size": (64, 64)},
    ],
)
def test_the_number_of_steps_is_told_before(settings: dict[str, Any]) -> None:
    told = Told()
    train(told, **settings)
    assert told.n_steps == told.n_planned > 0


def test_counting_steps_does_not_change_training() -> None:
    with_callback = train(Told(), labels=LABELS)
    without = train(labels=LABELS)
    assert torch.equal(with_callback.layer.weight, without.layer.weight)


def test_in_order() -> None:
    log: list[str] = []
    train(Told("a", log), Told("b", log), epochs=1, batch_size=(10, 10))
    assert log == [
        "begin a",
        "begin b",
        *["step a", "step b"] * 2,
        "finish a",
        "finish b",
    ]


@pytest.mark.parametrize("settings", [{"epochs": 0}, {"n": 0}])
def test_where_there_is_nothing_to_do_nobody_is_called(settings: dict[str, Any]) -> None:
    told = Told()
    train(told, **settings)
    assert told.log == []


def test_the_loss_is_that_of_the_batch_just_learnt_from() -> None:
    seen: list[Tensor] = []

    class Batches(Small):
        def step(self, batch: Tensor, *, with_metrics: bool) -> StepResult:
            seen.append(batch)
            return super().step(batch, with_metrics=with_metrics)

    told = Told()
    network = Batches()
    fit(
        network,
        lambda chosen: X[torch.from_numpy(chosen)],
        np.arange(20),
        labels=None,
        options=FitOptions(epochs=1, batch_size=(8, 8)),
        rng=np.random.default_rng(3),
        callbacks=[told],
    )
    # Each batch is seen twice: in the step, and when the loss is asked for.
    assert len(seen) == 2 * told.n_steps
    assert all(torch.equal(seen[i], seen[i + 1]) for i in range(0, len(seen), 2))


@pytest.mark.parametrize(("averaging", "n_tensors"), [(0.0, 2), (0.9, 3)])
def test_companions_are_moments_and_averages(averaging: float, n_tensors: int) -> None:
    told = Told()
    network = train(told, weight_averaging=averaging)
    shape = network.layer.weight.shape
    assert told.companions == [[shape] * n_tensors] * told.n_steps


def test_companions_are_what_the_loop_keeps() -> None:
    class Still(FitCallback):
        """Undoes what Adam remembers, so that it goes on as if it had not begun."""

        def step(self, network: nn.Module, loss: Loss, companions: Companions) -> None:
            for tensor in companions(network.get_parameter("layer.weight")):
                tensor.zero_()

    changed = train(Still(), epochs=2)
    usual = train(epochs=2)
    assert not torch.equal(changed.layer.weight, usual.layer.weight)


def test_the_network_is_in_training_until_it_is_finished() -> None:
    told = Told()
    train(told)
    assert told.modes == [True] * told.n_steps + [False]


def test_layers_may_be_replaced_before_and_weights_changed_after() -> None:
    class Replaces(FitCallback):
        def begin(self, network: nn.Module, n_steps: int) -> None:
            self.layer = RandomlyConnectedLinear(4, 4, connection_density=1.0, seed=2)
            self.before = self.layer.weight.detach().clone()
            network.layer = self.layer

        def finish(self, network: nn.Module) -> None:
            self.learnt = not torch.equal(self.layer.weight, self.before)
            with torch.no_grad():
                self.layer.weight.zero_()

    replaces = Replaces()
    network = train(replaces)
    assert replaces.learnt  # the optimiser was made after it
    assert network.layer is replaces.layer
    assert not network.layer.weight.any()


def test_the_final_weights_are_in_place_when_it_finishes() -> None:
    class Looks(FitCallback):
        def finish(self, network: nn.Module) -> None:
            self.weight = network.get_parameter("layer.weight").detach().clone()

    looks = Looks()
    network = train(looks, weight_averaging=0.9)
    assert torch.equal(looks.weight, network.layer.weight)


def test_by_itself_a_callback_does_nothing() -> None:
    assert torch.equal(train(FitCallback()).layer.weight, train().layer.weight)
