"""Finds the files that a featurizer's option names, and the checksum they are known by."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from gossamer.data.errors import ConfigError, DataError, Location, ModelFileError

_BLOCK = 2**20


def existing(name: str, *, option: str) -> Path:
    """The file or folder of a path, or else the folder of an installed package of that name.

    Nothing is imported.

    Args:
        name: as it is written; a path is relative to the working folder.
        option: what it is called, for the message.

    Raises:
        ConfigError: there is none.
    """
    path = Path(name)
    try:
        if path.is_file() or path.is_dir():  # others, as a pipe, may have no end
            return path
        spec = importlib.util.find_spec(name) if name.isidentifier() else None
    except (OSError, ValueError, ImportError):  # a path too long; a broken package
        spec = None
    folders = [] if spec is None else list(spec.submodule_search_locations or ())
    if not folders:
        raise ConfigError(
            f"{option} must be a file, a folder or an installed package",
            got=name,
            hint=f"pip install {name.replace('_', '-')}"
            if name.isidentifier()
            else f"is there {path.absolute()}?",
        )
    return Path(folders[0])


def only_file(folder: Path, pattern: str, what: str) -> Path:
    """The one file of a folder, or of the folders in it, that fits a pattern.

    Raises:
        ConfigError: there is none, there are several, or the folder cannot be read.
    """
    try:
        found = sorted({path for part in (pattern, f"*/{pattern}") for path in folder.glob(part)})
    except OSError as problem:
        raise ConfigError(
            "a folder of vectors must be readable", got=problem.strerror, where=Location(folder)
        ) from problem
    if len(found) != 1:
        raise ConfigError(
            f"a folder of vectors must have one {what}, {pattern}",
            got=[path.name for path in found] or "none",
            where=Location(folder),
            hint="a folder of its own for these files" if found else "another folder",
        )
    return found[0]


def checksum(files: Sequence[Path]) -> str:
    """SHA-256 of what files hold, one after the other, in hexadecimal digits.

    Raises:
        DataError: one cannot be read.
    """
    digest = hashlib.sha256()
    for path in files:
        try:
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    digest.update(block)
        except OSError as problem:
            raise DataError(
                "a file must be readable", got=problem.strerror, where=Location(path)
            ) from None
    return digest.hexdigest()


def check_unchanged(files: Sequence[Path], stored: str, *, owner: str) -> None:
    """Refuse files other than those that a model was trained with.

    Raises:
        ModelFileError: what they hold differs.
    """
    found = checksum(files)
    if found != stored:
        raise ModelFileError(
            f"{owner} must find the files it was trained with, with SHA-256 {stored[:12]}...",
            got=f"{found[:12]}...",
            where=Location(files[0]),
            hint="the old files, or training the model again",
        )


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """A file's bytes, unpacked where its name ends in `.gz`.

    Raises:
        DataError: it cannot be read, or is damaged.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            yield cast("IO[bytes]", file)
    except (OSError, EOFError, zlib.error) as problem:
        got = getattr(problem, "strerror", None) or str(problem)
        raise DataError(
            "a file must be readable and whole", got=got, where=Location(path)
        ) from problem
