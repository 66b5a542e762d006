"""Options of the network and of DIET, named and defaulted as in Rasa 3.6, each checked at once."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from gossamer.nlu.component import ComponentOptions
from gossamer.nn.fit import FitOptions
from gossamer.nn.similarity import SimilarityOptions
from gossamer.sparse import Topology

Rate = Annotated[float, Field(ge=0.0, lt=1.0)]
Positive = Annotated[int, Field(ge=1)]
NonNegative = Annotated[int, Field(ge=0)]


class SimilarityType(StrEnum):
    """How two embeddings are compared."""

    AUTO = "auto"
    COSINE = "cosine"
    INNER = "inner"


class LossType(StrEnum):
    """Which loss the similarity of texts and labels is trained by."""

    CROSS_ENTROPY = "cross_entropy"
    MARGIN = "margin"


class ModelConfidence(StrEnum):
    """What is reported as confidence."""

    SOFTMAX = "softmax"
    AUTO = "auto"


_ONLY_WITH_CROSS_ENTROPY = ("constrain_similarities", "renormalize_confidences")
_ONLY_WITH_MARGIN = (
    "maximum_positive_similarity",
    "maximum_negative_similarity",
    "use_maximum_negative_similarity",
    "negative_margin_scale",
)


def _as_range(value: Any) -> Any:
    return [value, value] if isinstance(value, int) and not isinstance(value, bool) else value


class NetworkOptions(ComponentOptions):
    """What all components that train DIET's network can be told; defaults are DIETClassifier's.

    Attributes:
        hidden_layers_sizes: widths of feed-forward layers before the transformer, for "text" and
            for "label".
        share_hidden_layers: text and labels go through the same feed-forward layers.
        transformer_size: width of the transformer.
        number_of_transformer_layers: 0 leaves the transformer out.
        number_of_attention_heads: must divide `transformer_size`.
        use_key_relative_attention: relative positions in attention logits.
        use_value_relative_attention: relative positions in attention values.
        max_relative_position: the largest distance they tell apart.
        unidirectional_encoder: tokens see only earlier ones.
        batch_size: examples in a batch; a pair grows linearly over the epochs.
        batch_strategy: "balanced" repeats rare labels, "sequence" only shuffles.
        epochs: passes over the data.
        random_seed: None for a new one each time; it is stored with the model.
        learning_rate: of Adam.
        embedding_dimension: width of label and text embeddings.
        dense_dimension: width that sparse features of "text" and "label" are projected to.
        concat_dimension: width to which sequence and sentence features are brought when their own
            widths differ. That of "label" is needed only where labels are texts.
        number_of_negative_examples: negatives drawn for each example.
        similarity_type: "auto" is "inner" for cross-entropy and "cosine" for margin.
        loss_type: "cross_entropy" or "margin".
        ranking_length: labels in the ranking; 0 for all.
        maximum_positive_similarity: margin loss, see `SingleLabelDotProductLoss`.
        maximum_negative_similarity: margin loss.
        use_maximum_negative_similarity: margin loss.
        negative_margin_scale: margin loss.
        scale_loss: weigh down what is predicted well already; the margin loss of labels is not.
        regularization_constant: strength of L2.
        drop_rate: dropout in the network.
        drop_rate_attention: dropout of attention logits.
        connection_density: share of connections that exist in the randomly connected layers.
        use_sparse_input_dropout: drop stored values of sparse features.
        use_dense_input_dropout: dropout on projected sparse features.
        evaluate_every_number_of_epochs: -1 for after the last epoch only.
        evaluate_on_number_of_examples: examples held out to evaluate on; 0 for none.
        use_masked_language_model: learn to fill in masked tokens as well.
        checkpoint_model: keep the weights that did best on the held-out examples.
        featurizers: aliases of the featurizers to use; empty for all.
        constrain_similarities: see `SingleLabelDotProductLoss`; Rasa's default is False.
        model_confidence: "softmax"; with margin loss the similarity itself is reported ("auto").
        renormalize_confidences: make the ranking sum to 1.
        drop_small_last_batch: leave out an epoch's last batch when under half the size.
        run_eagerly: accepted, and without effect: PyTorch runs eagerly.
        tensorboard_log_directory: not supported; must be None.
        tensorboard_log_level: Rasa's "epoch" or "batch"; without effect, as nothing is logged.
        weight_averaging: decay of a running average of the weights, which is what is kept
            (Gossamer's own); 0 keeps the last weights, as Rasa does.
        topology: which connections exist in the randomly connected layers (Gossamer's own).
    """

    hidden_layers_sizes: dict[Literal["text", "label"], list[Positive]] = {"text": [], "label": []}
    share_hidden_layers: bool = False
    transformer_size: Positive = 256
    number_of_transformer_layers: NonNegative = 2
    number_of_attention_heads: Positive = 4
    use_key_relative_attention: bool = False
    use_value_relative_attention: bool = False
    max_relative_position: Positive = 5
    unidirectional_encoder: bool = False
    batch_size: Annotated[
        list[Positive], BeforeValidator(_as_range), Field(min_length=2, max_length=2)
    ] = [64, 256]
    batch_strategy: Literal["balanced", "sequence"] = "balanced"
    epochs: NonNegative = 300
    random_seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    learning_rate: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 0.001
    embedding_dimension: Positive = 20
    dense_dimension: dict[Literal["text", "label"], Positive] = {"text": 128, "label": 20}
    concat_dimension: dict[Literal["text", "label"], Positive] = {"text": 128, "label": 20}
    number_of_negative_examples: Positive = 20
    similarity_type: SimilarityType = SimilarityType.AUTO
    loss_type: LossType = LossType.CROSS_ENTROPY
    ranking_length: NonNegative = 10
    maximum_positive_similarity: Annotated[float, Field(ge=-1.0, le=1.0)] = 0.8
    maximum_negative_similarity: Annotated[float, Field(ge=-1.0, le=1.0)] = -0.4
    use_maximum_negative_similarity: bool = True
    scale_loss: bool = False
    regularization_constant: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 0.002
    negative_margin_scale: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 0.8
    drop_rate: Rate = 0.2
    drop_rate_attention: Rate = 0.0
    connection_density: Annotated[float, Field(ge=0.0, le=1.0)] = 0.2
    use_sparse_input_dropout: bool = True
    use_dense_input_dropout: bool = True
    evaluate_every_number_of_epochs: Annotated[int, Field(ge=-1)] = 20
    evaluate_on_number_of_examples: NonNegative = 0
    use_masked_language_model: bool = False
    checkpoint_model: bool = False
    featurizers: list[str] = []
    constrain_similarities: bool = False
    model_confidence: ModelConfidence = ModelConfidence.SOFTMAX
    renormalize_confidences: bool = False
    drop_small_last_batch: bool = False
    run_eagerly: bool = False
    tensorboard_log_directory: str | None = None
    tensorboard_log_level: Literal["epoch", "batch"] = "epoch"
    weight_averaging: Rate = 0.9995
    topology: Topology = Topology.BLOCKED

    @field_validator("hidden_layers_sizes", "dense_dimension", "concat_dimension", mode="before")
    @classmethod
    def _fill_sides(cls, value: Any, info: Any) -> Any:
        """A mapping that names only one of "text" and "label" keeps the other's default."""
        defaults = cls.model_fields[info.field_name].default
        return {**defaults, **value} if isinstance(value, dict) else value

    @field_validator("evaluate_every_number_of_epochs")
    @classmethod
    def _not_zero(cls, value: int) -> int:
        if value == 0:
            raise ValueError("must be a positive number of epochs, or -1 for after the last only")
        return value

    @field_validator("tensorboard_log_directory")
    @classmethod
    def _no_tensorboard(cls, value: str | None) -> str | None:
        if value is not None:
            raise ValueError("TensorBoard logs are not supported; leave this option out")
        return value

    @model_validator(mode="before")
    @classmethod
    def _margin_reports_similarity(cls, data: Any) -> Any:
        """Margin similarities are no probabilities, so Rasa sets the confidence to "auto"."""
        if isinstance(data, dict) and data.get("loss_type") == "margin":
            if data.get("model_confidence") == "softmax":
                raise ValueError(
                    "model_confidence must not be softmax with loss_type margin; leave it out"
                )
            return {**data, "model_confidence": "auto"}
        return data

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        layers, heads = self.number_of_transformer_layers, self.number_of_attention_heads
        if layers > 0 and self.transformer_size % heads != 0:
            raise ValueError(
                "transformer_size must be divisible by number_of_attention_heads: "
                f"got {self.transformer_size} and {heads}"
            )
        if self.use_masked_language_model and layers == 0:
            raise ValueError("use_masked_language_model needs number_of_transformer_layers above 0")
        sizes = self.hidden_layers_sizes
        if self.share_hidden_layers and sizes["text"] != sizes["label"]:
            raise ValueError(
                "share_hidden_layers needs the same hidden_layers_sizes for text and label: "
                f"got {sizes}"
            )
        if self.share_hidden_layers and sizes["text"]:
            widths = self.dense_dimension
            if widths["text"] != widths["label"]:
                raise ValueError(
                    "share_hidden_layers needs the same dense_dimension for text and label: "
                    f"got {widths}"
                )
        if self.checkpoint_model and self.evaluate_on_number_of_examples == 0:
            raise ValueError("checkpoint_model needs evaluate_on_number_of_examples above 0")
        if self.checkpoint_model and self.epochs < self.evaluate_every_number_of_epochs:
            raise ValueError(
                "checkpoint_model needs an evaluation before training ends: "
                f"got epochs {self.epochs}, evaluate_every_number_of_epochs "
                f"{self.evaluate_every_number_of_epochs}"
            )
        idle = _ONLY_WITH_CROSS_ENTROPY if self.loss_type == LossType.MARGIN else _ONLY_WITH_MARGIN
        for name in idle:
            if getattr(self, name) != type(self).model_fields[name].default:
                raise ValueError(
                    f"{name} has no effect with loss_type {self.loss_type}; leave it out"
                )
        if self.loss_type == LossType.CROSS_ENTROPY and (
            self.model_confidence == ModelConfidence.AUTO
        ):
            raise ValueError("model_confidence must be softmax with loss_type cross_entropy")
        return self

    @property
    def use_cosine(self) -> bool:
        """Whether similarity is the cosine ("auto" follows the loss)."""
        if self.similarity_type == SimilarityType.AUTO:
            return self.loss_type == LossType.MARGIN
        return self.similarity_type == SimilarityType.COSINE

    def similarity(self, *, scale_loss: bool | None = None) -> SimilarityOptions:
        """Options of the similarity loss; `scale_loss` overrides the option of that name."""
        return SimilarityOptions(
            loss_type=self.loss_type.value,
            use_cosine=self.use_cosine,
            number_of_negative_examples=self.number_of_negative_examples,
            constrain_similarities=self.constrain_similarities,
            scale_loss=self.scale_loss if scale_loss is None else scale_loss,
            maximum_positive_similarity=self.maximum_positive_similarity,
            maximum_negative_similarity=self.maximum_negative_similarity,
            use_maximum_negative_similarity=self.use_maximum_negative_similarity,
            negative_margin_scale=self.negative_margin_scale,
        )

    def fitting(self) -> FitOptions:
        """Options of the training loop."""
        return FitOptions(
            epochs=self.epochs,
            batch_size=(self.batch_size[0], self.batch_size[1]),
            learning_rate=self.learning_rate,
            regularization_constant=self.regularization_constant,
            drop_small_last_batch=self.drop_small_last_batch,
            evaluate_every_number_of_epochs=self.evaluate_every_number_of_epochs,
            checkpoint_model=self.checkpoint_model,
            weight_averaging=self.weight_averaging,
        )


class DIETOptions(NetworkOptions):
    """Every option of Rasa 3.6's DIETClassifier, with its default, and three of our own.

    Attributes besides those of `NetworkOptions`:
        intent_classification: learn intents.
        entity_recognition: learn entities.
        BILOU_flag: tag first, inner, last and only tokens of an entity apart.
        split_entities_by_comma: False joins two neighbouring entities of one type when a comma
            stands between them; a mapping decides for each entity type, True for the rest.
        constrain_tags: the CRF knows that, with BILOU, only some tags may follow another, in
            training and in answers (Gossamer's own); False lets it learn that, as Rasa does.
    """

    intent_classification: bool = True
    entity_recognition: bool = True
    BILOU_flag: bool = True
    split_entities_by_comma: bool | dict[str, bool] = True
    constrain_tags: bool = True

    @model_validator(mode="after")
    def _learns_something(self) -> Self:
        if not self.intent_classification and not self.entity_recognition:
            raise ValueError("one of intent_classification and entity_recognition must be true")
        return self
