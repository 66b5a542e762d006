from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import sparse
from torch import Tensor, nn

from gossamer.nn.csr import CsrMatrix
from gossamer.nn.features import Features
from gossamer.nn.inputs import (
    FeatureInput,
    FeedForward,
    SparseInputTable,
    glorot_linear,
)


def matrix(n_rows: int, n_columns: int, seed: int = 0, density: float = 0.3) -> CsrMatrix:
    rng = np.random.default_rng(seed)
    shape = (n_rows, n_columns)
    values = rng.random(shape, dtype=np.float32) * (rng.random(shape) < density)
    return CsrMatrix.of(sparse.csr_array(values.astype(np.float32)))


def dense(in_features: int, out_features: int, bias: bool) -> nn.Module:
    return nn.Linear(in_features, out_features, bias=bias)


def as_tensor(x: CsrMatrix) -> Tensor:
    return torch.from_numpy(x.toarray())


@pytest.mark.parametrize("shape", [(7, 12), (1, 1), (0, 5), (3, 400)])
def test_table_equals_a_dense_product(shape: tuple[int, int]) -> None:
    x, table = matrix(*shape), SparseInputTable(shape[1], 6)
    with torch.no_grad():
        table.bias.normal_()
    found, expected = table(x), as_tensor(x) @ table.weight + table.bias
    torch.testing.assert_close(found, expected)
    scale = torch.randn_like(found)
    wrt = (table.weight, table.bias)
    torch.testing.assert_close(
        torch.autograd.grad((found * scale).sum(), wrt),
        torch.autograd.grad((expected * scale).sum(), wrt),
    )


def test_table_with_repeated_and_unsorted_indices_of_scipys() -> None:
    x = CsrMatrix.of(
        sparse.csr_array(
            (np.array([1, 2, 4], np.float32), np.array([3, 0, 3]), np.array([0, 3])), shape=(1, 5)
        )
    )
    table = SparseInputTable(5, 2)
    expected = 2 * table.weight[0] + 5 * table.weight[3]
    torch.testing.assert_close(table(x)[0], expected)


def test_table_gradient_when_the_output_is_not_contiguous() -> None:
    x, table = matrix(4, 9), SparseInputTable(9, 3)
    table(x).t().square().sum().backward()
    found = table.weight.grad
    table.weight.grad = None
    (as_tensor(x) @ table.weight + table.bias).square().sum().backward()  # type: ignore[no-untyped-call]
    assert found is not None and table.weight.grad is not None
    torch.testing.assert_close(found, table.weight.grad)


def test_touched_rows_hold_all_gradient() -> None:
    x, table = matrix(3, 50, density=0.05), SparseInputTable(50, 2)
    assert table.touched is None
    table(x).sum().backward()
    assert table.touched is not None and table.weight.grad is not None
    assert table.touched.tolist() == sorted(set(x.indices.tolist()))
    rest = torch.ones(50, dtype=torch.bool)
    rest[table.touched] = False
    assert not bool(table.weight.grad[rest].any())
    before = table.touched
    with torch.no_grad():
        table(matrix(3, 50, seed=9))
    assert table.touched is before, "answering in between changes nothing"


def test_sparse_dropout_leaves_out_values_without_rescaling() -> None:
    torch.manual_seed(2)
    x = CsrMatrix.of(sparse.csr_array(np.ones((400, 250), np.float32)))
    table = SparseInputTable(250, 1)
    with torch.no_grad():
        table.weight.fill_(1.0)
    kept = table(x, dropout=0.2).detach()
    n = x.nnz
    assert abs(float(kept.sum()) - 0.8 * n) < 6 * math.sqrt(n * 0.2 * 0.8)
    assert float(kept.std()) == pytest.approx(math.sqrt(250 * 0.2 * 0.8), rel=0.2)
    assert float(table(x).detach().sum()) == n
    assert bool((x.data == 1).all()), "the features themselves are left alone"


def test_gradient_under_sparse_dropout_belongs_to_what_was_kept() -> None:
    x = CsrMatrix.of(sparse.csr_array(np.ones((1, 40), np.float32)))
    table = SparseInputTable(40, 1)
    with torch.no_grad():
        table.weight.copy_(2.0 ** torch.arange(40)[:, None] / 2**20)
    torch.manual_seed(2)
    value = float(table(x, dropout=0.5).detach().double())
    torch.manual_seed(2)
    table(x, dropout=0.5).sum().backward()
    assert table.weight.grad is not None
    kept = table.weight.grad.double() * table.weight.detach().double()
    assert 0 < int(table.weight.grad.sum()) < 40
    assert float(kept.sum()) == pytest.approx(value, rel=1e-5)


