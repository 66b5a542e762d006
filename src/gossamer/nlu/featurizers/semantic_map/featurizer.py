"""Sparse features of words from a semantic map."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import Field

from gossamer.data.errors import InputError
from gossamer.data.nlu.examples import TrainingData
from gossamer.nlu.featurizers.semantic_map.semantic_map import SemanticMap, rows_of_words
from gossamer.nlu.featurizers.sparse_rows import sum_rows
from gossamer.nlu.featurizers.vectors.source_files import checksum
from gossamer.nlu.pipeline.component import Component, ComponentOptions, EpochListener
from gossamer.nlu.pipeline.messages import (
    ComponentState,
    FeatureBlock,
    MessageBatch,
    TrainingBatch,
)


class SemanticMapFeaturizerOptions(ComponentOptions):
    """Options of `SemanticMapFeaturizer`.

    Attributes:
        alias: the name by which `featurizers` of a classifier refers to these features.
        map: the file of the map, which `gossamer semantic-map train` writes; a path is relative to
            the working folder.
    """

    alias: str | None = None
    map: str = Field(default="semantic-map.map", min_length=1)


class SemanticMapFeaturizer(Component):
    """Where a token lies on a semantic map: the cells it activates, in the map's order.

    Features of a text are the mean of those of its tokens on the map. Tokens are looked up in lower
    case; those that are not on the map have no features, and do not count as known. The map is
    stored with the model, so that answers need no other file. Gossamer's own; the idea is that of
    the article that Gossamer follows.
    """

    name: ClassVar[str] = "SemanticMapFeaturizer"
    Options: ClassVar[type[ComponentOptions]] = SemanticMapFeaturizerOptions
    reads: ClassVar[frozenset[str] | None] = frozenset()
    provides: ClassVar[frozenset[str]] = frozenset({"features"})
    requires: ClassVar[frozenset[str]] = frozenset({"tokens"})

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self.options: SemanticMapFeaturizerOptions
        self._map: SemanticMap | None = None

    def check(self, data: TrainingData) -> Iterator[InputError]:
        """A map that cannot be read."""
        try:
            self._map = SemanticMap.load(Path(self.options.map))
        except InputError as fault:
            yield fault

    def files_read(self) -> str:
        """A checksum of the map."""
        return checksum([Path(self.options.map)])

    def train(
        self,
        data: TrainingData,
        batch: TrainingBatch,
        *,
        on_epoch: EpochListener | None = None,
    ) -> None:
        """Read the map. Raises `ModelFileError` when it cannot be read."""
        if self._map is None:
            self._map = SemanticMap.load(Path(self.options.map))

    def process(self, batch: MessageBatch) -> None:
        """Append a block of sequence and sentence features."""
        if self._map is None:
            return
        words = [token.text for tokens in batch.tokens for token in tokens]
        sequence, known = rows_of_words(self._map, words)
        lengths = batch.lengths
        sums = sum_rows(sequence, lengths)
        ends = np.concatenate([[0], np.cumsum(known)])
        bounds = np.concatenate([[0], np.cumsum(lengths)])
        n_known = np.maximum(np.diff(ends[bounds]), 1).astype(np.float32)
        sentence = sums.with_data(sums.data / np.repeat(n_known, np.diff(sums.indptr)))
        batch.blocks.append(
            FeatureBlock(origin=self.alias, sequence=sequence, sentence=sentence, known=known)
        )

    def state(self) -> ComponentState:
        """The whole map."""
        if self._map is None:
            return ComponentState()
        json, arrays = self._map.to_parts()
        return ComponentState(json=json, arrays=arrays)

    def restore(self, state: ComponentState) -> None:
        """Restore a stored map. Raises `ModelFileError` when it does not fit."""
        self._map = SemanticMap.from_parts(state.json, state.arrays)
