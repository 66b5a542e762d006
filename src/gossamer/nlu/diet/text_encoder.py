"""One side of DIET's network: texts through inputs, feed-forward layers and transformer.

Rows are tokens first, then the sentence position of each text, in packed batches.

Which layers are randomly connected, as in Rasa: the feed-forward layers before the transformer,
those that bring sequence and sentence features to one width, and every layer of the transformer.
Dense are the input tables.
"""

from __future__ import annotations

import functools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gossamer.nlu.diet.features import TextFeatures, TextWidths
from gossamer.nlu.diet.options import NetworkOptions
from gossamer.nlu.diet.shape import Encoded, Side
from gossamer.nlu.learning.options import LearningOptions
from gossamer.nn.attention import LinearMaker
from gossamer.nn.encoder import TransformerEncoder
from gossamer.nn.inputs import FeatureInput, FeedForward
from gossamer.nn.masking import MaskedLanguageModel
from gossamer.nn.ops.neighbours import context_windows
from gossamer.nn.packing import Packing, ranges
from gossamer.nn.similarity import SimilarityLoss, SingleLabelDotProductLoss
from gossamer.nn.training.fit import Regularized
from gossamer.sparse import RandomlyConnectedLinear


class TextEncoder(nn.Module):
    """See the module's docstring.

    As in Rasa, labels that are texts get no dropout of their inputs and no masked language model.

    Args:
        options: of the network.
        widths: of the texts' features.
        side: which of the widths in `options` count, those of "text" or those of "label".

    Attributes:
        input_width: width before the feed-forward layers.
        width: of what `encode` gives.
    """

    def __init__(self, options: NetworkOptions, widths: TextWidths, *, side: Side = "text") -> None:
        super().__init__()
        linear = linear_maker(options)
        rate = options.drop_rate
        is_text = side == "text"
        self.sequence_input, self.sentence_input = (
            FeatureInput(
                *each,
                options.dense_dimension[side],
                sparse_dropout=rate if is_text and options.use_sparse_input_dropout else 0.0,
                dense_dropout=rate if is_text and options.use_dense_input_dropout else 0.0,
            )
            for each in widths
        )
        self.has_sequence = self.sequence_input.width > 0
        self.has_sentence = self.sentence_input.width > 0
        width = self.sequence_input.width if self.has_sequence else self.sentence_input.width
        self.sequence_unify: FeedForward | None = None
        self.sentence_unify: FeedForward | None = None
        is_both = self.has_sequence and self.has_sentence
        if is_both and self.sequence_input.width != self.sentence_input.width:
            width = options.concat_dimension[side]
            self.sequence_unify, self.sentence_unify = (
                FeedForward(before.width, [width], linear=linear, dropout=rate)
                for before in (self.sequence_input, self.sentence_input)
            )
        self.input_width = width
        self.hidden = FeedForward(
            width, options.hidden_layers_sizes[side], linear=linear, dropout=rate
        )
        width = self.hidden.width
        self.masking = (
            MaskedLanguageModel(width, options.transformer_size, options.embedding_dimension)
            if is_text and options.use_masked_language_model
            else None
        )
        self.mask_loss = SingleLabelDotProductLoss(options.similarity(scale_loss=False))
        self.encoder: TransformerEncoder | None = None
        self.context_window = options.context_window if self.has_sequence else 0
        if options.number_of_transformer_layers > 0:
            self.encoder = TransformerEncoder(
                width * (2 * self.context_window + 1),
                options.transformer_size,
                num_layers=options.number_of_transformer_layers,
                num_heads=options.number_of_attention_heads,
                linear=linear,
                dropout=rate,
                attention_dropout=options.drop_rate_attention,
                use_key_relative=options.use_key_relative_attention,
                use_value_relative=options.use_value_relative_attention,
                max_relative_position=options.max_relative_position,
                is_causal=options.unidirectional_encoder,
            )
            width = options.transformer_size
        self.width = width

    def encode(self, text: TextFeatures) -> Encoded[Tensor]:
        """Run texts through inputs, feed-forward layers and transformer."""
        return self.encode_masked(text, None)[0]

    def encode_masked(
        self, text: TextFeatures, token_ids: Tensor | None, weights: Tensor | None = None
    ) -> tuple[Encoded[Tensor], SimilarityLoss | None]:
        """The same, in training with some tokens hidden, and how well these are recognised.

        Args:
            text: features of the texts.
            token_ids: which tokens are the same; of the first texts at least, in which alone tokens
                are hidden. None hides none. *Shape:* (n_first_tokens,), int64.
            weights: what the losses of these first texts' tokens are multiplied by; None for 1.
                *Shape:* (n_first_texts,).

        Returns:
            The output, and the loss of the masked language model; None without one.
        """
        lengths = torch.from_numpy(text.lengths)
        n_tokens = int(text.lengths.sum()) if self.has_sequence else 0
        x = self.hidden(self._combine(text))
        mask_loss: SimilarityLoss | None = None
        masked = None
        if self.masking is not None and self.training and token_ids is not None:
            masked = self.masking.mask(x, token_ids.numel())
            encoder_input = masked.x
        else:
            encoder_input = x
        if self.encoder is not None:
            windows = self.in_context(encoder_input, lengths, n_tokens)
            encoded = F.gelu(self.encoder(windows, self._packing(lengths)))
        else:
            encoded = encoder_input
        tokens, sentence = encoded[:n_tokens], encoded[n_tokens:]
        if masked is not None and self.masking is not None and token_ids is not None:
            token_weights = None
            if weights is not None:
                token_weights = weights.repeat_interleave(lengths[: len(weights)])
            mask_loss = self.masking.loss(
                self.mask_loss, x, tokens, masked.chosen, token_ids, token_weights
            )
        if self.has_sentence:
            return Encoded(tokens, sentence), mask_loss
        return Encoded(tokens, tokens[torch.cumsum(lengths, 0) - 1]), mask_loss

    def text_inputs(self) -> dict[str, FeatureInput]:
        """The layers that read the features of texts, by their names in the state dict."""
        return {"sequence_input": self.sequence_input, "sentence_input": self.sentence_input}

    def regularized(self) -> list[Regularized]:
        """Kernels that Rasa puts under L2: not those inside the transformer's layers."""
        weights: list[Tensor] = []
        for stack in (self.sequence_unify, self.sentence_unify, self.hidden):
            weights += [] if stack is None else stack.regularized()
        if self.encoder is not None:
            weights.append(self.encoder.input.get_parameter("weight"))
        if self.masking is not None:
            weights += self.masking.regularized()
        tables = regularized_tables([self.sequence_input, self.sentence_input])
        return [*tables, *map(Regularized, weights)]

    def _combine(self, text: TextFeatures) -> Tensor:
        """Tokens of all texts, then their sentence positions. *Shape:* (n_positions, width)."""
        parts = []
        if self.has_sequence:
            x = self.sequence_input(text.sequence)
            parts.append(x if self.sequence_unify is None else self.sequence_unify(x))
        if self.has_sentence:
            x = self.sentence_input(text.sentence)
            parts.append(x if self.sentence_unify is None else self.sentence_unify(x))
        return torch.cat(parts) if len(parts) > 1 else parts[0]

    def in_context(self, x: Tensor, lengths: Tensor, n_tokens: int) -> Tensor:
        """Tokens between their neighbours, sentences between zeros.

        *Shape:* (n_positions, width) -> (n_positions, (2 * context_window + 1) * width).
        """
        if self.context_window == 0:
            return x
        around = self.context_window * x.shape[1]
        tokens = context_windows(x[:n_tokens], lengths, self.context_window)
        return torch.cat([tokens, F.pad(x[n_tokens:], (around, around))])

    def _packing(self, lengths: Tensor) -> Packing:
        texts = torch.arange(lengths.numel())
        if not self.has_sequence:
            return Packing(texts, torch.zeros_like(texts), texts.numel())
        sequence, position = ranges(lengths)
        if self.has_sentence:  # the sentence comes directly after the last token
            sequence, position = torch.cat([sequence, texts]), torch.cat([position, lengths])
        return Packing(sequence, position, texts.numel())


def linear_maker(options: LearningOptions) -> LinearMaker:
    """Makes the randomly connected layers that the options ask for."""
    return functools.partial(
        RandomlyConnectedLinear,
        connection_density=options.connection_density,
        topology=options.topology,
        max_group_size=options.max_group_size,
    )


def regularized_tables(inputs: list[FeatureInput]) -> list[Regularized]:
    """The input tables under L2, each with the rows that have a gradient."""
    tables = [part.table for part in inputs if part.table is not None]
    return [Regularized(table.weight, table.touched) for table in tables]
