"""Products of sparse rows with tables in bytes, from arrays that cannot be written."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse

from gossamer.nn.kernels import tables
from gossamer.nn.ops.rounding import ByteRows
from gossamer.sparse.kernels.build import is_available

pytestmark = pytest.mark.skipif(not is_available(), reason="llvmlite is not installed")


@pytest.mark.parametrize("width", [16, 20, 128, 320])
@pytest.mark.parametrize(("n_rows", "n_features"), [(0, 5), (1, 40), (9, 300), (40, 7)])
@pytest.mark.parametrize("n_threads", [1, 2])
def test_equals_the_product_of_floats(
    width: int, n_rows: int, n_features: int, n_threads: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((n_features, width)).astype(np.float32)
    matrix *= 2.0 ** rng.integers(-20, 20, (n_features, 1)).astype(np.float32)
    stored = ByteRows.nearest(matrix)
    dense = rng.standard_normal((n_rows, n_features)) * (rng.random((n_rows, n_features)) < 0.1)
    x = scipy.sparse.csr_array(dense.astype(np.float32))
    scales = np.ldexp(np.float32(1), stored.exponents)
    bias, y = rng.standard_normal(width).astype(np.float32), np.empty((n_rows, width), np.float32)
    words = (
        x.data,
        x.indices.astype(np.int32),
        x.indptr.astype(np.int32),
        stored.values,
        scales,
        bias,
    )
    for word in words:
        word.setflags(write=False)
    tables.multiply_bytes(width)(*words, y, n_rows, n_threads=n_threads)
    expected = x.astype(np.float64) @ stored.to_floats().astype(np.float64) + bias
    size = abs(x).astype(np.float64) @ np.abs(stored.to_floats()) + np.abs(bias)
    assert (np.abs(y - expected) <= 1e-5 * size).all()
    same = np.empty_like(y)
    floats = (*words[:3], stored.to_floats(), bias)
    tables.multiply(width)(*floats, same, n_rows, n_threads=n_threads)
    np.testing.assert_array_equal(y, same)
