"""Lookup tables that are kept in a file of their own, one element a line."""

from __future__ import annotations

from pathlib import Path

from gossamer.data.errors import DataError, Location
from gossamer.data.text.text_files import read_text


def read_lookup_file(name: str, where: Location) -> list[str]:
    """The elements of a lookup file; blank lines are skipped.

    Args:
        name: its path, relative to the folder of the file that names it (Rasa takes it relative
            to the working directory).
        where: the line that names it.

    Raises:
        DataError: the file is missing or not UTF-8.
    """
    path = where.path.parent / Path(name)
    try:
        is_file = path.is_file()
    except OSError:  # a line too long for a name
        is_file = False
    if not is_file:
        raise DataError(
            "a lookup table must be items with a dash, or the name of a file",
            got=name,
            where=where,
            hint=f"is there a file {path}? Its name is relative to the folder of {where.path.name}",
        )
    lines = (line.strip() for line in read_text(path).split("\n"))
    return [line for line in lines if line]
