"""TED's network: turns of a conversation in, similarities to all labels (TED's: actions) out.

Transformer Embedding Dialogue (Vlasov et al. 2019, arXiv:1910.00486), built as Rasa 3.6 builds it,
on packed batches of conversations.

| paper | here |
|---|---|
| concatenated features of user input, system action and slots at a time step | `_turns` |
| unidirectional transformer over the dialogue | `encoder` |
| h_dialogue = E(a_dialogue) | `embed_dialogue` |
| h_action = E(y_action) | `embed_labels` |
| L_dialogue (StarSpace loss) | `loss` |

Which layers are randomly connected, as in Rasa: those that encode messages, actions and labels, and
every layer of the transformers. Dense are the input tables, the embeddings and the tag logits.

As in Rasa with a limited history, turns are in reverse order, the last one first; the transformer
looks both ways, and its output for the last turn counts. With whole dialogues they are in their own
order, the transformer only looks back, and its output for each turn counts. Texts are read by
DIET's encoder.

Departure from Rasa: labels pass an input table of their own (`dense_dimension` of
"label_action_name") before they are encoded; in Rasa the encoding layer reads the label's number
directly, so that a label has only some connections to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gossamer.dialogue.policies.ted.features import TEXT, Indices, TextInput, TurnInput
from gossamer.dialogue.policies.ted.options import TEDOptions, TextPart
from gossamer.dialogue.policies.ted.shape import PAIRS, PLAIN, TEDShape
from gossamer.nlu.diet.features import TextFeatures, TextWidths
from gossamer.nlu.diet.network import EntityHead
from gossamer.nlu.diet.text_encoder import TextEncoder, linear_maker
from gossamer.nn.crf import TagPaths
from gossamer.nn.encoder import TransformerEncoder
from gossamer.nn.features import Features
from gossamer.nn.inputs import FeatureInput, FeedForward, glorot_linear
from gossamer.nn.ops.dropout import dropout
from gossamer.nn.packing import Packing, ranges
from gossamer.nn.similarity import (
    MultiLabelDotProductLoss,
    SingleLabelDotProductLoss,
    loss_scale,
)
from gossamer.nn.training.fit import Regularized, StepResult


class EntityTargets(NamedTuple):
    """Entities in the last messages of some conversations, those that count by their texts.

    Attributes:
        turns: the turn of each message among all turns. *Shape:* (n_messages,), int64.
        tags: tag of each token, message by message. *Shape:* (n_tokens,), int64.
    """

    turns: Indices
    tags: Tensor


class TEDBatch(NamedTuple):
    """What the network learns from in one step.

    Attributes:
        inputs: by attribute; turns of all conversations one after the other.
        texts: as `inputs`, of text attributes.
        lengths: turns of each conversation. *Shape:* (n_dialogues,), int64.
        labels: the action after each conversation, or with whole dialogues after each turn.
            *Shape:* (n_dialogues,) or (n_turns,), int64. Where a conversation has several labels,
            which of all they are. *Shape:* (n_dialogues, n_labels), bool.
        entities: entities to find, or None.
    """

    inputs: Mapping[str, TurnInput]
    texts: Mapping[str, TextInput]
    lengths: Tensor
    labels: Tensor
    entities: EntityTargets | None = None


class Dialogues(NamedTuple):
    """The network's output for conversations.

    Attributes:
        turns: transformer output. With whole dialogues of all turns, else of the last one of each
            conversation, which is first. *Shape:* (n_turns, width) or (n_dialogues, width).
        starts: first turn of each conversation. *Shape:* (n_dialogues,), int64.
        tokens: transformer output of the messages' texts that occur, or None without any.
            *Shape:* (n_tokens, text_width).
    """

    turns: Tensor
    starts: Tensor
    tokens: Tensor | None


class NameEncoder(nn.Module):
    """One attribute of a turn: input table, dropout, and for some a randomly connected layer.

    Args:
        n_features: columns of the sparse features.
        units: width of the input table.
        options: of TED.
        encoding: width to encode to, with GELU; None leaves that out.
        drop_rate: dropout before the encoding.
    """

    def __init__(
        self,
        n_features: int,
        units: int,
        options: TEDOptions,
        *,
        encoding: int | None = None,
        drop_rate: float = 0.0,
    ) -> None:
        super().__init__()
        self.input = FeatureInput(
            n_features,
            0,
            units,
            sparse_dropout=drop_rate if options.use_sparse_input_dropout else 0.0,
            dense_dropout=drop_rate if options.use_dense_input_dropout else 0.0,
        )
        self.drop_rate = drop_rate
        self.encode = (
            None
            if encoding is None
            else FeedForward(units, [encoding], linear=linear_maker(options), dropout=0.0)
        )
        self.width = units if encoding is None else encoding

    def forward(self, values: Features, row: Indices) -> Tensor:
        """Encode each turn's value; zeros where it has none.

        Values are encoded once each and then handed out, unless dropout makes a difference between
        turns.

        *Shape:* features of n_values rows, (n_turns,) -> (n_turns, width).
        """
        if not (self.training and self.drop_rate > 0.0):
            return handed_out(self.encoded(values), row)
        n_values = 0 if values.sparse is None else values.sparse.shape[0]
        there = np.flatnonzero(row < n_values)
        x = self.encoded(values.rows(row[there]))
        place = torch.from_numpy(there)
        return x.new_zeros(len(row), self.width).index_put((place,), x)

    def encoded(self, values: Features) -> Tensor:
        """*Shape:* features of n_values rows -> (n_values, width)."""
        x: Tensor = self.input(values)
        return x if self.encode is None else self.encode(x)

    def regularized(self) -> list[Regularized]:
        """Kernels under L2."""
        table = self.input.table
        found = [] if table is None else [Regularized(table.weight, table.touched)]
        return found + ([] if self.encode is None else _plain(self.encode.regularized()))


class SentenceEncoder(nn.Module):
    """Texts to one row each: DIET's encoder, and a randomly connected layer on its sentence.

    Args:
        options: of TED.
        part: whose widths count.
        widths: of the texts' features.
    """

    def __init__(self, options: TEDOptions, part: TextPart, widths: TextWidths) -> None:
        super().__init__()
        self.texts = TextEncoder(options.of_texts(part), widths)
        self.encode = FeedForward(
            self.texts.width,
            [options.encoding_dimension],
            linear=linear_maker(options),
            dropout=0.0,
        )

    def forward(self, texts: TextFeatures) -> tuple[Tensor, Tensor]:
        """*Shape:* -> (n_texts, encoding_dimension), (n_tokens, text_width)."""
        encoded = self.texts.encode(texts)
        return self.encode(encoded.sentence), encoded.tokens

    def regularized(self) -> list[Regularized]:
        """Kernels under L2."""
        return self.texts.regularized() + _plain(self.encode.regularized())


class TEDNetwork(nn.Module):
    """See the module's docstring.

    Args:
        options: TED's options.
        shape: what domain and stories decide.
        labels: features of all labels that are names: actions, or what else is learnt.
        label_texts: features of all labels that are texts; None without such labels.
    """

    def __init__(
        self,
        options: TEDOptions,
        shape: TEDShape,
        labels: Features,
        label_texts: TextFeatures | None = None,
    ) -> None:
        super().__init__()
        self.options = options
        self.labels = labels
        self.label_texts = label_texts
        size = options.encoding_dimension
        self.names, self.texts = nn.ModuleDict(), nn.ModuleDict()
        width = 0
        for name, text in PAIRS:
            if shape.widths.get(name, 0) > 0:
                self.names[name] = NameEncoder(
                    shape.widths[name],
                    options.dense_dimension[name],
                    options,
                    encoding=size,
                    drop_rate=options.drop_rate,
                )
            if text in shape.texts:
                self.texts[text] = SentenceEncoder(options, text, shape.texts[text])
            width += size if name in self.names or text in self.texts else 0
        for name in PLAIN:
            if shape.widths.get(name, 0) > 0:
                units = options.dense_dimension[name]
                self.names[name] = NameEncoder(
                    shape.widths[name], units, options, drop_rate=options.drop_rate
                )
                width += units
        units = options.dense_dimension["label_action_name"]
        self.label = NameEncoder(labels.n_sparse, units, options, encoding=size)
        self.label_text: SentenceEncoder | None = None
        if shape.label_texts is not None:
            self.label_text = SentenceEncoder(options, "label_action_text", shape.label_texts)
        self.is_full_dialogue = options.tracker_featurizer == "full_dialogue"
        self.encoder: TransformerEncoder | None = None
        n_layers = options.number_of_transformer_layers["dialogue"]
        if n_layers > 0:
            hidden = options.transformer_size["dialogue"]
            self.encoder = TransformerEncoder(
                width,
                hidden,
                num_layers=n_layers,
                num_heads=options.number_of_attention_heads,
                linear=linear_maker(options),
                dropout=options.drop_rate_dialogue,
                attention_dropout=options.drop_rate_attention,
                use_key_relative=options.use_key_relative_attention,
                use_value_relative=options.use_value_relative_attention,
                max_relative_position=options.max_relative_position,
                is_causal=self.is_full_dialogue,
            )
            width = hidden
        self.dialogue_embedding = glorot_linear(width, options.embedding_dimension)
        self.label_embedding = glorot_linear(size, options.embedding_dimension)
        loss = MultiLabelDotProductLoss if options.is_multi_label else SingleLabelDotProductLoss
        self.loss = loss(options.similarity())
        self.entity_head: EntityHead | None = None
        if shape.n_tags > 0:
            encoder = self._sentence_encoder(TEXT)
            self.entity_head = EntityHead(
                encoder.texts.width + width,
                shape.n_tags,
                n_entity_tags=0,
                embedding_dimension=options.embedding_dimension,
                forbidden=shape.forbidden,
            )

    def encode(
        self,
        inputs: Mapping[str, TurnInput],
        texts: Mapping[str, TextInput],
        lengths: Tensor,
    ) -> Dialogues:
        """Run conversations through everything before the embedding; arguments as in `TEDBatch`."""
        x, tokens = self._turns(inputs, texts)
        starts = torch.cumsum(lengths, 0) - lengths
        wanted = None if self.is_full_dialogue else starts
        if self.encoder is not None:
            x = F.gelu(self.encoder(x, Packing.from_lengths(lengths), wanted))
        elif wanted is not None:
            x = x.index_select(0, wanted)
        return Dialogues(x, starts, tokens)

    def embed_dialogue(self, turns: Tensor) -> Tensor:
        """Embed conversations, `Dialogues.turns`.

        *Shape:* (n_rows, width) -> (n_rows, embedding_dimension).
        """
        embedded: Tensor = self.dialogue_embedding(turns)
        return embedded

    def embed_labels(self) -> Tensor:
        """Embeddings of all labels. *Shape:* (n_labels, embedding_dimension)."""
        encoded = self.label.encoded(self.labels)
        if self.label_text is not None and self.label_texts is not None:
            encoded = torch.cat([encoded, self.label_text(self.label_texts)[0]])
        dropped = dropout(encoded, self.options.drop_rate_dialogue, self.training)
        embedded: Tensor = self.label_embedding(dropped)
        return embedded

    def tag(
        self, dialogues: Dialogues, text: TextInput, turns: Indices
    ) -> tuple[TagPaths, Indices]:
        """Predicted tags of the messages at some turns, and how many tokens each has.

        Args:
            dialogues: the network's output.
            text: the messages' texts.
            turns: turns that have such a text. *Shape:* (n_messages,).
        """
        if self.entity_head is None:
            raise ValueError("a network without entities has no tags")
        logits, lengths = self._tag_logits(self.entity_head, dialogues, text, turns)
        return self.entity_head.crf.decode(logits, torch.from_numpy(lengths)), lengths

    def step(self, batch: TEDBatch, *, with_metrics: bool) -> StepResult:
        """Loss of a batch; see `TrainableNetwork`."""
        dialogues = self.encode(batch.inputs, batch.texts, batch.lengths)
        embedded = self.embed_dialogue(dialogues.turns)
        weights = None
        if self.is_full_dialogue:  # each conversation counts alike, however long it is
            n_turns = batch.lengths
            weights = (1.0 / (n_turns * n_turns.numel())).repeat_interleave(n_turns)
        found = self.loss(embedded, self.embed_labels(), batch.labels, weights=weights)
        loss, metrics = found.loss, {"acc": float(found.accuracy)}
        head, entities = self.entity_head, batch.entities
        if head is not None and entities is not None and len(entities.turns):
            logits, lengths = self._tag_logits(head, dialogues, batch.texts[TEXT], entities.turns)
            tag_loss = -head.crf.log_likelihood(logits, entities.tags, torch.from_numpy(lengths))
            scale = loss_scale(tag_loss) if self.options.scale_loss else 1.0
            loss = loss + (tag_loss * scale).mean()
        return StepResult(loss, metrics)

    def regularized(self) -> list[Regularized]:
        """Kernels that Rasa puts under L2: not those inside the transformers' layers."""
        found: list[Regularized] = []
        for part in (*self.names.values(), *self.texts.values(), self.label, self.label_text):
            if isinstance(part, NameEncoder | SentenceEncoder):
                found += part.regularized()
        weights = [self.dialogue_embedding.weight, self.label_embedding.weight]
        if self.encoder is not None:
            weights.append(self.encoder.input.get_parameter("weight"))
        if self.entity_head is not None:
            weights += self.entity_head.regularized()
        return found + _plain(weights)

    def _turns(
        self, inputs: Mapping[str, TurnInput], texts: Mapping[str, TextInput]
    ) -> tuple[Tensor, Tensor | None]:
        """What is known of each turn side by side, and the tokens of the messages' texts.

        *Shape:* (n_turns, width), (n_tokens, text_width).
        """
        parts: list[Tensor] = []
        tokens: Tensor | None = None
        rate = self.options.drop_rate_dialogue
        n_turns = len(next(iter(inputs.values())).row)
        for name, text in PAIRS:
            found: list[Tensor] = []
            if name in self.names:
                found.append(dropout(self.names[name](*inputs[name]), rate, self.training))
            if text in self.texts and text in texts:
                rows, of_tokens = self._sentence_encoder(text)(texts[text].features)
                tokens = of_tokens if text == TEXT else tokens
                found.append(dropout(handed_out(rows, texts[text].row), rate, self.training))
            if found:
                parts.append(found[0] if len(found) == 1 else found[0] + found[1])
            elif text in self.texts:
                parts.append(torch.zeros(n_turns, self.options.encoding_dimension))
        parts += [self.names[name](*inputs[name]) for name in PLAIN if name in self.names]
        return torch.cat(parts, dim=1), tokens

    def _sentence_encoder(self, part: str) -> SentenceEncoder:
        encoder = self.texts[part]
        if not isinstance(encoder, SentenceEncoder):
            raise TypeError(f"the encoder of {part} must read texts")
        return encoder

    def _tag_logits(
        self, head: EntityHead, dialogues: Dialogues, text: TextInput, turns: Indices
    ) -> tuple[Tensor, Indices]:
        if dialogues.tokens is None:
            raise ValueError("there must be texts to find entities in")
        chosen = text.row[turns]
        lengths = text.features.lengths[chosen]
        tokens = dialogues.tokens[torch.from_numpy(text.features.tokens_of(chosen).rows)]
        message, _ = ranges(torch.from_numpy(lengths))
        rows = torch.from_numpy(turns)
        if not self.is_full_dialogue:
            rows = torch.searchsorted(dialogues.starts, rows)
        context = dialogues.turns[rows][message]
        return head(torch.cat([tokens, context], dim=1), None), lengths


def handed_out(values: Tensor, row: Indices) -> Tensor:
    """Each turn's value; zeros where its row is after the last one.

    *Shape:* (n_values, width), (n_turns,) -> (n_turns, width).
    """
    return F.pad(values, (0, 0, 0, 1)).index_select(0, torch.from_numpy(row))


def _plain(weights: list[Tensor]) -> list[Regularized]:
    return [Regularized(weight) for weight in weights]
