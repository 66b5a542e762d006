"""The newest events of all conversations; and what is left of what was removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool

from gossamer.serve.store import ConversationStore


def user(text: str) -> dict[str, object]:
    return {"event": "user", "text": text}


def test_newest_events_page_by_page(store: ConversationStore) -> None:
    assert store.newest(["user"], 10) == []
    for text in ("one", "two", "three"):
        for sender in ("anna", "ben"):
            with store.lease(sender) as lease:
                lease.append([user(text), {"event": "slot", "name": "a", "value": 1}])
    first = store.newest(["user"], 4)
    assert [(each.sender_id, each.event["text"]) for each in first] == [
        *(("ben", "three"), ("anna", "three"), ("ben", "two"), ("anna", "two"))
    ]
    rest = store.newest(["user"], 4, before=first[-1].id)
    assert [(each.sender_id, each.event["text"]) for each in rest] == [
        *(("ben", "one"), ("anna", "one"))
    ]
    assert store.newest(["user"], 4, before=rest[-1].id) == []
    assert len(store.newest(["user", "slot"], 100)) == 12


def left_in(folder: Path, of: bytes) -> int:
    """How often something is in the files of a folder."""
    return sum(path.read_bytes().count(of) for path in folder.iterdir())


@pytest.fixture
def keeps_what_is_removed() -> Iterator[None]:
    """SQLite as it is by default where nobody built it otherwise: it overwrites nothing."""

    def begin(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA secure_delete = OFF")

    event.listen(Pool, "connect", begin)
    yield
    event.remove(Pool, "connect", begin)


@pytest.mark.usefixtures("keeps_what_is_removed")
def test_nothing_of_a_deleted_conversation_is_in_the_files(
    tmp_path: Path, open_store: Callable[..., ConversationStore]
) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'conversations.db'}")
    for sender in ("anna", "ben"):
        for number in range(30):
            with store.lease(sender) as lease:
                lease.append([user(f"secret of {sender} {number} " + "x" * 500)])

    assert left_in(tmp_path, b"secret of anna") >= 30
    assert store.delete("anna") == 30
    assert left_in(tmp_path, b"secret of anna") == 0
    assert left_in(tmp_path, b"secret of ben") >= 30


@pytest.mark.usefixtures("keeps_what_is_removed")
def test_nothing_of_replaced_events_and_killed_reminders_is_in_the_file(tmp_path: Path) -> None:
    due = "2999-01-01T00:00:00Z"
    reminder = {"event": "reminder", "intent": "call", "date_time": due, "kill_on_user_msg": True}
    store = ConversationStore.open(f"sqlite:///{tmp_path / 'conversations.db'}")
    with store.lease("anna") as lease:
        lease.append([user("a secret" + "x" * 500), reminder | {"entities": {"of": "a secret"}}])
    with store.lease("anna") as lease:
        lease.append([user("hello")])
    with store.lease("anna") as lease:
        lease.replace([user("hello")])
    assert store.reminders("anna") == []
    store.close()  # which empties the log of writes
    assert left_in(tmp_path, b"a secret") == 0
