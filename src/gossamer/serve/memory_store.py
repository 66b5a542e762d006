# ruff: noqa: D101, D102
"""A stand-in until the store is merged."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any


class Lease:
    def __init__(self, store: ConversationStore, sender_id: str) -> None:
        self.store, self.sender_id = store, sender_id
        self.fence = store.fences.get(sender_id, 0) + 1
        store.fences[sender_id] = self.fence

    def events(self) -> list[dict[str, Any]]:
        return list(self.store.all.get(self.sender_id, []))

    def previous_fence_is(self, fence: int) -> bool:
        return fence == self.fence - 1

    def append(self, events: Sequence[Mapping[str, Any]]) -> None:
        self.store.all.setdefault(self.sender_id, []).extend(dict(e) for e in events)

    def replace(self, events: Sequence[Mapping[str, Any]]) -> None:
        self.store.all[self.sender_id] = [dict(e) for e in events]


class ConversationStore:
    def __init__(self) -> None:
        self.all: dict[str, list[dict[str, Any]]] = {}
        self.fences: dict[str, int] = {}
        self.lock = threading.Lock()

    @classmethod
    def open(cls, url: str, **_: Any) -> ConversationStore:
        return cls()

    @contextmanager
    def lease(self, sender_id: str, wait: float = 60.0) -> Iterator[Lease]:
        yield Lease(self, sender_id)

    def events(self, sender_id: str) -> list[dict[str, Any]]:
        return list(self.all.get(sender_id, []))

    def check(self) -> None: ...
    def close(self) -> None: ...
