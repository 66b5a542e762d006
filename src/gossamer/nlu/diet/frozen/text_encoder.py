"""One side of DIET's network: texts through inputs, feed-forward layers and transformer.

What `gossamer.nlu.diet.text_encoder` computes in evaluation mode. Rows are tokens first, then the
sentence position of each text, in packed batches.
"""

from __future__ import annotations

import numpy as np

from gossamer.nlu.diet.features import Indices, TextFeatures, TextWidths
from gossamer.nlu.diet.options import NetworkOptions
from gossamer.nlu.diet.shape import Encoded, Side
from gossamer.nn.frozen.attention import Layout
from gossamer.nn.frozen.encoder import Encoder
from gossamer.nn.frozen.inputs import FeatureInput, FeedForward
from gossamer.nn.frozen.operations import gelu
from gossamer.nn.frozen.weights import Floats, Weights


class FrozenTextEncoder:
    """See the module's docstring.

    Args:
        weights: stored ones of this side.
        options: of the network.
        widths: of the texts' features.
        side: which of the widths in `options` count.

    Attributes:
        input_width: width before the feed-forward layers.
        width: of what it gives.

    Raises:
        KeyError: an array is missing.
        ValueError: arrays do not fit the options.
    """

    def __init__(
        self, weights: Weights, options: NetworkOptions, widths: TextWidths, *, side: Side = "text"
    ) -> None:
        topology = options.topology
        self.sequence_input = FeatureInput.read(weights.part("sequence_input"), *widths.sequence)
        self.sentence_input = FeatureInput.read(weights.part("sentence_input"), *widths.sentence)
        self.has_sequence = self.sequence_input.width > 0
        self.has_sentence = self.sentence_input.width > 0
        width = self.sequence_input.width if self.has_sequence else self.sentence_input.width
        self.sequence_unify: FeedForward | None = None
        self.sentence_unify: FeedForward | None = None
        is_both = self.has_sequence and self.has_sentence
        if is_both and self.sequence_input.width != self.sentence_input.width:
            width = options.concat_dimension[side]
            self.sequence_unify, self.sentence_unify = (
                FeedForward.read(weights.part(name), before.width, [width], topology=topology)
                for name, before in (
                    ("sequence_unify", self.sequence_input),
                    ("sentence_unify", self.sentence_input),
                )
            )
        self.input_width = width
        self.hidden = FeedForward.read(
            weights.part("hidden"), width, options.hidden_layers_sizes[side], topology=topology
        )
        width = self.hidden.width
        self.context_window = options.context_window if self.has_sequence else 0
        self.encoder: Encoder | None = None
        if options.number_of_transformer_layers > 0:
            self.encoder = Encoder.read(
                weights.part("encoder"),
                width * (2 * self.context_window + 1),
                options.transformer_size,
                num_layers=options.number_of_transformer_layers,
                num_heads=options.number_of_attention_heads,
                topology=topology,
                max_relative_position=options.max_relative_position,
                is_causal=options.unidirectional_encoder,
            )
            width = options.transformer_size
        self.width = width

    def encode(self, text: TextFeatures) -> Encoded[Floats]:
        """Run texts through inputs, feed-forward layers and transformer."""
        lengths = text.lengths
        n_tokens = int(lengths.sum()) if self.has_sequence else 0
        x = self.hidden(self._combined(text))
        if self.encoder is not None:
            windows = self._in_context(x, lengths, n_tokens)
            x = gelu(self.encoder(windows, self._layout(lengths)))
        if self.has_sentence:
            return Encoded(x[:n_tokens], x[n_tokens:])
        return Encoded(x, x[np.cumsum(lengths) - 1])

    def _combined(self, text: TextFeatures) -> Floats:
        """Tokens of all texts, then their sentence positions. *Shape:* (n_rows, width)."""
        parts = []
        if self.has_sequence:
            x = self.sequence_input(text.sequence)
            parts.append(x if self.sequence_unify is None else self.sequence_unify(x))
        if self.has_sentence:
            x = self.sentence_input(text.sentence)
            parts.append(x if self.sentence_unify is None else self.sentence_unify(x))
        return np.concatenate(parts) if len(parts) > 1 else parts[0]

    def _in_context(self, x: Floats, lengths: Indices, n_tokens: int) -> Floats:
        """Tokens between their neighbours, sentences between zeros.

        *Shape:* (n_rows, width) -> (n_rows, (2 * context_window + 1) * width).
        """
        size = self.context_window
        if size == 0:
            return x
        n_rows, width = x.shape
        windows = np.zeros((n_rows, 2 * size + 1, width), dtype=np.float32)
        windows[:, size] = x
        if len(lengths) == 1:
            for distance in range(1, min(size, n_tokens - 1) + 1):
                windows[distance:n_tokens, size - distance] = x[: n_tokens - distance]
                windows[: n_tokens - distance, size + distance] = x[distance:n_tokens]
        else:
            text = np.repeat(np.arange(len(lengths)), lengths)
            for distance in range(1, size + 1):
                first = np.flatnonzero(text[distance:] == text[: n_tokens - distance])
                windows[first + distance, size - distance] = x[first]
                windows[first, size + distance] = x[first + distance]
        return windows.reshape(n_rows, -1)

    def _layout(self, lengths: Indices) -> Layout:
        if not self.has_sequence:
            return Layout.one_after_the_other(np.ones(len(lengths), dtype=np.int64))
        if not self.has_sentence:
            return Layout.one_after_the_other(lengths)
        return Layout.with_sentences(lengths)
