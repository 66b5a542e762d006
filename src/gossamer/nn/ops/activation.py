"""GELU of a packed batch whose first rows go one way and the others another."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from gossamer.nn.kernels import rows
from gossamer.sparse.products.guard import may_run_kernel

_WIDTH = 16
_NO_DROPOUT = (0, 0, torch.ones(1, dtype=torch.float32, device="cpu"))


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
        and x.shape[1] % _WIDTH == 0
        and may_run_kernel(x)
    )


class _GeluInTwo(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, n_first: int) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        x = x.contiguous()
        ctx.save_for_backward(x)
        ctx.n_first = n_first
        parts = []
        for part in (x[:n_first], x[n_first:]):
            y = torch.empty_like(part)
            n_rows, width = part.shape
            threads = rows.threads_for(part.numel())
            rows.gelu_dropped(width)(part, y, n_rows, *_NO_DROPOUT, n_threads=threads)
            parts.append(y)
        return parts[0], parts[1]

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
            n_rows, width = part.shape
            rows.back_through_gelu(width)(
                grad.contiguous(),
                part,
                own,
                n_rows,
                *_NO_DROPOUT,
                n_threads=rows.threads_for(part.numel()),
            )
        return result, None


def _plain_gradient(x: Tensor, grads: tuple[Tensor | None, ...], n_first: int) -> Tensor:
    parts = [
        torch.zeros_like(part) if grad is None else torch.ops.aten.gelu_backward(grad, part)
        for grad, part in zip(grads, (x[:n_first], x[n_first:]), strict=True)
    ]
    return torch.cat(parts)
