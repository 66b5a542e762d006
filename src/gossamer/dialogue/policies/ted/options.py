"""TED's options, named and defaulted as TEDPolicy's in Rasa 3.6, except `learning_rate`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, TypeAlias

from pydantic import Field, field_validator, model_validator

from gossamer.dialogue.policies.policy import PolicyOptions, tracker_featurizer
from gossamer.nlu.diet.options import NetworkOptions
from gossamer.nlu.learning.options import LearningOptions, NonNegative, Positive, Rate

TextPart: TypeAlias = Literal["text", "action_text", "label_action_text"]
TransformerPart: TypeAlias = Literal["text", "action_text", "label_action_text", "dialogue"]
SparsePart: TypeAlias = Literal[
    "text",
    "action_text",
    "label_action_text",
    "intent",
    "action_name",
    "label_action_name",
    "entities",
    "slots",
    "active_loop",
]

_TEXTS: dict[TextPart, int] = {"text": 128, "action_text": 128, "label_action_text": 128}
_TRANSFORMERS: dict[TransformerPart, int] = {
    "text": 128,
    "action_text": 128,
    "label_action_text": 128,
    "dialogue": 128,
}


class TEDOptions(LearningOptions, PolicyOptions):
    """Every option of Rasa 3.6's TEDPolicy, with its default, and Gossamer's own.

    Parts of the network that have their own widths: "text" is a message that counts by its text,
    "action_text" what the assistant said, "label_action_text" such texts as labels, "dialogue" the
    sequence of turns; "intent", "action_name", "label_action_name", "entities", "slots" and
    "active_loop" what their names say.

    It has the attributes of `LearningOptions`, and these.

    Attributes:
        is_multi_label: whether several labels may be right after the same turns.
        priority: see `Prediction`.
        learning_rate: 0.003, three times Rasa's 0.001: on the workshop stories, trained for the
            same 100 epochs with a fifth of the connections, more conversations are then right from
            beginning to end (docs/guides/dialogue.md).
        max_history: how many turns it sees; None for all.
        hidden_layers_sizes: widths of feed-forward layers before the transformers of texts.
        dense_dimension: width that sparse features are projected to.
        concat_dimension: width of texts when those of tokens and of sentences differ.
        encoding_dimension: width that messages and actions are brought to.
        transformer_size: widths of the transformers; one number is for all.
        number_of_transformer_layers: layers of each; one number is for all; 0 leaves it out.
        drop_rate_dialogue: dropout of encoded turns and labels and in the dialogue's transformer.
        drop_rate_label: accepted, and without effect, as in Rasa, where labels get
            `drop_rate_dialogue`.
        entity_recognition: find entities in messages that count by their text.
        BILOU_flag: use separate tags for the first, inner, last and only tokens of an entity.
        split_entities_by_comma: see `DIETOptions`.
        e2e_confidence_threshold: the text of a message counts only where it gives a higher
            confidence than this.
        use_gpu: accepted, and without effect: training is made for a CPU.
        max_training_samples: learn from at most this many examples, the first ones; None for all.
        tracker_featurizer: "max_history" learns each action from the turns before it;
            "full_dialogue" learns all actions of a conversation at once, each from what was before
            it. Rasa's option `featurizer` is accepted for it.
    """

    is_multi_label: ClassVar[bool] = False

    priority: Annotated[int, Field(ge=0)] = 1
    epochs: NonNegative = 1
    learning_rate: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 0.003
    max_history: Positive | None = None
    ranking_length: NonNegative = 0
    hidden_layers_sizes: dict[TextPart, list[Positive]] = {
        "text": [],
        "action_text": [],
        "label_action_text": [],
    }
    dense_dimension: dict[SparsePart, Positive] = {
        "text": 128,
        "action_text": 128,
        "label_action_text": 128,
        "intent": 20,
        "action_name": 20,
        "label_action_name": 20,
        "entities": 20,
        "slots": 20,
        "active_loop": 20,
    }
    concat_dimension: dict[TextPart, Positive] = _TEXTS
    encoding_dimension: Positive = 50
    transformer_size: dict[TransformerPart, Positive] = _TRANSFORMERS
    number_of_transformer_layers: dict[TransformerPart, NonNegative] = dict.fromkeys(
        _TRANSFORMERS, 1
    )
    drop_rate: Rate = 0.0
    drop_rate_dialogue: Rate = 0.1
    drop_rate_label: Rate = 0.0
    scale_loss: bool = True
    regularization_constant: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 0.001
    maximum_negative_similarity: Annotated[float, Field(ge=-1.0, le=1.0)] = -0.2
    entity_recognition: bool = True
    BILOU_flag: bool = True
    split_entities_by_comma: bool | dict[str, bool] = True
    e2e_confidence_threshold: Annotated[float, Field(ge=0.0, le=1.0)] = 0.5
    use_gpu: bool = True
    max_training_samples: Positive | None = None
    tracker_featurizer: Literal["max_history", "full_dialogue"] = "max_history"

    @model_validator(mode="before")
    @classmethod
    def _read_featurizer(cls, data: Any) -> Any:
        """Rasa's `featurizer: [{name: MaxHistoryTrackerFeaturizer, max_history: 5}]`."""
        if not isinstance(data, dict) or "featurizer" not in data:
            return data
        rest = {key: value for key, value in data.items() if key != "featurizer"}
        name, max_history = tracker_featurizer(data["featurizer"])
        if name == "FullDialogueTrackerFeaturizer":
            return {**rest, "tracker_featurizer": "full_dialogue"}
        return {
            **rest,
            "tracker_featurizer": "max_history",
            "max_history": rest.get("max_history") if max_history is None else max_history,
        }

    @field_validator(
        "hidden_layers_sizes",
        "dense_dimension",
        "concat_dimension",
        "transformer_size",
        "number_of_transformer_layers",
        mode="before",
    )
    @classmethod
    def _fill_parts(cls, value: Any, info: Any) -> Any:
        """A mapping that names only some parts keeps the others' defaults; a number is for all."""
        defaults = cls.model_fields[info.field_name].default
        if isinstance(value, int) and not isinstance(value, bool):
            return dict.fromkeys(defaults, value)
        return {**defaults, **value} if isinstance(value, dict) else value

    def of_texts(self, part: TextPart) -> NetworkOptions:
        """Options of the network that reads one kind of texts, as DIET's."""
        return NetworkOptions(
            number_of_attention_heads=self.number_of_attention_heads,
            use_key_relative_attention=self.use_key_relative_attention,
            use_value_relative_attention=self.use_value_relative_attention,
            max_relative_position=self.max_relative_position,
            unidirectional_encoder=self.unidirectional_encoder,
            drop_rate=0.0 if part == "label_action_text" else self.drop_rate,
            drop_rate_attention=self.drop_rate_attention,
            connection_density=self.connection_density,
            topology=self.topology,
            max_group_size=self.max_group_size,
            use_sparse_input_dropout=self.use_sparse_input_dropout,
            use_dense_input_dropout=self.use_dense_input_dropout,
            hidden_layers_sizes={"text": self.hidden_layers_sizes[part]},
            transformer_size=self.transformer_size[part],
            number_of_transformer_layers=self.number_of_transformer_layers[part],
            dense_dimension={"text": self.dense_dimension[part]},
            concat_dimension={"text": self.concat_dimension[part]},
        )

    def conflicts(self) -> Iterator[str]:
        """Widths that do not fit, and what TED cannot do here."""
        yield from super().conflicts()
        heads = self.number_of_attention_heads
        for part, size in self.transformer_size.items():
            if self.number_of_transformer_layers[part] > 0 and size % heads != 0:
                yield (
                    f"transformer_size of {part} must be divisible by number_of_attention_heads: "
                    f"got {size} and {heads}"
                )
        if self.use_masked_language_model:
            yield "use_masked_language_model is not supported; leave this option out"

    def without_effect(self) -> Iterator[str]:
        """Options of the other featurizer, and those that Rasa ignores, too."""
        yield from super().without_effect()
        if self.tracker_featurizer == "full_dialogue" and self.max_history is not None:
            yield "max_history has no effect with whole dialogues"
        if self.drop_rate_label != 0.0:
            yield "drop_rate_label has no effect, as in Rasa; drop_rate_dialogue counts for labels"

    @property
    def is_balanced(self) -> bool:
        """Whole dialogues have many labels each, so their batches are not."""
        return super().is_balanced and self.tracker_featurizer == "max_history"

    @property
    def history(self) -> int | None:
        """How many turns count: `max_history`, and all of them with whole dialogues."""
        return None if self.tracker_featurizer == "full_dialogue" else self.max_history
