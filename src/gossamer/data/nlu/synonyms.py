"""Synonyms as one table: the value of each phrase."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

from gossamer.data.errors import Location, place_prefix
from gossamer.data.nlu.examples import TrainingData


def _stated(data: TrainingData) -> Iterator[tuple[str, str, Location | None]]:
    """Phrases with their values: synonym items first, then annotations with another value."""
    for synonym in data.synonyms:
        if isinstance(synonym.value, str):
            yield synonym.text, synonym.value, synonym.where
    for example in data.unique_examples():
        for entity in example.entities:
            if isinstance(entity.value, str):
                yield example.text[entity.start : entity.end], entity.value, example.where


def synonym_conflicts(data: TrainingData) -> list[tuple[str, str, str, Location | None]]:
    """Phrases that have two values.

    Returns:
        Each phrase in lower case with its earlier value, its later one, and where the later one
        was read.
    """
    return _collect(data)[1]


def synonym_map(data: TrainingData) -> dict[str, str]:
    """The value of each phrase, as Rasa's EntitySynonymMapper learns it.

    Synonym items count, and annotations whose value is a text other than the annotated one
    (`[NYC](city:New York)`). A phrase that has two values keeps the later one, with a warning.
    Values map to themselves, so that "new york" becomes "New York".

    Returns:
        Values by phrase, phrases in lower case.
    """
    table, conflicts = _collect(data)
    if conflicts:
        phrase, earlier, later, where = conflicts[0]
        place = place_prefix(where)
        warnings.warn(
            f"{place}synonym '{phrase}' means '{earlier}' and '{later}', the later one "
            f"counts ({len(conflicts)} such conflict(s) in all)",
            stacklevel=2,
        )
    return table


def _collect(
    data: TrainingData,
) -> tuple[dict[str, str], list[tuple[str, str, str, Location | None]]]:
    table: dict[str, str] = {}
    conflicts: list[tuple[str, str, str, Location | None]] = []
    for text, value, where in _stated(data):
        if text == value:
            continue
        phrase = text.lower()
        if table.get(phrase, value) != value:
            conflicts.append((phrase, table[phrase], value, where))
        table[phrase] = value
    for value in list(table.values()):
        table.setdefault(value.lower(), value)
    return table, conflicts
