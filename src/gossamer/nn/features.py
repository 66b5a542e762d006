"""Features of some rows, sparse and dense; made and read without PyTorch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gossamer.data.errors import ModelFileError
from gossamer.nn.csr import CsrMatrix


@dataclass(frozen=True, slots=True)
class Features:
    """Sparse and dense features of the same rows; either may be absent.

    Attributes:
        sparse: *Shape:* (n_rows, n_sparse_features), float32.
        dense: *Shape:* (n_rows, n_dense_features), float32.
        parts: sparse columns of each kind, one kind after the other; empty where there is one.
    """

    sparse: CsrMatrix | None = None
    dense: npt.NDArray[np.float32] | None = None
    parts: tuple[int, ...] = ()

    @property
    def n_sparse(self) -> int:
        """Columns of the sparse part, 0 when absent."""
        return 0 if self.sparse is None else int(self.sparse.shape[1])

    @property
    def n_dense(self) -> int:
        """Columns of the dense part, 0 when absent."""
        return 0 if self.dense is None else int(self.dense.shape[1])

    @property
    def is_empty(self) -> bool:
        """Whether there is neither a sparse nor a dense column."""
        return self.n_sparse == 0 and self.n_dense == 0

    def rows(self, index: npt.NDArray[np.int64]) -> Features:
        """The given rows. *Shape:* of `index` (n_chosen,)."""
        return Features(
            None if self.sparse is None else self.sparse[index],
            None if self.dense is None else self.dense[index],
            self.parts,
        )


def not_as_trained(wanted: str, got: int) -> ModelFileError:
    """The error of features that a network was not trained with.

    Args:
        wanted: how many columns of which kind it reads.
        got: how many there are.
    """
    return ModelFileError(
        f"features of messages must be those that the network was trained with, {wanted}",
        got=got,
        hint="training the model again",
    )
