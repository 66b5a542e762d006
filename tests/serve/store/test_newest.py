"""The newest events of all conversations; and what is left of one that was deleted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

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


def test_nothing_of_a_deleted_conversation_is_in_the_files(
    tmp_path: Path, open_store: Callable[..., ConversationStore]
) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'conversations.db'}")
    for sender in ("anna", "ben"):
        for number in range(30):
            with store.lease(sender) as lease:
                lease.append([user(f"secret of {sender} {number} " + "x" * 500)])

    def occurrences(of: bytes) -> int:
        return sum(path.read_bytes().count(of) for path in tmp_path.iterdir())

    assert occurrences(b"secret of anna") >= 30
    assert store.delete("anna") == 30
    assert occurrences(b"secret of anna") == 0
    assert occurrences(b"secret of ben") >= 30