def test_initial_table() -> None:
    table = SparseInputTable(30, 10)
    bound = math.sqrt(6 / 40)
    assert 0.8 * bound < float(table.weight.detach().abs().max()) <= bound
    assert not bool(table.bias.any())


def test_features() -> None:
    x, y = matrix(4, 6), np.arange(8, dtype=np.float32).reshape(4, 2)
    both = Features(x, y)
    assert (both.n_sparse, both.n_dense, both.is_empty) == (6, 2, False)
    assert Features().is_empty and Features(CsrMatrix.of(sparse.csr_array((4, 0)))).is_empty
    chosen = both.rows(np.array([3, 0, 3]))
    assert chosen.sparse is not None and chosen.dense is not None
    assert np.array_equal(chosen.sparse.toarray(), x.toarray()[[3, 0, 3]])
    assert np.array_equal(chosen.dense, y[[3, 0, 3]])
    assert Features().rows(np.array([0])) == Features()


def test_feature_input_puts_sparse_before_dense() -> None:
    x, y = matrix(4, 6), np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32)
    both = FeatureInput(6, 2, 5)
    assert both.width == 7 and both.table is not None
    out = both(Features(x, y))
    torch.testing.assert_close(out[:, :5], as_tensor(x) @ both.table.weight)
    assert torch.equal(out[:, 5:], torch.from_numpy(y))
    only_sparse, only_dense = FeatureInput(6, 0, 5), FeatureInput(0, 2, 5)
    assert only_sparse.width == 5 and only_sparse(Features(x)).shape == (4, 5)
    assert only_dense.width == 2 and torch.equal(only_dense(Features(dense=y)), out[:, 5:])
    assert not list(only_dense.parameters())
    assert FeatureInput(0, 0, 5).width == 0


def test_feature_input_dropouts() -> None:
    torch.manual_seed(1)
    x = CsrMatrix.of(sparse.csr_array(np.ones((50, 20), np.float32)))
    y = np.ones((50, 3), np.float32)
    plain, on_sparse, on_projected = (
        FeatureInput(20, 3, 4, sparse_dropout=first, dense_dropout=second)
        for first, second in ((0.0, 0.0), (0.5, 0.0), (0.0, 0.5))
    )
    for part in (on_sparse, on_projected):
        part.load_state_dict(plain.state_dict())
    features = Features(x, y)
    whole = plain(features)
    assert torch.equal(plain(features), whole)
    assert not torch.equal(on_sparse(features)[:, :4], whole[:, :4])
    dropped = on_projected(features)[:, :4]
    assert 0.3 < float((dropped == 0).float().mean()) < 0.7
    torch.testing.assert_close(dropped[dropped != 0], (2 * whole[:, :4])[dropped != 0])
    for part in (on_sparse, on_projected):
        assert torch.equal(part(features)[:, 4:], whole[:, 4:]), "dense features get no dropout"
        assert torch.equal(part.eval()(features), whole)


def test_feed_forward() -> None:
    torch.manual_seed(1)
    stack = FeedForward(3, [5, 2], linear=dense, dropout=0.5)
    x = torch.randn(6, 3)
    first, second = stack.layers
    gelu = nn.functional.gelu
    torch.testing.assert_close(stack.eval()(x), gelu(second(gelu(first(x)))))
    stack.train()
    assert not torch.equal(stack(x), stack(x))
    assert stack.width == 2
    assert [weight.shape for weight in stack.regularized()] == [(5, 3), (2, 5)]


def test_feed_forward_of_nothing() -> None:
    stack = FeedForward(3, [], linear=dense, dropout=0.5)
    x = torch.randn(2, 3)
    assert stack(x) is x and stack.width == 3 and stack.regularized() == []


def test_glorot_linear() -> None:
    layer = glorot_linear(30, 10)
    assert 0.7 * math.sqrt(6 / 40) < float(layer.weight.detach().abs().max()) <= math.sqrt(6 / 40)
    assert not bool(layer.bias.any())
    assert glorot_linear(3, 2, bias=False).bias is None
