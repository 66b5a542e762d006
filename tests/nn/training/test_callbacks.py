"""How other code takes part in training."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gossamer.nn.options import FitOptions
from gossamer.nn.training.callbacks import Companions, EarlyStopping, FitCallback, Loss
from gossamer.nn.training.fit import Regularized, StepResult, fit
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


class Unquoted(FitCallback):
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
    told = Unquoted()
    train(told, **settings)
    assert told.n_steps == told.n_planned > 0


def test_counting_steps_does_not_change_training() -> None:
    with_callback = train(Unquoted(), labels=LABELS)
    without = train(labels=LABELS)
    assert torch.equal(with_callback.layer.weight, without.layer.weight)


def test_in_order() -> None:
    log: list[str] = []
    train(Unquoted("a", log), Unquoted("b", log), epochs=1, batch_size=(10, 10))
    assert log == [
        "begin a",
        "begin b",
        *["step a", "step b"] * 2,
        "finish a",
        "finish b",
    ]


@pytest.mark.parametrize("settings", [{"epochs": 0}, {"n": 0}])
def test_where_there_is_nothing_to_do_nobody_is_called(settings: dict[str, Any]) -> None:
    told = Unquoted()
    train(told, **settings)
    assert told.log == []


def test_the_loss_is_that_of_the_batch_just_learnt_from() -> None:
    seen: list[Tensor] = []

    class Batches(Small):
        def step(self, batch: Tensor, *, with_metrics: bool) -> StepResult:
            seen.append(batch)
            return super().step(batch, with_metrics=with_metrics)

    told = Unquoted()
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
    told = Unquoted()
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
    told = Unquoted()
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


class Scored(Small):
    """Has the scores it is given at its evaluations."""

    def __init__(self, *scores: float) -> None:
        super().__init__()
        self.scores = list(scores)
        self.evaluated: list[Tensor] = []

    def step(self, batch: Tensor, *, with_metrics: bool) -> StepResult:
        result = super().step(batch, with_metrics=with_metrics)
        if self.training:
            return result
        self.evaluated.append(self.layer.weight.detach().clone())
        return StepResult(result.loss, {"i_acc": self.scores.pop(0), "m_acc": 9.0})


def stop_early(network: Scored, stopping: FitCallback, **settings: Any) -> list[int]:
    """Train with held-out examples; returns the epochs that were run."""
    epochs: list[int] = []
    options: dict[str, Any] = {"epochs": 8, "evaluate_every_number_of_epochs": 1, **settings}
    fit(
        network,
        lambda chosen: X[torch.from_numpy(chosen)],
        np.arange(15),
        labels=None,
        options=FitOptions(batch_size=(5, 5), **options),
        rng=np.random.default_rng(3),
        evaluation=np.arange(15, 20),
        on_epoch=lambda result: epochs.append(result.epoch),
        callbacks=[stopping],
    )
    return epochs


@pytest.mark.parametrize(
    ("scores", "patience", "tol", "n_epochs", "best"),
    [
        ([0.5, 0.6, 0.6, 0.6, 0.6, 0.6], 2, 0.0001, 5, 1),
        ([0.5, 0.4, 0.3, 0.2], 1, 0.0001, 3, 0),
        ([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8], 1, 0.0001, 8, 7),
        ([0.50, 0.55, 0.58, 0.60], 2, 0.2, 4, 3),  # each is higher, and yet no improvement
        ([0.5, 0.4, 0.6, 0.4, 0.3, 0.2], 2, 0.0001, 6, 2),
    ],
)
@pytest.mark.parametrize("averaging", [0.0, 0.9])
def test_early_stopping(
    scores: list[float], patience: int, tol: float, n_epochs: int, best: int, averaging: float
) -> None:
    """scikit-learn's rule: more than `patience` epochs in a row without a rise by `tol`."""
    network = Scored(*scores)
    stopping = EarlyStopping(["i_acc", "e_f1"], n_iter_no_change=patience, tol=tol)
    epochs = stop_early(network, stopping, weight_averaging=averaging)
    assert epochs == list(range(1, n_epochs + 1))
    assert stopping.scores == scores[:n_epochs] and stopping.best_score == scores[best]
    assert torch.equal(network.layer.weight, network.evaluated[best])
    assert not network.training


def test_early_stopping_can_be_used_again() -> None:
    stopping = EarlyStopping(["i_acc"], n_iter_no_change=0)
    assert stop_early(Scored(0.9, 0.9), stopping) == [1, 2]
    assert stop_early(Scored(0.1, 0.2, 0.2), stopping) == [1, 2, 3]
    assert stopping.scores == [0.1, 0.2, 0.2]


def test_early_stopping_needs_its_metrics() -> None:
    with pytest.raises(ValueError, match=r"early stopping needs one of \('e_f1',\): got"):
        stop_early(Scored(0.9), EarlyStopping(["e_f1"]))


def test_a_callback_that_does_nothing_stops_nothing() -> None:
    network = Scored(*[0.5] * 8)
    assert stop_early(network, FitCallback()) == list(range(1, 9))
