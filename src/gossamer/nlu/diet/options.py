"""DIET's options, named and defaulted as in Rasa 3.6, each checked before any data is read."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from gossamer.nlu.learning.options import (
    BatchSizes,
    LearningOptions,
    LossType,
    ModelConfidence,
    NonNegative,
    Positive,
    Rate,
    SimilarityType,
)
from gossamer.nn.options import SimilarityOptions

__all__ = [
    "DIETOptions",
    "LossType",
    "ModelConfidence",
    "NetworkOptions",
    "NonNegative",
    "Positive",
    "Rate",
    "SimilarityType",
]


_MOST_LABELS = 2000

Window = Annotated[int, Field(ge=0, le=100)]


class NetworkOptions(LearningOptions):
    """Options of all components that train DIET's network; defaults are DIETClassifier's.

    It has the attributes of `LearningOptions`, and these.

    Attributes:
        hidden_layers_sizes: widths of feed-forward layers before the transformer, for "text" and
            for "label".
        share_hidden_layers: text and labels go through the same feed-forward layers.
        transformer_size: width of the transformer; may be None without a transformer.
        number_of_transformer_layers: 0 leaves the transformer out.
        dense_dimension: width that sparse features of "text" and "label" are projected to.
        concat_dimension: width to which sequence and sentence features are brought when their own
            widths differ. That of "label" is needed only where labels are texts.
        context_window: neighbours on each side whose projected features the transformer reads next
            to a token's own (see `gossamer.nn.ops.neighbours`); Gossamer's own, as are all that
            follow.
        wide_path: labels are also scored by a linear model of the text's features (see
            `gossamer.nlu.diet.wide`), up to 2,000 labels.
        label_smoothing: see `SimilarityOptions`; without negative examples only.
        regularize_labels: L2 also on what labels alone depend on.
        calibrate: find a temperature for confidences; see `NetworkComponent`.
        prune_features: leave out sparse features that are redundant in the training texts; see
            `KeptColumns.telling`.
    """

    hidden_layers_sizes: dict[Literal["text", "label"], list[Positive]] = {"text": [], "label": []}
    share_hidden_layers: bool = False
    transformer_size: Positive = 256
    number_of_transformer_layers: NonNegative = 2
    dense_dimension: dict[Literal["text", "label"], Positive] = {"text": 128, "label": 20}
    concat_dimension: dict[Literal["text", "label"], Positive] = {"text": 128, "label": 20}
    context_window: Window = 0
    wide_path: bool = False
    label_smoothing: Rate = 0.0
    regularize_labels: bool = True
    calibrate: bool = False
    prune_features: bool = False

    @model_validator(mode="before")
    @classmethod
    def _size_of_no_transformer(cls, data: Any) -> Any:
        """Without a transformer its size may be unset, as in Rasa."""
        if isinstance(data, dict) and data.get("number_of_transformer_layers") == 0:
            is_unset = data.get("transformer_size", 0) is None
            return {k: v for k, v in data.items() if k != "transformer_size"} if is_unset else data
        return data

    @field_validator("hidden_layers_sizes", "dense_dimension", "concat_dimension", mode="before")
    @classmethod
    def _fill_sides(cls, value: Any, info: Any) -> Any:
        """A mapping that names only one of "text" and "label" keeps the other's default."""
        defaults = cls.model_fields[info.field_name].default
        return {**defaults, **value} if isinstance(value, dict) else value

    def label_similarity(self, n_labels: int) -> SimilarityOptions:
        """Options of the loss of this many labels.

        Where `number_of_negative_examples` is not set, all labels count; with thousands of them,
        and with the margin loss, 20 are drawn.
        """
        options = self.similarity()  # which has a number
        draws = self.loss_type == LossType.MARGIN or n_labels > _MOST_LABELS
        if self.number_of_negative_examples is not None or draws:
            return options
        return dataclasses.replace(
            options,
            number_of_negative_examples=None,
            label_smoothing=self.label_smoothing,
        )

    def has_wide_path(self, n_labels: int) -> bool:
        """Whether there is a wide path: its table has a column for each label.

        The margin loss has none: confidences are similarities, to which nothing is added.
        """
        is_margin = self.loss_type == LossType.MARGIN
        return self.wide_path and not is_margin and n_labels <= _MOST_LABELS

    def conflicts(self) -> Iterator[str]:
        """Widths that do not fit, and what needs a transformer."""
        yield from super().conflicts()
        layers, heads = self.number_of_transformer_layers, self.number_of_attention_heads
        if layers > 0 and self.transformer_size % heads != 0:
            yield (
                "transformer_size must be divisible by number_of_attention_heads: "
                f"got {self.transformer_size} and {heads}"
            )
        if self.use_masked_language_model and layers == 0:
            yield "use_masked_language_model needs number_of_transformer_layers above 0"
        sizes, widths = self.hidden_layers_sizes, self.dense_dimension
        if self.share_hidden_layers and sizes["text"] != sizes["label"]:
            yield (
                "share_hidden_layers needs the same hidden_layers_sizes for text and label: "
                f"got {sizes}"
            )
        if self.share_hidden_layers and sizes["text"] and widths["text"] != widths["label"]:
            yield (
                "share_hidden_layers needs the same dense_dimension for text and label: "
                f"got {widths}"
            )


class DIETOptions(NetworkOptions):
    """Every option of Rasa 3.6's DIETClassifier, and our own.

    Defaults are Rasa's except for options in `rasas`, which holds Rasa's values.
    What they gain is measured in docs/accuracy.md.

    It has the attributes of `NetworkOptions`, and these.

    Attributes:
        intent_classification: learn intents.
        entity_recognition: learn entities.
        BILOU_flag: use separate tags for the first, inner, last and only tokens of an entity.
        split_entities_by_comma: False joins two neighbouring entities of one type when a comma is
            between them; a mapping decides for each entity type, True for the rest.
        constrain_tags: the CRF knows that, with BILOU, only some tags may follow another, in
            training and in answers (Gossamer's own); False lets it learn that, as Rasa does.
        mention_replacement: share of the mentions of entities that are replaced by others of their
            kind in training (Gossamer's own); see `gossamer.nlu.diet.mentions`.
    """

    rasas: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {
            name: NetworkOptions.model_fields[name].default
            for name in (
                "number_of_negative_examples",
                "context_window",
                "wide_path",
                "label_smoothing",
                "regularize_labels",
                "calibrate",
                "prune_features",
                "learning_rate",
                "epochs",
                "batch_size",
            )
        }
        | {"mention_replacement": 0.0}
    )

    intent_classification: bool = True
    entity_recognition: bool = True
    BILOU_flag: bool = True
    split_entities_by_comma: bool | dict[str, bool] = True
    constrain_tags: bool = True
    mention_replacement: Rate = 0.5
    number_of_negative_examples: Positive | None = None
    context_window: Window = 2
    wide_path: bool = True
    label_smoothing: Rate = 0.1
    regularize_labels: bool = False
    calibrate: bool = True
    prune_features: bool = True
    learning_rate: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 0.003
    epochs: NonNegative | None = None
    batch_size: BatchSizes | None = None

    def conflicts(self) -> Iterator[str]:
        """Nothing is to be learnt."""
        yield from super().conflicts()
        if not self.intent_classification and not self.entity_recognition:
            yield "one of intent_classification and entity_recognition must be true"
