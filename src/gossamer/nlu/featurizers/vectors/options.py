"""Options of the static vectors, checked before any file is read."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from gossamer.nlu.pipeline.component import ComponentOptions


class StaticVectorsFeaturizerOptions(ComponentOptions):
    """Options of `StaticVectorsFeaturizer`, which Rasa does not have.

    Attributes:
        alias: the name by which `featurizers` of a classifier refers to these features.
        vectors: where the vectors are: a text or binary file of word vectors, a folder with
            `.safetensors` and the JSON of its tokenizer, or the name of an installed package that
            holds these two ("wordllama"). A path is relative to the working folder.
        store: "model" keeps the vectors in the model; "reference" keeps their path and checksum,
            and answering reads the files again.
        additional_words: words besides those of the training data that the model keeps, the first
            ones of the file, which are the most frequent ones. Vectors of pieces of words are kept
            all.
    """

    alias: str | None = None
    vectors: str = Field(min_length=1)
    store: Literal["model", "reference"] = "model"
    additional_words: int = Field(default=20_000, ge=0)
