"""TED's network that answers: turns of a conversation in, similarities to all labels out.

What `gossamer.dialogue.policies.ted.network` computes in evaluation mode; see there for the paper's
terms. Of the labels' side only the embeddings are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from gossamer.dialogue.policies.ted.features import TEXT, Indices, TextInput, TurnInput
from gossamer.dialogue.policies.ted.options import TEDOptions, TextPart
from gossamer.dialogue.policies.ted.shape import PAIRS, PLAIN, TEDShape
from gossamer.nlu.diet.features import TextFeatures, TextWidths
from gossamer.nlu.diet.frozen.network import FrozenEntityHead
from gossamer.nlu.diet.frozen.text_encoder import FrozenTextEncoder
from gossamer.nlu.diet.shape import Encoded
from gossamer.nn.features import Features
from gossamer.nn.frozen.attention import Layout
from gossamer.nn.frozen.crf import TagPaths
from gossamer.nn.frozen.encoder import Encoder
from gossamer.nn.frozen.inputs import FeatureInput, FeedForward
from gossamer.nn.frozen.linear import Linear
from gossamer.nn.frozen.operations import gelu, unit_length
from gossamer.nn.frozen.weights import Floats, Weights


class Dialogues(NamedTuple):
    """The network's output for conversations.

    Attributes:
        turns: transformer output. With whole dialogues of all turns, else of the last one of each
            conversation, which is first. *Shape:* (n_turns, width) or (n_dialogues, width).
        starts: first turn of each conversation. *Shape:* (n_dialogues,), int64.
        tokens: transformer output of the messages' texts that occur, or None without any.
            *Shape:* (n_tokens, text_width).
    """

    turns: Floats
    starts: Indices
    tokens: Floats | None


class _NameEncoder:
    """One attribute of a turn: input table, and for some a randomly connected layer."""

    def __init__(
        self, weights: Weights, n_features: int, options: TEDOptions, *, is_encoded: bool
    ) -> None:
        self.input = FeatureInput.read(weights.part("input"), n_features, 0)
        sizes = [options.encoding_dimension] if is_encoded else []
        self.encode = FeedForward.read(
            weights.part("encode"), self.input.width, sizes, topology=options.topology
        )
        self.width = self.encode.width

    def __call__(self, values: Features) -> Floats:
        """*Shape:* features of n_values rows -> (n_values, width)."""
        return self.encode(self.input(values))


class _SentenceEncoder:
    """Texts to one row each: DIET's encoder, and a randomly connected layer on its sentence."""

    def __init__(
        self, weights: Weights, options: TEDOptions, part: TextPart, widths: TextWidths
    ) -> None:
        self.texts = FrozenTextEncoder(weights.part("texts"), options.of_texts(part), widths)
        self._encode = FeedForward.read(
            weights.part("encode"),
            self.texts.width,
            [options.encoding_dimension],
            topology=options.topology,
        )

    def __call__(self, texts: TextFeatures) -> Encoded[Floats]:
        """The sentence encoded, and the transformer's output for the tokens."""
        tokens, sentence = self.texts.encode(texts)
        return Encoded(tokens, self._encode(sentence))


