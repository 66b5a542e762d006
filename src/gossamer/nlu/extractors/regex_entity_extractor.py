"""Finds entities by the regular expressions and lookup tables that carry their name."""

from __future__ import annotations

import warnings
from typing import ClassVar

from pydantic import Field

from gossamer.data.entities import Entity
from gossamer.data.nlu.examples import TrainingData
from gossamer.data.text.regexes import REGEX_SECONDS
from gossamer.nlu.featurizers.patterns import (
    NamedPattern,
    PatternSearch,
    collect_patterns,
    patterns_from_json,
    patterns_to_json,
)
from gossamer.nlu.pipeline.component import Component, ComponentOptions, EpochListener
from gossamer.nlu.pipeline.messages import (
    ComponentState,
    MessageBatch,
    TrainingBatch,
)


class RegexEntityExtractorOptions(ComponentOptions):
    """Options of `RegexEntityExtractor`.

    Attributes:
        case_sensitive: "a" does not match "A".
        use_lookup_tables: search for the elements of lookup tables.
        use_regexes: search for regexes.
        use_word_boundaries: elements of lookup tables match whole words only.
        regex_timeout: seconds that a regex may take on one text (Gossamer's own); when it takes
            longer it counts as not found.
    """

    case_sensitive: bool = False
    use_lookup_tables: bool = True
    use_regexes: bool = True
    use_word_boundaries: bool = True
    regex_timeout: float = Field(default=REGEX_SECONDS, gt=0)


class RegexEntityExtractor(Component):
    """Every match of a pattern named like an annotated entity type becomes an entity.

    Matches may overlap one another and the entities of other extractors; nothing is resolved, and
    there is no confidence, as in Rasa. Departure from Rasa: an empty match is not an entity.
    """

    name: ClassVar[str] = "RegexEntityExtractor"
    Options: ClassVar[type[ComponentOptions]] = RegexEntityExtractorOptions
    provides: ClassVar[frozenset[str]] = frozenset({"entities"})
    reads: ClassVar[frozenset[str] | None] = frozenset({"entity_types", "lookups", "regexes"})

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self.options: RegexEntityExtractorOptions
        self._patterns: list[NamedPattern] = []
        self._search = PatternSearch(self.alias, self.options.regex_timeout)

    def train(
        self,
        data: TrainingData,
        batch: TrainingBatch,
        *,
        on_epoch: EpochListener | None = None,
    ) -> None:
        """Collect the patterns named like entities. Warns when none is."""
        self._patterns = collect_patterns(
            data,
            use_regexes=self.options.use_regexes,
            use_lookup_tables=self.options.use_lookup_tables,
            use_word_boundaries=self.options.use_word_boundaries,
            case_sensitive=self.options.case_sensitive,
            names=set(data.entity_types),
        )
        if not self._patterns:
            warnings.warn(
                f"{self.alias} finds nothing, as no regex or lookup table in use has the name of "
                "an entity that is annotated in the examples",
                stacklevel=2,
            )

    def process(self, batch: MessageBatch) -> None:
        """Append an entity for each match, pattern by pattern."""
        for text, parse in zip(batch.texts, batch.parses, strict=True):
            for pattern in self._patterns:
                parse.entities.extend(
                    Entity(
                        start=start,
                        end=end,
                        entity=pattern.name,
                        value=text[start:end],
                        extractor=self.name,
                    )
                    for start, end in self._search.spans(pattern, text)
                    if end > start
                )

    def state(self) -> ComponentState:
        """The patterns."""
        return ComponentState(json={"patterns": patterns_to_json(self._patterns)})

    def restore(self, state: ComponentState) -> None:
        """Restore stored patterns. Raises `ModelFileError` when they do not fit."""
        self._patterns = patterns_from_json(
            state.json.get("patterns"),
            case_sensitive=self.options.case_sensitive,
            owner=self.name,
        )
