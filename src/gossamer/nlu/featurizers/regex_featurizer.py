"""One feature per regular expression or lookup table: does the token overlap a match?"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

import numpy as np
from pydantic import Field

from gossamer.data.errors import ModelFileError
from gossamer.data.nlu.examples import Example, TrainingData
from gossamer.data.text.regexes import REGEX_SECONDS
from gossamer.nlu.featurizers.patterns import (
    NamedPattern,
    PatternSearch,
    collect_patterns,
    grown_patterns,
    patterns_from_json,
    patterns_to_json,
)
from gossamer.nlu.featurizers.sparse_rows import SparseRow, rows_to_csr
from gossamer.nlu.pipeline.component import Component, ComponentOptions, EpochListener
from gossamer.nlu.pipeline.messages import (
    ComponentState,
    FeatureBlock,
    MessageBatch,
    Token,
    TrainingBatch,
)

#: Share of the training texts from which on a pattern says nothing about a text.
_COMMON = 0.9


class RegexFeaturizerOptions(ComponentOptions):
    """Options of `RegexFeaturizer`.

    Attributes:
        alias: the name by which `featurizers` of a classifier refers to these features.
        case_sensitive: "a" does not match "A".
        use_lookup_tables: a column for each lookup table.
        use_regexes: a column for each regex.
        use_word_boundaries: elements of lookup tables match whole words only.
        regex_timeout: seconds that a regex may take on one text (Gossamer's own); a regex that
            takes longer is an error in training, and counts as not found in answers.
    """

    ignored: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"number_additional_patterns": "there are as many as needed when training goes on"}
    )

    alias: str | None = None
    case_sensitive: bool = True
    use_lookup_tables: bool = True
    use_regexes: bool = True
    use_word_boundaries: bool = True
    regex_timeout: float = Field(default=REGEX_SECONDS, gt=0)


class RegexFeaturizer(Component):
    """Marks the tokens that a match of a pattern overlaps, and the texts that hold such a token.

    Columns: the regexes, sorted by name and pattern, then the lookup tables in the order they were
    read. Without patterns there are no features. Behaves as Rasa's RegexFeaturizer. Where training
    goes on, patterns keep their columns, and new ones come after them.

    A token that a match overlaps counts as known, unless the pattern is found in nearly every
    training text.
    """

    name: ClassVar[str] = "RegexFeaturizer"
    Options: ClassVar[type[ComponentOptions]] = RegexFeaturizerOptions
    provides: ClassVar[frozenset[str]] = frozenset({"features"})
    requires: ClassVar[frozenset[str]] = frozenset({"tokens"})
    reads: ClassVar[frozenset[str] | None] = frozenset({"lookups", "regexes", "texts"})

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self.options: RegexFeaturizerOptions
        self._patterns: list[NamedPattern] = []
        self._common: frozenset[int] = frozenset()
        self._search = PatternSearch(self.alias, self.options.regex_timeout)

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return len(self._patterns)

    def can_go_on_from(self, earlier: Component) -> bool:
        """Always."""
        return True

    def train(
        self,
        data: TrainingData,
        batch: TrainingBatch,
        *,
        on_epoch: EpochListener | None = None,
    ) -> None:
        """Collect the patterns of the data. Raises `DataError` when one is not valid."""
        self._patterns = collect_patterns(
            data,
            use_regexes=self.options.use_regexes,
            use_lookup_tables=self.options.use_lookup_tables,
            use_word_boundaries=self.options.use_word_boundaries,
            case_sensitive=self.options.case_sensitive,
        )
        if self.start is not None:
            self._patterns = grown_patterns(self.start.part._patterns, self._patterns)

    def process(self, batch: MessageBatch) -> None:
        """Append a block with sequence and sentence features."""
        if not self._patterns:
            return
        of_tokens: list[set[int]] = []
        of_texts: list[set[int]] = []
        examples = batch.examples if isinstance(batch, TrainingBatch) else [None] * len(batch.texts)
        for text, tokens, example in zip(batch.texts, batch.tokens, examples, strict=True):
            found = self._columns_by_token(text, tokens, example)
            of_tokens.extend(found)
            of_texts.append(set().union(*found))
        if isinstance(batch, TrainingBatch):
            counts = Counter(column for columns in of_texts for column in columns)
            most = _COMMON * len(of_texts)
            self._common = frozenset(column for column, n in counts.items() if n >= most)
        known = [1.0 if columns - self._common else np.nan for columns in of_tokens]
        batch.blocks.append(
            FeatureBlock(
                origin=self.alias,
                sequence=rows_to_csr(list(map(_ones, of_tokens)), self.n_features),
                sentence=rows_to_csr(list(map(_ones, of_texts)), self.n_features),
                known=np.array(known, dtype=np.float32),
                patterns=[pattern.name for pattern in self._patterns],
            )
        )

    def state(self) -> ComponentState:
        """The patterns, and which of them are found in nearly every text."""
        return ComponentState(
            json={
                "patterns": patterns_to_json(self._patterns),
                "common": sorted(self._common),
            }
        )

    def restore(self, state: ComponentState) -> None:
        """Restore stored patterns. Raises `ModelFileError` when they do not fit."""
        self._patterns = patterns_from_json(
            state.json.get("patterns"),
            case_sensitive=self.options.case_sensitive,
            owner=self.name,
        )
        common = state.json.get("common", [])
        if not isinstance(common, list) or not all(type(column) is int for column in common):
            raise ModelFileError(f"{self.name} must be stored with numbers of columns", got=common)
        self._common = frozenset(common)

    def _columns_by_token(
        self, text: str, tokens: list[Token], example: Example | None
    ) -> list[set[int]]:
        found: list[set[int]] = [set() for _ in tokens]
        ends = [token.end for token in tokens]
        for column, pattern in enumerate(self._patterns):
            for start, end in self._search.spans(pattern, text, example):
                # Tokens are in order and do not overlap.
                for index in range(bisect_right(ends, start), len(tokens)):
                    if tokens[index].start >= end:
                        break
                    found[index].add(column)
        return found


_NOTHING: SparseRow = (np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.float32))


def _ones(columns: set[int]) -> SparseRow:
    if not columns:
        return _NOTHING
    return np.array(sorted(columns), dtype=np.int32), np.ones(len(columns), dtype=np.float32)
