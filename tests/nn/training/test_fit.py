from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gossamer.nn.options import FitOptions
from gossamer.nn.training.batching import Indices
from gossamer.nn.training.fit import (
    EpochResult,
    Regularized,
    StepResult,
    add_l2_gradient,
    evaluate,
    fit,
)


class Line(nn.Module):
    """Learns y = 3 x - 1 and counts what is asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 1)
        self.noise = nn.Dropout(0.1)
        self.asked: list[tuple[int, bool, bool]] = []
        self.scores: list[float] = []

    def step(self, batch: Tensor, *, with_metrics: bool) -> StepResult:
        self.asked.append((len(batch), with_metrics, self.training))
        loss = (self.layer(self.noise(batch)) - (3 * batch - 1)).square().mean()
        metrics = {"i_acc": 0.5}
        if with_metrics:
            metrics["e_f1"] = 0.25
        if not self.training and self.scores:
            metrics = {"i_acc": self.scores.pop(0)}
        return StepResult(loss, metrics)

    def regularized(self) -> list[Regularized]:
        return [Regularized(self.layer.weight)]


X = torch.linspace(-1, 1, 20)[:, None]


def train(network: Line | None = None, *, n: int = 20, **settings: Any) -> tuple[Line, list[Any]]:
    """Train on the first examples; returns the network and what `on_epoch` was told."""
    torch.manual_seed(settings.pop("torch_seed", 0))
    network = Line() if network is None else network
    told: list[EpochResult] = []
    evaluation = settings.pop("evaluation", None)
    labels = settings.pop("labels", None)
    options = {"epochs": 3, "batch_size": (8, 8), "learning_rate": 0.1, **settings}
    fit(
        network,
        lambda chosen: X[torch.from_numpy(chosen)],
        np.arange(n),
        labels=labels,
        options=FitOptions(**options),
        rng=np.random.default_rng(0),
        evaluation=evaluation,
        on_epoch=told.append,
    )
    return network, told


def test_loss_goes_down_and_the_network_ends_in_eval_mode() -> None:
    network, told = train(epochs=30)
    assert told[-1].metrics["t_loss"] < 0.2 * told[0].metrics["t_loss"]
    assert float(network.layer.weight.detach()) == pytest.approx(3.0, abs=0.6)
    assert not network.training


def test_listener_is_told_every_epoch() -> None:
    _, told = train(epochs=3)
    assert [result.epoch for result in told] == [1, 2, 3]
    assert all(set(result.metrics) == {"t_loss", "i_acc", "e_f1"} for result in told)
    assert all(result.seconds > 0 for result in told)
    assert told[0].metrics["e_f1"] == 0.25, "a mean over the batches that have it"


def test_costly_metrics_once_an_epoch_and_growing_batches() -> None:
    network, _ = train(epochs=2, batch_size=(8, 20))
    assert network.asked == [
        (8, False, True),
        (8, False, True),
        (4, True, True),
        (20, True, True),
    ]


def test_small_last_batch_is_dropped() -> None:
    network, _ = train(epochs=1, batch_size=(9, 9), drop_small_last_batch=True)
    assert [size for size, _, _ in network.asked] == [9, 9]


def test_balanced_by_labels() -> None:
    labels = np.array([0] * 19 + [1])
    network, _ = train(epochs=1, batch_size=(5, 5), labels=labels)
    assert sum(size for size, _, _ in network.asked) > 20


def test_same_seeds_same_weights() -> None:
    (one, _), (same, _), (other, _) = (train(torch_seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one.layer.weight, same.layer.weight)
    assert not torch.equal(one.layer.weight, other.layer.weight)


@pytest.mark.parametrize("settings", [{"epochs": 0}, {"n": 0}])
def test_nothing_to_do(settings: dict[str, Any]) -> None:
    network = Line()
    before = network.layer.weight.detach().clone()
    network, told = train(network, **settings)
    assert told == [] and network.asked == []
    assert torch.equal(network.layer.weight, before)


@pytest.mark.parametrize(("every", "epochs"), [(1, [1, 2, 3, 4]), (2, [2, 4]), (3, [3]), (-1, [4])])
def test_evaluation(every: int, epochs: list[int]) -> None:
    evaluation = np.arange(15, 20)
    network, told = train(
        epochs=4, n=15, evaluation=evaluation, evaluate_every_number_of_epochs=every
    )
    found = [result.epoch for result in told if "val_i_acc" in result.metrics]
    assert found == epochs
    assert {"val_t_loss", "val_i_acc", "val_e_f1"} <= set(told[epochs[-1] - 1].metrics)
    in_eval = [size for size, _, training in network.asked if not training]
    assert in_eval == [5] * len(epochs)


def test_evaluation_without_examples_set_aside() -> None:
    _, told = train(evaluate_every_number_of_epochs=1)
    assert not any("val_i_acc" in result.metrics for result in told)


def test_evaluate_weighs_batches_by_size_and_learns_nothing() -> None:
    network = Line().train()
    before = network.layer.weight.detach().clone()

    def batch(chosen: Indices) -> Tensor:
        return X[torch.from_numpy(chosen)]

    found = evaluate(network, batch, np.arange(20), 15)
    assert [size for size, _, _ in network.asked] == [15, 5]
    network.eval()
    whole = float(network.step(X, with_metrics=True).loss.detach())
    assert found["t_loss"] == pytest.approx(whole, rel=1e-5)
    assert torch.equal(network.layer.weight, before) and network.layer.weight.grad is None
    assert network.train().training


class Remembering(Line):
    """Keeps the weights it had at each evaluation."""

    def __init__(self, scores: list[float]) -> None:
        super().__init__()
        self.scores = list(scores)
        self.seen: list[Tensor] = []

    def step(self, batch: Tensor, *, with_metrics: bool) -> StepResult:
        if not self.training:
            self.seen.append(self.layer.weight.detach().clone())
        return super().step(batch, with_metrics=with_metrics)


@pytest.mark.parametrize(
    ("scores", "best"),
    [([0.1, 0.9, 0.5, 0.8], 1), ([0.1, 0.2, 0.3, 0.4], 3), ([0.5, 0.5, 0.5, 0.5], 0)],
)
@pytest.mark.parametrize("checkpoint", [False, True])
def test_checkpoint_goes_back_to_the_best(scores: list[float], best: int, checkpoint: bool) -> None:
    network = Remembering(scores)
    train(
        network,
        epochs=4,
        evaluation=np.arange(5),
        evaluate_every_number_of_epochs=1,
        checkpoint_model=checkpoint,
    )
    expected = network.seen[best if checkpoint else -1]
    assert torch.equal(network.layer.weight.detach(), expected)
    assert len({float(weight) for weight in network.seen}) == 4


def test_l2_acts_where_the_gradient_is_positive_only() -> None:
    weight = torch.tensor([[1.0, 2.0, 3.0], [-4.0, 5.0, 6.0]], requires_grad=True)
    weight.grad = torch.tensor([[0.5, 0.0, -0.5], [1.0, -1.0, 0.0]])
    add_l2_gradient(weight, 0.1)
    expected = torch.tensor([[0.5 + 0.2, 0.0, -0.5], [1.0 - 0.8, -1.0, 0.0]])
    torch.testing.assert_close(weight.grad, expected)


def test_l2_on_some_rows_equals_all_rows_when_the_rest_has_no_gradient(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(9, 4, generator=generator)
    rows = torch.tensor([1, 4, 5])
    gradient = torch.zeros(9, 4)
    gradient[rows] = torch.randn(3, 4, generator=generator)
    results = []
    for chosen in (None, rows):
        copy = weight.clone().requires_grad_()
        copy.grad = gradient.clone()
        add_l2_gradient(copy, 0.3, chosen)
        results.append(copy.grad)
    torch.testing.assert_close(*results)


def test_l2_without_gradient_or_strength() -> None:
    weight = torch.ones(2, 2, requires_grad=True)
    add_l2_gradient(weight, 0.1)
    assert weight.grad is None
    weight.grad = torch.ones(2, 2)
    add_l2_gradient(weight, 0.0)
    assert torch.equal(weight.grad, torch.ones(2, 2))


def test_regularization_constant_changes_training() -> None:
    (plain, _), (shrunk, _) = (
        train(epochs=40, regularization_constant=strength) for strength in (0.0, 5.0)
    )
    assert float(shrunk.layer.weight.detach()) < float(plain.layer.weight.detach())


def test_weight_averaging_keeps_an_average() -> None:
    """Weights of the end differ; what was seen on the way, and the random numbers, do not."""
    (plain, told), (averaged, also_told) = (
        train(epochs=10, learning_rate=0.05, weight_averaging=decay) for decay in (0.0, 0.99)
    )
    assert [r.metrics for r in told] == [r.metrics for r in also_told]
    assert float(averaged.layer.weight.detach()) < float(plain.layer.weight.detach())


def test_the_average_is_what_is_evaluated_and_kept() -> None:
    network = Remembering([])
    train(
        network,
        epochs=6,
        evaluation=np.arange(5),
        evaluate_every_number_of_epochs=-1,
        weight_averaging=0.9,
    )
    assert torch.equal(network.seen[-1], network.layer.weight.detach())
