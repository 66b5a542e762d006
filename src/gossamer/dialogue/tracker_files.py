"""Conversations as files: saved whole or not at all, and replayed to the same state."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from pathlib import Path

from gossamer.data.errors import DataError, InputError, Location
from gossamer.data.slots import Slot
from gossamer.data.text_files import read_text
from gossamer.dialogue.tracker import Tracker


def save_tracker(path: str | Path, tracker: Tracker) -> Path:
    """Write a conversation to a JSON file; one that was there stays until the new one is whole.

    Raises:
        InputError: it cannot be written there, or holds a value that JSON cannot.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        text = json.dumps(tracker.to_dict(), indent=2, ensure_ascii=False)
        temporary.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")
        temporary.replace(path)
    except TypeError as error:
        raise InputError("a conversation must hold JSON values only", got=str(error)) from None
    except OSError as error:
        raise InputError(
            "a conversation must be written to a file that can be written",
            got=str(error),
            where=Location(path),
            hint="another folder",
        ) from None
    finally:
        temporary.unlink(missing_ok=True)
    return path


def load_tracker(path: str | Path, slots: Sequence[Slot]) -> Tracker:
    """Read and replay a conversation that `save_tracker` wrote.

    Args:
        path: the file.
        slots: slots of the domain.

    Raises:
        DataError: the file is missing, no JSON, or no conversation.
    """
    path = Path(path)
    if not path.is_file():
        raise DataError("a conversation must be a file", where=Location(path))
    try:
        content = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise DataError(
            f"a conversation must be JSON: {error.msg}", where=Location(path, error.lineno)
        ) from None
    if not isinstance(content, dict):
        raise DataError(
            'a conversation must be a mapping with the key "events"', where=Location(path)
        )
    try:
        return Tracker.from_dict(slots, content)
    except DataError as error:
        raise DataError(
            error.must_hold, got=error.got, where=Location(path), hint=error.hint
        ) from None
