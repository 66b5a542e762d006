"""Dropout with a mask that is cheap to draw.

`torch.nn.functional.dropout` draws a random number of its own for every element, which was a
seventh of DIET's training time on one core. Where kernels can run, a hash of a seed and of the
element's number decides, and nothing is kept for the way back; elsewhere one draw of 64 bits serves
four elements.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from gossamer.nn.kernels import rows
from gossamer.nn.ops.fitting import WIDTH
from gossamer.nn.ops.threads import threads_for
from gossamer.sparse.products.guard import are_ordinary, is_watched, may_run_kernel

_LEVELS = 2**16
_ONE = torch.ones(1, dtype=torch.float32, device="cpu")


@dataclass(frozen=True, slots=True)
class Noise:
    """Dropout inside kernels: a seed, how many of 2^32 levels drop, the scale of what stays."""

    seed: int
    levels: int
    scale: Tensor

    @classmethod
    def draw(cls, rate: float) -> Noise:
        """From torch's global generator; nothing is drawn for rate 0."""
        levels, scale = _levels_and_scale(rate)
        seed = 0 if levels == 0 else int(torch.randint(2**32, ()).item())
        return cls(seed, levels, scale)

    def words(self) -> tuple[int, int, Tensor]:
        """What a kernel takes."""
        return self.seed, self.levels, self.scale


@functools.lru_cache(maxsize=64)
@torch.inference_mode(False)
def _levels_and_scale(rate: float) -> tuple[int, Tensor]:
    levels = min(round(rate * 2**32), 2**32 - 1)
    return levels, torch.tensor([1 / (1 - levels / 2**32)], dtype=torch.float32, device="cpu")


def keep_mask(n_elements: int, rate: float) -> Tensor:
    """True for each element kept, from torch's global generator, on the CPU.

    Args:
        n_elements: how many.
        rate: probability of False, rounded to a multiple of 2^-16 below 1.

    Returns:
        *Shape:* (n_elements,), bool.
    """
    draws = torch.empty((n_elements + 3) // 4, dtype=torch.int64)
    draws.random_(torch.iinfo(torch.int64).min, None)
    bits = draws.view(torch.int16)[:n_elements]
    return bits >= _dropped_levels(rate) - _LEVELS // 2


def dropout(x: Tensor, rate: float, training: bool) -> Tensor:
    """Inverted dropout, as `torch.nn.functional.dropout` but for the random numbers.

    Args:
        x: any shape.
        rate: share of elements set to zero, in [0, 1).
        training: False returns `x` itself.
    """
    if not training or rate == 0.0:
        return x
    if x.device.type != "cpu" or not x.is_floating_point():
        return F.dropout(x, rate, training)
    if not torch.compiler.is_compiling() and (is_watched() or not are_ordinary(x)):
        return F.dropout(x, rate, training)
    way = _DropoutByKernel if _has_kernel(x) else _Dropout
    dropped: Tensor = way.apply(x, rate)  # type: ignore[no-untyped-call]
    return dropped


def _has_kernel(x: Tensor) -> bool:
    return x.ndim > 0 and x.shape[-1] % WIDTH == 0 and x.numel() > 0 and may_run_kernel(x)


class Dropout(nn.Module):
    """`dropout` as a module.

    Args:
        rate: share of elements set to zero in training, in [0, 1).
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """*Shape:* any -> the same."""
        return dropout(x, self.rate, self.training)

    def extra_repr(self) -> str:
        """The rate, in the printed form."""
        return f"rate={self.rate}"


def _dropped_levels(rate: float) -> int:
    """How many of the 2^16 values of a draw drop an element; one at least keeps it."""
    return min(round(rate * _LEVELS), _LEVELS - 1)


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, rate: float) -> Tensor:
        kept_share = 1 - _dropped_levels(rate) / _LEVELS
        factor = keep_mask(x.numel(), rate).view(x.shape).to(x.dtype).div_(kept_share)
        ctx.save_for_backward(factor)
        return x * factor

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (factor,) = ctx.saved_tensors
        return grads[0] * factor, None


class _DropoutByKernel(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, rate: float) -> Tensor:
        ctx.noise, ctx.shape = Noise.draw(rate), x.shape
        return _scaled(x, ctx.noise)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        (grad,) = grads
        if may_run_kernel(grad):
            return _scaled(grad, ctx.noise), None
        kept = torch.ones(ctx.shape, dtype=torch.float32)
        return grad * _scaled(kept, ctx.noise), None


def _scaled(x: Tensor, noise: Noise) -> Tensor:
    x = x.contiguous()
    y = torch.empty_like(x)
    width = x.shape[-1]
    threads = threads_for(x.numel())
    rows.scale_dropped(width)(x, _ONE, y, x.numel() // width, *noise.words(), n_threads=threads)
    return y
