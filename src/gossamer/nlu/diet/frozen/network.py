"""DIET's network that answers: scores of labels and tags of tokens.

What `gossamer.nlu.diet.network` computes in evaluation mode; see there for the paper's terms. The
labels' side does not depend on the text: of it only the embeddings are kept.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gossamer.nlu.diet.features import FeatureWidths, TextFeatures, TextWidths
from gossamer.nlu.diet.frozen.text_encoder import FrozenTextEncoder
from gossamer.nlu.diet.frozen.wide import FrozenWidePath
from gossamer.nlu.diet.options import NetworkOptions
from gossamer.nlu.diet.shape import Encoded, NetworkShape
from gossamer.nlu.diet.tags import TagKind
from gossamer.nn.features import Features
from gossamer.nn.frozen.crf import Decoder, Indices, TagPaths
from gossamer.nn.frozen.inputs import FeatureInput, FeedForward
from gossamer.nn.frozen.linear import Linear
from gossamer.nn.frozen.operations import unit_length
from gossamer.nn.frozen.weights import Floats, Weights

_ONLY_TO_LEARN = ("masking.", "label_encoder.masking.")  # the masked language model


class FrozenEntityHead:
    """Tag logits and a CRF for one kind of tag; see `gossamer.nlu.diet.network.EntityHead`.

    Args:
        weights: stored ones.
        width: of the tokens it reads.
        n_tags: tags of this kind.
        n_entity_tags: for roles and groups, the number of entity tags, whose embedding is also
            read; 0 for the entity head itself.
        embedding_dimension: width of that embedding.
        forbidden: True where one tag must not follow another; None: nowhere.

    Attributes:
        tag_rows: what is read for each entity tag, or None. *Shape:* (n_entity_tags, embedding).
    """

    def __init__(
        self,
        weights: Weights,
        width: int,
        n_tags: int,
        *,
        n_entity_tags: int,
        embedding_dimension: int,
        forbidden: npt.NDArray[np.bool_] | None,
    ) -> None:
        self.tag_rows: Floats | None = None
        if n_entity_tags > 0:
            part = weights.part("embed_tag")
            layer = Linear.read(part, n_entity_tags, embedding_dimension)
            self.tag_rows = layer(np.eye(n_entity_tags, dtype=np.float32))
            width += embedding_dimension
        self.logits = Linear.read(weights.part("logits"), width, n_tags)
        self.decoder = Decoder.read(weights.part("crf"), n_tags, forbidden)

    def __call__(self, tokens: Floats, lengths: Indices, entity_tags: Indices | None) -> TagPaths:
        """Best paths. *Shape:* (n_tokens, width), (n_texts,), (n_tokens,)."""
        if self.tag_rows is not None and entity_tags is not None:
            tokens = np.concatenate([tokens, self.tag_rows[entity_tags]], axis=1)
        return self.decoder(self.logits(tokens), lengths)


class Answer(NamedTuple):
    """What the network says of some texts.

    Attributes:
        label_logits: None without labels. *Shape:* (n_texts, n_labels).
        tags: of each kind, token by token.
    """

    label_logits: Floats | None
    tags: dict[TagKind, TagPaths]


class FrozenDIET(FrozenTextEncoder):
    """See the module's docstring.

    Args:
        weights: all stored ones of the network.
        options: of the network.
        shape: widths that the data decide.
        labels: features of all labels; None without labels.

    Raises:
        KeyError: an array is missing.
        ValueError: arrays do not fit the options, or there are others.
    """

    def __init__(
        self,
        weights: Weights,
        options: NetworkOptions,
        shape: NetworkShape,
        labels: Features | TextFeatures | None,
    ) -> None:
        super().__init__(weights, options, shape.text)
        size = options.embedding_dimension
        self._use_cosine = options.use_cosine
        self.text_embedding: Linear | None = None
        self.label_embeddings: Floats | None = None
        self.wide: FrozenWidePath | None = None
        if shape.label is not None and labels is not None:
            self.text_embedding = Linear.read(weights.part("text_embedding"), self.width, size)
            rows = self._label_rows(weights, options, shape.label, labels)
            embedding = Linear.read(weights.part("label_embedding"), rows.shape[1], size)
            self.label_embeddings = self._compared(embedding(rows))
            if len(self.label_embeddings) != shape.n_labels:
                raise ValueError(f"{shape.n_labels} labels, features of another number")
            if options.has_wide_path(shape.n_labels) and shape.n_counts > 0:
                self.wide = FrozenWidePath(
                    weights.part("wide"),
                    shape.n_counts,
                    shape.n_labels,
                    shape.text.sentence.n_dense,
                )
        n_entity_tags = shape.n_tags.get(TagKind.ENTITY, 0)
        self.heads = {
            kind: FrozenEntityHead(
                weights.part(f"entity_heads.{kind.value}"),
                self.width,
                shape.n_tags[kind],
                n_entity_tags=0 if kind is TagKind.ENTITY else n_entity_tags,
                embedding_dimension=size,
                forbidden=shape.forbidden.get(kind),
            )
            for kind in TagKind
            if kind in shape.n_tags
        }
        weights.check_all_read(apart_from=_ONLY_TO_LEARN)

    def __call__(self, text: TextFeatures) -> Answer:
        """Scores and tags of texts, each of which has a token."""
        encoded = self.encode(text)
        logits = None if self.label_embeddings is None else self.label_logits(text, encoded)
        return Answer(logits, self.tag(encoded.tokens, text.lengths))

    def label_logits(self, text: TextFeatures, encoded: Encoded[Floats]) -> Floats:
        """Scores of labels: similarity, plus the wide path's. *Shape:* (n_texts, n_labels).

        Raises:
            ValueError: there are no labels.
        """
        if self.label_embeddings is None or self.text_embedding is None:
            raise ValueError("a model without labels has no confidence in them")
        embedded = self._compared(self.text_embedding(encoded.sentence))
        logits: Floats = embedded @ self.label_embeddings.T
        counts = text.counts
        if self.wide is None or counts.sparse is None:
            return logits
        return logits + self.wide(counts.sparse, counts.dense)

    def tag(self, tokens: Floats, lengths: Indices) -> dict[TagKind, TagPaths]:
        """Predicted tags of each kind. *Shape:* (n_tokens, width), (n_texts,)."""
        paths: dict[TagKind, TagPaths] = {}
        for kind, head in self.heads.items():
            entity_tags = None if kind is TagKind.ENTITY else paths[TagKind.ENTITY].tags
            paths[kind] = head(tokens, lengths, entity_tags)
        return paths

    def _compared(self, embedded: Floats) -> Floats:
        return unit_length(embedded) if self._use_cosine else embedded

    def _label_rows(
        self,
        weights: Weights,
        options: NetworkOptions,
        widths: FeatureWidths | TextWidths,
        labels: Features | TextFeatures,
    ) -> Floats:
        """What the embedding of labels reads. *Shape:* (n_labels, width)."""
        if isinstance(labels, TextFeatures) and isinstance(widths, TextWidths):
            if options.share_hidden_layers:
                return self.encode(labels).sentence
            part = weights.part("label_encoder")
            return FrozenTextEncoder(part, options, widths, side="label").encode(labels).sentence
        if isinstance(labels, TextFeatures) or isinstance(widths, TextWidths):
            raise ValueError("features of labels must be of their names or of their texts")
        layer = FeatureInput.read(weights.part("label_input"), *widths)
        hidden = FeedForward.read(
            weights.part("label_hidden"),
            layer.width,
            options.hidden_layers_sizes["label"],
            topology=options.topology,
        )
        return hidden(layer(labels))
