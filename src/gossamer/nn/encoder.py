"""The transformer encoder of DIET and TED: pre-norm layers on packed sequences."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gossamer.nn.attention import LinearMaker, MultiHeadSelfAttention
from gossamer.nn.native_encoder import NativeEncoder, fits
from gossamer.nn.ops.dropout import Dropout
from gossamer.nn.packing import Packing
from gossamer.sparse.products.guard import are_ordinary, is_watched

_LAYER_NORM_EPS = 1e-6


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
        self.attention_norm = nn.LayerNorm(hidden_size, eps=_LAYER_NORM_EPS)
        self.attention = attention
        self.feed_forward_norm = nn.LayerNorm(hidden_size, eps=_LAYER_NORM_EPS)
        self.feed_forward_in = linear(hidden_size, feed_forward_size, True)
        self.feed_forward_out = linear(feed_forward_size, hidden_size, True)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, packing: Packing, wanted: Tensor | None = None) -> Tensor:
        """Only the wanted positions where these are given; see `TransformerEncoder.forward`.

        *Shape:* (n_positions, hidden_size) -> (n_positions, hidden_size).
        """
        update = self.attention(self.attention_norm(x), packing)
        if wanted is not None:
            x, update = x.index_select(0, wanted), update.index_select(0, wanted)
        x = x + self.dropout(update)
        inner = self.dropout(F.gelu(self.feed_forward_in(self.feed_forward_norm(x))))
        out: Tensor = x + self.dropout(self.feed_forward_out(inner))
        return out


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
        dropout: rate behind the positions, attention and feed-forward layers.
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
        self.norm = nn.LayerNorm(hidden_size, eps=_LAYER_NORM_EPS)
        self._positions = torch.empty(0, hidden_size)
        self._by_kernels: NativeEncoder | None = None

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
        if fits(self, x):
            table = self._position_table(packing, x)
            rate = self.dropout.rate if self.training else 0.0
            return self._native()(x, packing, table, rate, wanted)
        x = self.input(x) * math.sqrt(self.hidden_size)
        x = self.dropout(x + self._position_table(packing, x)[packing.position])
        last = len(self.layers) - 1
        for number, layer in enumerate(self.layers):
            x = layer(x, packing, wanted if number == last else None)
        out: Tensor = self.norm(x)
        return out

    def _native(self) -> NativeEncoder:
        if self._by_kernels is None or not self._by_kernels.is_current():
            self._by_kernels = NativeEncoder(self)
        return self._by_kernels

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
