"""Conversations as files: saved whole or not at all, and replayed to the same state."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

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
    return _tracker(_json(_text_of(path), Location(path)), slots, Location(path))


def load_trackers(path: str | Path, slots: Sequence[Slot]) -> list[Tracker]:
    """Read and replay all conversations of a file.

    Args:
        path: the file: a conversation as for `load_tracker`, a list of such, or one in each line.
        slots: as for `load_tracker`.

    Raises:
        DataError: as `load_tracker`.
    """
    path = Path(path)
    text = _text_of(path)
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    if len(lines) > 1 and _is_whole(lines[0][1]):
        places = ((line, Location(path, number)) for number, line in lines)
        return [_tracker(_json(line, where), slots, where) for line, where in places]
    content = _json(text, Location(path))
    listed = content if isinstance(content, list) else [content]
    return [_tracker(each, slots, Location(path)) for each in listed]


def _is_whole(line: str) -> bool:
    """Whether a line is JSON of its own, and no beginning of one."""
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _text_of(path: Path) -> str:
    if not path.is_file():
        raise DataError("a conversation must be a file", where=Location(path))
    return read_text(path)


def _json(text: str, where: Location) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        line = error.lineno if isinstance(error, json.JSONDecodeError) else None
        raise DataError(
            f"a conversation must be whole JSON: {error}",
            where=where if where.line is not None else Location(where.path, line),
            hint="an older copy of the file",
        ) from None


def _tracker(content: object, slots: Sequence[Slot], where: Location) -> Tracker:
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
