"""Sparse matrices by rows, without SciPy: an assistant that answers needs neither it nor PyTorch.

Dimensions: `n_stored` values of a matrix, the zeros left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

_MOST = 2**31 - 1  # places and columns are numbered in int32
_ROWS_AT_A_TIME = 1024  # put side by side: bounds the memory that takes


@dataclass(frozen=True, slots=True, eq=False)
class CsrMatrix:
    """Rows of a sparse matrix; in each the columns ascend and come once.

    The attributes are named as those of `scipy.sparse.csr_array`. They are taken as they are, so
    that making a matrix costs a microsecond; arrays of a model file go through `checked`.

    Attributes:
        data: values, row by row. *Shape:* (n_stored,), float32.
        indices: the column of each value. *Shape:* (n_stored,), int32.
        indptr: where each row begins in `data`, and where the last one ends.
            *Shape:* (n_rows + 1,), int32.
        shape: (n_rows, n_columns).
    """

    data: npt.NDArray[np.float32]
    indices: npt.NDArray[np.int32]
    indptr: npt.NDArray[np.int32]
    shape: tuple[int, int]

    @property
    def nnz(self) -> int:
        """How many values are stored."""
        return len(self.data)

    @property
    def dtype(self) -> np.dtype[np.float32]:
        """Of the values."""
        return self.data.dtype

    @classmethod
    def checked(
        cls,
        data: npt.NDArray[Any],
        indices: npt.NDArray[Any],
        indptr: npt.NDArray[Any],
        n_columns: int,
    ) -> CsrMatrix:
        """A matrix of arrays that may be damaged.

        Raises:
            ValueError: they are not those of a `CsrMatrix` with `n_columns` columns.
        """
        for name, array, dtype in (
            ("data", data, np.float32),
            ("indices", indices, np.int32),
            ("indptr", indptr, np.int32),
        ):
            if array.dtype != dtype or array.ndim != 1:
                raise _damaged(
                    f"'{name}' must have one dimension and be {np.dtype(dtype)}",
                    f"{array.ndim} dimensions of {array.dtype}",
                )
        if len(indptr) == 0 or indptr[0] != 0 or indptr[-1] != len(data):
            raise _damaged(
                f"'indptr' must go from 0 to the number of values, {len(data)}",
                f"{indptr[:1].tolist()} to {indptr[-1:].tolist()}",
            )
        if len(indices) != len(data):
            raise _damaged(f"'indices' must be {len(data)}, one for each value", len(indices))
        ends = indptr.astype(np.int64)
        sizes = ends[1:] - ends[:-1]
        if (sizes < 0).any():
            raise _damaged("'indptr' must not descend", int(sizes.min()))
        if len(indices) and not 0 <= indices.min() <= indices.max() < n_columns:
            raise _damaged(
                f"'indices' must be from 0 to {n_columns - 1}",
                [int(indices.min()), int(indices.max())],
            )
        keys = np.repeat(np.arange(len(sizes)) * n_columns, sizes) + indices
        if (np.diff(keys) <= 0).any():
            raise _damaged("'indices' must ascend in each row", "columns out of order")
        return cls(data, indices, indptr, (len(sizes), n_columns))

    def require_bounds(self) -> None:
        """Refuse a matrix whose parts do not belong together, before a kernel reads it.

        Raises:
            ValueError: a number of entries, a type or a column is wrong.
        """
        data, indices, indptr = self.data, self.indices, self.indptr
        n_stored = len(data)
        if (
            data.dtype != np.float32
            or indices.dtype != np.int32
            or indptr.dtype != np.int32
            or len(indices) != n_stored
            or len(indptr) != self.shape[0] + 1
            or indptr[0] != 0
            or indptr[-1] != n_stored
            or (indptr[1:] < indptr[:-1]).any()
            or (n_stored > 0 and not 0 <= indices.min() <= indices.max() < self.shape[1])
            or not (data.flags.c_contiguous and indices.flags.c_contiguous)
        ):
            raise _damaged(
                "values, columns and starts must belong together",
                f"{n_stored} values, {len(indices)} columns, shape {self.shape}",
            )

    @classmethod
    def of(cls, matrix: Any) -> CsrMatrix:
        """The same matrix from a sparse one of SciPy, of any format.

        Raises:
            ValueError: it has more columns or values than int32 can number.
        """
        found = matrix.tocsr()
        if not found.has_canonical_format:
            found = found.copy()
            found.sum_duplicates()
        if max(found.shape[1], found.nnz) > _MOST:
            raise _too_large(max(found.shape[1], found.nnz), "columns or values")
        n_rows, n_columns = found.shape
        return cls(
            found.data[: found.nnz].astype(np.float32, copy=False),
            found.indices[: found.nnz].astype(np.int32, copy=False),
            found.indptr.astype(np.int32, copy=False),
            (int(n_rows), int(n_columns)),
        )

    def __getitem__(self, rows: npt.NDArray[np.int64] | Sequence[int] | slice) -> CsrMatrix:
        """The given rows, in their order. *Shape:* of `rows` (n_chosen,)."""
        starts = self.indptr[:-1][rows]
        sizes = self.indptr[1:][rows] - starts
        indptr = indptr_of(sizes)
        places = np.arange(indptr[-1])
        places += np.repeat(starts - indptr[:-1], sizes)
        return CsrMatrix(
            self.data[places], self.indices[places], indptr, (len(starts), self.shape[1])
        )

    def with_data(self, data: npt.NDArray[np.float32]) -> CsrMatrix:
        """Other values in the same places. *Shape:* (n_stored,)."""
        return CsrMatrix(data, self.indices, self.indptr, self.shape)

    def toarray(self) -> npt.NDArray[np.float32]:
        """The matrix with its zeros. *Shape:* (n_rows, n_columns)."""
        dense = np.zeros(self.shape, dtype=np.float32)
        dense[np.repeat(np.arange(self.shape[0]), np.diff(self.indptr)), self.indices] = self.data
        return dense

    def to_scipy(self) -> Any:
        """The same as a `scipy.sparse.csr_array`, which shares the values; needs SciPy."""
        from scipy import sparse

        matrix = sparse.csr_array((self.data, self.indices, self.indptr), shape=self.shape)
        matrix.has_canonical_format = True
        return matrix


def indptr_of(sizes: npt.NDArray[Any] | Sequence[int]) -> npt.NDArray[np.int32]:
    """Where rows of these sizes begin, and where the last one ends. *Shape:* (n_rows + 1,).

    Raises:
        ValueError: there are more values than int32 can number.
    """
    indptr = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(sizes, out=indptr[1:])
    if indptr[-1] > _MOST:
        raise _too_large(int(indptr[-1]), "values")
    return indptr.astype(np.int32)


def hstack(blocks: Sequence[CsrMatrix]) -> CsrMatrix:
    """The columns of blocks of the same rows side by side; at least one block.

    Raises:
        ValueError: there are more columns or values than int32 can number.
    """
    if len(blocks) == 1:
        return blocks[0]
    n_rows = blocks[0].shape[0]
    first_columns = [0]
    for block in blocks:
        first_columns.append(first_columns[-1] + block.shape[1])
    n_stored = sum(block.nnz for block in blocks)
    if max(first_columns[-1], n_stored) > _MOST:
        raise _too_large(max(first_columns[-1], n_stored), "columns or values")
    indptr = blocks[0].indptr
    for block in blocks[1:]:
        indptr = indptr + block.indptr
    shape = n_rows, first_columns[-1]
    parts = [
        block.indices + first if first else block.indices
        for block, first in zip(blocks, np.array(first_columns[:-1], np.int32), strict=True)
    ]
    if n_rows == 1:
        data = np.concatenate([block.data for block in blocks])
        return CsrMatrix(data, np.concatenate(parts), indptr, shape)
    data = np.empty(indptr[-1], dtype=np.float32)
    indices = np.empty(indptr[-1], dtype=np.int32)
    for start in range(0, n_rows, _ROWS_AT_A_TIME):
        rows = slice(start, start + _ROWS_AT_A_TIME)
        place = indptr[:-1][rows]  # of the next value, in each row
        for block, columns in zip(blocks, parts, strict=True):
            starts, ends = block.indptr[:-1][rows], block.indptr[1:][rows]
            read, sizes = slice(starts[0], ends[-1]), ends - starts
            written = np.arange(read.start, read.stop)
            written += np.repeat(place - starts, sizes)
            data[written] = block.data[read]
            indices[written] = columns[read]
            place = place + sizes
    return CsrMatrix(data, indices, indptr, shape)


def vstack(blocks: Sequence[CsrMatrix]) -> CsrMatrix:
    """The rows of blocks with the same columns one after the other; at least one block.

    Raises:
        ValueError: there are more values than int32 can number.
    """
    if len(blocks) == 1:
        return blocks[0]
    sizes = np.concatenate([np.diff(block.indptr) for block in blocks])
    return CsrMatrix(
        np.concatenate([block.data for block in blocks]),
        np.concatenate([block.indices for block in blocks]),
        indptr_of(sizes),
        (len(sizes), blocks[0].shape[1]),
    )


def _damaged(must: str, got: object) -> ValueError:
    return ValueError(f"a sparse matrix: {must} (got {got}). Try: training the model again")


def _too_large(got: int, what: str) -> ValueError:
    return ValueError(
        f"a sparse matrix must have at most {_MOST} {what} (got {got}). Try: fewer rows at a time"
    )
