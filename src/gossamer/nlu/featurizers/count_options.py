"""Options of the count vectors, checked before any data is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, StrictFloat, StrictInt

from gossamer.nlu.pipeline.component import ComponentOptions

_WORDS = 2  # pairs of neighbours

_Frequency = Annotated[StrictInt, Field(ge=1)] | Annotated[StrictFloat, Field(ge=0.0, le=1.0)]


def _none_as_empty(value: Any) -> Any:
    return () if value is None else value


class CountVectorsFeaturizerOptions(ComponentOptions):
    """Options of `CountVectorsFeaturizer`; names and defaults are Rasa's.

    Attributes:
        alias: the name by which `featurizers` of a classifier refers to these features.
        analyzer: count words, runs of characters ("char"), or runs of characters inside words
            ("char_wb").
        use_shared_vocab: one vocabulary for texts and intents ("word" only).
        strip_accents: "ascii", "unicode" or None.
        stop_words: words that do not count ("word" only): a list, or "english" for
            scikit-learn's list.
        min_df: words in fewer texts do not count: a number of texts, or as a float a share of them.
            Applies to texts, and to the shared vocabulary, not to intents.
        max_df: words in more texts (for the vocabulary of intents: examples) do not count.
        min_ngram: shortest run.
        max_ngram: longest run; None for 2 with words, or `min_ngram` where that is longer, and for
            `min_ngram` with characters. Rasa's default is 1.
        max_features: keep only the most frequent terms; None for all.
        lowercase: lower-case texts.
        OOV_token: takes the place of words that training has not seen ("word" only); None for
            nothing.
        OOV_words: words that become `OOV_token` in training.
        use_lemma: count the lemmas of words where the tokenizer gives them, as SpacyTokenizer does.
        whole_words: combining marks and joiners belong to the words they are in, and invisible
            signs do not count (Gossamer's own). False for Rasa's way, which cuts Hindi words at
            their vowel signs.
    """

    ignored: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "token_pattern": "the tokenizer decides what a word is, as in Rasa 3",
            "additional_vocabulary_size": "a vocabulary grows by what is new when training goes on",
            "return_sequence": "features of words and of whole texts are always there",
        }
    )

    rasas: ClassVar[Mapping[str, Any]] = MappingProxyType({"max_ngram": 1, "whole_words": False})

    alias: str | None = None
    analyzer: Literal["word", "char", "char_wb"] = "word"
    use_shared_vocab: bool = False
    strip_accents: Literal["ascii", "unicode"] | None = None
    stop_words: Literal["english"] | tuple[str, ...] | None = None
    min_df: _Frequency = 1
    max_df: _Frequency = 1.0
    min_ngram: int = Field(default=1, ge=1)
    max_ngram: Annotated[int, Field(ge=1)] | None = None
    max_features: int | None = Field(default=None, ge=1)
    lowercase: bool = True
    OOV_token: str | None = None
    OOV_words: Annotated[tuple[str, ...], BeforeValidator(_none_as_empty)] = ()
    use_lemma: bool = True
    whole_words: bool = True

    def conflicts(self) -> Iterator[str]:
        """The longest run is shorter than the shortest."""
        if self.max_ngram is not None and self.min_ngram > self.max_ngram:
            yield f"max_ngram must be at least min_ngram: {self.max_ngram} < {self.min_ngram}"

    @property
    def longest_ngram(self) -> int:
        """`max_ngram`, or what its default comes to."""
        if self.max_ngram is not None:
            return self.max_ngram
        return max(self.min_ngram, _WORDS if self.analyzer == "word" else 1)

    @property
    def oov_token(self) -> str | None:
        """`OOV_token` as it is looked up, or None where it has no effect."""
        if self.OOV_token is None or self.analyzer != "word":
            return None
        return self.OOV_token.lower() if self.lowercase else self.OOV_token

    @property
    def oov_words(self) -> frozenset[str]:
        """`OOV_words` as they are looked up."""
        return frozenset(word.lower() if self.lowercase else word for word in self.OOV_words)

    @property
    def needs_frequencies(self) -> bool:
        """Whether a vocabulary depends on how often, or in how many texts, a term occurs."""
        counts_all = isinstance(self.min_df, int) and self.min_df <= 1
        return (
            not counts_all
            or self.max_df != 1.0
            or isinstance(self.max_df, int)
            or (self.max_features is not None)
        )

    def without_effect(self) -> Iterator[str]:
        """What is set but does nothing with the other options; as in Rasa not an error."""
        if self.analyzer != "word":
            reason = f"without effect with analyzer '{self.analyzer}'"
            if self.OOV_token is not None:
                yield f"OOV_token is {reason}"
            if self.stop_words is not None:
                yield f"stop_words are {reason}"
        if self.OOV_words and self.OOV_token is None:
            yield "OOV_words are without effect unless OOV_token is set"
