"""GELU in two parts equals GELU and slices, forward and backward."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gossamer.nn.ops.activation import gelu_in_two


@pytest.mark.parametrize("width", [16, 48, 20])
@pytest.mark.parametrize("n_first", [0, 1, 9, 13])
def test_equals_slices_of_gelu(width: int, n_first: int) -> None:
    torch.manual_seed(0)
    x = 3 * torch.randn(13, width)
    weights = torch.randn(13, width)

    def run(is_whole: bool) -> list[Tensor]:
        own = x.clone().requires_grad_()
        y = F.gelu(own)
        parts = (y[:n_first], y[n_first:]) if is_whole else gelu_in_two(own, n_first)
        loss = (parts[0] * weights[:n_first]).sum() + (parts[1] * weights[n_first:]).sum()
        return [*parts, *torch.autograd.grad(loss, own)]

    for quick, plain in zip(run(is_whole=False), run(is_whole=True), strict=True):
        assert torch.allclose(quick, plain, atol=2e-6)


@pytest.mark.parametrize("used", [0, 1])
def test_a_part_that_is_not_used_has_no_gradient(used: int) -> None:
    x = torch.randn(6, 32, requires_grad=True)
    (grad,) = torch.autograd.grad(gelu_in_two(x, 2)[used].sum(), x)
    there, elsewhere = (grad[:2], grad[2:]) if used == 0 else (grad[2:], grad[:2])
    assert bool((there != 0).all())
    assert bool((elsewhere == 0).all())


def test_without_gradients() -> None:
    x = torch.randn(6, 32)
    first, second = gelu_in_two(x, 4)
    assert torch.equal(torch.cat([first, second]), F.gelu(x))
