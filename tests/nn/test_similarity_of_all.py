"""The loss over all labels against PyTorch's cross-entropy."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gossamer.nn.options import SimilarityOptions
from gossamer.nn.similarity import SingleLabelDotProductLoss

N_INPUTS, N_LABELS, WIDTH = 6, 4, 3
CASES: list[dict[str, Any]] = [
    {
        "label_smoothing": smoothing,
        "use_cosine": cosine,
        "constrain_similarities": constrain,
        "scale_loss": scale,
    }
    for smoothing, cosine, constrain, scale in product((0.0, 0.1), *[(False, True)] * 3)
]


def drawn(seed: int, size: float = 1.0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Inputs, labels, target and weights."""
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        x = size * torch.randn(*shape, dtype=torch.float64, generator=generator)
        return x.requires_grad_()

    target = torch.randint(N_LABELS, (N_INPUTS,), generator=generator)
    weights = torch.rand(N_INPUTS, dtype=torch.float64, generator=generator)
    return draw(N_INPUTS, WIDTH), draw(N_LABELS, WIDTH), target, weights


def loss_of(**settings: Any) -> SingleLabelDotProductLoss:
    return SingleLabelDotProductLoss(
        SimilarityOptions(number_of_negative_examples=None, **settings)
    )


def by_hand(logits: Tensor, target: Tensor, o: dict[str, Any]) -> Tensor:
    """Loss of each input, one after the other."""
    losses, smoothing = [], o["label_smoothing"]
    for row, own in zip(logits, target.tolist(), strict=True):
        wanted = torch.full_like(row, smoothing / N_LABELS)
        wanted[own] += 1 - smoothing
        loss = -(wanted * (row - row.exp().sum().log())).sum()
        if o["constrain_similarities"]:
            signs = torch.ones_like(row)
            signs[own] = -1
            loss = loss + F.softplus(signs * row).sum() / N_LABELS
        losses.append(loss)
    each = torch.stack(losses)
    q = torch.exp(-each).detach()
    return each * (2 * (1 - q)) ** 4 if o["scale_loss"] and float(q.max()) > 0.5 else each


@pytest.mark.parametrize("size", [0.3, 2.0])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_loss_and_gradients(case: dict[str, Any], size: float, seed: int) -> None:
    inputs, labels, target, weights = drawn(seed, size)
    logits = inputs @ labels.t()
    if case["use_cosine"]:
        logits = logits / (inputs.norm(dim=1)[:, None] * labels.norm(dim=1))
    each = by_hand(logits, target, case)
    for w, expected in ((None, each.mean()), (weights, (each * weights).sum())):
        found = loss_of(**case)(inputs, labels, target, weights=w)
        torch.testing.assert_close(found.loss, expected)
        torch.testing.assert_close(
            torch.autograd.grad(found.loss, (inputs, labels), retain_graph=True),
            torch.autograd.grad(expected, (inputs, labels), retain_graph=True),
        )


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9])
def test_it_is_pytorchs_cross_entropy(smoothing: float, seed: int) -> None:
    inputs, labels, target, _ = drawn(seed)
    found = loss_of(label_smoothing=smoothing)(inputs, labels, target)
    logits = inputs @ labels.t()
    expected = F.cross_entropy(logits, target, label_smoothing=smoothing)
    torch.testing.assert_close(found.loss, expected)
    assert float(found.accuracy) == float((logits.argmax(1) == target).double().mean())


def test_one_label_costs_nothing() -> None:
    inputs, labels = torch.randn(3, WIDTH), torch.randn(1, WIDTH)
    found = loss_of(label_smoothing=0.1)(inputs, labels, torch.zeros(3, dtype=torch.int64))
    assert float(found.loss) == 0.0 and float(found.accuracy) == 1.0


def test_it_draws_nothing() -> None:
    inputs, labels, target, _ = drawn(0)
    before = torch.get_rng_state()
    loss_of(label_smoothing=0.1, constrain_similarities=True)(inputs, labels, target)
    assert torch.equal(torch.get_rng_state(), before)
