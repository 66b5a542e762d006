"""Projected features and positions, added: what a transformer's layers begin with."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from gossamer.nn.kernels import rows
from gossamer.nn.ops.dropout import Noise, dropout
from gossamer.nn.ops.fitting import fits
from gossamer.sparse.products.guard import require_kernel


def add_positions(x: Tensor, table: Tensor, position: Tensor, factor: float, rate: float) -> Tensor:
    """`dropout(factor * x + table[position])`.

    Args:
        x: *Shape:* (n_rows, width).
        table: of all positions. *Shape:* (n_positions, width).
        position: of each row. *Shape:* (n_rows,), int64.
        factor: of the features.
        rate: share of elements dropped.

    Returns:
        *Shape:* (n_rows, width).
    """
    if not fits(x, table):
        return dropout(x * factor + table[position], rate, training=True)
    noise = Noise.draw(rate)
    added: Tensor = _AddPositions.apply(x, table, position, factor, noise)  # type: ignore[no-untyped-call]
    return added


class _AddPositions(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, table: Tensor, position: Tensor, factor: float, noise: Noise
    ) -> Tensor:
        x = x.contiguous()
        n_rows, width = x.shape
        ctx.factor, ctx.noise = torch.tensor([factor], dtype=torch.float32), noise
        y = torch.empty_like(x)
        rows.embed(width)(
            x,
            table.contiguous(),
            position.contiguous(),
            ctx.factor,
            y,
            n_rows,
            *noise.words(),
            n_threads=rows.threads_for(x.numel()),
        )
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        require_kernel("the backward pass of the positions", *grads)
        grad = grads[0].contiguous()
        n_rows, width = grad.shape
        of_x = torch.empty_like(grad)
        rows.scale_dropped(width)(
            grad,
            ctx.factor,
            of_x,
            n_rows,
            *ctx.noise.words(),
            n_threads=rows.threads_for(grad.numel()),
        )
        return of_x, None, None, None, None
