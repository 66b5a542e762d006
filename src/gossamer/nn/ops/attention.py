"""Scaled dot-product attention within the sequences of a packed batch, with no padding.

The reference beside it is `MultiHeadSelfAttention`'s own way over rectangles.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from gossamer.nn.kernels import attention
from gossamer.nn.ops.fitting import WIDTH
from gossamer.nn.ops.threads import threads_for
from gossamer.nn.packing import Packing
from gossamer.sparse.products.guard import require_kernel


def attend(qkv: Tensor, packing: Packing, n_heads: int, *, is_causal: bool) -> Tensor:
    """softmax(Q K^T / sqrt(head_size)) V, each head by itself.

    Args:
        qkv: queries, keys and values side by side; a kernel must be able to read them (see
            `gossamer.nn.ops.fitting`). *Shape:* (n_positions, 3 * width); width / n_heads is a
            multiple of 16.
        packing: which row is which position of which sequence.
        n_heads: heads.
        is_causal: positions see only themselves and earlier ones.

    Returns:
        *Shape:* (n_positions, width).
    """
    mixed: Tensor = _Attend.apply(qkv, packing, n_heads, is_causal)  # type: ignore[no-untyped-call]
    return mixed


class _Attend(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, qkv: Tensor, packing: Packing, n_heads: int, is_causal: bool) -> Tensor:
        qkv = qkv.contiguous()
        n_rows, width = qkv.shape[0], qkv.shape[1] // 3
        table, places = packing.table, _places(packing, n_heads)
        weights, mixed = qkv.new_empty(int(places[-1])), qkv.new_empty(n_rows, width)
        attention.attend(n_heads, width // n_heads, is_causal)(
            qkv,
            table.rows,
            table.starts,
            places,
            weights,
            mixed,
            table.starts.numel() - 1,
            n_threads=threads_for(mixed.numel()),
        )
        ctx.save_for_backward(qkv, places, weights)
        ctx.table, ctx.n_heads, ctx.is_causal = table, n_heads, is_causal
        return mixed

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        require_kernel("the backward pass of attention", *grads)
        qkv, places, weights = ctx.saved_tensors
        grad, of_qkv = grads[0].contiguous(), torch.empty_like(qkv)
        attention.back_through_attend(ctx.n_heads, grad.shape[1] // ctx.n_heads, ctx.is_causal)(
            grad,
            qkv,
            ctx.table.rows,
            ctx.table.starts,
            places,
            weights,
            of_qkv,
            ctx.table.starts.numel() - 1,
            n_threads=threads_for(grad.numel()),
        )
        return of_qkv, None, None, None


def _places(packing: Packing, n_heads: int) -> Tensor:
    """Where the weights of each sequence begin, and how many there are."""
    lengths = packing.table.starts.diff()
    padded = (lengths + WIDTH - 1) // WIDTH * WIDTH
    sizes = torch.cumsum(n_heads * lengths * padded, 0)
    return torch.cat([sizes.new_zeros(1), sizes])
