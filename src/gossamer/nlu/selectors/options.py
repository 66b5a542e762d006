"""Options of the response selector, named and defaulted as in Rasa 3.6."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field

from gossamer.nlu.diet.options import NetworkOptions, Positive

_SIZE_OF_TRANSFORMER = 256


def _size_if_unset(value: Any) -> Any:
    return _SIZE_OF_TRANSFORMER if value is None else value


class ResponseSelectorOptions(NetworkOptions):
    """Options of `ResponseSelector`: those of `NetworkOptions`, other defaults, and two more.

    Rasa's default of `transformer_size` is None, which it replaces by 256, with a warning, when
    there is a transformer; here it is 256 from the start, and None means the same.

    Attributes:
        retrieval_intent: learn and pick only responses of this one ("faq" for "faq/ask_price");
            None for those of all retrieval intents.
        use_text_as_label: embed the text of a response instead of the name of its key.
    """

    ignored: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            **NetworkOptions.ignored,
            **dict.fromkeys(
                ("BILOU_flag", "entity_recognition", "split_entities_by_comma"),
                "a response selector finds no entities",
            ),
            "intent_classification": "a response selector learns responses",
        }
    )

    hidden_layers_sizes: dict[Literal["text", "label"], list[Positive]] = {  # noqa: RUF012
        "text": [256, 128],
        "label": [256, 128],
    }
    transformer_size: Annotated[Positive, BeforeValidator(_size_if_unset)] = _SIZE_OF_TRANSFORMER
    number_of_transformer_layers: Annotated[int, Field(ge=0)] = 0
    dense_dimension: dict[Literal["text", "label"], Positive] = {  # noqa: RUF012
        "text": 512,
        "label": 512,
    }
    concat_dimension: dict[Literal["text", "label"], Positive] = {  # noqa: RUF012
        "text": 512,
        "label": 512,
    }
    scale_loss: bool = True
    connection_density: Annotated[float, Field(ge=0.0, le=1.0)] = 1.0
    use_sparse_input_dropout: bool = False
    use_dense_input_dropout: bool = False
    retrieval_intent: Annotated[str, Field(min_length=1)] | None = None
    use_text_as_label: bool = False
