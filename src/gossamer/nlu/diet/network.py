"""DIET's network: one transformer over tokens and sentence, heads for intents and entities.

Dual Intent and Entity Transformer (Bunk et al. 2020, arXiv:2004.09936), built as Rasa 3.6 builds
it, on packed batches. Rows stand tokens first, then the sentence position of each text.

| paper | here |
|---|---|
| a_CLS, transformer output at the sentence | `Encoded.sentence` |
| a, transformer output at a token | `Encoded.tokens` |
| h_CLS = E(a_CLS) | `embed_text` |
| h_intent = E(y_intent) | `embed_labels` |
| L_I, equation 3 (StarSpace loss) | `intent_loss` |
| L_E = -log p(y_entity), CRF, equation 1 | `EntityHead` |
| L_M, masked language model | `MaskedLanguageModel` |

Which layers are randomly connected, as in Rasa: the feed-forward layers before the transformer,
those that bring sequence and sentence features to one width, and every layer of the transformer.
Dense are the input tables, the embeddings and the tag logits.

Departures from Rasa: entity confidences are CRF marginals (see `LinearChainCRF`); weights of
randomly connected layers start from their real fan-in (see `RandomlyConnectedLinear`); two tokens
count as the same in masked language modelling when all their features are equal.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gossamer.data.errors import ConfigError
from gossamer.nlu.diet.features import DIETBatch, FeatureWidths, TextFeatures
from gossamer.nlu.diet.options import DIETOptions
from gossamer.nlu.diet.tags import TagKind
from gossamer.nn.activation import gelu_in_two
from gossamer.nn.crf import LinearChainCRF, TagPaths
from gossamer.nn.encoder import TransformerEncoder
from gossamer.nn.fit import Regularized, StepResult
from gossamer.nn.inputs import FeatureInput, Features, FeedForward, glorot_linear
from gossamer.nn.masking import MaskedLanguageModel
from gossamer.nn.packing import Packing, ranges
from gossamer.nn.similarity import SimilarityLoss, SingleLabelDotProductLoss, loss_scale
from gossamer.sparse import RandomlyConnectedLinear

_METRIC_PREFIX = {TagKind.ENTITY: "e", TagKind.ROLE: "r", TagKind.GROUP: "g"}


class NetworkShape(NamedTuple):
    """All that data decide about a network.

    Attributes:
        sequence: widths of the texts' sequence features.
        sentence: widths of the texts' sentence features.
        label: widths of the label features; None without intents.
        n_labels: how many intents.
        n_tags: tags of each kind; empty without entities.
        forbidden: per kind, which tag must not follow which (see `LinearChainCRF`); may lack kinds.
    """

    sequence: FeatureWidths
    sentence: FeatureWidths
    label: FeatureWidths | None
    n_labels: int
    n_tags: Mapping[TagKind, int]
    forbidden: Mapping[TagKind, npt.NDArray[np.bool_]] = MappingProxyType({})


class Encoded(NamedTuple):
    """Transformer output.

    Attributes:
        tokens: *Shape:* (n_tokens, width); (0, width) when there are no sequence features.
        sentence: *Shape:* (n_texts, width).
    """

    tokens: Tensor
    sentence: Tensor


class EntityHead(nn.Module):
    """Tag logits and a CRF for one kind of tag.

    Args:
        width: of the transformer output.
        n_tags: tags of this kind.
        n_entity_tags: for roles and groups, the number of entity tags, whose embedding is read
            besides; 0 for the entity head itself.
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


