"""Where fused operations run by kernels, and that they give the same elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from gossamer.nn.ops.activation import gelu_dropped
from gossamer.nn.ops.fitting import LEAST_ROWS_TO_ANSWER, fits
from gossamer.nn.ops.normalisation import add_and_normalise, normalise
from gossamer.sparse.kernels.build import is_available

X = torch.randn(10, 32, generator=torch.Generator().manual_seed(0))
NORM = nn.LayerNorm(32)


@pytest.mark.skipif(not is_available(), reason="llvmlite is not installed")
def test_what_kernels_take() -> None:
    assert fits(X) and fits(X, X[0], None)
    assert not fits(X.double()), "kernels know float32"
    assert not fits(X, X.double())
    assert not fits(X[:, :20]), "a width that is not a multiple of 16"
    assert not fits(X[:0])
    assert not fits(X[0])
    assert not fits(X.to("meta"))
    with torch.autocast("cpu"):
        assert not fits(X)
    with torch.no_grad():
        assert not fits(X), "PyTorch answers few rows as fast"
        assert fits(torch.zeros(LEAST_ROWS_TO_ANSWER, 32))


def _normalised(x: Tensor, norm: nn.LayerNorm) -> Tensor:
    total, normal = add_and_normalise(x, x.flip(0), norm, 0.0)
    return torch.cat([total, normal])


@pytest.mark.parametrize(
    "operation",
    [
        normalise,
        _normalised,
        lambda x, _: gelu_dropped(x, 0.0),
    ],
    ids=["normalise", "add and normalise", "gelu"],
)
@pytest.mark.parametrize("layout", ["plain", "columns"])
def test_kernels_give_what_pytorch_gives(
    operation: Callable[[Tensor, nn.LayerNorm], Tensor], layout: str
) -> None:
    """Values and gradients in float32, by kernels, against double precision, by PyTorch."""
    torch.manual_seed(1)
    norm = nn.LayerNorm(32)
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    source = X if layout == "plain" else X.repeat(1, 2)[:, ::2]
    found = []
    for dtype in (torch.float32, torch.float64):
        own = nn.LayerNorm(32, dtype=dtype)
        own.load_state_dict(norm.state_dict())
        x = source.to(dtype).requires_grad_()
        y = operation(x, own)
        weights = torch.linspace(-1, 1, y.numel(), dtype=dtype).view_as(y)
        inputs = [x, *own.parameters()]
        gradients = torch.autograd.grad((y * weights).sum(), inputs, allow_unused=True)
        found.append([y, *gradients])
    for own, other in zip(*found, strict=True):
        assert (own is None) == (other is None)
        if own is not None:
            torch.testing.assert_close(own.double(), other, atol=1e-5, rtol=1e-4)


@pytest.mark.skipif(not is_available(), reason="llvmlite is not installed")
@pytest.mark.parametrize("rate", [0.25, 0.5])
def test_as_much_is_dropped_as_asked_for(rate: float) -> None:
    torch.manual_seed(0)
    x = torch.full((400, 64), 2.0, requires_grad=True)
    y = gelu_dropped(x, rate)
    dropped = y == 0
    assert dropped.double().mean() == pytest.approx(rate, abs=0.02)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert torch.equal(gradient == 0, dropped), "the same elements on the way back"
    kept = torch.nn.functional.gelu(torch.tensor(2.0)) / (1 - rate)
    torch.testing.assert_close(y[~dropped], kept.expand(int((~dropped).sum())))


def test_a_gradient_that_no_kernel_can_read_is_refused() -> None:
    x = X.clone().requires_grad_()
    y = normalise(x, NORM)
    if not fits(X):
        pytest.skip("llvmlite is not installed")
    with pytest.raises(RuntimeError, match="backward pass of a normalisation needs plain float32"):
        torch.autograd.grad(y, x, torch.ones(2, 10, 32), is_grads_batched=True)
