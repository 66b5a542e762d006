"""From paths to files: which files are meant, by their content, and in which order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeAlias, TypeVar

from gossamer.data.errors import DataError, InputError, Location, all_of
from gossamer.data.text.text_files import read_text
from gossamer.data.text.yaml_tree import parse_yaml_tree
from gossamer.data.top_keys import check_top_keys

T = TypeVar("T")
Paths: TypeAlias = str | Path | Iterable[str | Path]
Parser: TypeAlias = Callable[[str, Path], T]


def _every_file(_: Path) -> bool:
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class FileKind(Generic[T]):
    """What is looked for in files.

    Attributes:
        subject: what is read, for messages ("training data").
        name: what a file of this kind holds ("NLU data").
        formats: the formats there are, for hints.
        suffixes: what names of files in folders must end in, lower-cased, with the dot.
        parser: how to read a file, given its text and path; None when it is not of this kind.
        is_wanted: which files of folders are looked at; files that are named always are.
        wanted: what `is_wanted` wants, for messages ("whose name starts with 'test_'").
    """

    subject: str
    name: str
    formats: str
    suffixes: frozenset[str]
    parser: Callable[[str, Path], Parser[T] | None]
    is_wanted: Callable[[Path], bool] = _every_file
    wanted: str = ""


def read_files(paths: Paths, kind: FileKind[T], *, is_required: bool = True) -> list[T]:
    """Read all files of a kind.

    Folders are searched with their subfolders, in the order of their files' absolute paths;
    hidden files and files of other kinds are skipped. A file that is named itself must be of
    the kind, if one is required. Symbolic links are followed; a file that is reached twice is read
    once.

    Args:
        paths: a file, a folder or several of them.
        kind: what to look for.
        is_required: whether each folder must hold a file of the kind, and each named file be one.

    Raises:
        DataError: no path is given, one is missing, a folder holds nothing of the kind though it
            must, a named file is not of the kind, a YAML file has a misspelt key at its top, or
            the kind's parser finds a fault. The faults of all files are reported together.
    """
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    if not given:
        raise DataError(f"{kind.subject} needs a path", got=given, hint="a file or a folder")
    parts: list[T] = []
    faults: list[InputError] = []
    seen: set[str] = set()
    for path in map(Path, given):
        try:
            for file, parser, text in _find(path, kind, faults, is_required=is_required):
                real = os.path.realpath(file)
                if real not in seen:
                    seen.add(real)
                    try:
                        parts.append(parser(text, file))
                    except InputError as fault:
                        faults.append(fault)
        except InputError as fault:
            faults.append(fault)
    if faults:
        raise all_of(faults)
    return parts


def is_of_kind(path: Path, kind: FileKind[T]) -> bool:
    """Whether a file is of a kind.

    Raises:
        DataError: it cannot be read.
    """
    return kind.parser(read_text(path), path) is not None


def _find(
    path: Path, kind: FileKind[T], faults: list[InputError], *, is_required: bool
) -> Iterator[tuple[Path, Parser[T], str]]:
    """Files of a kind under a path, how to read each, and their texts.

    Files of a folder that cannot be read are added to `faults`.
    """
    if path.is_dir():
        found = False
        passed_over: list[Path] = []
        for file in files_in(path, kind.suffixes):
            try:
                text = read_text(file)
                _check_keys(text, file)
                parser = kind.parser(text, file)
            except InputError as fault:
                faults.append(fault)
                found = True  # perhaps; what it holds is not known
                continue
            if parser is None:
                continue
            if not kind.is_wanted(file):
                passed_over.append(file)
                continue
            found = True
            yield file, parser, text
        if not found and is_required:
            raise DataError(
                " ".join(
                    filter(
                        None, (f"a folder must hold at least one file of {kind.name}", kind.wanted)
                    )
                ),
                where=Location(path),
                hint=f"naming the file: {passed_over[0]}" if passed_over else kind.formats,
            )
        return
    if not path.exists():
        raise DataError(f"a path of {kind.subject} must exist", where=Location(path))
    text = read_text(path)
    _check_keys(text, path)
    parser = kind.parser(text, path)
    if parser is None:
        if path.suffix in (".yml", ".yaml"):
            parse_yaml_tree(text, path)  # says what is wrong, if it is not well-formed
        if not is_required:
            return
        raise DataError(f"a file must hold {kind.name}", where=Location(path), hint=kind.formats)
    yield path, parser, text


def _check_keys(text: str, path: Path) -> None:
    if path.suffix.lower() in (".yml", ".yaml"):
        check_top_keys(text, path)


def files_in(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    """Files of certain suffixes in a folder and below, in the order of their absolute paths.

    Hidden files and folders are skipped; symbolic links are followed, loops cut.

    Args:
        folder: where to look.
        suffixes: lower-cased, with the dot.
    """
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
        result += (file for file in files if file.suffix.lower() in suffixes and file.is_file())
    return sorted(result, key=os.path.abspath)
