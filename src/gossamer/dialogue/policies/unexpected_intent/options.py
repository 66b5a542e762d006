"""Options of UnexpecTEDIntentPolicy, named as in Rasa 3.6."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, model_validator

from gossamer.dialogue.policies.ted.options import TEDOptions
from gossamer.nlu.learning.options import NonNegative

_ONE_LOSS = "the loss is the sigmoid cross-entropy of inner products"
_NO_CONFIDENCE = "it reports no confidence but 0 and 1"
_NO_ENTITIES = "it looks for no entities"
_IGNORED = MappingProxyType(
    {
        **dict.fromkeys(
            (
                "loss_type",
                "similarity_type",
                "constrain_similarities",
                "maximum_positive_similarity",
                "maximum_negative_similarity",
                "use_maximum_negative_similarity",
                "negative_margin_scale",
            ),
            _ONE_LOSS,
        ),
        **dict.fromkeys(
            ("model_confidence", "renormalize_confidences", "e2e_confidence_threshold"),
            _NO_CONFIDENCE,
        ),
        **dict.fromkeys(
            ("entity_recognition", "BILOU_flag", "split_entities_by_comma"), _NO_ENTITIES
        ),
    }
)


def _none_as_empty(value: Any) -> Any:
    return () if value is None else value


class UnexpecTEDIntentOptions(TEDOptions):
    """The network has the options of `TEDOptions`; "label_action_name" is an intent as a label.

    Attributes:
        priority: see `Prediction`.
        epochs: 100, as Rasa's default configuration has it; its policy's own default is 1.
        tolerance: from 0 to 1. The threshold of an intent is the similarity that this share of
            the points in stories has where the intent does not follow; but never above the least
            similarity where it does. 0 notices most.
        ignore_intents_list: intents that are never unlikely.
        ranking_length: how many intents the reason of a prediction names; 0 for all.
    """

    ignored: ClassVar[Mapping[str, str]] = MappingProxyType({**TEDOptions.ignored, **_IGNORED})
    rasas: ClassVar[Mapping[str, Any]] = MappingProxyType({"epochs": 1, "learning_rate": 0.001})
    is_multi_label: ClassVar[bool] = True

    priority: Annotated[int, Field(ge=0)] = 2
    epochs: NonNegative = 100
    ranking_length: NonNegative = 10
    tolerance: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    ignore_intents_list: Annotated[tuple[str, ...], BeforeValidator(_none_as_empty)] = ()

    @model_validator(mode="before")
    @classmethod
    def _read_label_width(cls, data: Any) -> Any:
        """Rasa's name of the label's part of `dense_dimension` is "label_intent"."""
        widths = data.get("dense_dimension") if isinstance(data, dict) else None
        if not isinstance(widths, dict) or "label_intent" not in widths:
            return data
        rest = {part: width for part, width in widths.items() if part != "label_intent"}
        return {**data, "dense_dimension": {"label_action_name": widths["label_intent"], **rest}}

    def conflicts(self) -> Iterator[str]:
        """Labels belong to points in a conversation, not to whole ones."""
        yield from super().conflicts()
        if self.tracker_featurizer == "full_dialogue":
            yield "tracker_featurizer must be max_history"

    def without_effect(self) -> Iterator[str]:
        """What is in `ignored` is told already."""
        for told in super().without_effect():
            if told.partition(" ")[0] not in _IGNORED:
                yield told

    @property
    def use_cosine(self) -> bool:
        """Never."""
        return False
