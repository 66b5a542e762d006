"""Files that are either whole or not there."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gossamer.data.errors import InputError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends without an error.

    A crash leaves the old file, if there was one, untouched.
    """
    # Not tempfile: its files are private, a report is as readable as any other file.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file in one step."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: Path, content: Any) -> None:
    """Write JSON, indented; what JSON does not know (dates in values) is written as text."""
    text = json.dumps(content, indent=4, ensure_ascii=False, default=str)
    try:
        text.encode()
    except UnicodeEncodeError:
        # Half a surrogate pair, which UTF-8 cannot express but JSON's escapes can.
        text = json.dumps(content, indent=4, default=str)
    write_text(path, text + "\n")


def make_folder(path: Path) -> None:
    """Make a folder and its parents.

    Raises:
        InputError: a file stands in its place.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise InputError(
            "the output must be a folder", got=str(path), hint="another name, or move the file"
        ) from error
