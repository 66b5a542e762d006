"""From files and folders to training data: which files hold NLU data, and in which format."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

from gossamer.data.errors import DataError, Location
from gossamer.data.examples import TrainingData
from gossamer.data.rasa_json import is_nlu_json, parse_rasa_json
from gossamer.data.rasa_markdown import is_nlu_markdown, parse_rasa_markdown
from gossamer.data.rasa_yaml import is_nlu_yaml, parse_rasa_yaml
from gossamer.data.text_files import read_text
from gossamer.data.text_intent_csv import is_nlu_csv, parse_csv

Paths: TypeAlias = str | Path | Iterable[str | Path]
Parser: TypeAlias = Callable[[str, Path], TrainingData]

SUFFIXES = frozenset({".yml", ".yaml", ".json", ".md", ".csv"})
_FORMATS = (
    "Rasa YAML (nlu:), Rasa Markdown (## intent:name), rasa_nlu_data JSON, CSV of text,intent"
)


def read_training_data(paths: Paths) -> TrainingData:
    """Read NLU training data.

    Files are found and their format is told by their content. In folders, which are searched
    with their subfolders, files that hold no NLU data (stories, domain, README) are passed over,
    as are hidden ones; a file that is named itself must hold NLU data. Symbolic links are
    followed; a file that is reached twice is read once.

    Args:
        paths: a file, a folder or several of them. Folders are read in the order of their
            files' absolute paths.

    Returns:
        The data of all files, one after the other; at least one example.

    Raises:
        DataError: a path is missing, a folder holds no NLU data, there is no example, or a file
            cannot be read as meant (the message names file and line).
    """
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    if not given:
        raise DataError("training data needs a path", got=given, hint="a file or a folder")
    parts: list[TrainingData] = []
    seen: set[str] = set()
    for path in map(Path, given):
        for file, parser, text in _find(path):
            real = os.path.realpath(file)
            if real not in seen:
                seen.add(real)
                parts.append(parser(text, file))
    data = TrainingData().merge(parts)
    if not data.examples:
        raise DataError(
            "training data needs at least one example",
            where=Location(Path(given[0])),
            hint="add examples under 'nlu:', '- intent: greet'",
        )
    return data


def _find(path: Path) -> Iterator[tuple[Path, Parser, str]]:
    """Files with NLU data under a path, how to read each, and their texts."""
    if path.is_dir():
        found = False
        for file in _files(path):
            text = read_text(file)
            parser = _parser(text, file)
            if parser is not None:
                found = True
                yield file, parser, text
        if not found:
            raise DataError(
                "a folder must hold at least one file of NLU data",
                where=Location(path),
                hint=_FORMATS,
            )
        return
    if not path.exists():
        raise DataError("a path of training data must exist", where=Location(path))
    text = read_text(path)
    parser = _parser(text, path)
    if parser is None:
        if path.suffix in (".yml", ".yaml"):
            parse_rasa_yaml(text, path)  # says what is wrong, if it is not well-formed
        raise DataError("a file must hold NLU data", where=Location(path), hint=_FORMATS)
    yield path, parser, text


def _files(folder: Path) -> list[Path]:
    """Files of a known suffix in a folder and below, in the order of their absolute paths."""
    result: list[Path] = []
    visited: set[str] = set()
    for current, folders, names in os.walk(folder, followlinks=True):
        real = os.path.realpath(current)
        if real in visited:  # a link to a folder above, or to one already searched
            folders.clear()
            continue
        visited.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        files = (Path(current, name) for name in names if not name.startswith("."))
        result += (file for file in files if file.suffix.lower() in SUFFIXES and file.is_file())
    return sorted(result, key=os.path.abspath)


def _parser(text: str, path: Path) -> Parser | None:
    """How to read a file, or None when it holds no NLU data."""
    suffix = path.suffix.lower()
    if suffix in (".yml", ".yaml"):
        return parse_rasa_yaml if is_nlu_yaml(text, path) else None
    if suffix == ".json":
        return parse_rasa_json if is_nlu_json(text, path) else None
    if suffix == ".csv":
        return parse_csv if is_nlu_csv(text) else None
    if is_nlu_markdown(text):
        return parse_rasa_markdown
    if suffix == ".md":
        return None
    # A name that says nothing.
    if is_nlu_csv(text):
        return parse_csv
    if text.lstrip().startswith("{") and is_nlu_json(text, path):
        return parse_rasa_json
    return parse_rasa_yaml if is_nlu_yaml(text, path) else None
