"""Options that every component with a network has: DIET, response selection, TED.

Names, meaning and defaults are those of DIETClassifier in Rasa 3.6 unless a component says
otherwise; each is checked before any data is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from gossamer.nlu.pipeline.component import ComponentOptions
from gossamer.nn.options import FitOptions, SimilarityOptions
from gossamer.sparse.connectivity import Topology

Rate = Annotated[float, Field(ge=0.0, lt=1.0)]
Positive = Annotated[int, Field(ge=1)]
NonNegative = Annotated[int, Field(ge=0)]


class SimilarityType(StrEnum):
    """How two embeddings are compared."""

    AUTO = "auto"
    COSINE = "cosine"
    INNER = "inner"


class LossType(StrEnum):
    """Which loss over similarities is minimised."""

    CROSS_ENTROPY = "cross_entropy"
    MARGIN = "margin"


class ModelConfidence(StrEnum):
    """What is reported as confidence."""

    SOFTMAX = "softmax"
    AUTO = "auto"


_NEGATIVES = 20
_BATCH_SIZES = [64, 256]
_SMALLEST_BATCH = 16
_EXAMPLES_SEEN, _LEAST_EPOCHS, _MOST_EPOCHS = 90_000, 10, 100
_ONLY_WITH_CROSS_ENTROPY = ("constrain_similarities",)
_ONLY_WITH_MARGIN = (
    "maximum_positive_similarity",
    "maximum_negative_similarity",
    "use_maximum_negative_similarity",
    "negative_margin_scale",
)

_NO_TENSORBOARD = "no logs for TensorBoard are written"
_IGNORED = MappingProxyType(
    {
        "tensorboard_log_directory": _NO_TENSORBOARD,
        "tensorboard_log_level": _NO_TENSORBOARD,
        "run_eagerly": "PyTorch runs eagerly in any case",
        "use_gpu": "training is made for a CPU",
    }
)
# Names of Rasa 1 and 2.
_RENAMED = MappingProxyType(
    {
        "weight_sparsity": "connection_density, which is 1 minus that",
        "dense_dim": "dense_dimension",
        "embed_dim": "embedding_dimension",
        "evaluate_every_num_epochs": "evaluate_every_number_of_epochs",
        "evaluate_on_num_examples": "evaluate_on_number_of_examples",
        "num_transformer_layers": "number_of_transformer_layers",
        "num_heads": "number_of_attention_heads",
        "num_neg": "number_of_negative_examples",
        "mu_pos": "maximum_positive_similarity",
        "mu_neg": "maximum_negative_similarity",
        "use_max_sim_neg": "use_maximum_negative_similarity",
        "C2": "regularization_constant",
        "C_emb": "negative_margin_scale",
        "droprate": "drop_rate",
    }
)


def _epoch_if_unset(value: Any) -> Any:
    return "epoch" if value is None else value


def _none_as_empty(value: Any) -> Any:
    return [] if value is None else value


def as_range(value: Any) -> Any:
    """One batch size is a range from itself to itself."""
    return [value, value] if isinstance(value, int) and not isinstance(value, bool) else value


BatchSizes = Annotated[list[Positive], BeforeValidator(as_range), Field(min_length=2, max_length=2)]


class LearningOptions(ComponentOptions):
    """See the module's docstring.

    Attributes:
        number_of_attention_heads: must divide the width of every transformer.
        use_key_relative_attention: relative positions in attention logits.
        use_value_relative_attention: relative positions in attention values.
        max_relative_position: the largest distance they tell apart.
        unidirectional_encoder: tokens see only earlier ones.
        batch_size: examples in a batch; a pair grows linearly over the epochs; None, where that is
            the default, for what `batch_size_for` gives.
        batch_strategy: "balanced" repeats rare labels, "sequence" only shuffles.
        epochs: passes over the data; None, where that is the default, for as many as `epochs_for`
            gives.
        random_seed: None for a new one each time; it is stored with the model.
        learning_rate: of Adam.
        embedding_dimension: width of the embeddings that are compared.
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
        checkpoint_model: keep the weights that did best on the held-out examples; without effect
            where there is no evaluation.
        featurizers: aliases of the featurizers to use; empty for all.
        constrain_similarities: see `SingleLabelDotProductLoss`; Rasa's default is False.
        model_confidence: "softmax"; with margin loss the similarity itself is reported ("auto").
        renormalize_confidences: make the ranking sum to 1.
        drop_small_last_batch: leave out an epoch's last batch when under half the size.
        run_eagerly: accepted, and without effect: PyTorch runs eagerly.
        tensorboard_log_directory: accepted, and without effect: nothing is logged.
        tensorboard_log_level: Rasa's "epoch" or "batch"; without effect, too.
        weight_averaging: decay of a running average of the weights, which is what is kept
            (Gossamer's own); 0 keeps the last weights, as Rasa does.
        topology: which connections exist in the randomly connected layers (Gossamer's own).
        max_group_size: the most outputs of such a layer that share their inputs, in topologies
            with groups; None leaves it to the topology (Gossamer's own).
    """

    ignored: ClassVar[Mapping[str, str]] = _IGNORED
    renamed: ClassVar[Mapping[str, str]] = _RENAMED

    number_of_attention_heads: Positive = 4
    use_key_relative_attention: bool = False
    use_value_relative_attention: bool = False
    max_relative_position: Positive = 5
    unidirectional_encoder: bool = False
    batch_size: BatchSizes | None = _BATCH_SIZES
    batch_strategy: Literal["balanced", "sequence"] = "balanced"
    epochs: NonNegative | None = 300
    random_seed: Annotated[int, Field(ge=0, lt=2**63)] | None = None
    learning_rate: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 0.001
    embedding_dimension: Positive = 20
    number_of_negative_examples: Positive | None = _NEGATIVES
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
    featurizers: Annotated[list[str], BeforeValidator(_none_as_empty)] = []
    constrain_similarities: bool = False
    model_confidence: ModelConfidence = ModelConfidence.SOFTMAX
    renormalize_confidences: bool = False
    drop_small_last_batch: bool = False
    run_eagerly: bool = False
    tensorboard_log_directory: str | None = None
    tensorboard_log_level: Annotated[
        Literal["epoch", "batch"], BeforeValidator(_epoch_if_unset)
    ] = "epoch"
    weight_averaging: Rate = 0.9995
    topology: Topology = Topology.BLOCKED
    max_group_size: Positive | None = None

    @field_validator("epochs", "batch_size", "number_of_negative_examples", mode="before")
    @classmethod
    def _open_only_where_that_is_the_default(cls, value: Any, info: ValidationInfo) -> Any:
        default = cls.model_fields[info.field_name or ""].default
        if value is None and default is not None:
            raise ValueError(f"must be set; Rasa's default is {default}")
        return value

    @field_validator("evaluate_every_number_of_epochs")
    @classmethod
    def _not_zero(cls, value: int) -> int:
        if value == 0:
            raise ValueError("must be a positive number of epochs, or -1 for after the last only")
        return value

    @model_validator(mode="before")
    @classmethod
    def _margin_reports_similarity(cls, data: Any) -> Any:
        """Margin similarities are not probabilities, so Rasa sets the confidence to "auto"."""
        if isinstance(data, dict) and data.get("loss_type") == "margin":
            if data.get("model_confidence") == "softmax":
                raise ValueError(
                    "model_confidence must not be softmax with loss_type margin; leave it out"
                )
            return {**data, "model_confidence": "auto"}
        return data

    def conflicts(self) -> Iterator[str]:
        """Loss and confidence that do not go together."""
        yield from super().conflicts()
        is_margin = self.loss_type == LossType.MARGIN
        if is_margin and self.renormalize_confidences:
            yield "renormalize_confidences must be false with loss_type margin"
        if not is_margin and self.model_confidence == ModelConfidence.AUTO:
            yield "model_confidence must be softmax with loss_type cross_entropy"

    def without_effect(self) -> Iterator[str]:
        """Options of the other loss, and those of an evaluation that is not made."""
        yield from super().without_effect()
        idle = _ONLY_WITH_CROSS_ENTROPY if self.loss_type == LossType.MARGIN else _ONLY_WITH_MARGIN
        for name in idle:
            if getattr(self, name) != type(self).model_fields[name].default:
                yield f"{name} has no effect with loss_type {self.loss_type}"
        if self.evaluate_on_number_of_examples > 0 and not self.is_evaluated:
            yield (
                f"nothing is evaluated, as training ends after {self.epochs} epochs, before "
                f"evaluate_every_number_of_epochs, {self.evaluate_every_number_of_epochs}"
            )
        elif self.checkpoint_model and not self.is_evaluated:
            yield "checkpoint_model has no effect unless evaluate_on_number_of_examples is above 0"

    @property
    def is_evaluated(self) -> bool:
        """Whether there is an evaluation on held-out examples before training ends."""
        return self.evaluate_on_number_of_examples > 0 and (
            self.epochs is None or self.epochs >= self.evaluate_every_number_of_epochs
        )

    def batch_size_for(self, n_examples: int) -> tuple[int, int]:
        """`batch_size`, or where that is not set, from 64 to 256 and less for few examples.

        Training starts with a sixteenth of the examples and ends with a sixth, 16 at least:
        otherwise a hundred examples would be a handful of steps.
        """
        if self.batch_size is not None:
            return self.batch_size[0], self.batch_size[1]
        first, last = _BATCH_SIZES
        return (
            min(first, max(_SMALLEST_BATCH, n_examples // 16)),
            min(last, max(_SMALLEST_BATCH, n_examples // 6)),
        )

    def epochs_for(self, n_examples: int) -> int:
        """`epochs`, or where that is not set, as many as it takes to see 90,000 examples.

        From 10 to 100: 22 for 4,000 examples.
        """
        if self.epochs is not None:
            return self.epochs
        return min(_MOST_EPOCHS, max(_LEAST_EPOCHS, round(_EXAMPLES_SEEN / max(1, n_examples))))

    @property
    def is_balanced(self) -> bool:
        """Whether batches are balanced by labels."""
        return self.batch_strategy == "balanced"

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
            number_of_negative_examples=self.number_of_negative_examples or _NEGATIVES,
            constrain_similarities=self.constrain_similarities,
            scale_loss=self.scale_loss if scale_loss is None else scale_loss,
            maximum_positive_similarity=self.maximum_positive_similarity,
            maximum_negative_similarity=self.maximum_negative_similarity,
            use_maximum_negative_similarity=self.use_maximum_negative_similarity,
            negative_margin_scale=self.negative_margin_scale,
        )

    def fitting(self, n_examples: int) -> FitOptions:
        """Options of the training loop for this many examples."""
        epochs = self.epochs_for(n_examples)
        every = self.evaluate_every_number_of_epochs
        return FitOptions(
            epochs=epochs,
            batch_size=self.batch_size_for(n_examples),
            learning_rate=self.learning_rate,
            regularization_constant=self.regularization_constant,
            drop_small_last_batch=self.drop_small_last_batch,
            evaluate_every_number_of_epochs=every
            if self.epochs is not None
            else min(every, epochs),
            checkpoint_model=self.checkpoint_model and self.is_evaluated,
            weight_averaging=self.weight_averaging,
        )
