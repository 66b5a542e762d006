"""Dense features of words and texts from vectors that were learnt elsewhere."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from gossamer.nlu.featurizers.vectors.familiarity import Familiarity
from gossamer.nlu.featurizers.vectors.lookup import Floats, Vectors
from gossamer.nlu.featurizers.vectors.options import StaticVectorsFeaturizerOptions
from gossamer.nlu.featurizers.vectors.pretrained_featurizer import (
    Files,
    PretrainedFeaturizer,
    numbers_of,
)
from gossamer.nlu.featurizers.vectors.sources import Source
from gossamer.nlu.featurizers.vectors.stored_vectors import vectors_from_state, vectors_to_state
from gossamer.nlu.pipeline.component import ComponentOptions
from gossamer.nlu.pipeline.messages import ComponentState, FeatureBlock, MessageBatch

_CACHED_TOKENS = 20_000
_LONGEST_CACHED_TOKEN = 64


class _Word(NamedTuple):
    """A token's vector, None where it has none, and how far it is known."""

    vector: Floats | None
    known: float


class StaticVectorsFeaturizer(PretrainedFeaturizer):
    """A vector for each token, and for a text the mean of those of its tokens that have one.

    Words that mean something similar have similar vectors, so what training learns of one word
    holds for others that it has not seen. The vectors are not trained: they are read from files
    (see `StaticVectorsFeaturizerOptions.vectors`), rounded to bytes, and divided by the root mean
    square of their lengths, so that they are about as large as other features. Where a file has
    vectors for pieces of words, a word's is the mean of those of its pieces. A token without a
    vector has zeros.

    The mean is that of Rasa's SpacyFeaturizer. Labels have no such features, as in Rasa.

    A word that training has not seen is known as far as its vector is near that of one that
    training has seen; see `gossamer.nlu.featurizers.vectors.familiarity`.
    """

    name: ClassVar[str] = "StaticVectorsFeaturizer"
    Options: ClassVar[type[ComponentOptions]] = StaticVectorsFeaturizerOptions
    reads: ClassVar[frozenset[str] | None] = frozenset({"response_texts", "texts"})
    provides: ClassVar[frozenset[str]] = frozenset({"features"})
    requires: ClassVar[frozenset[str]] = frozenset({"tokens"})

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self.options: StaticVectorsFeaturizerOptions
        self._vectors: Vectors | None = None
        self._familiarity: Familiarity | None = None
        self._cache: dict[str, _Word] = {}

    def process(self, batch: MessageBatch) -> None:
        """Append a block with sequence and sentence features."""
        if self._vectors is None:
            return
        texts, of_token = numbers_of(batch.tokens)
        words: Floats = np.zeros((len(texts), self._vectors.width), dtype=np.float32)
        has_vector = np.zeros(len(texts), dtype=np.bool_)
        known = np.zeros(len(texts), dtype=np.float32)
        for number, text in enumerate(texts):
            word = self._word(text)
            known[number] = word.known
            if word.vector is not None:
                words[number], has_vector[number] = word.vector, True
        sequence = words[of_token]
        batch.blocks.append(
            FeatureBlock(
                origin=self.alias,
                sequence=sequence,
                sentence=_means(sequence, has_vector[of_token], batch.lengths),
                known=known[of_token],
            )
        )

    def _files(self) -> Files:
        return Source.of(self.options.vectors).files

    def _check_files(self, files: Files) -> None:
        Source(files).check()

    def _read(self, files: Files) -> None:
        additional = self.options.additional_words
        self._set(Source(files).read(self._words, additional=additional, owner=self.alias))

    def _stored(self) -> ComponentState:
        assert self._vectors is not None
        return vectors_to_state(self._vectors)

    def _restore(self, state: ComponentState) -> None:
        self._set(vectors_from_state(state))

    def _set(self, vectors: Vectors) -> None:
        self._vectors, self._cache = vectors, {}
        self._familiarity = Familiarity(vectors, map(str.lower, self._words))

    def _word(self, text: str) -> _Word:
        found = self._cache.get(text)
        if found is None:
            assert self._vectors is not None and self._familiarity is not None
            vector = self._vectors(text)
            found = _Word(vector, self._familiarity(text, vector))
            if len(text) <= _LONGEST_CACHED_TOKEN:
                if len(self._cache) >= _CACHED_TOKENS:
                    self._cache.clear()
                self._cache[text] = found
        return found


def _means(
    sequence: Floats, counts: npt.NDArray[np.bool_], lengths: npt.NDArray[np.int64]
) -> Floats:
    """The mean of the rows of each text that count; zeros where none does.

    *Shape:* (n_tokens, width), (n_tokens,), (n_texts,) -> (n_texts, width).
    """
    text = np.repeat(np.arange(len(lengths)), lengths)
    n_counting = np.bincount(text, weights=counts, minlength=len(lengths))
    means: Floats = np.zeros((len(lengths), sequence.shape[1]), dtype=np.float32)
    has_tokens = lengths > 0
    starts = (np.cumsum(lengths) - lengths)[has_tokens]
    if len(starts):  # rows that do not count are zeros
        sums = np.add.reduceat(sequence, starts, axis=0)
        means[has_tokens] = sums / np.maximum(n_counting[has_tokens], 1)[:, None]
    return means
