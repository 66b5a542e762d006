"""Sparse features of words and texts: in which clusters of words, learnt elsewhere, they are."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field

from gossamer.data.errors import ModelFileError
from gossamer.nlu.featurizers.sparse_rows import SparseRow, rows_to_csr, sum_rows
from gossamer.nlu.featurizers.vectors.cluster_files import check_cluster_file, read_cluster_file
from gossamer.nlu.featurizers.vectors.lookup import forms
from gossamer.nlu.featurizers.vectors.pretrained_featurizer import (
    Files,
    PretrainedFeaturizer,
    PretrainedOptions,
    distinct_texts,
    numbers_of,
)
from gossamer.nlu.featurizers.vectors.source_files import existing, only_file
from gossamer.nlu.pipeline.component import ComponentOptions
from gossamer.nlu.pipeline.messages import (
    ComponentState,
    FeatureBlock,
    MessageBatch,
)

_COLUMNS = "columns"

Prefix = Annotated[int, Field(ge=1, le=100)]


class WordClustersFeaturizerOptions(PretrainedOptions):
    """Options of `WordClustersFeaturizer`, which Rasa does not have.

    Attributes:
        alias: the name by which `featurizers` of a classifier refers to these features.
        clusters: a file of clusters (see `gossamer.nlu.featurizers.vectors.cluster_files`), or the
            package spacy_lookups_data where that is installed. A path is relative to the working
            folder.
        language: which of a package's or folder's tables: the one called
            `<language>_lexeme_cluster.json.gz`.
        prefixes: lengths of prefixes of paths that are features, those of Turian et al. Clusters
            without a path are features as they are.
        store: "model" keeps the clusters in the model; "reference" keeps a checksum, and each time
            the model is loaded they are read from the file again, which must not have changed.
        additional_words: how many words are known besides those of the training data: the most
            frequent ones of the file.
    """

    clusters: str = Field(default="spacy_lookups_data", min_length=1)
    language: str = Field(default="en", pattern="^[a-z]{2,3}$")
    prefixes: tuple[Prefix, ...] = Field(default=(4, 6, 10, 20), min_length=1)


class WordClustersFeaturizer(PretrainedFeaturizer):
    """One-hot features of a word's clusters, large ones and the small ones in them.

    Brown clusters (Brown et al. 1992, "Class-Based n-gram Models of Natural Language") are a tree
    of words: words in similar neighbourhoods have long prefixes of their paths in common. Prefixes
    of several lengths are features, as of Koo et al. 2008 ("Simple Semi-supervised Dependency
    Parsing") and Turian et al. 2010 ("Word Representations"). A text has the sums of its tokens'.
    Only what training texts have are features; where training goes on, they keep their columns.
    A word that has no cluster is looked up in lower case and capitalised.

    It tells nothing of which words are known: clusters say what kind a word is of, and all names
    of people may be one.
    """

    name: ClassVar[str] = "WordClustersFeaturizer"
    Options: ClassVar[type[ComponentOptions]] = WordClustersFeaturizerOptions
    reads: ClassVar[frozenset[str] | None] = frozenset({"response_texts", "texts"})
    provides: ClassVar[frozenset[str]] = frozenset({"features"})
    requires: ClassVar[frozenset[str]] = frozenset({"tokens"})

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self.options: WordClustersFeaturizerOptions
        self._clusters: dict[str, str] = {}
        self._are_paths = True
        self._columns: dict[str, int] = {}

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return len(self._columns)

    def process(self, batch: MessageBatch) -> None:
        """Append a block with sequence and sentence features."""
        if not self._columns:
            return
        words, of_token = numbers_of(batch.tokens)
        rows = [self._row(word) for word in words]
        sequence = rows_to_csr([rows[number] for number in of_token], self.n_features)
        batch.blocks.append(
            FeatureBlock(
                origin=self.alias, sequence=sequence, sentence=sum_rows(sequence, batch.lengths)
            )
        )

    def state(self) -> ComponentState:
        """As `PretrainedFeaturizer`, and the columns where they are not those of its words."""
        state, columns = super().state(), list(self._columns)
        if columns == self._names_of_words():
            return state
        return ComponentState({**state.json, _COLUMNS: columns}, state.arrays)

    def restore(self, state: ComponentState) -> None:
        """As `PretrainedFeaturizer`."""
        super().restore(state)
        if _COLUMNS in state.json:
            try:
                names = distinct_texts(state.json[_COLUMNS])
            except ValueError as problem:
                raise ModelFileError(f"{self.name}: stored columns must differ") from problem
            if not self._columns.keys() <= set(names):
                raise ModelFileError(f"{self.name}: stored columns must be those of its words")
            self._columns = {name: column for column, name in enumerate(names)}

    def _files(self) -> Files:
        path = existing(self.options.clusters, option="clusters")
        if path.is_dir():
            pattern = f"{self.options.language}_lexeme_cluster.json*"
            return (only_file(path, pattern, "table of clusters"),)
        return (path,)

    def _check_files(self, files: Files) -> None:
        check_cluster_file(files[0])

    def _read(self, files: Files) -> None:
        wanted = {form for word in self._words for form in forms(word)}
        found = read_cluster_file(files[0], wanted, self.options.additional_words)
        n_known = sum(any(f in found.of_word for f in forms(word)) for word in self._words)
        if n_known * 2 < len(self._words):
            warnings.warn(
                f"{self.alias}: {files[0]} has clusters of {n_known} of the {len(self._words)} "
                f"words of the training data, among {found.n_rows}; is it of their language?",
                stacklevel=2,
            )
        self._set(found.of_word, are_paths=found.are_paths)

    def _stored(self) -> ComponentState:
        names = sorted(set(self._clusters.values()))
        number = {name: place for place, name in enumerate(names)}
        return ComponentState(
            json={
                "known": list(self._clusters),
                "clusters": names,
                "are_paths": self._are_paths,
            },
            arrays={
                "cluster": np.array([number[n] for n in self._clusters.values()], dtype=np.int32)
            },
        )

    def _restore(self, state: ComponentState) -> None:
        known, names = (distinct_texts(state.json[part]) for part in ("known", "clusters"))
        numbers, are_paths = state.arrays["cluster"], state.json["are_paths"]
        if (
            type(are_paths) is not bool
            or numbers.dtype != np.int32
            or numbers.shape != (len(known),)
            or (len(known) and not 0 <= numbers.min() <= numbers.max() < len(names))
        ):
            raise ValueError("clusters that are not one for each word")
        clusters = [names[number] for number in numbers.tolist()]
        self._set(dict(zip(known, clusters, strict=True)), are_paths=are_paths)

    def _set(self, clusters: dict[str, str], *, are_paths: bool) -> None:
        self._clusters, self._are_paths = clusters, are_paths
        before = {} if self.start is None else self.start.part._columns
        names = [*before, *(name for name in self._names_of_words() if name not in before)]
        self._columns = {name: column for column, name in enumerate(names)}

    def _names_of_words(self) -> list[str]:
        """The clusters that the words of the training data are in, in alphabetical order."""
        return sorted({name for word in self._words for name in self._names(word)})

    def _names(self, word: str) -> Iterable[str]:
        """The clusters that a word is in."""
        cluster = next((self._clusters[f] for f in forms(word) if f in self._clusters), None)
        if cluster is None:
            return ()
        if not self._are_paths:
            return (cluster,)
        return {cluster[:length] for length in self.options.prefixes}

    def _row(self, word: str) -> SparseRow:
        counts = Counter(self._columns[n] for n in self._names(word) if n in self._columns)
        columns = sorted(counts)
        return np.array(columns, dtype=np.int32), np.ones(len(columns), dtype=np.float32)
