"""TED's network: turns of a conversation in, similarities to all actions out.

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
every layer of the transformers. Dense are the input tables and the embeddings.

As in Rasa with a limited history, turns stand in reverse, the last one first, the transformer looks
both ways, and what it says of the last turn counts. With whole dialogues they stand in their order,
the transformer looks back only, and what it says of each turn counts.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gossamer.dialogue.ted.features import (
    ACTION_NAME,
    ACTIVE_LOOP,
    ENTITIES,
    INTENT,
    SLOTS,
    TurnInput,
)
from gossamer.dialogue.ted.options import SparsePart, TEDOptions
from gossamer.nn.dropout import dropout
from gossamer.nn.encoder import TransformerEncoder
from gossamer.nn.fit import Regularized, StepResult
from gossamer.nn.inputs import FeatureInput, Features, FeedForward, glorot_linear
from gossamer.nn.packing import Packing
from gossamer.nn.similarity import SingleLabelDotProductLoss
from gossamer.sparse import RandomlyConnectedLinear

_ENCODED: tuple[SparsePart, ...] = (INTENT, ACTION_NAME)
_PLAIN: tuple[SparsePart, ...] = (ENTITIES, SLOTS, ACTIVE_LOOP)


class TEDShape(NamedTuple):
    """All that domain and stories decide about a network.

    Attributes:
        widths: features of each attribute that occurs.
        n_actions: how many actions there are.
    """

    widths: dict[str, int]
    n_actions: int


class TEDBatch(NamedTuple):
    """What the network learns from at a time.

    Attributes:
        inputs: by attribute; turns of all conversations one after the other.
        lengths: turns of each conversation. *Shape:* (n_dialogues,), int64.
        labels: the action after each conversation, or with whole dialogues after each turn.
            *Shape:* (n_dialogues,) or (n_turns,), int64.
    """

    inputs: dict[str, TurnInput]
    lengths: Tensor
    labels: Tensor


class AttributeEncoder(nn.Module):
    """One attribute of a turn: input table, dropout, and for some a randomly connected layer.

    Args:
        n_features: columns of the sparse features.
        units: width of the input table.
        options: of TED.
        encoding: width to encode to, with GELU and dropout; None leaves that out.
    """

    def __init__(
        self, n_features: int, units: int, options: TEDOptions, *, encoding: int | None
    ) -> None:
        super().__init__()
        rate = options.drop_rate
        self.input = FeatureInput(
            n_features,
            0,
            units,
            sparse_dropout=rate if options.use_sparse_input_dropout else 0.0,
            dense_dropout=rate if options.use_dense_input_dropout else 0.0,
        )
        self.drop_rate = rate
        self.drop_rate_dialogue = options.drop_rate_dialogue
        self.encode: FeedForward | None = None
        if encoding is not None:
            self.encode = FeedForward(units, [encoding], linear=_linear(options), dropout=0.0)
        self.width = units if encoding is None else encoding

    def forward(self, values: Features, row: Tensor | None = None) -> Tensor:
        """Encode values; with `row`, each turn's, zeros where there is none.

        What comes before the last dropout is the same for all turns of a value and so computed
        once, unless dropout comes earlier.

        *Shape:* features of n_values rows, (n_turns,) -> (n_turns, width).
        """
        is_early = self.training and self.drop_rate > 0.0 and row is not None
        if is_early and row is not None:
            n_values = len(values.sparse.indptr) - 1 if values.sparse is not None else 0
            is_there = row < n_values
            x = self._one(values.rows(row[is_there].numpy()))
            out = x.new_zeros(row.numel(), x.shape[1])
            x = out.index_put((is_there.nonzero()[:, 0],), x)
        else:
            x = self._one(values)
            if row is not None:
                x = F.pad(x, (0, 0, 0, 1)).index_select(0, row)
        if self.encode is None:
            return x
        return dropout(x, self.drop_rate_dialogue, self.training)

    def regularized(self) -> list[Regularized]:
        """Kernels under L2."""
        table = self.input.table
        found = [] if table is None else [Regularized(table.weight, table.touched)]
        if self.encode is not None:
            found += map(Regularized, self.encode.regularized())
        return found

    def _one(self, values: Features) -> Tensor:
        x: Tensor = self.input(values)
        return x if self.encode is None else self.encode(x)


class TEDNetwork(nn.Module):
    """See the module's docstring.

    Args:
        options: TED's options.
        shape: what the domain decides.
        labels: features of all actions.
    """

    def __init__(self, options: TEDOptions, shape: TEDShape, labels: Features) -> None:
        super().__init__()
        self.options = options
        self.labels = labels
        size = options.encoding_dimension
        self.attributes = nn.ModuleDict()
        for name in (*_ENCODED, *_PLAIN):
            if shape.widths.get(name, 0) > 0:
                self.attributes[name] = AttributeEncoder(
                    shape.widths[name],
                    options.dense_dimension[name],
                    options,
                    encoding=size if name in _ENCODED else None,
                )
        self.label = AttributeEncoder(
            labels.n_sparse,
            options.dense_dimension["label_action_name"],
            options.model_copy(update={"drop_rate": 0.0}),
            encoding=size,
        )
        width = sum(encoder.width for _, encoder in self._encoders())
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
                linear=_linear(options),
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
        self.loss = SingleLabelDotProductLoss(options.similarity())

    def embed_dialogue(self, inputs: dict[str, TurnInput], lengths: Tensor) -> Tensor:
        """Embed conversations.

        Returns:
            One row each, or with whole dialogues one for each turn.
            *Shape:* (n_dialogues, embedding_dimension) or (n_turns, embedding_dimension).
        """
        x = self._turns(inputs)
        if self.encoder is not None:
            x = self.encoder(x, Packing.from_lengths(lengths))
        if not self.is_full_dialogue:
            x = x.index_select(0, torch.cumsum(lengths, 0) - lengths)
        if self.encoder is not None:
            x = F.gelu(x)
        embedded: Tensor = self.dialogue_embedding(x)
        return embedded

    def embed_labels(self) -> Tensor:
        """Embeddings of all actions. *Shape:* (n_actions, embedding_dimension)."""
        embedded: Tensor = self.label_embedding(self.label(self.labels))
        return embedded

    def step(self, batch: TEDBatch, *, with_metrics: bool) -> StepResult:
        """Loss of a batch; see `TrainableNetwork`."""
        dialogue = self.embed_dialogue(batch.inputs, batch.lengths)
        result = self.loss(dialogue, self.embed_labels(), batch.labels)
        return StepResult(result.loss, {"acc": float(result.accuracy)})

    def regularized(self) -> list[Regularized]:
        """Kernels that Rasa puts under L2: not those inside the transformer's layers."""
        found = [part for _, encoder in self._encoders() for part in encoder.regularized()]
        found += self.label.regularized()
        if self.encoder is not None:
            found.append(Regularized(self.encoder.input.get_parameter("weight")))
        found += map(Regularized, (self.dialogue_embedding.weight, self.label_embedding.weight))
        return found

    def _encoders(self) -> list[tuple[str, AttributeEncoder]]:
        return [
            (name, encoder)
            for name, encoder in self.attributes.items()
            if isinstance(encoder, AttributeEncoder)
        ]

    def _turns(self, inputs: dict[str, TurnInput]) -> Tensor:
        """What is known of each turn side by side. *Shape:* (n_turns, width)."""
        return torch.cat([encoder(*inputs[name]) for name, encoder in self._encoders()], dim=1)


def _linear(options: TEDOptions) -> functools.partial[nn.Module]:
    return functools.partial(
        _randomly_connected, density=options.connection_density, topology=options.topology
    )


def _randomly_connected(
    in_features: int, out_features: int, bias: bool, *, density: float, topology: str
) -> nn.Module:
    return RandomlyConnectedLinear(
        in_features, out_features, bias, connection_density=density, topology=topology
    )
