from __future__ import annotations

import copy
import functools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from torch import nn

from gossamer.data.errors import ModelFileError
from gossamer.nn import inputs as readable
from gossamer.nn.csr import CsrMatrix
from gossamer.nn.features import Features
from gossamer.nn.frozen.inputs import FeatureInput, FeedForward, Table
from gossamer.nn.frozen.weights import Weights
from gossamer.nn.ops.rounding import ByteRows
from gossamer.sparse import RandomlyConnectedLinear, Topology

WeightsOf = Callable[[nn.Module], Weights]
assert_close = functools.partial(np.testing.assert_allclose, atol=2e-5, rtol=1e-5)
UNITS = st.sampled_from([1, 7, 16, 32, 48, 128])
N_FEATURES = st.sampled_from([1, 13, 400])
N_ROWS = st.sampled_from([0, 1, 6, 90])


def rows_of(n_rows: int, n_features: int, seed: int, density: float = 0.2) -> CsrMatrix:
    """Some rows are empty."""
    matrix = sparse.random_array(
        (n_rows, n_features), density=density, rng=np.random.default_rng(seed), dtype=np.float32
    )
    return CsrMatrix.of(matrix)


def table_of(n_features: int, units: int, seed: int) -> readable.SparseInputTable:
    torch.manual_seed(seed)
    table = readable.SparseInputTable(n_features, units)
    for parameter in table.parameters():
        nn.init.normal_(parameter)
    return table


def in_bytes(table: readable.SparseInputTable) -> tuple[Weights, np.ndarray]:
    """The rounded table as it is stored, and its rows."""
    rows = ByteRows.nearest(table.weight.detach().numpy() * np.float32(0.01))
    stored: dict[str, np.ndarray] = {
        "weight.bytes": rows.values,
        "weight.exponents": rows.exponents,
        "bias": table.bias.detach().numpy(),
    }
    return Weights(stored), rows.to_floats()


@given(n_rows=N_ROWS, n_features=N_FEATURES, units=UNITS, seed=st.integers(0, 2**20))
def test_tables_of_floats_and_of_bytes(
    weights_of: WeightsOf, n_rows: int, n_features: int, units: int, seed: int
) -> None:
    table, x = table_of(n_features, units, seed), rows_of(n_rows, n_features, seed)
    bias = table.bias.detach().numpy()
    stored, rounded = in_bytes(table)
    for weights, floats in ((weights_of(table), table.weight.detach().numpy()), (stored, rounded)):
        frozen = Table.read(weights, n_features)
        weights.check_all_read()
        np.testing.assert_array_equal(frozen.weight, floats)
        found = frozen(x)
        assert found.dtype == np.float32 and found.shape == (n_rows, units)
        expected = x.toarray().astype(np.float64) @ floats.astype(np.float64) + bias
        assert_close(found, expected)


@torch.no_grad()
def test_equals_the_table(weights_of: WeightsOf) -> None:
    table, x = table_of(60, 32, 3), rows_of(9, 60, 3)
    expected = table.eval()(x).numpy()
    assert_close(Table.read(weights_of(table), 60)(x), expected)


@pytest.mark.parametrize("units", [32, 7])
def test_rows_without_a_feature_have_the_bias(weights_of: WeightsOf, units: int) -> None:
    table = table_of(60, units, 3)
    nothing = CsrMatrix(
        np.empty(0, np.float32), np.empty(0, np.int32), np.zeros(4, np.int32), (3, 60)
    )
    for weights in (weights_of(table), in_bytes(table)[0]):
        found = Table.read(weights, 60)(nothing)
        assert (found == table.bias.detach().numpy()).all()


def test_many_entries(weights_of: WeightsOf) -> None:
    """More than are multiplied at a time by NumPy."""
    table, x = table_of(300, 7, 3), rows_of(120, 300, 3, density=0.5)
    assert x.nnz > 3 * 4096
    stored, rounded = in_bytes(table)
    bias = table.bias.detach().numpy()
    for weights, floats in ((weights_of(table), table.weight.detach().numpy()), (stored, rounded)):
        expected = x.toarray().astype(np.float64) @ floats.astype(np.float64) + bias
        assert_close(Table.read(weights, 300)(x), expected, atol=1e-4)


def test_other_tables_and_other_features(weights_of: WeightsOf) -> None:
    table = table_of(60, 32, 3)
    with pytest.raises(ValueError, match=r"weight must be .* \(61, any\): got .* \(60, 32\)"):
        Table.read(weights_of(table), 61)
    stored, _ = in_bytes(table)
    with pytest.raises(ValueError, match=r"61 features, a table of 60 rows"):
        Table.read(stored, 61)
    arrays = {name: stored.array(name) for name in ("weight.bytes", "weight.exponents", "bias")}
    with pytest.raises(ValueError, match=r"int8 values and one integer exponent for each row"):
        Table.read(Weights({**arrays, "weight.exponents": np.zeros(59, np.int16)}), 60)
    with pytest.raises(KeyError, match=r"the stored weights must hold weight\.exponents"):
        Table.read(Weights({"weight.bytes": arrays["weight.bytes"]}), 60)
    with pytest.raises(ModelFileError, match=r"60 sparse columns \(got 59\)\. Try: training"):
        Table.read(stored, 60)(rows_of(2, 59, 1))


@pytest.mark.parametrize("n_dense", [0, 5])
@pytest.mark.parametrize("n_sparse", [0, 40])
@torch.no_grad()
def test_sparse_and_dense_features(weights_of: WeightsOf, n_sparse: int, n_dense: int) -> None:
    torch.manual_seed(1)
    layer = readable.FeatureInput(n_sparse, n_dense, 16, sparse_dropout=0.5, dense_dropout=0.5)
    layer.eval()
    frozen = FeatureInput.read(weights_of(layer), n_sparse, n_dense)
    assert frozen.width == layer.width
    if layer.width == 0:
        return
    rng = np.random.default_rng(2)
    for dtype in (np.float32, np.float64):
        features = Features(
            rows_of(6, n_sparse, 2) if n_sparse else None,
            rng.standard_normal((6, n_dense)).astype(np.float32) if n_dense else None,
        )
        expected = layer(features).numpy()
        wide = None if features.dense is None else features.dense.astype(dtype)
        found = frozen(Features(features.sparse, wide))  # type: ignore[arg-type]
        assert found.dtype == np.float32
        assert_close(found, expected)


@given(
    sizes=st.lists(st.sampled_from([5, 16, 48]), max_size=3),
    topology=st.sampled_from(Topology),
    density=st.sampled_from([1.0, 0.2]),
    n_rows=st.sampled_from([0, 1, 70]),
    seed=st.integers(0, 2**20),
)
@torch.no_grad()
def test_feed_forward_layers(
    weights_of: WeightsOf,
    sizes: list[int],
    topology: Topology,
    density: float,
    n_rows: int,
    seed: int,
) -> None:
    torch.manual_seed(seed)
    linear = functools.partial(
        RandomlyConnectedLinear, connection_density=density, topology=topology
    )
    stack = readable.FeedForward(32, sizes, linear=linear, dropout=0.5)
    for parameter in stack.parameters():
        nn.init.normal_(parameter)
    weights = weights_of(stack)
    frozen = FeedForward.read(weights, 32, sizes, topology=topology)
    weights.check_all_read()
    assert frozen.width == stack.width
    x = torch.randn(n_rows, 32)
    expected = copy.deepcopy(stack).double().eval()(x.double()).numpy()
    np.testing.assert_allclose(frozen(x.numpy()), expected, atol=2e-4, rtol=2e-5)
