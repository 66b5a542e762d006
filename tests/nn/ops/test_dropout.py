from __future__ import annotations

import math

import pytest
import torch

from gossamer.nn.ops.dropout import Dropout, dropout, keep_mask


@pytest.mark.parametrize("rate", [0.01, 0.2, 0.5, 0.9])
def test_share_kept(rate: float) -> None:
    torch.manual_seed(3)
    n = 400_000
    kept = int(keep_mask(n, rate).sum())
    assert abs(kept - (1 - rate) * n) < 6 * math.sqrt(n * rate * (1 - rate))


def test_the_four_elements_of_a_draw_are_independent() -> None:
    torch.manual_seed(4)
    kept = keep_mask(400_000, 0.3).view(-1, 4).double()
    correlation = torch.corrcoef(kept.t()) - torch.eye(4)
    assert float(correlation.abs().max()) < 0.02


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 7, 1001])
def test_any_number_of_elements(n: int) -> None:
    mask = keep_mask(n, 0.5)
    assert mask.shape == (n,) and mask.dtype == torch.bool
    assert dropout(torch.ones(n), 0.5, True).shape == (n,)


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.75])
def test_kept_elements_are_scaled_and_gradient_has_the_same_mask(rate: float) -> None:
    x = torch.ones(3, 5, 7, requires_grad=True)
    y = dropout(x, rate, True)
    y.sum().backward()  # type: ignore[no-untyped-call]
    kept = y != 0
    torch.testing.assert_close(
        y[kept], torch.full_like(y[kept], 1 / (1 - rate)), rtol=1e-4, atol=0.0
    )
    assert x.grad is not None and torch.equal(x.grad, y.detach())


def test_the_mean_is_kept() -> None:
    torch.manual_seed(5)
    assert float(dropout(torch.ones(200_000), 0.2, True).mean()) == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize(("rate", "training"), [(0.0, True), (0.5, False), (0.0, False)])
def test_identity(rate: float, training: bool) -> None:
    x = torch.randn(4)
    assert dropout(x, rate, training) is x


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_dtype_is_kept(dtype: torch.dtype) -> None:
    assert dropout(torch.ones(9, dtype=dtype), 0.2, True).dtype == dtype


def test_torch_seed_decides() -> None:
    x = torch.ones(1000)
    results = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        results.append(dropout(x, 0.5, True))
    assert torch.equal(results[0], results[1])
    assert not torch.equal(results[0], results[2])


def test_rows_that_are_not_contiguous() -> None:
    x = torch.arange(1.0, 13.0).view(3, 4).t()
    y = dropout(x, 0.5, True)
    assert bool(((y == 0) | (y == 2 * x)).all())


@pytest.mark.parametrize("rate", [0.99999, 0.999999, 1 - 2**-20])
def test_rates_close_to_one_drop_nearly_all_and_stay_finite(rate: float) -> None:
    torch.manual_seed(6)
    y = dropout(torch.ones(1000), rate, True)
    assert bool(y.isfinite().all())
    assert int((y == 0).sum()) > 980


def test_module() -> None:
    module = Dropout(0.5)
    x = torch.ones(100)
    assert int((module(x) == 0).sum()) > 0
    assert module.eval()(x) is x
    assert repr(module) == "Dropout(rate=0.5)"
    assert not module.state_dict()
