"""The temperature of known answers, of too few examples, and of logits without one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from torch import Tensor

from gossamer.nn.calibration import LEAST_EXAMPLES, fit_temperature


def calibrated(n_labels: int = 2, n_each: int = 100) -> tuple[Tensor, Tensor]:
    """Logits whose softmax is exactly how often each label is right.

    Groups of `n_each` examples share their confidences, and labels are right as often as these say.
    """
    logits, target = [], []
    for first in (60, 75, 90):
        rest = (n_each - first) // (n_labels - 1)
        counts = [n_each - rest * (n_labels - 1), *[rest] * (n_labels - 1)]
        row = torch.tensor([count / n_each for count in counts], dtype=torch.float64).log()
        logits.append(row.expand(n_each, -1))
        target.append(torch.repeat_interleave(torch.tensor(counts)))
    return torch.cat(logits), torch.cat(target)


@pytest.mark.parametrize("factor", [0.25, 0.5, 1.0, 1.7, 4.5])
@pytest.mark.parametrize("n_labels", [2, 3, 6])
def test_the_factor_that_calibrated_logits_were_multiplied_by(factor: float, n_labels: int) -> None:
    logits, target = calibrated(n_labels)
    found = fit_temperature((factor * logits).float(), target)
    assert found == pytest.approx(factor, rel=1e-4)


def test_it_is_where_another_minimiser_finds_it(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(200, 5, dtype=torch.float64, generator=generator)
    target = torch.where(
        torch.rand(200, generator=generator) < 0.6,
        logits.argmax(1),
        torch.randint(5, (200,), generator=generator),
    )

    def loss(temperature: float) -> float:
        scaled = logits.numpy() / temperature
        top = scaled.max(1, keepdims=True)
        normal = top[:, 0] + np.log(np.exp(scaled - top).sum(1))
        return float((normal - scaled[np.arange(200), target.numpy()]).mean())

    expected = minimize_scalar(loss, bounds=(0.2, 5.0), method="bounded", options={"xatol": 1e-8})
    assert fit_temperature(logits, target) == pytest.approx(expected.x, rel=1e-4)


def test_adding_a_number_to_all_logits_of_an_example_changes_nothing() -> None:
    logits, target = calibrated(3)
    moved = 2 * logits + torch.linspace(-1000, 1000, len(target), dtype=torch.float64)[:, None]
    assert fit_temperature(moved, target) == pytest.approx(2.0, rel=1e-6)


@pytest.mark.parametrize("n", [0, 1, LEAST_EXAMPLES - 1])
def test_too_few_examples_say_nothing(n: int) -> None:
    logits = torch.tensor([[1.0, 0.0]]).expand(n, -1)
    assert fit_temperature(logits, torch.zeros(n, dtype=torch.int64)) == 1.0


@pytest.mark.parametrize(("target", "bound"), [(0, 0.2), (1, 5.0)])
@pytest.mark.parametrize("n", [LEAST_EXAMPLES, 300])
def test_all_right_or_all_wrong_is_a_bound(target: int, bound: float, n: int) -> None:
    logits = torch.tensor([[3.0, 0.0, -1.0]]).expand(n, -1)
    found = fit_temperature(logits, torch.full((n,), target))
    assert found == pytest.approx(bound, rel=1e-6)


@pytest.mark.parametrize("margin", [0.0, 60.0, 150.0, 1e5])
def test_logits_that_no_temperature_makes_better_keep_theirs(margin: float) -> None:
    """All alike, or right so surely that the loss is 0 at 1 already."""
    logits = torch.tensor([[margin, 0.0]]).expand(80, -1)
    assert fit_temperature(logits, torch.zeros(80, dtype=torch.int64)) == 1.0


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_logits_that_are_not_finite_say_nothing(value: float) -> None:
    logits, target = calibrated()
    logits = 3 * logits
    logits[7, int(target[7])] = value
    assert fit_temperature(logits, target) == 1.0


def test_one_label_says_nothing() -> None:
    assert fit_temperature(torch.randn(60, 1), torch.zeros(60, dtype=torch.int64)) == 1.0
