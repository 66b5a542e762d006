"""Options of `LanguageModelFeaturizer`, and what Rasa's names of models stand for."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar, Final, Literal

from pydantic import field_validator

from gossamer.nlu.pipeline.component import ComponentOptions


class Pooling(StrEnum):
    """How the vectors of a text's pieces become one vector of the text."""

    FIRST = "first"
    """The first vector, which with most models is that of a special token."""
    MEAN = "mean"
    """The mean of all vectors, special tokens included."""
    MEAN_OF_WORDS = "mean_of_words"
    """The mean of all vectors but those of special tokens."""


#: Per name of Rasa: the `model_type` of such a model's config.json, Rasa's default weights, and
#: what Rasa takes as the vector of a text.
RASAS_MODELS: Final = MappingProxyType(
    {
        "bert": ("bert", "rasa/LaBSE", Pooling.FIRST),
        "gpt": ("openai-gpt", "openai-gpt", Pooling.MEAN),
        "gpt2": ("gpt2", "gpt2", Pooling.MEAN),
        "xlnet": ("xlnet", "xlnet-base-cased", Pooling.MEAN_OF_WORDS),
        "distilbert": ("distilbert", "distilbert-base-uncased", Pooling.FIRST),
        "roberta": ("roberta", "roberta-base", Pooling.MEAN_OF_WORDS),
        "camembert": ("camembert", "camembert-base", Pooling.MEAN_OF_WORDS),
    }
)


class LanguageModelFeaturizerOptions(ComponentOptions):
    """Options of `LanguageModelFeaturizer`.

    Attributes:
        alias: the name by which `featurizers` of a classifier refers to these features.
        model_name: which kind of model it is: "bert", "gpt", "gpt2", "xlnet", "distilbert",
            "roberta" or "camembert"; "auto": what the model itself says, which may be any other
            kind, and "bert" where `model_weights` is not given. Rasa's default is "bert".
        model_weights: a folder, as seen from the working directory, or the name of a model on
            the Hugging Face hub; None for Rasa's default of that kind of model.
        cache_dir: where models from the hub are kept; None for the usual place of Hugging Face.
        pooling: how a text gets its vector (Gossamer's own): "first", "mean" or "mean_of_words";
            "auto": as the folder of a sentence-transformers model says, else as Rasa does for that
            kind of model, else "mean".
    """

    rasas: ClassVar[Mapping[str, Any]] = MappingProxyType({"model_name": "bert"})

    alias: str | None = None
    model_name: Literal[
        "auto", "bert", "gpt", "gpt2", "xlnet", "distilbert", "roberta", "camembert"
    ] = "auto"
    model_weights: str | None = None
    cache_dir: str | None = None
    pooling: Literal["auto", "first", "mean", "mean_of_words"] = "auto"

    @field_validator("model_weights", "cache_dir")
    @classmethod
    def _is_near(cls, value: str | None) -> str | None:
        if value is not None and not value.strip():
            raise ValueError("must not be empty")
        if value is not None and value.startswith(("//", "\\\\")):
            # Looking for such a folder asks another computer, and options may be a stranger's.
            raise ValueError("must not be a folder of another computer")
        return value

    @property
    def weights(self) -> str:
        """The folder or the name on the hub."""
        name = "bert" if self.model_name == "auto" else self.model_name
        return RASAS_MODELS[name][1] if self.model_weights is None else self.model_weights
