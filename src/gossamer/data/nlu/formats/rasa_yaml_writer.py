"""Writing NLU data as Rasa 3.1 YAML, such that reading it gives the same data.

Examples of one intent that follow each other form a block of lines; where a line cannot carry a
text or metadata, the examples are a list of {text, metadata}. Nothing is lost silently: the text is
read back before it is handed out, and what cannot be written is a `DataError`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from gossamer.data.errors import DataError, Location
from gossamer.data.nlu.examples import Example, LookupTable, TrainingData
from gossamer.data.nlu.formats.annotations import annotate
from gossamer.data.nlu.formats.rasa_yaml import parse_rasa_yaml
from gossamer.data.nlu.intents import intent_name
from gossamer.data.nlu.lossless import check_same
from gossamer.data.text.text_files import read_text, write_texts
from gossamer.data.text.yaml_writer import (
    double_quoted,
    is_block_safe,
    yaml_entry,
    yaml_text,
)

_BLANKS = " \r\n"


def dump_yaml(data: TrainingData) -> str:
    """NLU data as the text of one YAML file; reading it gives equal data.

    Args:
        data: what to write. Locations are not written.

    Raises:
        DataError: YAML cannot carry something: an example without an intent or with brackets that
            annotations cannot express, a name with surrounding blanks, a list element with
            surrounding blanks or line breaks, two lookup tables of one name (those need two
            files: `write_yaml`), a value of a type that YAML does not have.
    """
    names = [table.name for table in data.lookups]
    for table in data.lookups:
        if names.count(table.name) > 1:
            raise DataError(
                "lookup tables in one file must have different names",
                got=table.name,
                where=table.where,
                hint="write_yaml, which uses one file for each",
            )
    items: list[list[str]] = []
    key: Callable[[Example], tuple[str | None, str]] = _block_key
    for _, run in groupby(data.examples, key=key):
        items.append(_intent_item(list(run)))
    for value, synonyms in groupby(data.synonyms, key=lambda synonym: synonym.value):
        if not isinstance(value, str):
            raise DataError("a synonym in YAML must have a text as its value", got=value)
        items.append(_element_item("synonym", value, [synonym.text for synonym in synonyms]))
    for name, regexes in groupby(data.regexes, key=lambda regex: regex.name):
        items.append(_element_item("regex", name, [regex.pattern for regex in regexes]))
    items += (_element_item("lookup", table.name, table.elements) for table in data.lookups)
    lines = ['version: "3.1"']
    if items:
        lines.append("nlu:")
        lines += (line for item in items for line in _as_list_item(item))
    if data.responses:
        lines += yaml_entry(
            "responses", {name: list(parts) for name, parts in data.responses.items()}
        )
    text = "\n".join(lines) + "\n"
    check_same(data, parse_rasa_yaml(text, Path("written.yml")), "YAML")
    return text


def write_yaml(data: TrainingData, path: str | Path) -> list[Path]:
    """Write NLU data as YAML, all files or none; reading them gives equal data.

    Args:
        data: what to write.
        path: the file.

    Returns:
        The files, in the order in which they give equal data when they are read.

    Raises:
        DataError: as `yaml_files`, or a file cannot be written.
    """
    texts = yaml_files(data, path)
    write_texts(texts)
    return list(texts)


def yaml_files(data: TrainingData, path: str | Path) -> dict[Path, str]:
    """The YAML files that carry NLU data, and what each is to hold.

    One file is enough unless lookup tables share a name: tables of one name in one file would
    become one table, so further ones go to files beside it, `nlu.2.yml` for `nlu.yml`.

    Args:
        data: what to write.
        path: the first file.

    Returns:
        Texts by file, in the order in which they give equal data when they are read.

    Raises:
        DataError: as `dump_yaml`; or a further file would replace one that exists.
    """
    path = Path(path)
    first, *others = _files_of_lookups(data.lookups)
    texts = {path: dump_yaml(replace(data, lookups=first))}
    for number, tables in enumerate(others, start=2):
        further = path.with_name(f"{path.stem}.{number}{path.suffix}")
        texts[further] = dump_yaml(TrainingData(lookups=tables))
        if further.exists() and read_text(further) != texts[further]:
            raise DataError(
                "a file for a second lookup table of one name must not exist yet",
                where=Location(further),
                hint="remove it, or write to another place",
            )
    return texts


def _files_of_lookups(tables: Sequence[LookupTable]) -> list[tuple[LookupTable, ...]]:
    """Tables, split before each that repeats a name, so that their order is kept."""
    files: list[list[LookupTable]] = [[]]
    for table in tables:
        if any(table.name == other.name for other in files[-1]):
            files.append([])
        files[-1].append(table)
    return [tuple(file) for file in files]


def _block_key(example: Example) -> tuple[str | None, str]:
    # repr, as metadata may be equal without being the same (True and 1).
    return example.intent, repr(example.intent_metadata)


def _as_list_item(lines: list[str]) -> list[str]:
    return [f"- {lines[0]}", *(f"  {line}" if line else line for line in lines[1:])]


def _intent_item(examples: list[Example]) -> list[str]:
    intent = examples[0].intent
    if intent is None or intent_name(intent, examples[0].where) != intent:
        raise DataError(
            "an example in YAML must have an intent, without blanks around its name",
            got=examples[0],
            where=examples[0].where,
        )
    lines = [f"intent: {yaml_text(intent)}"]
    if examples[0].intent_metadata is not None:
        lines += yaml_entry("metadata", examples[0].intent_metadata)
    texts = [annotate(example) for example in examples]
    if all(
        example.metadata is None and fits_line(text)
        for example, text in zip(examples, texts, strict=True)
    ):
        return [*lines, "examples: |", *(f"  - {text}" for text in texts)]
    lines.append("examples:")
    for example, text in zip(examples, texts, strict=True):
        entry = [f"text: {listed_text(text)}"]
        if example.metadata is not None:
            entry += yaml_entry("metadata", example.metadata)
        lines += _as_list_item(entry)
    return lines


def listed_text(text: str, *, is_quoted: bool = False) -> str:
    """An annotated text as the YAML after `text:` in a list of examples.

    Args:
        text: the text.
        is_quoted: whether it is double-quoted in any case, as inside brackets.
    """
    # A first dash is dropped by readers, so a text with one gets a second. Only double quotes keep
    # blanks at the ends.
    text = f"- {text}" if text.startswith("- ") else text
    return double_quoted(text) if is_quoted or text.strip() != text else yaml_text(text)


def fits_line(text: str) -> bool:
    """Whether a block of lines can carry an annotated text, or another element."""
    return text.strip() == text and "\n" not in text and is_block_safe(text)


def _element_item(kind: str, name: str, elements: Sequence[str]) -> list[str]:
    for element in elements:
        if not element or element.strip(_BLANKS) != element or "\n" in element:
            raise DataError(
                f"an element of a {kind} in YAML must be one line without blanks around it",
                got=element,
                hint="drop the blanks",
            )
    if not name.strip():
        raise DataError(f"a {kind} needs a name", got=name)
    lines = [f"{kind}: {yaml_text(name)}"]
    if all(fits_line(element) for element in elements) and elements:
        return [*lines, "examples: |", *(f"  - {element}" for element in elements)]
    # Quotes take every character, and the reader sees the same lines.
    quoted = double_quoted("".join(f"- {element}\n" for element in elements))
    return [*lines, f"examples: {quoted}"]