class FrozenTED:
    """See the module's docstring.

    Args:
        weights: all stored ones of the network.
        options: TED's options.
        shape: what domain and stories decide.
        labels: features of all labels that are names: actions, or what else is learnt.
        label_texts: features of all labels that are texts; None without such labels.

    Attributes:
        label_embeddings: of all labels. *Shape:* (n_labels, embedding_dimension).

    Raises:
        KeyError: an array is missing.
        ValueError: arrays do not fit the options, or there are others.
    """

    def __init__(
        self,
        weights: Weights,
        options: TEDOptions,
        shape: TEDShape,
        labels: Features,
        label_texts: TextFeatures | None,
    ) -> None:
        size = options.encoding_dimension
        self._options = options
        self.is_full_dialogue = options.tracker_featurizer == "full_dialogue"
        encoded_names = {name for name, _ in PAIRS}
        self.names = {
            name: _NameEncoder(
                weights.part(f"names.{name}"),
                shape.widths[name],
                options,
                is_encoded=name in encoded_names,
            )
            for name in (*encoded_names, *PLAIN)
            if shape.widths.get(name, 0) > 0
        }
        self.texts = {
            text: _SentenceEncoder(weights.part(f"texts.{text}"), options, text, shape.texts[text])
            for _, text in PAIRS
            if text in shape.texts
        }
        pairs = [name in self.names or text in self.texts for name, text in PAIRS]
        width = size * sum(pairs)
        width += sum(self.names[name].width for name in PLAIN if name in self.names)
        self.encoder: Encoder | None = None
        if options.number_of_transformer_layers["dialogue"] > 0:
            hidden = options.transformer_size["dialogue"]
            self.encoder = Encoder.read(
                weights.part("encoder"),
                width,
                hidden,
                num_layers=options.number_of_transformer_layers["dialogue"],
                num_heads=options.number_of_attention_heads,
                topology=options.topology,
                max_relative_position=options.max_relative_position,
                is_causal=self.is_full_dialogue,
            )
            width = hidden
        embedding = options.embedding_dimension
        self._embedding = Linear.read(weights.part("dialogue_embedding"), width, embedding)
        self.label_embeddings = self._labels(weights, shape, labels, label_texts)
        self.entity_head: FrozenEntityHead | None = None
        if shape.n_tags > 0:
            self.entity_head = FrozenEntityHead(
                weights.part("entity_head"),
                self.texts[TEXT].texts.width + width,
                shape.n_tags,
                n_entity_tags=0,
                embedding_dimension=embedding,
                forbidden=shape.forbidden,
            )
        weights.check_all_read()

    def turns(
        self, inputs: Mapping[str, TurnInput], texts: Mapping[str, TextInput]
    ) -> tuple[Floats, Floats | None]:
        """What is known of each turn side by side, and the tokens of the messages' texts.

        *Shape:* (n_turns, width), (n_tokens, text_width).

        Args:
            inputs: by attribute.
            texts: as `inputs`, of text attributes.
        """
        parts: list[Floats] = []
        tokens: Floats | None = None
        n_turns = len(next(iter(inputs.values())).row)
        for name, text in PAIRS:
            found: list[Floats] = []
            if name in self.names:
                found.append(_handed_out(self.names[name](inputs[name].features), inputs[name].row))
            if text in self.texts and text in texts:
                encoded = self.texts[text](texts[text].features)
                tokens = encoded.tokens if text == TEXT else tokens
                found.append(_handed_out(encoded.sentence, texts[text].row))
            if found:
                parts.append(found[0] if len(found) == 1 else found[0] + found[1])
            elif text in self.texts:
                size = self._options.encoding_dimension
                parts.append(np.zeros((n_turns, size), dtype=np.float32))
        parts += [
            _handed_out(self.names[name](inputs[name].features), inputs[name].row)
            for name in PLAIN
            if name in self.names
        ]
        return np.concatenate(parts, axis=1), tokens

    def encode(self, turns: Floats, lengths: Indices, tokens: Floats | None = None) -> Dialogues:
        """Run conversations through everything between `turns` and the embedding.

        Args:
            turns: of all conversations one after the other. *Shape:* (n_turns, width).
            lengths: turns of each conversation. *Shape:* (n_dialogues,).
            tokens: see `Dialogues`.
        """
        starts = np.cumsum(lengths) - lengths
        wanted = None if self.is_full_dialogue else starts
        x = turns
        if self.encoder is not None:
            x = gelu(self.encoder(x, Layout.one_after_the_other(lengths), wanted))
        elif wanted is not None:
            x = x[wanted]
        return Dialogues(x, starts, tokens)

    def similarity(self, turns: Floats) -> Floats:
        """Of conversations, `Dialogues.turns`, to all labels. *Shape:* (n_rows, n_labels)."""
        similarity: Floats = self._compared(self._embedding(turns)) @ self.label_embeddings.T
        return similarity

    def tag(self, dialogues: Dialogues, text: TextInput, turns: Indices) -> TagPaths:
        """Predicted tags of the messages at some turns, message by message.

        Args:
            dialogues: the network's output.
            text: the messages' texts.
            turns: turns that have such a text. *Shape:* (n_messages,).

        Raises:
            ValueError: there are no entities to find, or no texts to find them in.
        """
        if self.entity_head is None or dialogues.tokens is None:
            raise ValueError("a network without entities, or without texts, has no tags")
        chosen = text.row[turns]
        lengths = text.features.lengths[chosen]
        tokens = dialogues.tokens[text.features.tokens_of(chosen).rows]
        rows = turns if self.is_full_dialogue else np.searchsorted(dialogues.starts, turns)
        context = np.repeat(dialogues.turns[rows], lengths, axis=0)
        return self.entity_head(np.concatenate([tokens, context], axis=1), lengths, None)

    def _labels(
        self,
        weights: Weights,
        shape: TEDShape,
        labels: Features,
        label_texts: TextFeatures | None,
    ) -> Floats:
        options = self._options
        named = _NameEncoder(weights.part("label"), labels.n_sparse, options, is_encoded=True)
        rows = [named(labels)]
        if shape.label_texts is not None and label_texts is not None:
            texts = _SentenceEncoder(
                weights.part("label_text"), options, "label_action_text", shape.label_texts
            )
            rows.append(texts(label_texts).sentence)
        part = weights.part("label_embedding")
        embedding = Linear.read(part, options.encoding_dimension, options.embedding_dimension)
        return self._compared(embedding(np.concatenate(rows)))

    def _compared(self, embedded: Floats) -> Floats:
        return unit_length(embedded) if self._options.use_cosine else embedded


def _handed_out(values: Floats, row: Indices) -> Floats:
    """Each turn's value; zeros where its row is after the last one.

    *Shape:* (n_values, width), (n_turns,) -> (n_turns, width).
    """
    nothing = np.zeros((1, values.shape[1]), dtype=np.float32)
    return np.concatenate([values, nothing])[row]
