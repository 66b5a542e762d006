"""The sum of a residual connection and its layer normalisation, in one pass over the rows.

s = x + dropout(update),  y = (s - mean(s)) / deviation(s) * gain + offset
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from gossamer.nn.kernels import rows
from gossamer.nn.kernels.arithmetic import PARTS
from gossamer.nn.ops.dropout import Noise, dropout
from gossamer.nn.ops.fitting import fits, has_hooks
from gossamer.nn.ops.threads import threads_for
from gossamer.sparse.products.guard import require_kernel


def normalise(x: Tensor, norm: nn.LayerNorm) -> Tensor:
    """Layer normalisation. *Shape:* (n_rows, width), kept."""
    if not _fits(norm, x):
        normal: Tensor = norm(x)
        return normal
    normal = _Normalise.apply(x, norm.weight, norm.bias, norm.eps)  # type: ignore[no-untyped-call]
    return normal


def add_and_normalise(
    x: Tensor, update: Tensor, norm: nn.LayerNorm, rate: float
) -> tuple[Tensor, Tensor]:
    """The sum `x + dropout(update)`, and its layer normalisation.

    Args:
        x: *Shape:* (n_rows, width).
        update: *Shape:* (n_rows, width).
        norm: over rows.
        rate: share of the update's elements that are dropped.

    Returns:
        *Shape:* of both (n_rows, width).
    """
    if not _fits(norm, x, update):
        total = x + dropout(update, rate, training=True)
        return total, norm(total)
    noise = Noise.draw(rate)
    both: tuple[Tensor, Tensor] = _AddAndNormalise.apply(  # type: ignore[no-untyped-call]
        x, update, norm.weight, norm.bias, norm.eps, noise
    )
    return both


def _fits(norm: nn.LayerNorm, x: Tensor, *others: Tensor) -> bool:
    return (
        type(norm) is nn.LayerNorm
        and fits(x, norm.weight, norm.bias, *others)
        and not has_hooks(norm)
    )


class _Normalise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, gain: Tensor, offset: Tensor, eps: float) -> Tensor:
        x = x.contiguous()
        _, normal, statistics = _forward(x, None, gain, offset, eps, Noise.draw(0.0))
        ctx.save_for_backward(x, statistics, gain)
        return normal

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        total, statistics, gain = ctx.saved_tensors
        require_kernel("the backward pass of a normalisation", *grads)
        of_x, _, of_gain, of_offset = _backward(
            grads[0], None, total, statistics, gain, Noise.draw(0.0), has_update=False
        )
        return of_x, of_gain, of_offset, None


class _AddAndNormalise(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        update: Tensor,
        gain: Tensor,
        offset: Tensor,
        eps: float,
        noise: Noise,
    ) -> tuple[Tensor, Tensor]:
        ctx.set_materialize_grads(False)
        total, normal, statistics = _forward(x, update, gain, offset, eps, noise)
        ctx.save_for_backward(total, statistics, gain)
        ctx.noise = noise
        return total, normal

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        total, statistics, gain = ctx.saved_tensors
        require_kernel("the backward pass of a normalisation", *grads)
        of_total, of_normal = grads
        if of_normal is None:
            of_normal = torch.zeros_like(total)
        of_x, of_update, of_gain, of_offset = _backward(
            of_normal, of_total, total, statistics, gain, ctx.noise, has_update=True
        )
        return of_x, of_update, of_gain, of_offset, None, None


def _forward(
    x: Tensor, update: Tensor | None, gain: Tensor, offset: Tensor, eps: float, noise: Noise
) -> tuple[Tensor, Tensor, Tensor]:
    """The sum, its normalisation, and mean and 1 / deviation of each row."""
    x, gain, offset = x.contiguous(), gain.contiguous(), offset.contiguous()
    n_rows, width = x.shape
    total = x if update is None else torch.empty_like(x)
    normal, statistics = torch.empty_like(x), x.new_empty(n_rows, 2)
    rows.add_and_normalise(width, update is not None, eps)(
        x,
        x if update is None else update.contiguous(),
        gain,
        offset,
        total,
        normal,
        statistics,
        n_rows,
        *noise.words(),
        n_threads=threads_for(x.numel()),
    )
    return total, normal, statistics


def _backward(
    grad: Tensor,
    residual: Tensor | None,
    total: Tensor,
    statistics: Tensor,
    gain: Tensor,
    noise: Noise,
    *,
    has_update: bool,
) -> tuple[Tensor, Tensor | None, Tensor, Tensor]:
    """Gradients of the sum, of the update, of gain and offset."""
    n_rows, width = total.shape
    threads = threads_for(total.numel())
    grad, gain = grad.contiguous(), gain.contiguous()
    of_total = torch.empty_like(total)
    of_update = torch.empty_like(total) if has_update else None
    sums = total.new_zeros(PARTS, 2, width)
    rows.back_through_normalise(width, residual is not None)(
        grad,
        grad if residual is None else residual.contiguous(),
        total,
        statistics,
        gain,
        of_total,
        0 if of_update is None else of_update,
        sums,
        n_rows,
        *noise.words(),
        n_threads=threads,
    )
    of_gain, of_offset = sums.sum(0)
    return of_total, of_update, of_gain, of_offset
