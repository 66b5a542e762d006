"""Context windows of tokens, of texts laid one after the other.

Dimensions: `n_texts` texts, `n_tokens` tokens of all texts together.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

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
