"""A layer's connections in the tables that kernels read; who makes them needs no PyTorch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gossamer.sparse.connectivity import Connectivity
from gossamer.sparse.kernels.tiles import TileShape

_LEAST_RUN, _MOST_RUN = 4, 16
_LARGEST_BLOCK = 64
# Above it the dense product is faster. Measured by benchmarks/layer.py, forward plus backward,
# 1,024 tokens, 256 to 1,024 wide: at 25% the kernels are 1.1 to 1.2 times as fast as dense.
MOST_DENSITY = 0.26


@dataclass(frozen=True, eq=False)
class TileTables:
    """Connections that are made of tiles.

    A *use* is one group's use of one run of inputs.

    Attributes:
        shape: sizes the kernels are compiled for.
        starts: first input of each run of each group. *Shape:* (n_groups, k / run), int32.
        offsets: first use of each run of inputs, and the number of uses.
            *Shape:* (in_features / run + 1,), int32.
        columns: first output of each use. *Shape:* (n_uses,), int32.
        places: where the weights of each use begin in the layer's. *Shape:* (n_uses,), int32.
    """

    shape: TileShape
    starts: NDArray[np.int32]
    offsets: NDArray[np.int32]
    columns: NDArray[np.int32]
    places: NDArray[np.int32]

    @classmethod
    def of(cls, connectivity: Connectivity) -> Self | None:
        """The tables of these connections; None where they are not made of tiles."""
        indices = connectivity.indices
        if indices is None or not connectivity.topology.shares_inputs:
            return None
        n_groups, k = indices.shape
        run = min(_MOST_RUN, find_block_size(indices, connectivity.in_features))
        group_size, uneven = divmod(connectivity.out_features, n_groups)
        if run < _LEAST_RUN or uneven or group_size % 4:
            return None
        shape = TileShape(connectivity.in_features, connectivity.out_features, k, group_size, run)
        starts = indices[:, ::run]
        order = np.argsort(starts.reshape(-1) // run, kind="stable")
        n_uses = np.bincount(starts.reshape(-1) // run, minlength=shape.in_features // run)
        group, position = np.divmod(order, k // run)
        tables = (
            starts,
            np.concatenate([[0], np.cumsum(n_uses)]),
            group * group_size,
            group * group_size * k + position * run,
        )
        return cls(shape, *(np.array(table, dtype=np.int32, order="C") for table in tables))

    def turned(self, weight: NDArray[np.float32]) -> NDArray[np.float32]:
        """Each group transposed. *Shape:* (out_features, k) -> (n_groups, k, group_size)."""
        shape = self.shape
        groups = weight.reshape(shape.n_groups, shape.group_size, shape.k)
        return np.ascontiguousarray(groups.transpose(0, 2, 1))


@dataclass(frozen=True, eq=False)
class RowTables:
    """Connections that lie one by one, as compressed rows.

    Attributes:
        offsets: first connection of each output, and their number. int32.
        columns: input of each connection. *Shape:* (n_weights,), int32.
    """

    offsets: NDArray[np.int32]
    columns: NDArray[np.int32]

    @classmethod
    def of(cls, connectivity: Connectivity) -> Self | None:
        """The tables of these; None where dense is as fast or widths do not fit the kernels."""
        n_in, n_out = connectivity.in_features, connectivity.out_features
        if n_in % 16 or n_out % 16 or connectivity.density > MOST_DENSITY:
            return None
        outputs, inputs = np.divmod(connectivity.positions(), n_in)
        return cls(_starts(outputs, n_out), inputs.astype(np.int32))

    def turned(self, in_features: int) -> tuple[Self, NDArray[np.int64]]:
        """The connections as rows of inputs, and which of these each was. *Shape:* (n_weights,)."""
        order = np.argsort(self.columns, kind="stable")
        outputs = np.repeat(np.arange(len(self.offsets) - 1), np.diff(self.offsets))
        return type(self)(
            _starts(self.columns, in_features), outputs[order].astype(np.int32)
        ), order


def _starts(numbers: NDArray[Any], n: int) -> NDArray[np.int32]:
    """Where each number's run begins when they are sorted, and the end."""
    counts = np.bincount(numbers, minlength=n)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)


def find_block_size(inputs: NDArray[np.integer], in_features: int) -> int:
    """The largest power of two, up to 64, in whose blocks all groups' inputs come.

    Args:
        inputs: the ascending inputs of each group. *Shape:* (n_groups, k)
        in_features: number of inputs.
    """
    size = _LARGEST_BLOCK
    while size > 1:
        if in_features % size == 0 and inputs.shape[1] % size == 0:
            runs = inputs.reshape(-1, size)
            first = runs[:, :1]
            if not (first % size).any() and (runs == first + np.arange(size)).all():
                return size
        size //= 2
    return 1
