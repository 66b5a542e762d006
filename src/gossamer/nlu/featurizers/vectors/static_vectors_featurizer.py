"""Dense features of words and texts from vectors that were learnt elsewhere."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from gossamer.data.nlu.examples import TrainingData
from gossamer.nlu.featurizers.vectors.options import StaticVectorsFeaturizerOptions
from gossamer.nlu.featurizers.vectors.piece_files import folder_of, read_pieces
from gossamer.nlu.featurizers.vectors.pieces import Floats, PieceVectors
from gossamer.nlu.pipeline.component import Component, ComponentOptions, EpochListener
from gossamer.nlu.pipeline.messages import (
    ComponentState,
    FeatureBlock,
    MessageBatch,
    TrainingBatch,
)
from gossamer.nn.ops.rounding import ByteRows


class StaticVectorsFeaturizer(Component):
    """A vector for each token, and for a text the mean of those of its tokens."""

    name: ClassVar[str] = "StaticVectorsFeaturizer"
    Options: ClassVar[type[ComponentOptions]] = StaticVectorsFeaturizerOptions
    provides: ClassVar[frozenset[str]] = frozenset({"features"})
    requires: ClassVar[frozenset[str]] = frozenset({"tokens"})

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self.options: StaticVectorsFeaturizerOptions
        self._vectors: PieceVectors | None = None

    def train(
        self,
        data: TrainingData,
        batch: TrainingBatch,
        *,
        on_epoch: EpochListener | None = None,
    ) -> None:
        """Read the vectors."""
        self._vectors = read_pieces(folder_of(self.options.vectors))

    def process(self, batch: MessageBatch) -> None:
        """Append a block with sequence and sentence features."""
        vectors = self._vectors
        if vectors is None:
            return
        numbers: dict[str, int] = {}
        of_token = [
            numbers.setdefault(token.text, len(numbers)) for text in batch.tokens for token in text
        ]
        words: Floats = np.zeros((len(numbers), vectors.width), dtype=np.float32)
        is_known = np.zeros(len(numbers), dtype=np.float32)
        for word, number in numbers.items():
            vector = vectors(word)
            if vector is not None:
                words[number], is_known[number] = vector, 1
        lengths = batch.lengths
        text_of_token = np.repeat(np.arange(len(lengths)), lengths)
        sequence, known = words[of_token], is_known[of_token]
        sentence: Floats = np.zeros((len(lengths), vectors.width), dtype=np.float32)
        np.add.at(sentence, text_of_token, sequence)
        n_known = np.bincount(text_of_token, weights=known, minlength=len(lengths))
        sentence /= np.maximum(n_known, 1).astype(np.float32)[:, None]
        batch.blocks.append(
            FeatureBlock(
                origin=self.alias,
                sequence=sequence,
                sentence=sentence,
                known=np.full(len(known), np.nan, dtype=np.float32),
            )
        )

    def state(self) -> ComponentState:
        """The vectors."""
        if self._vectors is None:
            return ComponentState()
        return ComponentState(
            json={"pieces": list(self._vectors.pieces), "lowercase": self._vectors.lowercase},
            arrays={"values": self._vectors.rows.values, "exponents": self._vectors.rows.exponents},
        )

    def restore(self, state: ComponentState) -> None:
        """Restore stored vectors. Raises `ModelFileError` when they do not fit."""
        rows = ByteRows(state.arrays["values"], state.arrays["exponents"])
        self._vectors = PieceVectors(
            state.json["pieces"], rows, lowercase=state.json["lowercase"]
        )
