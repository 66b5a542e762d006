"""Conversations as files: saved whole or not at all, and replayed to the same state."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from gossamer.data.domain.slots import Slot
from gossamer.data.errors import DataError, Location
from gossamer.data.text.text_files import read_text, write_text
from gossamer.dialogue.history.tracker import Tracker

FORMAT_VERSION: Final = 1


def save_tracker(path: str | Path, tracker: Tracker) -> Path:
    """Write a conversation to a JSON file; an existing one stays until the new one is complete.

    Args:
        path: the file; its folder is made if it is missing.
        tracker: the conversation.

    Returns:
        The file's path.

    Raises:
        DataError: the file cannot be written, or an event holds what JSON cannot express.
    """
    path = Path(path)
    content = {"format_version": FORMAT_VERSION, **tracker.to_dict()}
    try:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, indent=2) + "\n"
    except (TypeError, ValueError, RecursionError) as error:
        raise DataError(
            f"a conversation must hold JSON values only: {error}",
            where=Location(path),
            hint="slots that hold texts, numbers, lists and mappings",
        ) from None
    # Half a surrogate pair, which UTF-8 does not have, becomes an escape of JSON.
    write_text(path, text.encode("utf-8", "backslashreplace").decode("utf-8"))
    return path


def load_tracker(path: str | Path, slots: Sequence[Slot]) -> Tracker:
    """Read and replay a conversation that `save_tracker` wrote, or a tracker of Rasa's as JSON.

    Args:
        path: the file.
        slots: slots of the domain. A slot of the file that is not among them is skipped, with a
            warning.

    Raises:
        DataError: the file is missing, is not JSON or not a conversation, or has a newer format.
    """
    path = Path(path)
    where = Location(path)
    if not path.is_file():
        raise DataError("a conversation must be a file", where=where)
    text = read_text(path)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else None
        raise DataError(
            f"a conversation must be whole JSON: {error}",
            where=Location(path, line),
            hint="an older copy of the file",
        ) from None
    if not isinstance(content, Mapping):
        raise DataError('a conversation must be a mapping with the key "events"', where=where)
    if content.get("format_version", FORMAT_VERSION) != FORMAT_VERSION:
        raise DataError(
            f"the conversation's format version must be {FORMAT_VERSION}",
            got=content["format_version"],
            where=where,
            hint="a newer version of Gossamer",
        )
    try:
        return Tracker.from_dict(slots, content)
    except DataError as error:
        raise DataError(error.must_hold, got=error.got, where=where, hint=error.hint) from None
