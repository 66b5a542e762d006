# ruff: noqa: D101, D102
"""A stand-in until the store is merged."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class Reminder:
    id: int
    sender_id: str
    name: str
    intent: str
    entities: Any
    due: float
    kills: bool


class ReminderGone(RuntimeError): ...


class Lease:
    def __init__(self, store: ConversationStore, sender_id: str) -> None:
        self.store, self.sender_id = store, sender_id
        self.fence = store.fences.get(sender_id, 0) + 1
        store.fences[sender_id] = self.fence

    def events(self) -> list[dict[str, Any]]:
        return list(self.store.all.get(self.sender_id, []))

    def previous_fence_is(self, fence: int) -> bool:
        return fence == self.fence - 1

    def is_pending(self, reminder: Reminder) -> bool:
        return reminder.id in self.store.pending

    def append(self, events: Sequence[Mapping[str, Any]], *, fired: Reminder | None = None) -> None:
        pending = self.store.pending
        with self.store.lock:
            if fired is not None and pending.pop(fired.id, None) is None:
                raise ReminderGone
            for event in events:
                self.store.remind(self.sender_id, event)
        self.store.all.setdefault(self.sender_id, []).extend(dict(e) for e in events)

    def replace(self, events: Sequence[Mapping[str, Any]]) -> None:
        self.store.all[self.sender_id] = [dict(e) for e in events]


class ConversationStore:
    def __init__(self) -> None:
        self.all: dict[str, list[dict[str, Any]]] = {}
        self.fences: dict[str, int] = {}
        self.lock = threading.Lock()
        self.pending: dict[int, Reminder] = {}
        self.claims: dict[int, float] = {}
        self.n_reminders = 0

    def remind(self, sender_id: str, event: Mapping[str, Any]) -> None:
        kind, name, intent = event["event"], event.get("name"), event.get("intent")
        for each in list(self.pending.values()):
            if each.sender_id == sender_id and (
                (kind == "user" and each.kills)
                or (kind == "reminder" and each.name == name)
                or (kind == "cancel_reminder" and name in (None, each.name))
            ):
                del self.pending[each.id]
        if kind == "reminder":
            self.n_reminders += 1
            due = datetime.fromisoformat(event["date_time"]).timestamp()
            name = name or str(self.n_reminders)
            reminder = Reminder(
                self.n_reminders,
                sender_id,
                name,
                str(intent),
                event.get("entities"),
                due,
                bool(event.get("kill_on_user_msg", True)),
            )
            self.pending[reminder.id] = reminder

    def reminders(self, sender_id: str) -> list[Reminder]:
        return [each for each in self.pending.values() if each.sender_id == sender_id]

    def claim_due(self, now: float, limit: int) -> list[Reminder]:
        with self.lock:
            clock = time.monotonic()
            due = [
                each
                for each in self.pending.values()
                if each.due <= now and self.claims.get(each.id, 0.0) < clock
            ][:limit]
            self.claims |= {each.id: clock + 30.0 for each in due}
        return due

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
