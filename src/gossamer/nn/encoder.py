"""The transformer encoder of DIET and TED: pre-norm layers on packed sequences."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from gossamer.nn.attention import LinearMaker, MultiHeadSelfAttention
from gossamer.nn.frozen.operations import EPSILON
from gossamer.nn.ops.activation import gelu_dropped
from gossamer.nn.ops.dropout import Dropout, dropout
from gossamer.nn.ops.normalisation import add_and_normalise, normalise
from gossamer.nn.packing import Packing
from gossamer.sparse.products.guard import are_ordinary, is_watched


class TransformerEncoderLayer(nn.Module):
    """Self-attention and a feed-forward block, each normalised before and added after.

    x = x + dropout(attention(norm(x)));
    x = x + dropout(W2 dropout(gelu(W1 norm(x)))), W1 four times as wide as the layer.

    Args:
        hidden_size: width.
        attention: mixes positions.
        linear: makes the two feed-forward layers.
        dropout: rate of all three dropouts.
        feed_forward_size: width of the inner layer.
    """

    def __init__(
        self,
        hidden_size: int,
        attention: MultiHeadSelfAttention,
        *,
        linear: LinearMaker,
        dropout: float,
        feed_forward_size: int,
    ) -> None:
        super().__init__()
        self.attention_norm = nn.LayerNorm(hidden_size, eps=EPSILON)
        self.attention = attention
        self.feed_forward_norm = nn.LayerNorm(hidden_size, eps=EPSILON)
        self.feed_forward_in = linear(hidden_size, feed_forward_size, True)
        self.feed_forward_out = linear(feed_forward_size, hidden_size, True)
        self.dropout = Dropout(dropout)

    def forward(
        self,
        x: Tensor,
        normal: Tensor,
        packing: Packing,
        next_norm: nn.LayerNorm,
        wanted: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """One layer: attention and feed-forward block.

        A layer ends with the normalisation that what follows it begins with, so that the sum before
        it and the normalisation are one operation.

        Args:
            x: *Shape:* (n_positions, hidden_size).
            normal: `attention_norm(x)`. *Shape:* (n_positions, hidden_size).
            packing: which row is which position.
            next_norm: of the next layer, or the last one.
            wanted: see `TransformerEncoder.forward`.

        Returns:
            The sum and `next_norm` of it. *Shape:* of both (n_positions, hidden_size), or
            (n_wanted, hidden_size).
        """
        rate = self.dropout.rate if self.training else 0.0
        update = self.attention(normal, packing, wanted)
        x = x if wanted is None else x.index_select(0, wanted)
        x, normal = add_and_normalise(x, update, self.feed_forward_norm, rate)
        inner = gelu_dropped(self.feed_forward_in(normal), rate)
        return add_and_normalise(x, self.feed_forward_out(inner), next_norm, rate)


class TransformerEncoder(nn.Module):
    """Input layer, sinusoidal positions, pre-norm layers, a last normalisation.

    This is the encoder of Rasa 3.6's DIET and TED; which matrices are randomly connected is
    decided by `linear`, which makes all of them: input, query, key, value, attention output and
    both feed-forward layers. Layer norm epsilon is 1e-6 and GELU the exact (erf) form, as there.

    Args:
        input_size: width of the input.
        hidden_size: width of the encoder; divisible by `num_heads`.
        num_layers: transformer layers, at least one.
        num_heads: attention heads.
        linear: makes every linear layer.
        dropout: rate after the positions, attention and feed-forward layers.
        attention_dropout: share of attention logits dropped.
        feed_forward_size: inner width; None for four times `hidden_size`.
        use_key_relative: see `MultiHeadSelfAttention`; also the next three.
        use_value_relative: as above.
        max_relative_position: as above.
        is_causal: as above (Rasa's `unidirectional_encoder`).
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        num_layers: int,
        num_heads: int,
        linear: LinearMaker,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        feed_forward_size: int | None = None,
        use_key_relative: bool = False,
        use_value_relative: bool = False,
        max_relative_position: int = 5,
        is_causal: bool = False,
    ) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.input = linear(input_size, hidden_size, True)
        self.dropout = Dropout(dropout)
        inner_size = 4 * hidden_size if feed_forward_size is None else feed_forward_size
        self.layers = nn.ModuleList(
            TransformerEncoderLayer(
                hidden_size,
                MultiHeadSelfAttention(
                    hidden_size,
                    num_heads,
                    linear=linear,
                    dropout=attention_dropout,
                    use_key_relative=use_key_relative,
                    use_value_relative=use_value_relative,
                    max_relative_position=max_relative_position,
                    is_causal=is_causal,
                ),
                linear=linear,
                dropout=dropout,
                feed_forward_size=inner_size,
            )
            for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(hidden_size, eps=EPSILON)
        self._positions = torch.empty(0, hidden_size)

    def forward(self, x: Tensor, packing: Packing, wanted: Tensor | None = None) -> Tensor:
        """Encode.

        Args:
            x: *Shape:* (n_positions, input_size).
            packing: which row is which position of which sequence.
            wanted: numbers of the rows whose encoding is wanted, each once; None for all. The last
                layer's feed-forward block then runs on these alone. *Shape:* (n_wanted,), int64.

        Returns:
            *Shape:* (n_positions, hidden_size) or (n_wanted, hidden_size).
        """
        if x.shape[0] != packing.n_positions:
            raise ValueError(
                f"the encoder's input must have {packing.n_positions} rows, one for each position: "
                f"got {x.shape[0]}. Try: the packing that belongs to these rows"
            )
        rate = self.dropout.rate if self.training else 0.0
        table = self._position_table(packing, x)
        scale = math.sqrt(self.hidden_size)
        x = dropout(self.input(x) * scale + table[packing.position], rate, training=True)
        norms: list[Any] = [*(layer.attention_norm for layer in self.layers), self.norm]
        normal = normalise(x, norms[0])
        last = len(self.layers) - 1
        for number, layer in enumerate(self.layers):
            only = wanted if number == last else None
            x, normal = layer(x, normal, packing, norms[number + 1], only)
        return normal

    def _position_table(self, packing: Packing, like: Tensor) -> Tensor:
        length = max(64, 2 * packing.max_len)
        if torch.compiler.is_compiling() or is_watched() or not are_ordinary(like):
            return sinusoidal_positions(length, self.hidden_size).to(like)  # not one to keep
        kept = self._positions
        if (
            kept.shape[0] < packing.max_len
            or kept.dtype != like.dtype
            or kept.device != like.device
        ):
            self._positions = sinusoidal_positions(length, self.hidden_size).to(like)
        return self._positions


def sinusoidal_positions(length: int, width: int) -> Tensor:
    """Position p, dimension i: sine (even i) or cosine (odd i) of p / 10000^(2 floor(i/2) / width).

    Vaswani et al. 2017, section 3.5. *Shape:* (length, width).
    """
    dimension = torch.arange(width, dtype=torch.float64)
    frequency = torch.pow(10000.0, -2 * torch.floor(dimension / 2) / width)
    angle = torch.arange(length, dtype=torch.float64)[:, None] * frequency[None, :]
    return torch.where(dimension % 2 == 0, torch.sin(angle), torch.cos(angle)).float()
