"""The product of layers whose connections lie one by one, by the kernels of compressed rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from gossamer.sparse.connectivity import Connectivity
from gossamer.sparse.kernels import rows as kernels
from gossamer.sparse.kernels.tables import RowTables
from gossamer.sparse.products.product import KernelProduct, threads_for

# The weight gradient is summed in parts, each by one thread.
_TOKENS_OF_A_PART, _MOST_PARTS = 256, 8
_LEAST_TOKENS = 32  # a tile holds 64; what is left of it is computed in vain


@dataclass(frozen=True, eq=False)
class RowProduct(KernelProduct):
    """One layer's connections as compressed rows, and as compressed columns for the way back.

    Attributes:
        in_features: number of inputs.
        out_features: number of outputs.
        weight_shape: the shape of the stored weights.
        offsets: first connection of each output, and their number. int32.
        columns: input of each connection. *Shape:* (n_weights,), int32.
        back_offsets: the same for each input. int32.
        back_columns: output of each connection in that order. *Shape:* (n_weights,), int32.
        order: the connections in that order. *Shape:* (n_weights,), int64.
    """

    in_features: int
    out_features: int
    weight_shape: tuple[int, ...]
    offsets: Tensor
    columns: Tensor
    back_offsets: Tensor
    back_columns: Tensor
    order: Tensor

    @classmethod
    def of(cls, connectivity: Connectivity) -> Self | None:
        """The product for these connections; None where dense is as fast or widths do not fit."""
        found = RowTables.of(connectivity)
        if found is None:
            return None
        back, order = found.turned(connectivity.in_features)
        tables = found.offsets, found.columns, back.offsets, back.columns, order
        return cls(
            connectivity.in_features,
            connectivity.out_features,
            connectivity.weight_shape,
            *map(torch.from_numpy, tables),
        )

    def pays(self, n_tokens: int) -> bool:
        """From 32 tokens on."""
        return n_tokens >= _LEAST_TOKENS

    def forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """*Shape:* (n_tokens, in_features) -> (n_tokens, out_features)."""
        shape = self.in_features, self.out_features
        return self._multiply(x, weight.reshape(-1), bias, self.offsets, self.columns, shape)

    def input_gradient(self, grad: Tensor, weight: Tensor) -> Tensor:
        """*Shape:* (n_tokens, out_features) -> (n_tokens, in_features)."""
        weights = weight.reshape(-1).index_select(0, self.order)
        shape = self.out_features, self.in_features
        return self._multiply(grad, weights, None, self.back_offsets, self.back_columns, shape)

    def parameter_gradients(self, grad: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients of weight and bias."""
        n_tokens, n_threads = x.shape[0], self._n_threads(x.shape[0])
        n_weights = self.columns.numel()
        n_parts = min(_MOST_PARTS, 1 + n_tokens // _TOKENS_OF_A_PART)
        sums = torch.zeros(n_parts, n_weights)
        scratch = kernels.scratch_size(self.in_features, self.out_features)
        kernels.weight_gradient(self.in_features, self.out_features)(
            grad.contiguous(),
            x.contiguous(),
            self.offsets,
            self.columns,
            sums,
            n_weights,
            torch.empty(n_threads * scratch),
            n_tokens,
            n_parts,
            n_threads=min(n_threads, n_parts),
        )
        return sums.sum(0).view(self.weight_shape), grad.sum(0)

    def _multiply(
        self,
        x: Tensor,
        weights: Tensor,
        bias: Tensor | None,
        offsets: Tensor,
        columns: Tensor,
        shape: tuple[int, int],
    ) -> Tensor:
        n_in, n_out = shape
        n_tokens, n_threads = x.shape[0], self._n_threads(x.shape[0])
        result = torch.empty(n_tokens, n_out)
        kernels.product(n_in, n_out)(
            x.contiguous(),
            offsets,
            columns,
            weights.contiguous(),
            torch.zeros(n_out) if bias is None else bias.contiguous(),
            result,
            torch.empty(n_threads * kernels.scratch_size(n_in)),
            n_tokens,
            n_threads=n_threads,
        )
        return result

    def _n_threads(self, n_tokens: int) -> int:
        most = max(1, -(-n_tokens // kernels.TOKENS))
        return min(threads_for(n_tokens * self.columns.numel()), most)
