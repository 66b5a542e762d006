"""Which product computes a layer: one by kernels where it may run and pays, else the dense one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gossamer.sparse.connectivity import Connectivity
from gossamer.sparse.products.dense import DenseProduct
from gossamer.sparse.products.guard import may_run_kernel
from gossamer.sparse.products.product import KernelProduct
from gossamer.sparse.products.rows import RowProduct
from gossamer.sparse.products.tiles import TileProduct


def kernel_product(connectivity: Connectivity) -> KernelProduct | None:
    """The product by kernels for these connections; None where only the dense one is there."""
    return TileProduct.of(connectivity) or RowProduct.of(connectivity)


def multiply(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    by_kernels: KernelProduct | None,
    dense: DenseProduct,
) -> Tensor:
    """The outputs of a layer, with gradients.

    Args:
        x: activations. *Shape:* (..., in_features)
        weight: the existing weights.
        bias: *Shape:* (out_features,)
        by_kernels: what `kernel_product` gave.
        dense: the same connections as plain operations.

    Returns:
        *Shape:* (..., out_features)
    """
    if (
        by_kernels is None
        or not may_run_kernel(x, weight, bias)
        or not by_kernels.pays(x.numel() // dense.in_features)
    ):
        return dense.forward(x, weight, bias)
    tokens = x if x.ndim == 2 else x.reshape(-1, dense.in_features)
    y: Tensor
    if _needs_grad(x, weight, bias):
        y = _ByKernels.apply(tokens, weight, bias, by_kernels, dense)  # type: ignore[no-untyped-call]
    else:
        y = by_kernels.forward(tokens, weight, bias)
    return y if x.ndim == 2 else y.reshape(*x.shape[:-1], dense.out_features)


def _needs_grad(*tensors: Tensor | None) -> bool:
    if torch.is_inference_mode_enabled() or not torch.is_grad_enabled():
        return False
    return any(tensor is not None and tensor.requires_grad for tensor in tensors)


class _ByKernels(torch.autograd.Function):
    """The product by kernels with its backward pass; differentiable again, then as the dense one.

    Also what asks for the gradient may be unfit for a kernel: a batched one, or zeros without
    memory.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        by_kernels: KernelProduct,
        dense: DenseProduct,
    ) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.products = by_kernels, dense
        return by_kernels.forward(x, weight, bias)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grads
        x, weight = ctx.saved_tensors
        by_kernels, dense = ctx.products
        is_plain = not torch.is_grad_enabled() and may_run_kernel(grad, weight, x)
        product = by_kernels if is_plain else dense
        needs_x, needs_weight, needs_bias, *_ = ctx.needs_input_grad
        of_x = of_weight = of_bias = None
        if needs_x:
            of_x = product.input_gradient(grad, weight)
        if needs_weight:
            of_weight, of_bias = product.parameter_gradients(grad, x)
        elif needs_bias:
            of_bias = grad.sum(0)
        return of_x, of_weight, of_bias if needs_bias else None, None, None
