"""The word vectors of a spaCy model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from gossamer.data.errors import ConfigError, ModelFileError
from gossamer.data.nlu.examples import TrainingData
from gossamer.nlu.pipeline.component import Component, ComponentOptions, EpochListener
from gossamer.nlu.pipeline.messages import (
    ComponentState,
    FeatureBlock,
    MessageBatch,
    Token,
    TrainingBatch,
)

if TYPE_CHECKING:
    from spacy.tokens import Doc

Vectors = npt.NDArray[np.float32]


class SpacyFeaturizerOptions(ComponentOptions):
    """Options of `SpacyFeaturizer`.

    Attributes:
        alias: the name by which `featurizers` of a classifier refers to these features.
        pooling: how the vectors of words become one of the whole text: their "mean" or "max".
    """

    alias: str | None = None
    pooling: Literal["mean", "max"] = "mean"


class SpacyFeaturizer(Component):
    """Dense features: the vector of each word, and the pooled vectors that are not zero.

    A token that is not a token of spaCy has the mean vector of those it overlaps; Rasa refuses
    such a pipeline.

    Small models ("en_core_web_sm") have no vectors of words. Rasa's featurizer then gives no
    features, silently. Here the vectors of words in their context are taken, which such models
    compute (`Doc.tensor`) and spaCy itself takes for vectors. With a model that has neither,
    training is refused.

    *Shape:* sequence (n_tokens, n_features), sentence (n_texts, n_features); n_features is the
    width of the model's vectors.
    """

    name: ClassVar[str] = "SpacyFeaturizer"
    Options: ClassVar[type[ComponentOptions]] = SpacyFeaturizerOptions
    reads: ClassVar[frozenset[str] | None] = frozenset()
    provides: ClassVar[frozenset[str]] = frozenset({"features"})
    requires: ClassVar[frozenset[str]] = frozenset({"documents", "tokens"})
    needs: ClassVar[tuple[str, ...]] = ("spacy",)

    options: SpacyFeaturizerOptions

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self.n_features = 0

    def train(
        self,
        data: TrainingData,
        batch: TrainingBatch,
        *,
        on_epoch: EpochListener | None = None,
    ) -> None:
        """Find out how wide vectors are. Raises `ConfigError` when the model has none."""
        width = _width(batch.documents[0])
        if width == 0:
            raise ConfigError(
                f"{self.alias} needs a spaCy model with vectors",
                got=batch.documents[0].vocab.lang,
                hint="a model of the size md or lg, such as en_core_web_md, or removing "
                f"{self.alias}",
            )
        self.n_features = width

    def process(self, batch: MessageBatch) -> None:
        """Append a block of sequence and sentence features.

        Raises:
            ConfigError: the spaCy model has vectors of another width than in training.
        """
        rows = [
            self._vectors(tokens, document)
            for tokens, document in zip(batch.tokens, batch.documents, strict=True)
        ]
        sequence = np.concatenate([np.empty((0, self.n_features), np.float32), *rows])
        sentence = np.array([self._pooled(vectors) for vectors in rows], np.float32)
        has_words = batch.documents[0].vocab.vectors_length > 0 if batch.documents else True
        batch.blocks.append(
            FeatureBlock(
                origin=self.alias,
                sequence=sequence,
                sentence=sentence.reshape(len(rows), self.n_features),
                known=_known(batch.tokens, sequence, has_words=has_words),
            )
        )

    def state(self) -> ComponentState:
        """How wide vectors are."""
        return ComponentState(json={"n_features": self.n_features})

    def restore(self, state: ComponentState) -> None:
        """Restore a stored width. Raises `ModelFileError` when it is none."""
        stored: Any = state.json.get("n_features")
        if type(stored) is not int or not 0 < stored < 2**20:
            raise ModelFileError(f"{self.name} must be stored with a width of vectors", got=stored)
        self.n_features = stored

    def _vectors(self, tokens: Sequence[Token], document: Doc) -> Vectors:
        """*Shape:* -> (n_tokens of the text, n_features)."""
        if len(document) == 0 or not tokens:
            return np.zeros((len(tokens), self.n_features), np.float32)
        if _width(document) != self.n_features:
            raise ConfigError(
                f"{self.alias} needs a spaCy model with vectors of {self.n_features} numbers, as "
                "in training",
                got=_width(document),
                hint="the spaCy model that the assistant was trained with",
            )
        words = [word for word in document if not word.is_space]
        found = np.array([word.vector for word in words], np.float32)
        starts = np.array([word.idx for word in words])
        ends = np.array([word.idx + len(word) for word in words])
        rows = np.zeros((len(tokens), self.n_features), np.float32)
        for row, token in zip(rows, tokens, strict=True):
            first = int(np.searchsorted(ends, token.start, side="right"))
            last = int(np.searchsorted(starts, token.end, side="left"))
            if last - first == 1:
                row[:] = found[first]
            elif last > first:
                row[:] = found[first:last].mean(axis=0)
        return rows

    def _pooled(self, vectors: Vectors) -> Vectors:
        told: Vectors = vectors[vectors.any(axis=1)]
        if len(told) == 0:
            return np.zeros(self.n_features, np.float32)
        pooled: Vectors = told.mean(axis=0) if self.options.pooling == "mean" else told.max(axis=0)
        return pooled


def _width(document: Doc) -> int:
    """The width of a document's vectors; 0 where it has none."""
    n_features = int(document.vocab.vectors_length)
    if n_features > 0:
        return n_features
    return int(document.tensor.shape[1]) if document.tensor.ndim == 2 else 0


def _known(
    batch: Sequence[Sequence[Token]], sequence: Vectors, *, has_words: bool
) -> npt.NDArray[np.float32]:
    """Which words have a vector; NaN where that says nothing.

    A vector that is computed from the context says nothing, as every word has one; neither does
    that of a token without a letter or digit.
    """
    tells = [has_words and any(map(str.isalnum, token.text)) for text in batch for token in text]
    return np.where(tells, sequence.any(axis=1), np.nan).astype(np.float32)
