"""DIET's network: one transformer over tokens and sentence, heads for intents and entities.

Dual Intent and Entity Transformer (Bunk et al. 2020, arXiv:2004.09936), built as Rasa 3.6 builds
it, on packed batches. Rows are tokens first, then the sentence position of each text.

| paper | here |
|---|---|
| a_CLS, transformer output at the sentence | `Encoded.sentence` |
| a, transformer output at a token | `Encoded.tokens` |
| h_CLS = E(a_CLS) | `embed_text` |
| h_intent = E(y_intent) | `embed_labels` |
| L_I, equation 3 (StarSpace loss) | `intent_loss`; softmax over all labels by default |
| L_E = -log p(y_entity), CRF, equation 1 | `EntityHead` |
| L_M, masked language model | `MaskedLanguageModel` |

Which layers are randomly connected, as in Rasa: those that `TextEncoder` names, and the
feed-forward layers of the labels. Dense are the input tables, the embeddings and the tag logits.

Labels have features of their names, or of their texts (Rasa calls that DIET2DIET, for response
selection): these go through an encoder of their own or, with `share_hidden_layers`, through the one
of the texts.

Departures from Rasa: entity confidences are CRF marginals (see `LinearChainCRF`); weights of
randomly connected layers start from their real fan-in (see `RandomlyConnectedLinear`); two tokens
count as the same in masked language modelling when all their features are equal.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gossamer.data.errors import ConfigError
from gossamer.nlu.diet.batches import DIETBatch
from gossamer.nlu.diet.features import FeatureWidths, TextFeatures, TextWidths
from gossamer.nlu.diet.options import NetworkOptions
from gossamer.nlu.diet.shape import Encoded, NetworkShape
from gossamer.nlu.diet.tags import TagKind
from gossamer.nlu.diet.text_encoder import (
    TextEncoder,
    linear_maker,
    regularized_tables,
)
from gossamer.nlu.diet.wide import WidePath
from gossamer.nn.crf import LinearChainCRF, TagPaths
from gossamer.nn.features import Features
from gossamer.nn.inputs import FeatureInput, FeedForward, glorot_linear
from gossamer.nn.similarity import SimilarityLoss, SingleLabelDotProductLoss, loss_scale
from gossamer.nn.training.fit import Regularized, StepResult

__all__ = ["DIETNetwork", "Encoded", "EntityHead"]

_TEXTS_FOR_METRICS = 32  # in training: with many tags, the best paths of a batch take a second
_METRIC_PREFIX = {TagKind.ENTITY: "e", TagKind.ROLE: "r", TagKind.GROUP: "g"}


class EntityHead(nn.Module):
    """Tag logits and a CRF for one kind of tag.

    Args:
        width: of the transformer output.
        n_tags: tags of this kind.
        n_entity_tags: for roles and groups, the number of entity tags, whose embedding is also
            read; 0 for the entity head itself.
        embedding_dimension: width of that embedding.
        forbidden: see `LinearChainCRF`.
    """

    def __init__(
        self,
        width: int,
        n_tags: int,
        *,
        n_entity_tags: int,
        embedding_dimension: int,
        forbidden: npt.NDArray[np.bool_] | None = None,
    ) -> None:
        super().__init__()
        self.embed_tag = (
            glorot_linear(n_entity_tags, embedding_dimension) if n_entity_tags > 0 else None
        )
        extra = embedding_dimension if n_entity_tags > 0 else 0
        self.logits = glorot_linear(width + extra, n_tags)
        rules = None if forbidden is None else torch.from_numpy(forbidden)
        self.crf = LinearChainCRF(n_tags, rules)

    def forward(self, tokens: Tensor, entity_tags: Tensor | None) -> Tensor:
        """Logits. *Shape:* (n_tokens, width), (n_tokens,) -> (n_tokens, n_tags)."""
        if self.embed_tag is not None and entity_tags is not None:
            one_hot = F.one_hot(entity_tags, self.embed_tag.in_features).to(tokens.dtype)
            tokens = torch.cat([tokens, self.embed_tag(one_hot)], dim=1)
        logits: Tensor = self.logits(tokens)
        return logits

    def regularized(self) -> list[Tensor]:
        """Kernels under L2."""
        weights = [self.logits.weight, self.crf.transitions]
        return weights if self.embed_tag is None else [self.embed_tag.weight, *weights]


class DIETNetwork(TextEncoder):
    """See the module's docstring.

    Args:
        options: of the network.
        shape: widths that the data decide.
        labels: features of all labels; None without labels.
        label_metric: name of the accuracy of labels.
    """

    def __init__(
        self,
        options: NetworkOptions,
        shape: NetworkShape,
        labels: Features | TextFeatures | None,
        *,
        label_metric: str = "i_acc",
    ) -> None:
        super().__init__(options, shape.text)
        self.options = options
        self.labels = labels
        self._label_metric = label_metric
        self.has_intents = shape.label is not None
        self.label_encoder: TextEncoder | None = None
        if isinstance(shape.label, TextWidths):
            if options.share_hidden_layers:
                _check_same_widths(shape.text, shape.label)
            else:
                self.label_encoder = TextEncoder(options, shape.label, side="label")
        elif shape.label is not None:
            self.label_input = FeatureInput(*shape.label, options.dense_dimension["label"])
            sizes = options.hidden_layers_sizes["label"]
            if options.share_hidden_layers and sizes:
                _check_shared(self.input_width, self.label_input.width)
            self.label_hidden = (
                self.hidden
                if options.share_hidden_layers and sizes  # without layers, nothing to share
                else FeedForward(
                    self.label_input.width,
                    sizes,
                    linear=linear_maker(options),
                    dropout=options.drop_rate,
                )
            )
        self.wide: WidePath | None = None
        if shape.label is not None:
            self.text_embedding = glorot_linear(self.width, options.embedding_dimension)
            if options.has_wide_path(shape.n_labels) and shape.n_counts > 0:
                n_dense = shape.text.sentence.n_dense
                self.wide = WidePath(shape.n_counts, shape.n_labels, n_dense)
            self.label_embedding = glorot_linear(
                self._label_width(shape.label), options.embedding_dimension
            )
        self.intent_loss = SingleLabelDotProductLoss(options.label_similarity(shape.n_labels))
        n_entity_tags = shape.n_tags.get(TagKind.ENTITY, 0)
        self.entity_heads = nn.ModuleDict(
            {
                kind.value: EntityHead(
                    self.width,
                    n_tags,
                    n_entity_tags=0 if kind is TagKind.ENTITY else n_entity_tags,
                    embedding_dimension=options.embedding_dimension,
                    forbidden=shape.forbidden.get(kind),
                )
                for kind, n_tags in shape.n_tags.items()
            }
        )

    def embed_text(self, encoded: Encoded[Tensor]) -> Tensor:
        """Embeddings of texts. *Shape:* of the result (n_texts, embedding_dimension)."""
        embedded: Tensor = self.text_embedding(encoded.sentence)
        return embedded

    def label_logits(self, text: TextFeatures, encoded: Encoded[Tensor], labels: Tensor) -> Tensor:
        """Scores of labels for texts: similarity, plus the wide path's score.

        Args:
            text: the texts.
            encoded: the same, encoded.
            labels: what `embed_labels` gives.

        Returns:
            *Shape:* (n_texts, n_labels).
        """
        embedded = self.embed_text(encoded)
        similarity = self.intent_loss.similarity(embedded, labels)
        wide = self.wide_scores(text)
        return similarity if wide is None else similarity + wide

    def wide_scores(self, text: TextFeatures) -> Tensor | None:
        """The wide path's score of each label. *Shape:* (n_texts, n_labels). None without one."""
        counts = text.counts
        if self.wide is None or counts.sparse is None:
            return None
        scores: Tensor = self.wide(counts.sparse, counts.dense)
        return scores

    def embed_labels(self) -> Tensor:
        """Embeddings of all labels. *Shape:* (n_labels, embedding_dimension)."""
        if self.labels is None:
            raise ValueError("a network without intents has no labels to embed")
        if isinstance(self.labels, TextFeatures):
            encoder = self if self.label_encoder is None else self.label_encoder
            rows = encoder.encode(self.labels).sentence
        else:
            rows = self.label_hidden(self.label_input(self.labels))
        embedded: Tensor = self.label_embedding(rows)
        return embedded

    def tag(self, tokens: Tensor, lengths: Tensor) -> dict[TagKind, TagPaths]:
        """Predicted tags of each kind. *Shape:* (n_tokens, width), (n_texts,)."""
        paths: dict[TagKind, TagPaths] = {}
        for kind, head in self._heads():
            entity_tags = None if kind is TagKind.ENTITY else paths[TagKind.ENTITY].tags
            paths[kind] = head.crf.decode(head(tokens, entity_tags), lengths)
        return paths

    def step(self, batch: DIETBatch, *, with_metrics: bool) -> StepResult:
        """Loss of a batch, the sum of all heads' losses; see `TrainableNetwork`."""
        encoded, label_embeddings, mask_result = self._encode_batch(batch)
        losses, metrics = [], {}
        if mask_result is not None:
            losses.append(mask_result.loss)
            metrics["m_acc"] = float(mask_result.accuracy)
        if batch.labels is not None:
            labels = self.embed_labels() if label_embeddings is None else label_embeddings
            loss, accuracy = self._label_loss(batch, batch.labels, encoded, labels)
            losses.append(loss)
            metrics[self._label_metric] = accuracy
        lengths = torch.from_numpy(batch.text.lengths)
        for kind, head in self._heads():
            gold = batch.tags[kind]
            logits = head(encoded.tokens, batch.tags[TagKind.ENTITY])
            loss = -head.crf.log_likelihood(logits, gold, lengths)
            loss = loss * loss_scale(loss) if self.options.scale_loss else loss
            losses.append((loss if batch.weights is None else loss * batch.weights).mean())
            if with_metrics:
                shown = lengths[:_TEXTS_FOR_METRICS] if self.training else lengths
                n_shown = int(shown.sum())
                predicted = head.crf.best_paths(logits[:n_shown].detach(), shown)
                metrics[f"{_METRIC_PREFIX[kind]}_f1"] = _micro_f1(predicted, gold[:n_shown])
        return StepResult(torch.stack(losses).sum(), metrics)

    def _label_loss(
        self, batch: DIETBatch, target: Tensor, encoded: Encoded[Tensor], labels: Tensor
    ) -> tuple[Tensor, float]:
        """Loss of the labels, and how often they are right; not in training with the wide path."""
        embedded = self.embed_text(encoded)
        weights = None if batch.weights is None else batch.weights / len(batch.weights)
        found = self.intent_loss(embedded, labels, target, weights=weights)
        wide = None if self.training else self.wide_scores(batch.text)
        if wide is None:
            return found.loss, float(found.accuracy)
        with torch.no_grad():
            sums = self.intent_loss.similarity(embedded, labels) + wide
            return found.loss, float((sums.argmax(1) == target).float().mean())

    def text_inputs(self) -> dict[str, FeatureInput]:
        """The layers that read the features of texts, by their names in the state dict."""
        inputs = super().text_inputs()
        if self.label_encoder is not None:
            of_labels = self.label_encoder.text_inputs()
            inputs |= {f"label_encoder.{name}": layer for name, layer in of_labels.items()}
        return inputs

    def regularized(self) -> list[Regularized]:
        """Kernels that Rasa puts under L2: not those inside the transformer's layers.

        Without `regularize_labels` also not those that labels alone depend on.
        """
        labels: list[Regularized] = []
        if self.label_encoder is not None:
            labels += self.label_encoder.regularized()
        elif isinstance(self.labels, Features):
            labels += regularized_tables([self.label_input])
            if self.label_hidden is not self.hidden:
                labels += map(Regularized, self.label_hidden.regularized())
        if self.has_intents:
            labels += map(Regularized, [self.text_embedding.weight, self.label_embedding.weight])
        parts = super().regularized()
        if self.options.regularize_labels:
            parts += labels
        elif self.has_intents and self.has_sequence and self.sentence_input.table is not None:
            sentences = self.sentence_input.table.weight
            parts = [part for part in parts if part.weight is not sentences]
        for _, head in self._heads():
            parts += map(Regularized, head.regularized())
        return parts

    def _label_width(self, label: FeatureWidths | TextWidths) -> int:
        """Width of what the label embedding reads."""
        if isinstance(label, FeatureWidths):
            return self.label_hidden.width
        return self.width if self.label_encoder is None else self.label_encoder.width

    def _encode_batch(
        self, batch: DIETBatch
    ) -> tuple[Encoded[Tensor], Tensor | None, SimilarityLoss | None]:
        """A batch's texts; with them, where one encoder serves both, embeddings of the labels.

        An input table can be read once in a step only, so both go through it together.
        """
        if self.label_encoder is not None or not isinstance(self.labels, TextFeatures):
            encoded, mask_result = self.encode_masked(batch.text, batch.token_ids, batch.weights)
            return encoded, None, mask_result
        text = batch.text.followed_by(self.labels)
        both, mask_result = self.encode_masked(text, batch.token_ids, batch.weights)
        n_texts, n_tokens = len(batch.text.lengths), int(batch.text.lengths.sum())
        encoded = Encoded(both.tokens[:n_tokens], both.sentence[:n_texts])
        return encoded, self.label_embedding(both.sentence[n_texts:]), mask_result

    def _heads(self) -> list[tuple[TagKind, EntityHead]]:
        return [
            (kind, head)
            for kind in TagKind
            if kind.value in self.entity_heads
            and isinstance(head := self.entity_heads[kind.value], EntityHead)
        ]


def _check_shared(text_width: int, label_width: int) -> None:
    if text_width != label_width:
        raise ConfigError(
            "share_hidden_layers needs features of texts and labels of the same width",
            got=f"{text_width} and {label_width}",
            hint="share_hidden_layers: false",
        )


def _check_same_widths(text: TextWidths, label: TextWidths) -> None:
    if text != label:
        raise ConfigError(
            "share_hidden_layers with labels that are texts needs the same features for both",
            got=f"{text} and {label}",
            hint="use_shared_vocab: true in each CountVectorsFeaturizer, "
            "or share_hidden_layers: false",
        )


def _micro_f1(predicted: Tensor, gold: Tensor) -> float:
    """Micro F1 over tokens, "O" (tag 0) not counting as a class."""
    hits = int(((predicted == gold) & (gold > 0)).sum())
    total = int((predicted > 0).sum()) + int((gold > 0).sum())
    return 2 * hits / total if total else 1.0