class DIETNetwork(nn.Module):
    """See the module's docstring.

    Args:
        options: DIET's options.
        shape: widths that the data decide.
        labels: features of all labels; None without intents.
    """

    def __init__(self, options: DIETOptions, shape: NetworkShape, labels: Features | None) -> None:
        super().__init__()
        self.options = options
        self.labels = labels
        linear = functools.partial(
            _sparse_linear, density=options.connection_density, topology=options.topology
        )
        rate = options.drop_rate
        units = options.dense_dimension["text"]
        self.sequence_input, self.sentence_input = (
            FeatureInput(
                *widths,
                units,
                sparse_dropout=rate if options.use_sparse_input_dropout else 0.0,
                dense_dropout=rate if options.use_dense_input_dropout else 0.0,
            )
            for widths in (shape.sequence, shape.sentence)
        )
        self.has_sequence = self.sequence_input.width > 0
        self.has_sentence = self.sentence_input.width > 0
        width = self.sequence_input.width if self.has_sequence else self.sentence_input.width
        self.sequence_unify: FeedForward | None = None
        self.sentence_unify: FeedForward | None = None
        is_both = self.has_sequence and self.has_sentence
        if is_both and self.sequence_input.width != self.sentence_input.width:
            width = options.concat_dimension["text"]
            self.sequence_unify, self.sentence_unify = (
                FeedForward(before.width, [width], linear=linear, dropout=rate)
                for before in (self.sequence_input, self.sentence_input)
            )
        sizes = options.hidden_layers_sizes
        text_width = width
        self.hidden = FeedForward(width, sizes["text"], linear=linear, dropout=rate)
        width = self.hidden.width
        self.masking = (
            MaskedLanguageModel(width, options.transformer_size, options.embedding_dimension)
            if options.use_masked_language_model
            else None
        )
        self.encoder: TransformerEncoder | None = None
        if options.number_of_transformer_layers > 0:
            self.encoder = TransformerEncoder(
                width,
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
        self.has_intents = shape.label is not None
        if shape.label is not None:
            self.label_input = FeatureInput(*shape.label, options.dense_dimension["label"])
            if options.share_hidden_layers and sizes["text"]:
                _check_shared(text_width, self.label_input.width)
            self.label_hidden = (
                self.hidden
                if options.share_hidden_layers
                else FeedForward(
                    self.label_input.width, sizes["label"], linear=linear, dropout=rate
                )
            )
            self.text_embedding = glorot_linear(width, options.embedding_dimension)
            self.label_embedding = glorot_linear(
                self.label_hidden.width, options.embedding_dimension
            )
        self.intent_loss = SingleLabelDotProductLoss(options.similarity())
        self.mask_loss = SingleLabelDotProductLoss(options.similarity(scale_loss=False))
        n_entity_tags = shape.n_tags.get(TagKind.ENTITY, 0)
        self.entity_heads = nn.ModuleDict(
            {
                kind.value: EntityHead(
                    width,
                    n_tags,
                    n_entity_tags=0 if kind is TagKind.ENTITY else n_entity_tags,
                    embedding_dimension=options.embedding_dimension,
                    forbidden=shape.forbidden.get(kind),
                )
                for kind, n_tags in shape.n_tags.items()
            }
        )

    def encode(self, text: TextFeatures, token_ids: Tensor | None = None) -> Encoded:
        """Run texts through inputs, feed-forward layers and transformer."""
        return self._encode(text, token_ids)[0]

    def embed_text(self, sentence: Tensor) -> Tensor:
        """*Shape:* (n_texts, width) -> (n_texts, embedding_dimension)."""
        embedded: Tensor = self.text_embedding(sentence)
        return embedded

    def embed_labels(self) -> Tensor:
        """Embeddings of all labels. *Shape:* (n_labels, embedding_dimension)."""
        if self.labels is None:
            raise ValueError("a network without intents has no labels to embed")
        embedded: Tensor = self.label_embedding(self.label_hidden(self.label_input(self.labels)))
        return embedded

    def tag(self, tokens: Tensor, lengths: Tensor) -> dict[TagKind, TagPaths]:
        """Predicted tags of each kind. *Shape:* (n_tokens, width), (n_texts,)."""
        paths: dict[TagKind, TagPaths] = {}
        for kind, head in self._heads():
            entity_tags = None if kind is TagKind.ENTITY else paths[TagKind.ENTITY].tags
            paths[kind] = head.crf.decode(head(tokens, entity_tags), lengths)
        return paths

    def step(self, batch: DIETBatch, *, with_metrics: bool) -> StepResult:
        """Loss of a batch, unweighted sum of all heads; see `TrainableNetwork`."""
        encoded, mask_result = self._encode(batch.text, batch.token_ids)
        losses, metrics = [], {}
        if mask_result is not None:
            losses.append(mask_result.loss)
            metrics["m_acc"] = float(mask_result.accuracy)
        if batch.labels is not None:
            intent = self.intent_loss(
                self.embed_text(encoded.sentence), self.embed_labels(), batch.labels
            )
            losses.append(intent.loss)
            metrics["i_acc"] = float(intent.accuracy)
        lengths = torch.from_numpy(batch.text.lengths)
        for kind, head in self._heads():
            gold = batch.tags[kind]
            logits = head(encoded.tokens, batch.tags[TagKind.ENTITY])
            loss = -head.crf.log_likelihood(logits, gold, lengths)
            losses.append((loss * loss_scale(loss) if self.options.scale_loss else loss).mean())
            if with_metrics:
                predicted = head.crf.best_paths(logits.detach(), lengths)
                metrics[f"{_METRIC_PREFIX[kind]}_f1"] = _micro_f1(predicted, gold)
        return StepResult(torch.stack(losses).sum(), metrics)

    def regularized(self) -> list[Regularized]:
        """Kernels that Rasa puts under L2: not those inside the transformer's layers."""
        inputs = [self.sequence_input, self.sentence_input]
        weights: list[Tensor] = []
        stacks = [self.sequence_unify, self.sentence_unify, self.hidden]
        if self.has_intents:
            inputs.append(self.label_input)
            weights += [self.text_embedding.weight, self.label_embedding.weight]
            stacks += [] if self.label_hidden is self.hidden else [self.label_hidden]
        tables = [part.table for part in inputs if part.table is not None]
        for stack in stacks:
            weights += [] if stack is None else stack.regularized()
        if self.encoder is not None:
            weights.append(self.encoder.input.get_parameter("weight"))
        if self.masking is not None:
            weights += self.masking.regularized()
        for _, head in self._heads():
            weights += head.regularized()
        return [Regularized(table.weight, table.touched) for table in tables] + [
            Regularized(weight) for weight in weights
        ]

    def _heads(self) -> list[tuple[TagKind, EntityHead]]:
        return [
            (kind, head)
            for kind in TagKind
            if kind.value in self.entity_heads
            and isinstance(head := self.entity_heads[kind.value], EntityHead)
        ]

    def _encode(
        self, text: TextFeatures, token_ids: Tensor | None
    ) -> tuple[Encoded, SimilarityLoss | None]:
        lengths = torch.from_numpy(text.lengths)
        n_tokens = int(text.lengths.sum()) if self.has_sequence else 0
        x = self.hidden(self._combine(text))
        mask_loss: SimilarityLoss | None = None
        masked = None
        if self.masking is not None and self.training and token_ids is not None:
            masked = self.masking.mask(x, n_tokens)
            encoder_input = masked.x
        else:
            encoder_input = x
        if self.encoder is not None:
            encoded = self.encoder(encoder_input, self._packing(lengths))
            tokens, sentence = gelu_in_two(encoded, n_tokens)
        else:
            tokens, sentence = encoder_input[:n_tokens], encoder_input[n_tokens:]
        if masked is not None and self.masking is not None and token_ids is not None:
            mask_loss = self.masking.loss(self.mask_loss, x, tokens, masked.chosen, token_ids)
        if self.has_sentence:
            return Encoded(tokens, sentence), mask_loss
        return Encoded(tokens, tokens[torch.cumsum(lengths, 0) - 1]), mask_loss

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

    def _packing(self, lengths: Tensor) -> Packing:
        texts = torch.arange(lengths.numel())
        if not self.has_sequence:
            return Packing(texts, torch.zeros_like(texts), texts.numel())
        sequence, position = ranges(lengths)
        if self.has_sentence:  # the sentence stands directly behind the last token
            sequence, position = torch.cat([sequence, texts]), torch.cat([position, lengths])
        return Packing(sequence, position, texts.numel())


def _check_shared(text_width: int, label_width: int) -> None:
    if text_width != label_width:
        raise ConfigError(
            "share_hidden_layers needs features of texts and labels of the same width",
            got=f"{text_width} and {label_width}",
            hint="share_hidden_layers: false",
        )


def _sparse_linear(
    in_features: int, out_features: int, bias: bool, *, density: float, topology: str
) -> nn.Module:
    return RandomlyConnectedLinear(
        in_features, out_features, bias, connection_density=density, topology=topology
    )


def _micro_f1(predicted: Tensor, gold: Tensor) -> float:
    """Micro F1 over tokens, "O" (tag 0) not counting as a class."""
    hits = int(((predicted == gold) & (gold > 0)).sum())
    total = int((predicted > 0).sum()) + int((gold > 0).sum())
    return 2 * hits / total if total else 1.0
