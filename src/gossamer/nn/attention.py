"""Multi-head self-attention on packed sequences, with optional relative positions."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gossamer.nn.ops.attention import attend
from gossamer.nn.ops.fitting import WIDTH, fits, has_hooks
from gossamer.nn.packing import Packing, Rectangle
from gossamer.sparse.products.shared_input import SharedInput

LinearMaker = Callable[[int, int, bool], nn.Module]
"""Makes a linear layer from (in_features, out_features, bias)."""

_BLOCKED = -1e9  # Rasa's stand-in for minus infinity; a row of only these stays finite


class MultiHeadSelfAttention(nn.Module):
    """Scaled dot-product self-attention (Vaswani et al. 2017, section 3.2.2).

    Relative positions follow Shaw et al. 2018, equations 3 and 4, with a table for each head:
    distances are clamped to `max_relative_position` on either side.

    As in Rasa, attention dropout acts on logits: a dropped one is blocked before the softmax, so
    that weights still sum to one and nothing is rescaled.

    Args:
        hidden_size: width of input and output; divisible by `num_heads`.
        num_heads: attention heads.
        linear: makes query, key and value layers (without bias) and the output layer (with).
        dropout: share of attention logits dropped in training.
        use_key_relative: add query times relative embedding to the logits.
        use_value_relative: add the weighted relative embeddings to the values.
        max_relative_position: the largest distance told apart.
        is_causal: positions see only themselves and earlier ones.

    Raises:
        ValueError: `hidden_size` is not divisible by `num_heads`.
    """

    def __init__(
        self,
        hidden_size: int,
        num_heads: int,
        *,
        linear: LinearMaker,
        dropout: float = 0.0,
        use_key_relative: bool = False,
        use_value_relative: bool = False,
        max_relative_position: int = 5,
        is_causal: bool = False,
    ) -> None:
        super().__init__()
        if hidden_size % num_heads != 0:
            raise ValueError(
                f"hidden_size must be divisible by num_heads: got {hidden_size} and {num_heads}; "
                f"try hidden_size={num_heads * math.ceil(hidden_size / num_heads)}"
            )
        self.num_heads = num_heads
        self.head_size = hidden_size // num_heads
        self.dropout = dropout
        self.max_relative_position = max_relative_position
        self.is_causal = is_causal
        self.query = linear(hidden_size, hidden_size, False)
        self.key = linear(hidden_size, hidden_size, False)
        self.value = linear(hidden_size, hidden_size, False)
        self.out = linear(hidden_size, hidden_size, True)
        n_distances = max_relative_position + 1 if is_causal else 2 * max_relative_position + 1
        shape = (num_heads, n_distances, self.head_size)
        self.key_relative = nn.Parameter(torch.empty(shape)) if use_key_relative else None
        self.value_relative = nn.Parameter(torch.empty(shape)) if use_value_relative else None
        self._joined: SharedInput | None = None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the relative embeddings again: Glorot uniform over each head's table."""
        for table in (self.key_relative, self.value_relative):
            if table is not None:
                bound = math.sqrt(6 / (table.shape[1] + table.shape[2]) / self.num_heads)
                nn.init.uniform_(table, -bound, bound)

    def forward(self, x: Tensor, packing: Packing, wanted: Tensor | None = None) -> Tensor:
        """Mix the positions of each sequence.

        Args:
            x: *Shape:* (n_positions, hidden_size).
            packing: which row is which position.
            wanted: numbers of the rows that are wanted; None for all. *Shape:* (n_wanted,), int64.

        Returns:
            *Shape:* (n_positions, hidden_size) or (n_wanted, hidden_size).
        """
        mixed = self._mixed(x, packing) if packing.n_positions > 0 else x
        if wanted is not None:
            mixed = mixed.index_select(0, wanted)
        out: Tensor = self.out(mixed)
        return out

    def _mixed(self, x: Tensor, packing: Packing) -> Tensor:
        """Every head's mixture of values. *Shape:* (n_positions, hidden_size), kept."""
        parts = self._queries_keys_values(x)
        if self._is_plain and self.head_size % WIDTH == 0 and fits(x, *parts):
            qkv = parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
            return attend(qkv, packing, self.num_heads, is_causal=self.is_causal)
        if len(parts) == 1:
            parts = list(parts[0].chunk(3, dim=1))
        queries, keys, values = ([self._heads(each) for each in packing.pad(p)] for p in parts)
        mixed = [
            self._mix(query, key, value, self._mask(rectangle, x.device))
            for query, key, value, rectangle in zip(
                queries, keys, values, packing.rectangles, strict=True
            )
        ]
        return packing.unpad([part.transpose(1, 2).flatten(2) for part in mixed])

    @property
    def _is_plain(self) -> bool:
        """Whether there is nothing but queries, keys and values."""
        has_relative = self.key_relative is not None or self.value_relative is not None
        return not has_relative and (self.dropout == 0.0 or not self.training)

    def _queries_keys_values(self, x: Tensor) -> list[Tensor]:
        """Side by side in one tensor where one product gives all of them, else in three."""
        layers = [self.query, self.key, self.value]
        joined = self._joined_product(layers) if fits(x) else None
        if joined is not None and fits(x, *joined.parameters):
            return [joined(x)]
        return [layer(x) for layer in layers]

    def _joined_product(self, layers: list[nn.Module]) -> SharedInput | None:
        if any(map(has_hooks, layers)):
            return None
        if self._joined is None or not self._joined.is_of(layers):
            self._joined = SharedInput.of(layers)
        return self._joined

    def _heads(self, x: Tensor) -> Tensor:
        """*Shape:* (n_seqs, length, hidden_size) -> (n_seqs, num_heads, length, head_size)."""
        return x.view(x.shape[0], x.shape[1], self.num_heads, -1).transpose(1, 2)

    def _mask(self, rectangle: Rectangle, device: torch.device) -> Tensor | None:
        """True where a query may look. *Shape:* broadcastable to (n_seqs, 1, length, length)."""
        mask = None if rectangle.mask is None else rectangle.mask[:, None, None, :]
        if self.is_causal:
            steps = torch.arange(rectangle.length, device=device)
            causal = (steps[:, None] >= steps[None, :])[None, None]
            mask = causal if mask is None else mask & causal
        return mask

    def _mix(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        """Attention in one rectangle, by PyTorch's fused product where that can do it."""
        if self._is_plain:
            return F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self._attend(query, key, value, mask)

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None) -> Tensor:
        """The readable path. *Shape:* of each (n_seqs, num_heads, length, head_size)."""
        logits = query @ key.transpose(-1, -2)
        distance = self._distances(query.shape[2], query.device)
        if self.key_relative is not None:
            # (n_seqs, heads, q, distances): one product, then each pair reads its distance.
            by_distance = query @ self.key_relative.transpose(-1, -2)
            logits = logits + by_distance.gather(-1, distance.expand(*logits.shape))
        logits = logits / math.sqrt(self.head_size)
        if self.training and self.dropout > 0.0:
            logits = logits.masked_fill(torch.rand_like(logits) < self.dropout, _BLOCKED)
        if mask is not None:
            logits = logits.masked_fill(~mask, float("-inf"))
        weights = torch.softmax(logits, dim=-1)
        mixed = weights @ value
        if self.value_relative is not None:
            n_distances = self.value_relative.shape[1]
            by_distance = weights.new_zeros(*weights.shape[:-1], n_distances)
            by_distance = by_distance.scatter_add(-1, distance.expand(*weights.shape), weights)
            mixed = mixed + by_distance @ self.value_relative
        return mixed

    def _distances(self, length: int, device: torch.device) -> Tensor:
        """Row of the relative tables for each (query, key). *Shape:* (length, length)."""
        steps = torch.arange(length, device=device)
        limit = self.max_relative_position
        clamped = (steps[None, :] - steps[:, None]).clamp(-limit, 0 if self.is_causal else limit)
        return clamped + limit
