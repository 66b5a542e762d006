"""The transformer encoder that answers: what `gossamer.nn.encoder` computes in evaluation mode."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from gossamer.nn.frozen.attention import Attention, Indices, Layout
from gossamer.nn.frozen.linear import Linear
from gossamer.nn.frozen.operations import Normalisation, gelu
from gossamer.nn.frozen.weights import Floats, Weights
from gossamer.sparse.connectivity import Topology

_FIRST_POSITIONS = 64


class EncoderLayer(NamedTuple):
    """Self-attention and a feed-forward block, each normalised before and added after."""

    attention_norm: Normalisation
    attention: Attention
    feed_forward_norm: Normalisation
    feed_forward_in: Linear
    feed_forward_out: Linear


class Encoder:
    """Input layer, sinusoidal positions, pre-norm layers, a last normalisation.

    Args:
        input_layer: before the positions.
        layers: one at least.
        norm: the last normalisation.
    """

    def __init__(
        self, input_layer: Linear, layers: list[EncoderLayer], norm: Normalisation
    ) -> None:
        self.input, self.layers, self.norm = input_layer, layers, norm
        self.hidden_size = input_layer.connectivity.out_features
        self._scaled_input = input_layer.times(math.sqrt(self.hidden_size))
        self._positions = sinusoidal_positions(_FIRST_POSITIONS, self.hidden_size)

    @classmethod
    def read(
        cls,
        weights: Weights,
        input_size: int,
        hidden_size: int,
        *,
        num_layers: int,
        num_heads: int,
        topology: Topology,
        max_relative_position: int,
        is_causal: bool,
    ) -> Encoder:
        """The stored encoder; arguments as of `gossamer.nn.encoder.TransformerEncoder`.

        Raises:
            KeyError: an array is missing.
            ValueError: arrays do not fit the sizes.
        """

        def norm(part: Weights, name: str) -> Normalisation:
            gain, offset = (
                part.part(name).floats(each, (hidden_size,)) for each in ("weight", "bias")
            )
            return Normalisation(gain, offset)

        layers = []
        for number in range(num_layers):
            part = weights.part(f"layers.{number}")
            inner, outer = (part.part(f"feed_forward_{end}") for end in ("in", "out"))
            layers.append(
                EncoderLayer(
                    norm(part, "attention_norm"),
                    Attention.read(
                        part.part("attention"),
                        hidden_size,
                        num_heads=num_heads,
                        is_causal=is_causal,
                        max_relative_position=max_relative_position,
                        topology=topology,
                    ),
                    norm(part, "feed_forward_norm"),
                    Linear.read(inner, hidden_size, 4 * hidden_size, topology=topology),
                    Linear.read(outer, 4 * hidden_size, hidden_size, topology=topology),
                )
            )
        first = Linear.read(weights.part("input"), input_size, hidden_size, topology=topology)
        return cls(first, layers, norm(weights, "norm"))

    def __call__(self, x: Floats, layout: Layout, wanted: Indices | None = None) -> Floats:
        """Encode.

        Args:
            x: *Shape:* (n_rows, input_size).
            layout: which row is which position of which sequence.
            wanted: numbers of the rows whose encoding is wanted; None for all. *Shape:* (n_wanted,)

        Returns:
            *Shape:* (n_rows, hidden_size) or (n_wanted, hidden_size).
        """
        x = self._scaled_input(x)
        x += self._position_rows(layout.position)
        normal = self.layers[0].attention_norm(x)
        norms = [layer.attention_norm for layer in self.layers[1:]] + [self.norm]
        for layer, next_norm in zip(self.layers, norms, strict=True):
            mixed = layer.attention(normal, layout)
            if wanted is not None and layer is self.layers[-1]:
                mixed, x = mixed[wanted], x[wanted]
            x, normal = layer.feed_forward_norm.of_sum(x, layer.attention.out(mixed))
            inner = gelu(layer.feed_forward_in(normal))
            x, normal = next_norm.of_sum(x, layer.feed_forward_out(inner))
        return normal

    def _position_rows(self, position: Indices) -> Floats:
        table = self._positions
        n_needed = int(position.max(initial=-1)) + 1
        if n_needed > len(table):
            table = sinusoidal_positions(2 * n_needed, self.hidden_size)
            self._positions = table
        return table[position]


def sinusoidal_positions(length: int, width: int) -> Floats:
    """Position p, dimension i: sine (even i) or cosine (odd i) of p / 10000^(2 floor(i/2) / width).

    Vaswani et al. 2017, section 3.5. *Shape:* (length, width).
    """
    dimension = np.arange(width)
    angle = np.arange(length)[:, None] * 10000.0 ** (-2 * (dimension // 2) / width)
    return np.where(dimension % 2 == 0, np.sin(angle), np.cos(angle)).astype(np.float32)
