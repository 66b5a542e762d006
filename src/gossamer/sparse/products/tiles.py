"""The product of layers that are made of tiles, by `gossamer.sparse.kernels.tiles`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from gossamer.sparse.connectivity import Connectivity
from gossamer.sparse.kernels.tables import TileTables
from gossamer.sparse.kernels.tiles import TileKernels, TileShape, tile_kernels
from gossamer.sparse.products.product import KernelProduct, threads_for


@dataclass(frozen=True, eq=False)
class TileProduct(KernelProduct):
    """One layer's tiles; everything on the CPU.

    Attributes:
        shape: sizes the kernels are compiled for.
        starts: as in `TileTables`, as are the others.
        offsets: as above.
        columns: as above.
        places: as above.
    """

    shape: TileShape
    starts: Tensor
    offsets: Tensor
    columns: Tensor
    places: Tensor

    @classmethod
    def of(cls, connectivity: Connectivity) -> Self | None:
        """The product for these connections; None where they are not made of tiles."""
        found = TileTables.of(connectivity)
        if found is None:
            return None
        tables = found.starts, found.offsets, found.columns, found.places
        return cls(found.shape, *map(torch.from_numpy, tables))

    @property
    def kernels(self) -> TileKernels:
        """The kernels, compiled when first asked for."""
        return tile_kernels(self.shape)

    def pays(self, n_tokens: int) -> bool:
        """Always."""
        return True

    def forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """*Shape:* (n_tokens, in_features) -> (n_tokens, out_features)."""
        return self.answer(x, self.frozen(weight), bias)

    def frozen(self, weight: Tensor) -> Tensor:
        """Each group transposed. *Shape:* (out_features, k) -> (n_groups, k, group_size)."""
        shape = self.shape
        result = torch.empty(shape.n_groups, shape.k, shape.group_size)
        self.kernels.turn(weight.contiguous(), result)
        return result

    def answer(self, x: Tensor, frozen: Tensor, bias: Tensor | None) -> Tensor:
        """*Shape:* (n_tokens, in_features) -> (n_tokens, out_features)."""
        n_out, n_tokens = self.shape.out_features, x.shape[0]
        result = torch.empty(n_tokens, n_out)
        self.kernels.forward(
            x.contiguous(),
            self.starts,
            frozen,
            torch.zeros(n_out) if bias is None else bias.contiguous(),
            result,
            n_tokens,
            n_threads=self._n_threads(n_tokens),
        )
        return result

    def input_gradient(self, grad: Tensor, weight: Tensor) -> Tensor:
        """*Shape:* (n_tokens, out_features) -> (n_tokens, in_features)."""
        n_tokens = grad.shape[0]
        result = torch.empty(n_tokens, self.shape.in_features)
        in_order = torch.empty(weight.numel())
        self.kernels.in_order(weight.contiguous(), self.places, in_order)
        self.kernels.input_gradient(
            grad.contiguous(),
            self.offsets,
            self.columns,
            in_order,
            result,
            n_tokens,
            n_threads=self._n_threads(n_tokens),
        )
        return result

    def parameter_gradients(self, grad: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients of weight and bias. *Shape:* (out_features, k), (out_features,)."""
        n_tokens, shape = grad.shape[0], self.shape
        if n_tokens == 0:
            return torch.zeros(shape.out_features, shape.k), torch.zeros(shape.out_features)
        transposed = torch.empty(shape.n_groups, shape.k, shape.group_size)
        of_bias = torch.empty(shape.out_features)
        self.kernels.weight_gradient(
            grad.contiguous(),
            x.contiguous(),
            self.starts,
            transposed,
            of_bias,
            n_tokens,
            n_threads=self._n_threads(n_tokens),
        )
        result = torch.empty(shape.out_features, shape.k)
        self.kernels.turn_back(transposed, result)
        return result, of_bias

    def _n_threads(self, n_tokens: int) -> int:
        return threads_for(n_tokens * self.shape.out_features * self.shape.k)
