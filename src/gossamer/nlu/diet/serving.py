"""DIET's network in the form that answers a single short message fastest."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gossamer.nlu.diet.features import TextFeatures
from gossamer.nlu.diet.network import DIETNetwork, Encoded, EntityHead
from gossamer.nlu.diet.tags import TagKind
from gossamer.nn.crf import TagPaths
from gossamer.nn.crf_single import SingleDecoder
from gossamer.nn.csr import CsrMatrix
from gossamer.nn.features import Features
from gossamer.nn.inputs import FeatureInput, SparseInputTable
from gossamer.nn.serving import LONGEST, ServingEncoder


class ServingNetwork:
    """A trained network's weights as they are now, ready for single short messages.

    Gives what `DIETNetwork.encode` and `DIETNetwork.tag` give in evaluation mode, within rounding.

    Args:
        network: what it computes; see `of`.
        encoder: the network's encoder.
    """

    def __init__(self, network: DIETNetwork, encoder: ServingEncoder) -> None:
        self._network = network
        self._encoder = encoder
        self._decoders = {
            kind: SingleDecoder(head.crf.moves().detach().numpy()) for kind, head in _heads(network)
        }

    @classmethod
    def of(cls, network: DIETNetwork) -> ServingNetwork | None:
        """This form of a network; None for one without transformer or with relative attention."""
        if network.encoder is None or not ServingEncoder.can_serve(network.encoder):
            return None
        return cls(network, ServingEncoder(network.encoder))

    def takes(self, text: TextFeatures) -> bool:
        """Whether these features are of one short text."""
        return (
            len(text.lengths) == 1
            and int(text.lengths[0]) < LONGEST
            and not torch.is_autocast_enabled("cpu")
        )

    def encode(self, text: TextFeatures) -> Encoded:
        """Run one text through inputs, feed-forward layers and transformer; call it in inference.

        Args:
            text: features that it `takes`.
        """
        network = self._network
        parts = []
        if network.has_sequence:
            x = _rows(network.sequence_input, text.sequence)
            parts.append(x if network.sequence_unify is None else network.sequence_unify(x))
        if network.has_sentence:
            x = _rows(network.sentence_input, text.sentence)
            parts.append(x if network.sentence_unify is None else network.sentence_unify(x))
        x = network.hidden(torch.cat(parts) if len(parts) > 1 else parts[0])
        n_tokens = int(text.lengths[0]) if network.has_sequence else 0
        if network.context_window > 0:
            x = _in_context(x, n_tokens, network.context_window)
        # Tokens come first, the sentence after the last: packed order is the order of positions.
        encoded = F.gelu(self._encoder(x))
        return Encoded(encoded[:n_tokens], encoded[-1:])

    def label_logits(self, text: TextFeatures, encoded: Encoded, labels: Tensor) -> Tensor:
        """What `DIETNetwork.label_logits` gives, for one text. *Shape:* (1, n_labels)."""
        network = self._network
        logits = network.intent_loss.similarity(network.embed_text(encoded), labels)
        wide, counts = network.wide, text.counts.sparse
        if wide is not None and counts is not None:
            weights = torch.from_numpy(wide.weights(counts))
            logits = logits + _product(wide.table, counts, weights)[:, : wide.n_labels]
        return logits

    def tag(self, tokens: Tensor) -> dict[TagKind, TagPaths]:
        """Predicted tags of each kind. *Shape:* (n_tokens, width)."""
        paths: dict[TagKind, TagPaths] = {}
        for kind, head in _heads(self._network):
            entity_tags = None if kind is TagKind.ENTITY else paths[TagKind.ENTITY].tags
            found = self._decoders[kind](head(tokens, entity_tags).numpy())
            paths[kind] = TagPaths(*map(torch.from_numpy, found))
        return paths


def _heads(network: DIETNetwork) -> list[tuple[TagKind, EntityHead]]:
    return [
        (kind, head)
        for kind in TagKind
        if kind.value in network.entity_heads
        and isinstance(head := network.entity_heads[kind.value], EntityHead)
    ]


def _rows(layer: FeatureInput, features: Features) -> Tensor:
    """What `FeatureInput` gives, by the product that is fastest for a few rows."""
    parts = []
    matrix, table = features.sparse, layer.table
    if table is not None and matrix is not None:
        parts.append(_product(table, matrix, torch.from_numpy(matrix.data)))
    if features.dense is not None:
        parts.append(torch.from_numpy(features.dense))
    return torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]


def _product(table: SparseInputTable, matrix: CsrMatrix, values: Tensor) -> Tensor:
    """The table's rows of a matrix with other values. *Shape:* (n_rows, units)."""
    projected = F.embedding_bag(
        torch.from_numpy(matrix.indices),
        table.weight,
        torch.from_numpy(matrix.indptr),
        mode="sum",
        per_sample_weights=values,
        include_last_offset=True,
    )
    return projected + table.bias


def _in_context(x: Tensor, n_tokens: int, size: int) -> Tensor:
    """`TextEncoder.in_context` for one text. *Shape:* (n_tokens + 1 or n_tokens, width)."""
    width = x.shape[1]
    # Rows in a line after another: a token's window is a longer row that begins where it does.
    padded = F.pad(x[:n_tokens], (0, 0, size, size))
    windows = padded.as_strided((n_tokens, (2 * size + 1) * width), (width, 1))
    return torch.cat([windows, F.pad(x[n_tokens:], (size * width, size * width))])
