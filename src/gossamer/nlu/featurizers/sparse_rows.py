"""Packed feature rows as CSR matrices, built directly so that one message costs microseconds."""

from __future__ import annotations

import copy
import functools
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from scipy import sparse

_FEW_ROWS = 256
_TEXTS_AT_A_TIME = 1024  # summed together: bounds the memory that sorting takes

#: Columns of one row, ascending and each once, and the values there.
SparseRow: TypeAlias = tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]


def rows_to_csr(rows: Sequence[SparseRow], n_features: int) -> sparse.csr_array:
    """Stack rows.

    Returns:
        float32, column indices sorted and without repetitions. *Shape:* (len(rows), n_features).
    """
    indptr = np.zeros(len(rows) + 1, dtype=np.int32)
    if rows:
        np.cumsum([len(columns) for columns, _ in rows], out=indptr[1:])
        indices = np.concatenate([columns for columns, _ in rows])
        values = np.concatenate([values for _, values in rows])
    else:
        indices, values = np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.float32)
    return canonical_csr(values, indices, indptr, n_features)


def canonical_csr(
    values: npt.NDArray[np.float32],
    indices: npt.NDArray[np.int32],
    indptr: npt.NDArray[np.int32],
    n_features: int,
) -> sparse.csr_array:
    """A CSR matrix of parts that are known to be sorted and without repetitions.

    For few rows SciPy's checks are bypassed: one message makes a dozen such matrices, and with the
    checks they took a tenth of its time.
    """
    n_rows = len(indptr) - 1
    if n_rows <= _FEW_ROWS:
        matrix = copy.copy(_empty(n_rows, n_features))
        matrix.data, matrix.indices, matrix.indptr = values, indices, indptr
    else:
        matrix = sparse.csr_array((values, indices, indptr), shape=(n_rows, n_features))
    matrix.has_canonical_format = True
    return matrix


@functools.lru_cache(maxsize=1024)
def _empty(n_rows: int, n_features: int) -> sparse.csr_array:
    """A matrix without entries, to be copied; never changed."""
    nothing = np.zeros(0, dtype=np.float32), np.zeros(0, dtype=np.int32)
    return sparse.csr_array(
        (*nothing, np.zeros(n_rows + 1, dtype=np.int32)), shape=(n_rows, n_features)
    )


def sum_rows(matrix: sparse.csr_array, lengths: npt.NDArray[np.int64]) -> sparse.csr_array:
    """Sum consecutive rows: the first `lengths[0]` rows, the next `lengths[1]`, and so on.

    Args:
        matrix: *Shape:* (sum(lengths), n_features).
        lengths: *Shape:* (n_texts,).

    Returns:
        *Shape:* (n_texts, n_features).
    """
    n_texts, n_features = len(lengths), matrix.shape[1]
    bounds = np.zeros(n_texts + 1, dtype=np.int64)
    np.cumsum(lengths, out=bounds[1:])
    ends = matrix.indptr[bounds]
    parts = [
        _sum_entries(matrix, ends[start : start + _TEXTS_AT_A_TIME + 1])
        for start in range(0, max(n_texts, 1), _TEXTS_AT_A_TIME)
    ]
    columns, values, counts = (
        parts[0] if len(parts) == 1 else map(np.concatenate, zip(*parts, strict=True))
    )
    indptr = np.zeros(n_texts + 1, dtype=np.int32)
    np.cumsum(counts, out=indptr[1:])
    return canonical_csr(values, columns, indptr, n_features)


def _sum_entries(
    matrix: sparse.csr_array, ends: npt.NDArray[np.int32]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Columns and values of the sums of the entries between each two of `ends`; counts of these."""
    n_texts, n_features = len(ends) - 1, matrix.shape[1]
    entries_at = slice(ends[0], ends[-1])
    row_starts = np.arange(n_texts, dtype=np.int64) * n_features
    keys = np.repeat(row_starts, ends[1:] - ends[:-1]) + matrix.indices[entries_at]
    order = np.argsort(keys, kind="stable")
    keys, entries = keys[order], matrix.data[entries_at][order]
    is_first = np.ones(len(keys), dtype=np.bool_)
    np.not_equal(keys[1:], keys[:-1], out=is_first[1:])
    (first,) = is_first.nonzero()
    unique, values = keys[first], np.add.reduceat(entries, first)
    text, column = np.divmod(unique, max(n_features, 1))
    return column.astype(np.int32), values, np.bincount(text, minlength=n_texts)
