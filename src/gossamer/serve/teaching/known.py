"""The examples of a project as its files are now, read again when one has changed."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from gossamer.data.nlu.examples import TrainingData
from gossamer.data.nlu.reading import read_training_data

_State: TypeAlias = tuple[tuple[str, int, int], ...]


class KnownExamples:
    """Reads the NLU data of a project. `get` blocks.

    Args:
        data: files and folders.
    """

    def __init__(self, data: Sequence[Path]) -> None:
        self._data = data
        self._lock = threading.Lock()
        self._read: tuple[_State, TrainingData] | None = None

    def get(self) -> TrainingData:
        """All examples.

        Raises:
            InputError: a file cannot be read as meant.
        """
        with self._lock:
            state = tuple(sorted(self._states()))
            if self._read is None or self._read[0] != state:
                self._read = state, read_training_data(self._data)
            return self._read[1]

    def _states(self) -> Iterator[tuple[str, int, int]]:
        for path in self._data:
            for file in path.rglob("*") if path.is_dir() else (path,):
                try:
                    found = file.stat()
                except OSError:  # just now it was there; reading tells
                    continue
                yield str(file), found.st_mtime_ns, found.st_size
