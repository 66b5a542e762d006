"""Conversations that a process held last, in memory: their number is limited, and their size."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from gossamer.dialogue.history.tracker import Tracker

MOST_CACHED: Final = 2_000
MOST_CHARACTERS: Final = 5_000_000


@dataclass(frozen=True, slots=True)
class CachedTracker:
    """A conversation as it was when its turn was stored.

    Attributes:
        fence: of the lease under which that was.
        model_id: of the model that ran the turn.
        tracker: the conversation.
        n_characters: of its events as JSON.
    """

    fence: int
    model_id: str
    tracker: Tracker
    n_characters: int


class TrackerCache:
    """Keeps conversations; those that were kept longest ago go first. Threads may share it.

    Args:
        most: how many.
        most_characters: of the JSON of all their events together; in memory they take about five
            times as many bytes.
    """

    def __init__(self, most: int = MOST_CACHED, most_characters: int = MOST_CHARACTERS) -> None:
        self._most, self._most_characters = most, most_characters
        self._kept: OrderedDict[str, CachedTracker] = OrderedDict()
        self._n_characters = 0
        self._lock = threading.Lock()

    def get(self, sender_id: str) -> CachedTracker | None:
        """A conversation, if it is kept."""
        with self._lock:
            return self._kept.get(sender_id)

    def keep(self, sender_id: str, cached: CachedTracker) -> None:
        """Keep a conversation; one that is larger than all may be together is not kept."""
        with self._lock:
            self._drop(sender_id)
            self._kept[sender_id] = cached
            self._n_characters += cached.n_characters
            while len(self._kept) > self._most or self._n_characters > self._most_characters:
                _, gone = self._kept.popitem(last=False)
                self._n_characters -= gone.n_characters

    def drop(self, sender_id: str) -> None:
        """Keep a conversation no longer."""
        with self._lock:
            self._drop(sender_id)

    def _drop(self, sender_id: str) -> None:
        gone = self._kept.pop(sender_id, None)
        self._n_characters -= 0 if gone is None else gone.n_characters
