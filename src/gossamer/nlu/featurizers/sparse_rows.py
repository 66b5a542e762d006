"""Packed feature rows as CSR matrices, built directly so that one message costs microseconds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gossamer.nn.csr import CsrMatrix, indptr_of

_TEXTS_AT_A_TIME = 1024  # summed together: bounds the memory that sorting takes

#: Columns of one row, ascending and each once, and the values there.
SparseRow: TypeAlias = tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]


def rows_to_csr(rows: Sequence[SparseRow], n_features: int) -> CsrMatrix:
    """Stack rows.

    Returns:
        float32, column indices sorted and without repetitions. *Shape:* (len(rows), n_features).
    """
    if rows:
        indices = np.concatenate([columns for columns, _ in rows])
        values = np.concatenate([values for _, values in rows])
    else:
        indices, values = np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.float32)
    indptr = indptr_of([len(columns) for columns, _ in rows])
    return CsrMatrix(values, indices, indptr, (len(rows), n_features))


def sum_rows(matrix: CsrMatrix, lengths: npt.NDArray[np.int64]) -> CsrMatrix:
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
    return CsrMatrix(values, columns, indptr_of(counts), (n_texts, n_features))


def _sum_entries(
    matrix: CsrMatrix, ends: npt.NDArray[np.int32]
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
