"""Adam by rows gives the table that Adam on all rows gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy import sparse

from gossamer.nn.csr import CsrMatrix
from gossamer.nn.inputs import SparseInputTable
from gossamer.nn.training.fit import add_l2_gradient
from gossamer.nn.training.row_adam import RowAdam
from gossamer.sparse.kernels.build import is_available

pytestmark = pytest.mark.skipif(not is_available(), reason="llvmlite is not installed")


def csr(dense: npt.NDArray[Any]) -> CsrMatrix:
    return CsrMatrix.of(sparse.csr_array(dense.astype(np.float32)))


@pytest.mark.thinned(2)
@pytest.mark.parametrize("units", [4, 20, 128])
@pytest.mark.parametrize("strength", [0.0, 0.01])
def test_equals_adam_on_the_whole_table(units: int, strength: float) -> None:
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    plain, by_rows = SparseInputTable(60, units), SparseInputTable(60, units)
    by_rows.load_state_dict(plain.state_dict())
    adam = torch.optim.Adam([plain.weight], lr=0.01, eps=1e-7)
    rows = RowAdam([by_rows], learning_rate=0.01, epsilon=1e-7, regularization_constant=strength)
    for step in range(330):
        # From step 60 on half the rows are never met again, longer than their moments live.
        values = rng.random((5, 60)) * (rng.random((5, 60)) < 0.1)
        values[:, 30:] *= step < 60
        x, grad = (
            csr(values),
            torch.randn(5, units) * 0.1,
        )
        for table in (plain, by_rows):
            table.bias.grad = None
            table(x).backward(grad)
        torch.testing.assert_close(by_rows.bias.grad, plain.bias.grad)
        add_l2_gradient(plain.weight, strength, plain.touched)
        adam.step()
        adam.zero_grad()
        rows.step()
        if step in (50, 200):
            rows.catch_up()
            torch.testing.assert_close(by_rows.weight, plain.weight, atol=1e-6, rtol=1e-5)
    rows.close()
    torch.testing.assert_close(by_rows.weight, plain.weight, atol=1e-6, rtol=1e-5)
    assert not by_rows.collects_rows


def test_products_of_both_ways_are_equal() -> None:
    table = SparseInputTable(40, 12)
    chosen = np.random.default_rng(1).random((7, 40)) < 0.2
    x = csr(chosen)
    expected = table(x)
    table.collects_rows = True
    torch.testing.assert_close(table(x), expected)
    with torch.no_grad():
        torch.testing.assert_close(table(x), expected)
    empty = csr(np.zeros((0, 40)))
    table(empty).sum().backward()
    assert table.take_rows() is not None and table.take_rows() is None


def test_steps_must_follow_backward_passes() -> None:
    table = SparseInputTable(5, 4)
    table.collects_rows = True
    x = csr(np.eye(5))
    table(x).sum().backward()
    with pytest.raises(RuntimeError, match="stepped after each backward pass"):
        table(x).sum().backward()


def test_widths_without_a_kernel_stay_whole() -> None:
    assert SparseInputTable(5, 8).can_collect_rows
    assert not SparseInputTable(5, 7).can_collect_rows
    assert not SparseInputTable(5, 8).double().can_collect_rows


def test_l2_is_on_the_regularized_tables_alone() -> None:
    torch.manual_seed(0)
    under, free, plain = (SparseInputTable(12, 8) for _ in range(3))
    start = torch.randn(12, 8)
    for table in (under, free, plain):
        table.load_state_dict({"weight": start, "bias": torch.zeros(8)})
    rows = RowAdam(
        [under, free],
        learning_rate=0.01,
        epsilon=1e-7,
        regularization_constant=0.5,
        regularized={id(under.weight)},
    )
    alone = RowAdam([plain], learning_rate=0.01, epsilon=1e-7)
    x = csr(np.eye(12)[[1, 4, 4]])
    for _ in range(20):
        grad = torch.randn(3, 8)
        for table in (under, free, plain):
            table(x).backward(grad)
        rows.step()
        alone.step()
    rows.close()
    alone.close()
    assert torch.equal(free.weight, plain.weight)
    assert not torch.equal(under.weight[[1, 4]], plain.weight[[1, 4]])
    assert torch.equal(under.weight[[0, 2, 3]], start[[0, 2, 3]])
    assert not any(torch.equal(under.weight[i], free.weight[i]) for i in (1, 4))


def test_no_table_is_regularized() -> None:
    tables = [SparseInputTable(5, 4), SparseInputTable(5, 4)]
    tables[1].load_state_dict(tables[0].state_dict())
    steps = [
        RowAdam(
            [table],
            learning_rate=0.1,
            epsilon=1e-7,
            regularization_constant=strength,
            regularized=names,
        )
        for table, strength, names in zip(tables, (3.0, 0.0), ((), None), strict=True)
    ]
    x = csr(np.eye(5))
    for table, step in zip(tables, steps, strict=True):
        table(x).sum().backward()
        step.step()
        step.close()
    assert torch.equal(tables[0].weight, tables[1].weight)
