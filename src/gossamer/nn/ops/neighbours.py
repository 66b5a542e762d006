"""Operations on the tokens of texts laid one after the other: context windows and pooling.

Dimensions: `n_texts` texts, `n_tokens` tokens of all texts together.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from gossamer.nn.packing import ranges


def context_windows(x: Tensor, lengths: Tensor, size: int) -> Tensor:
    """Each token's row between those of its neighbours, the window approach of tagging.

    Collobert et al. 2011 (arXiv:1103.0398), section 3.2.1. Places before the first token of a text
    and after its last one are zeros.

    Args:
        x: *Shape:* (n_tokens, width).
        lengths: tokens of each text. *Shape:* (n_texts,), int64.
        size: neighbours on each side.

    Returns:
        The rows from `size` tokens before to `size` after. *Shape:*
        (n_tokens, (2 * size + 1) * width).
    """
    n_tokens = x.shape[0]
    text, position = ranges(lengths)
    to_end = lengths[text] - position
    padded = F.pad(x, (0, 0, size, size))
    parts = []
    for offset in range(-size, size + 1):
        shifted = padded[size + offset : size + offset + n_tokens]
        if offset != 0:
            exists = (position >= -offset) if offset < 0 else (to_end > offset)
            shifted = shifted * exists.to(x.dtype).unsqueeze(1)
        parts.append(shifted)
    return torch.cat(parts, dim=1)


def mean_and_max(x: Tensor, lengths: Tensor) -> Tensor:
    """The mean and the maximum of each text's tokens, side by side; zeros for a text without one.

    The gradient of a maximum goes to every token that has it.

    *Shape:* (n_tokens, width), (n_texts,) -> (n_texts, 2 * width).
    """
    pooled: Tensor = _MeanAndMax.apply(x, lengths)  # type: ignore[no-untyped-call]
    return pooled


class _MeanAndMax(torch.autograd.Function):
    """PyTorch's own backward of a scattered maximum takes fifty times as long as its forward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, lengths: Tensor) -> Tensor:
        text = torch.repeat_interleave(lengths)
        n_texts, width = lengths.numel(), x.shape[1]
        counts = lengths.clamp(min=1).to(x.dtype).unsqueeze(1)
        mean = x.new_zeros(n_texts, width).index_add_(0, text, x) / counts
        index = text.unsqueeze(1).expand_as(x)
        largest = x.new_zeros(n_texts, width)
        largest.scatter_reduce_(0, index, x, "amax", include_self=False)
        ctx.save_for_backward(x, text, counts, largest)
        return torch.cat([mean, largest], dim=1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:
        x, text, counts, largest = ctx.saved_tensors
        of_mean, of_largest = grads[0].chunk(2, dim=1)
        is_largest = (x == largest[text]).to(x.dtype)
        return (of_mean / counts)[text] + of_largest[text] * is_largest, None
