"""Typed objects for NLU training data: what people write, without how it was written."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from gossamer.data.entities import Entity as Entity
from gossamer.data.errors import Location


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One annotated text.

    Attributes:
        text: the plain text, annotations removed.
        intent: the intent as written, a retrieval intent with its key ("faq/ask_price"), or None.
        entities: annotations, in order of their start.
        metadata: what the author attached to the example, or None.
        intent_metadata: what the author attached to the intent block, or None.
        where: where it was read, or None; does not count when examples are compared.
    """

    text: str
    intent: str | None = None
    entities: tuple[Entity, ...] = ()
    metadata: Any = None
    intent_metadata: Any = None
    where: Location | None = field(default=None, compare=False, repr=False)

    @property
    def base_intent(self) -> str | None:
        """The intent a classifier predicts: "faq" for "faq/ask_price"."""
        return None if self.intent is None else self.intent.partition("/")[0]

    @property
    def response_key(self) -> str | None:
        """The whole retrieval intent, or None when the intent is an ordinary one."""
        return self.intent if self.intent is not None and "/" in self.intent else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Synonym:
    """`text` means `value`."""

    text: str
    value: Any
    where: Location | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegexPattern:
    """A named regular expression; one name may have several."""

    name: str
    pattern: str
    where: Location | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupTable:
    """A named list of phrases. Tables of one name in different files stay separate, as in Rasa."""

    name: str
    elements: tuple[str, ...]
    where: Location | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, kw_only=True)
class TrainingData:
    """Everything NLU training data can hold.

    Attributes:
        examples: in the order they were read; equal ones are kept.
        synonyms: explicit synonym items only; see `synonym_map` for those annotations imply.
        regexes: in the order they were read.
        lookups: in the order they were read.
        responses: response name to its variations, as written (retrieval responses in NLU files).
    """

    examples: tuple[Example, ...] = ()
    synonyms: tuple[Synonym, ...] = ()
    regexes: tuple[RegexPattern, ...] = ()
    lookups: tuple[LookupTable, ...] = ()
    responses: Mapping[str, tuple[Mapping[str, Any], ...]] = field(
        default_factory=lambda: MappingProxyType({})
    )

    @property
    def intents(self) -> list[str]:
        """Sorted base intents."""
        return sorted({e.base_intent for e in self.examples if e.base_intent is not None})

    @property
    def entity_types(self) -> list[str]:
        """Sorted entity types."""
        return sorted({entity.entity for e in self.examples for entity in e.entities})

    def unique_examples(self) -> tuple[Example, ...]:
        """Examples without repetitions, first occurrences in order (Rasa trains on these).

        Two examples are equal when text, intent and entities are; metadata does not count.
        """
        return self._unique_examples

    @functools.cached_property
    def _unique_examples(self) -> tuple[Example, ...]:
        seen: dict[tuple[Any, ...], Example] = {}
        for example in self.examples:
            # Values may be unhashable (lists from JSON), so their repr is compared.
            key = (example.text, example.intent, repr(example.entities))
            seen.setdefault(key, example)
        return tuple(seen.values())

    def merge(self, others: Iterable[TrainingData]) -> TrainingData:
        """This data followed by that of `others`; later responses of one name are appended."""
        parts = [self, *others]
        responses: dict[str, tuple[Mapping[str, Any], ...]] = {}
        for part in parts:
            for name, variations in part.responses.items():
                responses[name] = responses.get(name, ()) + tuple(variations)
        return TrainingData(
            examples=tuple(e for part in parts for e in part.examples),
            synonyms=tuple(s for part in parts for s in part.synonyms),
            regexes=tuple(r for part in parts for r in part.regexes),
            lookups=tuple(t for part in parts for t in part.lookups),
            responses=MappingProxyType(responses),
        )
