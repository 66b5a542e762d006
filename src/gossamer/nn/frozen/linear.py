"""Linear layers, dense and randomly connected."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gossamer.nn.frozen.weights import Floats, Weights, rows_of
from gossamer.sparse.connectivity import Connectivity, Topology
from gossamer.sparse.kernels import rows
from gossamer.sparse.kernels.build import Kernel, is_available
from gossamer.sparse.kernels.tables import RowTables, TileTables
from gossamer.sparse.kernels.tiles import tile_kernels

_LEAST_ROWS = 64  # for the kernels of single connections: a tile of theirs holds as many


class _Tiles(NamedTuple):
    """The kernel of a layer's tiles, and what it reads."""

    forward: Kernel
    starts: npt.NDArray[np.int32]
    weight: Floats


class Linear:
    """y = x W^T + b, in the form that is fastest for the connections.

    Tiles of connections have kernels for any number of rows, single connections for many rows. All
    others are a product with a dense matrix.

    Args:
        connectivity: which connections there are.
        weight: of these. *Shape:* `connectivity.weight_shape`.
        bias: None for zeros. *Shape:* (out_features,).
    """

    def __init__(self, connectivity: Connectivity, weight: Floats, bias: Floats | None) -> None:
        self.connectivity = connectivity
        self.weight, self.bias = weight, bias
        self._added = np.zeros(connectivity.out_features, np.float32) if bias is None else bias

    @classmethod
    def read(
        cls,
        weights: Weights,
        in_features: int,
        out_features: int,
        *,
        topology: Topology = Topology.UNIFORM,
        has_bias: bool = True,
    ) -> Linear:
        """The stored layer.

        Args:
            weights: of the layer.
            in_features: number of inputs.
            out_features: number of outputs.
            topology: how connections are stored, where not all exist.
            has_bias: whether there is a bias.

        Raises:
            KeyError: an array is missing.
            ValueError: arrays do not fit the sizes.
        """
        indices = weights.array("indices") if "indices" in weights else None
        connectivity = Connectivity(topology, in_features, out_features, indices)
        return cls(
            connectivity,
            weights.floats("weight", connectivity.weight_shape),
            weights.floats("bias", (out_features,)) if has_bias else None,
        )

    @classmethod
    def stacked(cls, layers: Sequence[Linear]) -> Linear | None:
        """Layers of the same inputs as one, outputs side by side; None where they are not alike."""
        connectivity = Connectivity.stacked([layer.connectivity for layer in layers])
        if connectivity is None:
            return None
        weight = np.concatenate([layer.weight for layer in layers])
        return cls(connectivity, weight, np.concatenate([layer._added for layer in layers]))

    def times(self, factor: float) -> Linear:
        """The layer with its results multiplied."""
        number = np.float32(factor)
        return Linear(self.connectivity, self.weight * number, self._added * number)

    def __call__(self, x: Floats) -> Floats:
        """*Shape:* (n_rows, in_features) -> (n_rows, out_features)."""
        x = rows_of(x, self.connectivity.in_features)
        n_rows, tiles = x.shape[0], self._tiles
        if tiles is not None:
            y = np.empty((n_rows, self.connectivity.out_features), dtype=np.float32)
            tiles.forward(x, tiles.starts, tiles.weight, self._added, y, n_rows)
            return y
        if n_rows >= _LEAST_ROWS and self._lists is not None:
            return self._by_lists(self._lists, x)
        y = x @ self.matrix
        y += self._added
        return y

    @functools.cached_property
    def matrix(self) -> Floats:
        """All weights, zeros where nothing is connected. *Shape:* (in_features, out_features)."""
        connectivity = self.connectivity
        shape = connectivity.out_features, connectivity.in_features
        if connectivity.is_dense:
            return np.ascontiguousarray(self.weight.reshape(shape).T)
        flat = np.zeros(shape[0] * shape[1], dtype=np.float32)
        flat[connectivity.positions()] = self.weight.reshape(-1)
        return np.ascontiguousarray(flat.reshape(shape).T)

    @functools.cached_property
    def _tiles(self) -> _Tiles | None:
        tables = TileTables.of(self.connectivity) if is_available() else None
        if tables is None:
            return None
        forward = tile_kernels(tables.shape).forward
        return _Tiles(forward, tables.starts, tables.turned(self.weight))

    @functools.cached_property
    def _lists(self) -> RowTables | None:
        return RowTables.of(self.connectivity) if is_available() else None

    def _by_lists(self, tables: RowTables, x: Floats) -> Floats:
        n_in, n_out = self.connectivity.in_features, self.connectivity.out_features
        y = np.empty((x.shape[0], n_out), dtype=np.float32)
        rows.product(n_in, n_out)(
            x,
            tables.offsets,
            tables.columns,
            self.weight.reshape(-1),
            self._added,
            y,
            np.empty(rows.scratch_size(n_in), dtype=np.float32),
            x.shape[0],
        )
        return y
