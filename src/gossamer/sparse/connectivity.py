"""Who connects to whom: a fixed set of (output, input) pairs, stored as compactly as it allows.

A `Connectivity` checks index type, bounds and duplicates once; layers then trust it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gossamer.sparse.errors import checked_width, complaint


class Topology(StrEnum):
    """How connections are drawn (see `gossamer.sparse.topology`).

    Attributes:
        UNIFORM: each connection on its own, as in the article on sparse DIET models.
        FAN_IN: every output has the same number of inputs.
        GROUPED: outputs in groups that share their inputs.
        BLOCKED: as grouped, in tiles of neighbouring outputs and neighbouring inputs; fast, and the
            default.
        WINDOWED: as blocked, with each group's inputs a window of one random order of all inputs.
    """

    UNIFORM = "uniform"
    FAN_IN = "fan_in"
    GROUPED = "grouped"
    BLOCKED = "blocked"
    WINDOWED = "windowed"

    @property
    def shares_inputs(self) -> bool:
        """Whether outputs come in groups with one set of inputs each."""
        return self in (Topology.GROUPED, Topology.BLOCKED, Topology.WINDOWED)

    @classmethod
    def _missing_(cls, value: object) -> Topology:
        valid = ", ".join(repr(member.value) for member in cls)
        raise ValueError(
            complaint("topology must be a known name", got=value, hint=f"one of {valid}")
        )


@dataclass(frozen=True, eq=False)
class Connectivity:
    """The connections of one layer.

    Attributes:
        topology: how they were drawn, which also says how `indices` is laid out.
        in_features: number of inputs.
        out_features: number of outputs.
        indices: integers (int32, or int64 where a position needs it); None when every
            output is connected to every input. *Shape:* `uniform`: (n_weights,), the ascending
            positions `output * in_features + input`; `fan_in`: (out_features, k), the
            ascending inputs of each output; `grouped` and its kin: (n_groups, k), the
            ascending inputs of each group. Groups are runs of neighbouring outputs whose sizes
            differ by at most one, larger ones first.

    Raises:
        TypeError: the indices are not integers, or a width is not one.
        ValueError: shape, bounds, order or duplicates do not fit.
    """

    topology: Topology
    in_features: int
    out_features: int
    indices: NDArray[np.int32] | NDArray[np.int64] | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "topology", Topology(self.topology))
        checked_width("in_features", self.in_features)
        checked_width("out_features", self.out_features)
        if self.indices is None:
            return
        indices = np.array(self.indices)
        if indices.dtype.kind != "i":
            raise TypeError(
                complaint("indices must be integers", got=indices.dtype, hint="an int32 array")
            )
        self._check(indices)
        kind = np.int32 if self._bound <= 2**31 else np.int64
        indices = np.ascontiguousarray(indices, dtype=kind)
        indices.setflags(write=False)
        object.__setattr__(self, "indices", indices)

    def _check(self, indices: NDArray[Any]) -> None:
        rows = indices.shape[0] if indices.ndim == 2 else 0
        if self.topology is Topology.UNIFORM:
            wanted, fits = "(n_weights,)", indices.ndim == 1
        elif self.topology is Topology.FAN_IN:
            wanted, fits = f"({self.out_features}, k)", rows == self.out_features
        else:
            wanted = f"(n_groups, k) with at most {self.out_features} groups"
            fits = 1 <= rows <= self.out_features
        if not fits:
            raise ValueError(
                complaint(
                    f"indices of topology {self.topology.value!r} must have the shape {wanted}",
                    got=indices.shape,
                    hint="draw_connectivity, or Connectivity.from_mask for a mask of your own",
                )
            )
        if indices.size and (indices.min() < 0 or indices.max() >= self._bound):
            raise ValueError(
                complaint(
                    f"indices must lie in [0, {self._bound})",
                    got=(int(indices.min()), int(indices.max())),
                    hint="indices counted from 0, for the widths given",
                )
            )
        if np.any(np.diff(indices, axis=-1) <= 0):
            raise ValueError(
                complaint(
                    "indices must ascend without duplicates",
                    got=indices,
                    hint="np.unique on each row",
                )
            )

    @property
    def _bound(self) -> int:
        if self.topology is Topology.UNIFORM:
            return self.in_features * self.out_features
        return self.in_features

    @classmethod
    def from_mask(cls, mask: NDArray[np.bool_]) -> Connectivity:
        """Take the connections from a mask, in the `uniform` layout.

        A given mask is used unchanged, even where it leaves a unit unconnected.

        Args:
            mask: True where a connection exists. *Shape:* (out_features, in_features)

        Returns:
            The connectivity; `indices` is None when the mask is True everywhere.

        Raises:
            ValueError: the mask does not have two dimensions.
        """
        if mask.ndim != 2:
            raise ValueError(
                complaint(
                    "a mask must have the shape (out_features, in_features)",
                    got=mask.shape,
                    hint="the mask of nn.Linear's weight",
                )
            )
        out_features, in_features = mask.shape
        chosen = None if mask.all() and mask.size else np.flatnonzero(mask)
        return cls(Topology.UNIFORM, in_features, out_features, chosen)

    @classmethod
    def stacked(cls, parts: Sequence[Connectivity]) -> Connectivity | None:
        """Layers of the same inputs as one: their outputs one after the other.

        Returns:
            The connectivity, whose weights are those of the parts joined along their first
            dimension; None where the parts are not of one kind and size.
        """
        first = parts[0]
        if any(
            (each.topology, each.in_features, each.is_dense)
            != (first.topology, first.in_features, first.is_dense)
            for each in parts
        ):
            return None
        n_outputs = [each.out_features for each in parts]
        tables = [each.indices for each in parts if each.indices is not None]
        indices: NDArray[Any] | None = None
        if first.topology is Topology.UNIFORM and tables:
            starts = np.cumsum([0, *n_outputs[:-1]]) * first.in_features
            indices = np.concatenate(
                [
                    table.astype(np.int64) + start
                    for table, start in zip(tables, starts, strict=True)
                ]
            )
        elif tables:
            sizes = {
                (n, *table.shape) if first.topology.shares_inputs else table.shape[1]
                for n, table in zip(n_outputs, tables, strict=True)
            }
            uneven = first.topology.shares_inputs and n_outputs[0] % tables[0].shape[0] > 0
            if len(sizes) > 1 or uneven:
                return None
            indices = np.concatenate(tables)
        return cls(first.topology, first.in_features, sum(n_outputs), indices)

    @property
    def is_dense(self) -> bool:
        """Whether every output is connected to every input."""
        return self.indices is None

    @property
    def n_weights(self) -> int:
        """The number of connections."""
        return int(np.prod(self.weight_shape))

    @property
    def density(self) -> float:
        """The share of connections that exist, in [0, 1]."""
        return self.n_weights / (self.in_features * self.out_features)

    @property
    def weight_shape(self) -> tuple[int, ...]:
        """Shape of the stored weights.

        (out_features, in_features) when dense, (n_weights,) for `uniform`, (out_features, k)
        for the others.
        """
        if self.indices is None:
            return (self.out_features, self.in_features)
        if self.topology is Topology.UNIFORM:
            return self.indices.shape
        return (self.out_features, self.indices.shape[1])

    def group_of_output(self) -> NDArray[np.int64]:
        """The group each output belongs to (`grouped` only). *Shape:* (out_features,)."""
        if self.indices is None or not self.topology.shares_inputs:
            raise ValueError(
                complaint(
                    "only a grouped connectivity has groups",
                    got=str(self.topology),
                    hint="topology='grouped' with a density below 1",
                )
            )
        n_groups = self.indices.shape[0]
        small, n_larger = divmod(self.out_features, n_groups)
        sizes = np.full(n_groups, small, dtype=np.int64)
        sizes[:n_larger] += 1
        return np.repeat(np.arange(n_groups, dtype=np.int64), sizes)

    def positions(self) -> NDArray[np.int64]:
        """Where each stored weight sits in the dense kernel, row by row.

        Returns:
            `output * in_features + input`, ascending. *Shape:* (n_weights,)
        """
        if self.indices is None:
            return np.arange(self.n_weights, dtype=np.int64)
        if self.topology is Topology.UNIFORM:
            return self.indices.astype(np.int64)
        rows = self.indices.astype(np.int64)
        if self.topology.shares_inputs:
            rows = rows[self.group_of_output()]
        starts = np.arange(self.out_features, dtype=np.int64) * self.in_features
        return (rows + starts[:, None]).reshape(-1)

    def mask(self) -> NDArray[np.bool_]:
        """True where a connection exists. *Shape:* (out_features, in_features)."""
        flat = np.zeros(self.out_features * self.in_features, dtype=np.bool_)
        flat[self.positions()] = True
        return flat.reshape(self.out_features, self.in_features)

    def input_degrees(self) -> NDArray[np.int64]:
        """How many outputs each input feeds. *Shape:* (in_features,)."""
        return np.bincount(self.positions() % self.in_features, minlength=self.in_features)

    def output_degrees(self) -> NDArray[np.int64]:
        """How many inputs each output has. *Shape:* (out_features,)."""
        return np.bincount(self.positions() // self.in_features, minlength=self.out_features)

    def fingerprint(self) -> str:
        """SHA-256, in hexadecimal, of topology, widths and indices; equal for equal connections."""
        head = f"{self.topology.value} {self.out_features} {self.in_features} {self.is_dense}"
        digest = hashlib.sha256(head.encode())
        if self.indices is not None:
            digest.update(str(self.indices.shape).encode())
            digest.update(self.indices.astype("<i8").tobytes())
        return digest.hexdigest()
