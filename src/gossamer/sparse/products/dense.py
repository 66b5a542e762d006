"""The reference: the existing weights spread over the whole kernel matrix, then `F.linear`.

It is the way of everything that kernels do not take: other devices and precisions, autocast,
compilers, tracers, `torch.func`, second derivatives.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gossamer.sparse.products.product import Product


class DenseProduct(Product):
    """The product over a kernel matrix with zeros where nothing is connected.

    Args:
        indices: those of the connectivity, on the device of the weights; None for a dense layer.
        n_groups: number of groups of outputs whose inputs the indices are; None where every output
            has its own.
        in_features: number of inputs.
        out_features: number of outputs.
    """

    def __init__(
        self, indices: Tensor | None, n_groups: int | None, in_features: int, out_features: int
    ) -> None:
        self.indices = indices
        self.n_groups = n_groups  # a number, since a shape is none where operations are traced
        self.in_features = in_features
        self.out_features = out_features

    def forward(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        """Any leading shape, and differentiable by autograd as often as one likes."""
        return F.linear(x, self.spread(weight), bias)

    def input_gradient(self, grad: Tensor, weight: Tensor) -> Tensor:
        """*Shape:* (n_tokens, out_features) -> (n_tokens, in_features)."""
        return grad @ self.spread(weight)

    def parameter_gradients(self, grad: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
        """Gradients of weight and bias."""
        return self.pick(F.linear(grad.t(), x.t())), grad.sum(0)

    def frozen(self, weight: Tensor) -> Tensor:
        """The whole kernel matrix."""
        return self.spread(weight)

    def answer(self, x: Tensor, frozen: Tensor, bias: Tensor | None) -> Tensor:
        """The product with the matrix."""
        return F.linear(x, frozen, bias)

    def spread(self, weight: Tensor) -> Tensor:
        """The kernel matrix; the weight itself when the layer is dense.

        *Shape:* that of the weight -> (out_features, in_features).
        """
        indices = self._by_output()
        if indices is None:
            return weight
        if indices.ndim == 1:
            flat = weight.new_zeros(self.out_features * self.in_features)
            return flat.scatter(0, indices, weight).reshape(self.out_features, self.in_features)
        return weight.new_zeros(self.out_features, self.in_features).scatter(1, indices, weight)

    def pick(self, matrix: Tensor) -> Tensor:
        """What `spread` puts into a matrix. *Shape:* (out, in) -> that of the weight."""
        indices = self._by_output()
        if indices is None:
            return matrix
        return matrix.reshape(-1)[indices] if indices.ndim == 1 else matrix.gather(1, indices)

    def _by_output(self) -> Tensor | None:
        """Positions in the matrix, or the inputs of each output; a group's for each member.

        *Shape:* (n_weights,) or (out_features, k).
        """
        if self.indices is None:
            return None
        indices = self.indices.long()
        if self.n_groups is None:
            return indices
        small, n_larger = divmod(self.out_features, self.n_groups)
        larger = indices[:n_larger].repeat_interleave(small + 1, dim=0)
        return torch.cat([larger, indices[n_larger:].repeat_interleave(small, dim=0)])
