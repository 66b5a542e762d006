"""Masked language modelling on packed rows: hide some tokens, learn to tell which they were.

As in DIET (Bunk et al. 2020, section 3.3): 15% of the tokens are chosen; of those, 70% are
replaced by a trainable mask vector, 10% by the vector of some other row, and 20% stay.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from gossamer.nn.inputs import glorot_linear
from gossamer.nn.similarity import SimilarityLoss, SingleLabelDotProductLoss

_CHOSEN = 0.15
_REPLACED_BY_MASK = 0.7
_REPLACED_BY_OTHER = 0.1


class Masked(NamedTuple):
    """Rows with some tokens hidden.

    Attributes:
        x: *Shape:* (n_positions, width).
        chosen: rows of the chosen tokens. *Shape:* (n_chosen,), int64.
    """

    x: Tensor
    chosen: Tensor


class MaskedLanguageModel(nn.Module):
    """Hides tokens and compares what the transformer makes of them with what they were.

    Args:
        width: of the rows before the transformer.
        hidden_size: of the transformer's output.
        embedding_dimension: width in which both are compared.
    """

    def __init__(self, width: int, hidden_size: int, embedding_dimension: int) -> None:
        super().__init__()
        self.mask_vector = nn.Parameter(torch.empty(1, width))
        nn.init.xavier_uniform_(self.mask_vector)
        self.embed_output = glorot_linear(hidden_size, embedding_dimension)
        self.embed_token = glorot_linear(width, embedding_dimension)

    def mask(self, x: Tensor, n_tokens: int) -> Masked:
        """Hide some of the first `n_tokens` rows; at least one is chosen.

        *Shape:* (n_positions, width) -> (n_positions, width).
        """
        is_chosen = torch.rand(n_tokens, device=x.device) < _CHOSEN
        if n_tokens and not bool(is_chosen.any()):
            is_chosen[0] = True
        chosen = is_chosen.nonzero().squeeze(1)
        fate = torch.rand(chosen.numel(), device=x.device)
        by_mask = chosen[fate < _REPLACED_BY_MASK]
        by_other = chosen[
            (fate >= _REPLACED_BY_MASK) & (fate < _REPLACED_BY_MASK + _REPLACED_BY_OTHER)
        ]
        others = torch.randint(max(1, n_tokens), (by_other.numel(),), device=x.device)
        masked = x.index_copy(0, by_mask, self.mask_vector.expand(by_mask.numel(), -1))
        return Masked(masked.index_copy(0, by_other, x.detach()[others]), chosen)

    def loss(
        self,
        similarity: SingleLabelDotProductLoss,
        before: Tensor,
        after: Tensor,
        chosen: Tensor,
        token_ids: Tensor,
        token_weights: Tensor | None = None,
    ) -> SimilarityLoss:
        """How well the chosen tokens are recognised among each other.

        Args:
            similarity: the loss that DIET uses for intents.
            before: rows before hiding. *Shape:* (n_positions, width).
            after: transformer output, of the tokens at least. *Shape:* (n_tokens, hidden_size).
            chosen: rows of the chosen tokens. *Shape:* (n_chosen,).
            token_ids: which tokens are the same. *Shape:* (n_tokens,).
            token_weights: what each token's loss is multiplied by; None for 1 each.
                *Shape:* (n_tokens,).
        """
        ids = token_ids[chosen]
        weights = None if token_weights is None else token_weights[chosen] / chosen.numel()
        result: SimilarityLoss = similarity(
            self.embed_output(after.index_select(0, chosen)),
            self.embed_token(before.index_select(0, chosen)),
            torch.arange(chosen.numel(), device=chosen.device),
            input_ids=ids,
            label_ids=ids,
            weights=weights,
        )
        return result

    def regularized(self) -> list[Tensor]:
        """Kernels under L2."""
        return [self.embed_output.weight, self.embed_token.weight]
