"""The entities that `fit` is given, in any of several forms, as `Entity` objects."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from gossamer.data.errors import DataError
from gossamer.data.nlu.examples import Entity
from gossamer.nlu.estimator.inputs import Unquoted, at, is_missing

EntityLike = Any
"""An `Entity`, a mapping with `start`, `end` and `entity`, a tuple
`(start, end, entity)`, or a span of spaCy."""

_KNOWN = ("start", "end", "entity", "value", "role", "group")


def checked_entities(entities: Any, texts: Sequence[str]) -> list[tuple[Entity, ...]]:
    """The entities of each text, in order of their start.

    Args:
        entities: for each text a sequence of `EntityLike`, a spaCy document (its `ents`), or a
            mapping of its training format (`{"entities": [...]}`); None for no entities at all.
        texts: what they are in.

    Raises:
        DataError: there is not one sequence for each text, or an entity does not fit its text or
            overlaps another.
    """
    if entities is None:
        return [()] * len(texts)
    if hasattr(entities, "to_list"):  # a column of pandas or polars
        entities = entities.to_list()
    if isinstance(entities, str | bytes | Mapping) or not isinstance(entities, Iterable):
        raise DataError(
            "entities must be a sequence with one list of entities for each text",
            got=entities,
            hint='[[{"start": 0, "end": 5, "entity": "city"}], []] for two texts',
        )
    given = list(entities)
    if len(given) != len(texts):
        raise DataError(
            "entities must have one list for each text",
            got=Unquoted(f"{len(given)} lists for {len(texts)} texts"),
            hint="an empty list for a text without entities",
        )
    missing = {i: found for i, found in enumerate(given) if is_missing(found)}
    if missing:
        raise DataError(
            "entities must have a list for each text",
            got=at(missing),
            hint="an empty list for a text without entities",
        )
    return [
        _of_text(found, text, i) for i, (found, text) in enumerate(zip(given, texts, strict=True))
    ]


def _of_text(found: Any, text: str, index: int) -> tuple[Entity, ...]:
    if hasattr(found, "ents"):
        if getattr(found, "text", text) != text:
            raise DataError(
                f"the document at index {index} of entities must have the text at index {index} "
                "of X",
                got=Unquoted(f"{found.text[:40]!r} for {text[:40]!r}"),
            )
        found = found.ents
    elif isinstance(found, Mapping) and "entities" in found:
        found = found["entities"]
    if isinstance(found, str | bytes | Mapping) or not isinstance(found, Iterable):
        raise DataError(
            f"entities must be lists of entities, but is something else at index {index}",
            got=found,
            hint="an empty list for a text without entities",
        )
    parts = [_entity(part, text, index) for part in found]
    parts.sort(key=lambda part: part.span)
    for one, other in itertools.pairwise(parts):
        if other.span[0] < one.span[1]:
            raise DataError(
                f"entities of one text must not overlap, but do at index {index}",
                got=Unquoted(
                    f"{one.entity} from {one.start} to {one.end} and {other.entity} "
                    f"from {other.start} to {other.end} of {text[:40]!r}"
                ),
                hint="keeping one of them",
            )
    return tuple(parts)


def _entity(part: EntityLike, text: str, index: int) -> Entity:
    values = _values(part)
    unknown = [] if values is None else [key for key in values if key not in _KNOWN]
    if values is None or unknown or any(key not in values for key in _KNOWN[:3]):
        raise DataError(
            f"an entity at index {index} must have start, end and entity, and may have value, role "
            "and group",
            got=part,
            hint='{"start": 0, "end": 5, "entity": "city"} or (0, 5, "city")',
        )
    start, end = values["start"], values["end"]
    if not all(
        isinstance(place, int | np.integer) and not isinstance(place, bool)
        for place in (start, end)
    ):
        raise DataError(
            f"start and end of an entity at index {index} must be whole numbers", got=part
        )
    if not 0 <= start < end <= len(text):
        raise DataError(
            f"an entity at index {index} must lie within the {len(text)} characters of its text, "
            "and end after its start",
            got=Unquoted(f"{values['entity']!r} from {start} to {end} of {text[:40]!r}"),
            hint="offsets of characters, the end being that after the last",
        )
    names = [values["entity"], values.get("role"), values.get("group")]
    if (
        not all(isinstance(name, str) and name for name in names if name is not None)
        or not names[0]
    ):
        raise DataError(
            f"entity, role and group of an entity at index {index} must be names: strings that are "
            "not empty",
            got=part,
        )
    return Entity(
        start=int(start),
        end=int(end),
        entity=str(names[0]),
        value=values.get("value", text[start:end]),
        role=names[1],
        group=names[2],
    )


def _values(part: EntityLike) -> Mapping[str, Any] | None:
    """The parts of an entity by name; None for anything else."""
    if isinstance(part, Mapping):
        return part
    if isinstance(part, tuple | list):
        return dict(zip(_KNOWN, part, strict=False)) if len(part) == 3 else None
    if hasattr(part, "start_char") and hasattr(part, "label_"):  # a spaCy span
        return {"start": part.start_char, "end": part.end_char, "entity": part.label_}
    if all(hasattr(part, name) for name in _KNOWN):
        return {name: getattr(part, name) for name in _KNOWN}
    return None
