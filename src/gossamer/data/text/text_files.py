"""Text files: read as UTF-8 or not at all, and written whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gossamer.data.errors import DataError, InputError, Location
from gossamer.data.text.files import write_files


def read_text(path: Path, *, error: type[InputError] = DataError) -> str:
    r"""The text of a file, a byte order mark dropped and `\r\n` made `\n`.

    Args:
        path: the file.
        error: what is raised.

    Raises:
        InputError: (of the kind `error`) the file cannot be read, is not UTF-8, or holds NUL
            characters, as binary files do.
    """
    try:
        raw = path.read_bytes()
    except OSError as problem:
        raise error("a file must be readable", got=problem.strerror, where=Location(path)) from None
    return decoded_text(raw, path, error=error)


def decoded_text(raw: bytes, path: Path, *, error: type[InputError] = DataError) -> str:
    r"""The text of a file that was read, a byte order mark dropped and `\r\n` made `\n`.

    Args:
        raw: what the file holds.
        path: the file, for locations.
        error: what is raised.

    Raises:
        InputError: (of the kind `error`) it is not UTF-8, or holds NUL characters.
    """
    nul = raw.find(b"\x00")
    if nul >= 0:
        raise error(
            "a file must be text, not binary data",
            got=raw[nul : nul + 1],
            where=Location(path, raw.count(b"\n", 0, nul) + 1),
            hint="save it as UTF-8 text",
        )
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise error(
            "a file must be UTF-8",
            got=raw[problem.start : problem.end],
            where=Location(path, raw.count(b"\n", 0, problem.start) + 1),
            hint="save it as UTF-8",
        ) from None
    return text.replace("\r\n", "\n")


def write_text(path: Path, text: str, *, error: type[InputError] = DataError) -> None:
    """Write one text file, as `write_texts` does."""
    write_texts({path: text}, error=error)


def write_texts(texts: Mapping[Path, str], *, error: type[InputError] = DataError) -> None:
    """Write files in UTF-8, all or none, as `gossamer.data.text.files.write_files` does.

    Args:
        texts: what each file is to hold.
        error: what is raised.

    Raises:
        InputError: (of the kind `error`) a text holds lone surrogates, which UTF-8 cannot express;
            a file cannot be written.
    """
    write_files({path: _encoded(text, path, error) for path, text in texts.items()}, error=error)


def _encoded(text: str, path: Path, error: type[InputError]) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as problem:
        raise error(
            "a text must not hold half a surrogate pair",
            got=text[problem.start : problem.end],
            where=Location(path),
        ) from None
