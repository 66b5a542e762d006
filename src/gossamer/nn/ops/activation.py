"""The exact GELU (Hendrycks and Gimpel 2016) with dropout, in one pass."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from gossamer.nn.kernels import rows
from gossamer.nn.ops.dropout import Noise, dropout
from gossamer.nn.ops.fitting import fits
from gossamer.nn.ops.threads import threads_for
from gossamer.sparse.products.guard import require_kernel


def gelu_dropped(x: Tensor, rate: float) -> Tensor:
    """`dropout(gelu(x))`. *Shape:* (n_rows, width), kept."""
    if not fits(x):
        return dropout(F.gelu(x), rate, training=True)
    active: Tensor = _GeluDropped.apply(x, Noise.draw(rate))  # type: ignore[no-untyped-call]
    return active


class _GeluDropped(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, noise: Noise) -> Tensor:
        x = x.contiguous()
        ctx.save_for_backward(x)
        ctx.noise = noise
        n_rows, width = x.shape
        y = torch.empty_like(x)
        threads = threads_for(x.numel())
        rows.gelu_dropped(width)(x, y, n_rows, *noise.words(), n_threads=threads)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (x,) = ctx.saved_tensors
        require_kernel("the backward pass of GELU", *grads)
        n_rows, width = x.shape
        result = torch.empty_like(x)
        rows.back_through_gelu(width)(
            grads[0].contiguous(),
            x,
            result,
            n_rows,
            *ctx.noise.words(),
            n_threads=threads_for(x.numel()),
        )
        return result, None
