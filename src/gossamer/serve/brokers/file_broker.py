"""Events in a file, as Rasa's file broker writes them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gossamer.data.errors import ConfigError
from gossamer.serve.brokers.broker import EventBroker, to_json


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
        self._is_cut_off = False

    def publish(self, sender_id: str, event: Mapping[str, Any]) -> None:
        """See `EventBroker.publish`."""
        line = to_json(sender_id, event) + b"\n"
        if self._is_cut_off:
            line = b"\n" + line
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            n_written = os.write(file, line)
        finally:
            os.close(file)
        self._is_cut_off = n_written < len(line)
        if self._is_cut_off:
            raise OSError(f"only {n_written} of {len(line)} bytes could be written")
