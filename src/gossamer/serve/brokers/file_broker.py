"""Events in a file, as Rasa's file broker writes them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from io import RawIOBase
from pathlib import Path
from typing import Any, Final

from gossamer.data.errors import ConfigError
from gossamer.serve.brokers.broker import EventBroker, to_json

_FORGOTTEN: Final = b'{"event": "forgotten"}'


class FileBroker(EventBroker):
    """Adds events to a file, one JSON object a line, with the key "sender_id".

    The file is opened for each event, so it may be moved away at any time. Several processes may
    write to one file. A line that was cut off, as by a full disk, is left as it is and written
    again on a line of its own.

    Args:
        path: the file; made when the first event comes.

    Raises:
        ConfigError: its folder does not exist.
    """

    def __init__(self, path: Path) -> None:
        if not path.resolve().parent.is_dir() or path.is_dir():
            raise ConfigError(
                "events must go to a file in a folder that exists",
                got=str(path),
                hint="'path' under event_broker in endpoints.yml",
            )
        self.path = path

    def publish(self, sender_id: str, event: Mapping[str, Any]) -> None:
        """See `EventBroker.publish`."""
        line = to_json(sender_id, event) + b"\n"
        with self.path.open("a+b", buffering=0) as file:
            if _is_cut_off(file):
                line = b"\n" + line
            n_written = file.write(line) or 0
        if n_written < len(line):
            raise OSError(f"only {n_written} of {len(line)} bytes could be written")


def _is_cut_off(file: RawIOBase) -> bool:
    """Whether the last line has no end, whoever wrote it. It is left as it is."""
    if not file.seekable() or file.seek(0, os.SEEK_END) == 0:
        return False
    file.seek(-1, os.SEEK_END)
    return file.read(1) != b"\n"


def lines_of(path: Path, sender_id: str) -> list[tuple[int, int]]:
    """Where a sender's events are in such a file.

    Args:
        path: the file; without one there are none.
        sender_id: whose.

    Returns:
        Begin and length of each line in bytes, its end left out.
    """
    found: list[tuple[int, int]] = []
    place = 0
    begin = to_json(sender_id, {}).removesuffix(b"}")
    try:
        with path.open("rb") as file:
            for line in file:
                if line.startswith(begin) or _is_of(line, sender_id):
                    found.append((place, len(line.rstrip(b"\r\n"))))
                place += len(line)
    except FileNotFoundError:
        return []
    return found


def blot_out(path: Path, sender_id: str) -> int:
    """Write over a sender's events in such a file; gives how many there were.

    Each line keeps its length, so that servers may go on adding lines meanwhile: it becomes
    `{"event": "forgotten"}` and blanks, or blanks alone where it was cut off early.

    Raises:
        OSError: the file cannot be written.
    """
    lines = lines_of(path, sender_id)
    if lines:
        with path.open("r+b", buffering=0) as file:
            for place, length in lines:
                file.seek(place)
                file.write((_FORGOTTEN if length >= len(_FORGOTTEN) else b"").ljust(length))
            os.fsync(file.fileno())
    return len(lines)


def _is_of(line: bytes, sender_id: str) -> bool:
    """Whether it is an event of this sender, with its keys in whatever order."""
    if b'"sender_id"' not in line:
        return False
    try:
        event = json.loads(line)
    except ValueError:
        return False
    return isinstance(event, dict) and event.get("sender_id") == sender_id
