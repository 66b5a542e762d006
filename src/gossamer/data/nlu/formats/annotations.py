"""Entity annotations inside a text: `[text](entity)` and its three longer forms.

The grammar is Rasa's, shared by its YAML and Markdown files:

    [text](entity)                      an entity; its value is the text
    [text](entity:value)                ... with a value of its own
    [text]{"entity": "city", ...}       ... as JSON, with `role`, `group`, `value`
    [text][{"entity": ...}, {...}]      several entities on one span

The text holds no `]`; in the round form the entity holds no `:` or `)`, the value no `)`. The
grammar has no escape, so a few texts cannot be written in it; `annotate` refuses those.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from gossamer.data.errors import DataError, Location
from gossamer.data.nlu.examples import Entity, Example
from gossamer.data.nlu.formats.broken_annotations import (
    ANNOTATION_FORMS,
    DONE,
    is_plain_name,
    warn_of_broken,
)

_OPEN = ("(", "[", "{")
_ROUND = re.compile(r"\((?P<entity>[^:)]+)(?::(?P<value>[^)]+))?\)")
_KEYS = ("entity", "role", "group", "value")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key occurs twice")
    return result


JSON_DECODER = json.JSONDecoder(object_pairs_hook=_unique_keys)
"""Reads JSON in which no key occurs twice."""


def parse_annotated(text: str, where: Location | None = None) -> tuple[str, tuple[Entity, ...]]:
    """Remove the annotations from a text.

    What looks like a broken annotation is plain text, with a `MistakeWarning`.

    Args:
        text: a text as people write it, "from [Bonn]{"entity": "city", "role": "from"}".
        where: where it was read, for errors.

    Returns:
        The plain text, and its entities with offsets into the plain text.

    Raises:
        DataError: the JSON of an annotation is broken, or does not describe entities.
    """
    read = _parsed(text, where)
    warn_of_broken(DONE.join(read.between), text, read.round_ones, where)
    return "".join(read.pieces), tuple(read.entities)


@dataclass(slots=True)
class _Parsed:
    """What a text says: `pieces` of the plain text, and what is `between` the annotations.

    For annotations in round brackets, `round_ones` has the span and the name of the entity.
    """

    pieces: list[str] = field(default_factory=list)
    entities: list[Entity] = field(default_factory=list)
    between: list[str] = field(default_factory=list)
    round_ones: list[tuple[str, str]] = field(default_factory=list)


def _parsed(text: str, where: Location | None) -> _Parsed:
    read = _Parsed()
    length = 0  # of the plain text so far
    position = search_from = 0  # in the annotated text
    while (closing := text.find("]", search_from)) >= 0:
        opening = text.find("[", search_from, closing)
        search_from = closing + 1
        if (
            opening < 0
            or opening + 1 == closing
            or text[search_from : search_from + 1] not in _OPEN
        ):
            continue
        stretch = text[opening + 1 : closing]
        found = _descriptions(text, search_from, stretch, where)
        if found is None:  # plain brackets
            continue
        descriptions, end = found
        before = text[position:opening]
        read.pieces += (before, stretch)
        read.between.append(before)
        if text[search_from] == "(":
            read.round_ones.append((stretch, descriptions[0]["entity"]))
        start = length + len(before)
        length = start + len(stretch)
        read.entities += (
            Entity(
                start=start,
                end=length,
                entity=description["entity"],
                value=description.get("value", stretch),
                role=description.get("role"),
                group=description.get("group"),
            )
            for description in descriptions
        )
        position = search_from = end
    read.pieces.append(text[position:])
    read.between.append(text[position:])
    return read


def _descriptions(
    text: str, start: int, stretch: str, where: Location | None
) -> tuple[list[dict[str, Any]], int] | None:
    """The annotation of a span, and the offset after it; None when there is none."""
    if text[start] == "(":
        match = _ROUND.match(text, start) if text.find(")", start) >= 0 else None
        if match is None or not match["entity"].strip():
            return None
        return [{key: part for key, part in match.groupdict().items() if part}], match.end()
    closing = "}" if text[start] == "{" else "]"
    if text.find(closing, start) < 0 or text.startswith("{}", start):
        return None
    try:
        said, end = JSON_DECODER.raw_decode(text, start)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"the annotation of '{stretch}' must be valid JSON: {error}",
            got=text[start:],
            where=where,
            hint=ANNOTATION_FORMS,
        ) from None
    descriptions = said if isinstance(said, list) else [said]
    if not descriptions:
        raise DataError(
            f"the annotation of '{stretch}' must name an entity",
            got=said,
            where=where,
            hint=ANNOTATION_FORMS,
        )
    for description in descriptions:
        problem = _problem(description)
        if problem is not None:
            raise DataError(
                f"the annotation of '{stretch}': {problem}",
                got=description,
                where=where,
                hint=ANNOTATION_FORMS,
            )
    return descriptions, end


def _problem(description: object) -> str | None:
    """What is wrong with the JSON that describes an entity, or None."""
    if not isinstance(description, dict):
        return "an entity must be a JSON object"
    unknown = [key for key in description if key not in _KEYS]
    if unknown:
        return f"unknown key '{unknown[0]}'; known are {', '.join(_KEYS)}"
    if not isinstance(description.get("entity"), str) or not description["entity"]:
        return "'entity' must be a text that is not empty"
    for key in ("role", "group"):
        if key in description and not isinstance(description[key], str):
            return f"'{key}' must be a text"
    if "value" in description and not _is_text_or_number(description["value"]):
        return "'value' must be a text or a number"
    return None


def _is_text_or_number(value: object) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, str | int) and not isinstance(value, bool)


def annotate(example: Example) -> str:
    """Write the entities of an example into its text; `parse_annotated` reads it back.

    The round form is used where it can say everything, JSON otherwise.

    Args:
        example: a text with entities.

    Raises:
        DataError: the grammar cannot express the example: entities overlap without being equal,
            lie outside the text or are empty; a span holds "]"; plain brackets of the text
            would be read as an annotation; a value is neither a text nor a finite number.
    """
    text = example.text
    pieces: list[str] = []
    position = 0
    for (start, end), group in groupby(example.entities, lambda entity: (entity.start, entity.end)):
        if not position <= start < end <= len(text):
            raise _refusal(example, "entities must lie inside the text, in order, without overlap")
        pieces += (text[position:start], f"[{text[start:end]}]", _described(example, group))
        position = end
    pieces.append(text[position:])
    annotated = "".join(pieces)
    try:
        read_back = _parsed(annotated, None)
    except DataError:
        read_back = _Parsed()
    # Entities are equal to what is read back only if every bracket is read as it is meant.
    if ("".join(read_back.pieces), tuple(read_back.entities)) != (text, example.entities):
        raise _refusal(example, "brackets of the text must not look like an annotation")
    return annotated


def _described(example: Example, group: Iterable[Entity]) -> str:
    """What follows the span in brackets."""
    descriptions: list[dict[str, Any]] = []
    stretch = ""
    for entity in group:
        stretch = example.text[entity.start : entity.end]
        description: dict[str, Any] = {"entity": entity.entity}
        if entity.role is not None:
            description["role"] = entity.role
        if entity.group is not None:
            description["group"] = entity.group
        if entity.value != stretch:
            description["value"] = entity.value
        problem = _problem(description)
        if problem is not None:
            raise _refusal(example, problem)
        descriptions.append(description)
    if len(descriptions) > 1:
        return json.dumps(descriptions, ensure_ascii=False)
    (description,) = descriptions
    if description.keys() <= {"entity", "value"} and isinstance(description.get("value", ""), str):
        parts = [description["entity"]] + ([description["value"]] if "value" in description else [])
        match = _ROUND.fullmatch(f"({':'.join(parts)})")
        if (
            match is not None
            and is_plain_name(parts[0])
            and [part for part in match.groups() if part is not None] == parts
        ):
            return match[0]
    return json.dumps(description, ensure_ascii=False)


def _refusal(example: Example, must_hold: str) -> DataError:
    return DataError(
        f"an example that is written with annotations: {must_hold}",
        got=example,
        where=example.where,
        hint="write JSON (rasa_nlu_data), which gives entities by their offsets",
    )
