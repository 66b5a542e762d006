"""NLU data in the Markdown of Rasa 1.x and 2.x.

    ## intent:greet
    - hello

Sections are intent, synonym, regex and lookup; items begin with `-`, `*` or `+`. HTML comments
are removed. A heading with a single `#` is ignored. Every other line is an error.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from gossamer.data.errors import DataError, Location
from gossamer.data.nlu.examples import (
    Entity,
    Example,
    LookupTable,
    RegexPattern,
    Synonym,
    TrainingData,
)
from gossamer.data.nlu.formats.annotations import parse_annotated
from gossamer.data.nlu.intents import intent_name
from gossamer.data.nlu.lookup_files import read_lookup_file

_KINDS = ("intent", "synonym", "regex", "lookup")
_SECTION = re.compile(r"^[ \t]*##[ \t]*(?:intent|synonym|regex|lookup)[ \t]*:", re.MULTILINE)
_HEADER = re.compile(r"##[ \t]*(?P<kind>[^:#]+?)[ \t]*:(?P<title>.*)")
_ITEM = re.compile(r"[-*+][ \t]+(?P<text>.*)")
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
ESCAPES = {"\\b": "\b", "\\f": "\f", "\\n": "\n", "\\r": "\r", "\\t": "\t"}
_ESCAPE = re.compile(r"\\[bfnrt]")
_BLANKS = " \t\r"


def is_nlu_markdown(text: str) -> bool:
    """Whether a Markdown file holds NLU data: it has a section of one of the four kinds."""
    return _SECTION.search(text) is not None


def parse_rasa_markdown(text: str, path: Path) -> TrainingData:
    """Read NLU data in Rasa's Markdown.

    Args:
        text: the whole file.
        path: the file, for locations; names of lookup files are relative to its folder.

    Raises:
        DataError: an unknown section, a line that is not an item, an item outside a section, a
            broken annotation, a lookup file that cannot be read.
    """
    examples: list[Example] = []
    synonyms: list[Synonym] = []
    regexes: list[RegexPattern] = []
    lookups: dict[str, tuple[Location, list[str]]] = {}
    kind, title, header = "", "", Location(path)
    n_items = 0
    text = _COMMENT.sub(lambda match: "\n" * match[0].count("\n"), text)
    for number, content in enumerate(text.split("\n"), start=1):
        line = content.strip(_BLANKS)
        if not line or re.match(r"#(?!#)", line):
            continue
        where = Location(path, number)
        if line.startswith("##"):
            _warn_if_empty(kind, title, header, n_items)
            kind, title = _read_header(line, where)
            header, n_items = where, 0
            if kind == "lookup":
                lookups.setdefault(title, (where, []))
            continue
        item = _ITEM.match(line)
        if not kind:
            raise DataError(
                "an item must be in a section", got=line, where=where, hint="## intent:greet"
            )
        n_items += 1
        if item is None or not item["text"]:
            if kind != "lookup" or item is not None or line in ("-", "*", "+"):
                raise DataError(
                    f"a line of the section '{kind}:{title}' must be '-' and a text",
                    got=line,
                    where=where,
                    hint="a dash and a blank before it, or <!-- --> around a remark",
                )
            lookups[title][1].extend(read_lookup_file(line, where))
        elif kind == "intent":
            plain, entities = _unescape(*parse_annotated(item["text"], where))
            if not plain.strip():
                raise DataError("an example needs a text", where=where, hint="remove the line")
            examples.append(Example(text=plain, intent=title, entities=entities, where=where))
        elif kind == "synonym":
            synonyms.append(Synonym(text=item["text"], value=title, where=where))
        elif kind == "regex":
            regexes.append(RegexPattern(name=title, pattern=item["text"], where=where))
        else:
            lookups[title][1].append(item["text"])
    _warn_if_empty(kind, title, header, n_items)
    return TrainingData(
        examples=tuple(examples),
        synonyms=tuple(synonyms),
        regexes=tuple(regexes),
        lookups=tuple(
            LookupTable(name=name, elements=tuple(elements), where=where)
            for name, (where, elements) in lookups.items()
        ),
    )


def _read_header(line: str, where: Location) -> tuple[str, str]:
    match = _HEADER.fullmatch(line)
    if match is None or match["kind"] not in _KINDS:
        raise DataError(
            f"a section must be one of {', '.join(_KINDS)}, a colon and a name",
            got=line,
            where=where,
            hint="## intent:greet",
        )
    kind, title = match["kind"], match["title"].strip()
    if not title:
        raise DataError(f"a section '{kind}' needs a name", where=where, hint=f"## {kind}:name")
    return kind, intent_name(title, where) if kind == "intent" else title


def _warn_if_empty(kind: str, title: str, where: Location, n_items: int) -> None:
    if n_items == 0 and kind not in ("", "lookup"):
        warnings.warn(f"{where}: {kind} '{title}' has no examples", stacklevel=3)


def _unescape(text: str, entities: tuple[Entity, ...]) -> tuple[str, tuple[Entity, ...]]:
    r"""Decode the escapes `\b \f \n \r \t` of an example, keeping offsets right."""
    if "\\" not in text:
        return text, entities

    def decode(piece: str) -> str:
        return _ESCAPE.sub(lambda match: ESCAPES[match[0]], piece)

    cuts = sorted({0, len(text), *(offset for e in entities for offset in e.span)})
    plain, moved = "", {0: 0}
    for start, end in pairwise(cuts):
        plain += decode(text[start:end])
        moved[end] = len(plain)
    return plain, tuple(
        replace(
            entity,
            start=moved[start],
            end=moved[end],
            value=decode(entity.value) if entity.value == text[start:end] else entity.value,
        )
        for entity in entities
        for start, end in (entity.span,)
    )
