from __future__ import annotations

import numpy as np
import pytest

from gossamer.nlu.featurizers.sparse_rows import rows_to_csr, sum_rows
from gossamer.nn.csr import CsrMatrix


def row(*cells: tuple[int, float]) -> tuple[np.ndarray, np.ndarray]:
    return (
        np.array([column for column, _ in cells], dtype=np.int32),
        np.array([value for _, value in cells], dtype=np.float32),
    )


def test_rows_become_a_matrix() -> None:
    matrix = rows_to_csr([row((0, 1), (3, 2)), row(), row((2, 5))], 4)
    assert matrix.toarray().tolist() == [[1, 0, 0, 2], [0, 0, 0, 0], [0, 0, 5, 0]]
    assert matrix.dtype == np.float32
    assert matrix.indices.dtype == matrix.indptr.dtype == np.int32


def test_no_rows() -> None:
    assert rows_to_csr([], 3).shape == (0, 3)
    assert sum_rows(rows_to_csr([], 3), np.array([0, 0])).toarray().tolist() == [[0] * 3] * 2


def test_sums_add_repeated_columns_and_keep_empty_texts() -> None:
    rows = rows_to_csr([row((0, 1)), row((0, 1), (1, 2)), row((2, 1))], 3)
    sums = sum_rows(rows, np.array([2, 0, 1]))
    assert sums.toarray().tolist() == [[2, 2, 0], [0, 0, 0], [0, 0, 1]]
    assert sums.dtype == np.float32
    assert sums.indices.dtype == sums.indptr.dtype == np.int32
    CsrMatrix.checked(sums.data, sums.indices, sums.indptr, 3)


@pytest.mark.parametrize("seed", range(5))
def test_sums_equal_dense_sums(seed: int) -> None:
    rng = np.random.default_rng(seed)
    dense = rng.integers(0, 3, (12, 7)) * rng.integers(0, 2, (12, 7))
    rows = [row(*((int(c), float(r[c])) for c in np.flatnonzero(r))) for r in dense]
    lengths = np.array([3, 0, 4, 1, 4])
    ends = np.cumsum(lengths)
    expected = np.array([dense[e - n : e].sum(axis=0) for e, n in zip(ends, lengths, strict=True)])
    np.testing.assert_array_equal(sum_rows(rows_to_csr(rows, 7), lengths).toarray(), expected)


def test_sums_of_many_texts_are_made_in_parts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, 3, 2500)
    dense = rng.integers(0, 2, (lengths.sum(), 4))
    rows = [row(*((int(c), float(r[c])) for c in np.flatnonzero(r))) for r in dense]
    expected = np.zeros((2500, 4))
    np.add.at(expected, np.repeat(np.arange(2500), lengths), dense)
    sums = sum_rows(rows_to_csr(rows, 4), lengths)
    np.testing.assert_array_equal(sums.toarray(), expected)
    assert sums.indices.dtype == sums.indptr.dtype == np.int32
    CsrMatrix.checked(sums.data, sums.indices, sums.indptr, 4)
