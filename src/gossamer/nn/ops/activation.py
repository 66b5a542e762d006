"""The exact GELU (Hendrycks and Gimpel 2016): with dropout, or with its rows in two parts."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from gossamer.nn.kernels import rows
from gossamer.nn.ops.dropout import Noise, dropout
from gossamer.nn.ops.fitting import WIDTH, fits
from gossamer.sparse.products.guard import may_run_kernel, require_kernel

_NO_DROPOUT = Noise.draw(0.0)


def gelu_dropped(x: Tensor, rate: float) -> Tensor:
    """`dropout(gelu(x))`. *Shape:* (n_rows, width), kept."""
    if not fits(x):
        return dropout(F.gelu(x), rate, training=True)
    active: Tensor = _GeluDropped.apply(x, Noise.draw(rate))  # type: ignore[no-untyped-call]
    return active


def gelu_in_two(x: Tensor, n_first: int) -> tuple[Tensor, Tensor]:
    """The exact GELU of the first `n_first` rows and of the others.

    By kernels where they can run: then the two gradients are not put together in a tensor of
    zeros first, as slices would have it.

    Args:
        x: *Shape:* (n_rows, width).
        n_first: rows of the first part.

    Returns:
        *Shape:* (n_first, width), (n_rows - n_first, width).
    """
    if _fits(x):
        parts: tuple[Tensor, Tensor] = _GeluInTwo.apply(x, n_first)  # type: ignore[no-untyped-call]
        return parts
    y = F.gelu(x)
    return y[:n_first], y[n_first:]


def _fits(x: Tensor) -> bool:
    return (
        torch.is_grad_enabled()
        and x.requires_grad
        and x.ndim == 2
        and x.shape[1] % WIDTH == 0
        and may_run_kernel(x)
    )


class _GeluDropped(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, noise: Noise) -> Tensor:
        x = x.contiguous()
        ctx.save_for_backward(x)
        ctx.noise = noise
        return _forward(x, noise)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        require_kernel("the backward pass of GELU", *grads)
        result = torch.empty_like(x)
        _backward(grads[0], x, result, ctx.noise)
        return result, None


class _GeluInTwo(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, n_first: int) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        x = x.contiguous()
        ctx.save_for_backward(x)
        ctx.n_first = n_first
        return _forward(x[:n_first], _NO_DROPOUT), _forward(x[n_first:], _NO_DROPOUT)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        n = ctx.n_first
        if not may_run_kernel(x, *grads):
            return _plain_gradient(x, grads, n), None
        result = torch.empty_like(x)
        for grad, part, own in zip(grads, (x[:n], x[n:]), (result[:n], result[n:]), strict=True):
            if grad is None:
                own.zero_()
                continue
            _backward(grad, part, own, _NO_DROPOUT)
        return result, None


def _forward(x: Tensor, noise: Noise) -> Tensor:
    n_rows, width = x.shape
    y = torch.empty_like(x)
    threads = rows.threads_for(x.numel())
    rows.gelu_dropped(width)(x, y, n_rows, *noise.words(), n_threads=threads)
    return y


def _backward(grad: Tensor, x: Tensor, out: Tensor, noise: Noise) -> None:
    n_rows, width = x.shape
    rows.back_through_gelu(width)(
        grad.contiguous(), x, out, n_rows, *noise.words(), n_threads=rows.threads_for(x.numel())
    )


def _plain_gradient(x: Tensor, grads: tuple[Tensor | None, ...], n_first: int) -> Tensor:
    parts = [
        torch.zeros_like(part) if grad is None else torch.ops.aten.gelu_backward(grad, part)
        for grad, part in zip(grads, (x[:n_first], x[n_first:]), strict=True)
    ]
    return torch.cat(parts)
