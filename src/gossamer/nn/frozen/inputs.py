"""From sparse and dense features to rows of numbers."""

from __future__ import annotations

import functools

import numpy as np

from gossamer.nn.csr import CsrMatrix
from gossamer.nn.features import Features, not_as_trained
from gossamer.nn.frozen.linear import Linear
from gossamer.nn.frozen.operations import gelu
from gossamer.nn.frozen.weights import Floats, Weights
from gossamer.nn.kernels import tables
from gossamer.nn.ops.rounding import ByteRows
from gossamer.sparse.connectivity import Topology
from gossamer.sparse.kernels.build import is_available

_ENTRIES_AT_A_TIME = 4096  # by NumPy: bounds the memory


class Table:
    """An affine layer for sparse rows, y = x W + b.

    Args:
        weight: rows in bytes are read as they are. *Shape:* (n_features, units).
        bias: *Shape:* (units,).
    """

    def __init__(self, weight: Floats | ByteRows, bias: Floats) -> None:
        self._weight = weight
        self.bias = bias
        self.n_features, self.units = (
            weight.values.shape if isinstance(weight, ByteRows) else weight.shape
        )

    @functools.cached_property
    def _has_kernel(self) -> bool:
        return is_available() and tables.vector_width(self.units) is not None

    @classmethod
    def read(cls, weights: Weights, n_features: int) -> Table:
        """The stored table.

        Raises:
            KeyError: an array is missing.
            ValueError: arrays do not fit each other.
        """
        weight: Floats | ByteRows
        if "weight.bytes" in weights:
            weight = ByteRows(weights.array("weight.bytes"), weights.array("weight.exponents"))
            weight.check()
            units = weight.values.shape[1]
        else:
            weight = weights.floats("weight", (n_features, None))
            units = weight.shape[1]
        table = cls(weight, weights.floats("bias", (units,)))
        if table.n_features != n_features:
            raise ValueError(f"{n_features} features, a table of {table.n_features} rows")
        return table

    @property
    def weight(self) -> Floats:
        """All rows. *Shape:* (n_features, units)."""
        return self._weight.to_floats() if isinstance(self._weight, ByteRows) else self._weight

    def __call__(self, x: CsrMatrix) -> Floats:
        """*Shape:* (n_rows, n_features) -> (n_rows, units)."""
        x.require_bounds()
        if x.shape[1] != self.n_features:
            raise not_as_trained(f"{self.n_features} sparse columns", x.shape[1])
        if not self._has_kernel:
            return self._by_numpy(x)
        y = np.empty((x.shape[0], self.units), dtype=np.float32)
        if isinstance(self._weight, ByteRows):
            tables.multiply_bytes(self.units)(
                x.data,
                x.indices,
                x.indptr,
                self._weight.values,
                self._scales,
                self.bias,
                y,
                x.shape[0],
            )
        else:
            tables.multiply(self.units)(
                x.data, x.indices, x.indptr, self._weight, self.bias, y, x.shape[0]
            )
        return y

    def _by_numpy(self, x: CsrMatrix) -> Floats:
        y = np.repeat(self.bias[None], x.shape[0], axis=0)
        row = np.repeat(np.arange(x.shape[0]), np.diff(x.indptr))
        for first in range(0, len(row), _ENTRIES_AT_A_TIME):
            part = slice(first, first + _ENTRIES_AT_A_TIME)
            columns, values = x.indices[part], x.data[part]
            if isinstance(self._weight, ByteRows):
                factors = self._weight.values[columns].astype(np.float32)
                values = values * self._scales[columns]
            else:
                factors = self._weight[columns]
            np.add.at(y, row[part], values[:, None] * factors)
        return y

    @functools.cached_property
    def _scales(self) -> Floats:
        """The unit of each row in bytes."""
        assert isinstance(self._weight, ByteRows)
        return np.ldexp(np.float32(1), self._weight.exponents.astype(np.int32))


class FeatureInput:
    """One row of numbers from sparse and dense features: [sparse W + b, dense].

    Args:
        table: for the sparse ones; None without any.
        n_dense: dense columns.
    """

    def __init__(self, table: Table | None, n_dense: int) -> None:
        self.table = table
        self.n_dense = n_dense
        self.width = (0 if table is None else table.units) + n_dense

    @classmethod
    def read(cls, weights: Weights, n_sparse: int, n_dense: int) -> FeatureInput:
        """The stored layer; see `Table.read` for what is raised."""
        return cls(Table.read(weights.part("table"), n_sparse) if n_sparse > 0 else None, n_dense)

    def __call__(self, features: Features) -> Floats:
        """Read features.

        Args:
            features: of n_rows.

        Returns:
            *Shape:* (n_rows, width).

        Raises:
            ModelFileError: they are not as wide as those that the network was trained with.
        """
        parts = []
        if features.n_dense != self.n_dense:
            raise not_as_trained(f"{self.n_dense} dense columns", features.n_dense)
        if self.table is not None and features.sparse is None:
            raise not_as_trained(f"{self.table.n_features} sparse columns", 0)
        if self.table is not None and features.sparse is not None:
            parts.append(self.table(features.sparse))
        if features.dense is not None:
            parts.append(np.ascontiguousarray(features.dense, dtype=np.float32))
        return np.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]


class FeedForward:
    """A stack of linear layers, each followed by GELU; nothing at all without layers.

    Args:
        layers: the layers.
        input_size: width of the input.
    """

    def __init__(self, layers: list[Linear], input_size: int) -> None:
        self.layers = layers
        self.width = layers[-1].connectivity.out_features if layers else input_size

    @classmethod
    def read(
        cls, weights: Weights, input_size: int, sizes: list[int], *, topology: Topology
    ) -> FeedForward:
        """The stored stack; see `Linear.read` for what is raised."""
        widths = [input_size, *sizes]
        layers = [
            Linear.read(weights.part(f"layers.{number}"), before, after, topology=topology)
            for number, (before, after) in enumerate(zip(widths, sizes, strict=False))
        ]
        return cls(layers, input_size)

    def __call__(self, x: Floats) -> Floats:
        """*Shape:* (n_rows, input_size) -> (n_rows, width)."""
        for layer in self.layers:
            x = gelu(layer(x))
        return x
