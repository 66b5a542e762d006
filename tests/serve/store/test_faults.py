"""A database that is gone, full or cut off in the middle."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from postgres import running_postgres

from gossamer.serve.store import ConversationStore, LeaseLost, StoreUnavailable
from gossamer.serve.store.database import Database

Opens = Callable[..., ConversationStore]
HELLO = {"event": "user", "text": "hello", "timestamp": 1.5}


def cut_connections(url: str) -> None:
    """End all other connections of this database, as a restart does."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def test_cut_connections_are_not_noticed(postgres_url: str, open_store: Opens) -> None:
    store = open_store(postgres_url)
    cut_connections(postgres_url)
    with store.lease("cut") as lease:
        cut_connections(postgres_url)
        assert lease.events() == []
        cut_connections(postgres_url)
        lease.append([HELLO])
    cut_connections(postgres_url)
    assert store.events("cut") == [HELLO]
    cut_connections(postgres_url)
    store.check()
    assert store.delete("cut") == 1


def lose_answers(monkeypatch: pytest.MonkeyPatch, *, after: Any = None) -> None:
    """Cut the connection after the next commit, before its success is seen."""
    once = Database._once
    n_left = [1]

    def losing(self: Database, *arguments: Any) -> Any:
        result = once(self, *arguments)
        if n_left[0] > 0:
            n_left[0] -= 1
            if after is not None:
                after()
            error = sa.exc.OperationalError("COMMIT", {}, Exception("connection lost"))
            error.connection_invalidated = True
            raise error
        return result

    monkeypatch.setattr(Database, "_once", losing)


def test_a_lease_is_taken_though_the_answer_was_lost(
    store: ConversationStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_answers(monkeypatch)
    with store.lease("anna", wait=0.0) as lease:
        lease.append([HELLO])
    assert store.events("anna") == [HELLO]


@pytest.mark.parametrize("release", [True, False])
@pytest.mark.parametrize("more", [[], [{"event": "cancel_reminder"}]], ids=["plain", "reminder"])
def test_a_turn_is_written_once_though_the_answer_was_lost(
    store: ConversationStore, monkeypatch: pytest.MonkeyPatch, release: bool, more: list[Any]
) -> None:
    with store.lease("anna") as lease:
        lose_answers(monkeypatch)
        lease.append([HELLO, *more], release=release)
        lease.append([HELLO])
    assert store.events("anna") == [HELLO, *more, HELLO]


def test_it_is_said_if_a_commit_may_have_been_lost(
    store: ConversationStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def next_turn() -> None:
        with store.lease("anna") as other:
            other.append([])

    with store.lease("anna") as lease:
        lose_answers(monkeypatch, after=next_turn)
        with pytest.raises(StoreUnavailable, match="whether the turn was written is not known"):
            lease.append([HELLO])
        with pytest.raises(LeaseLost):
            lease.append([HELLO])


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, open_store: Opens) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'full.db'}")
    with store.lease("anna") as lease:
        lease.append([HELLO])

    def limit(connection: Any, *_: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # as many as there are already

    engine = store._database._engine
    sa.event.listen(engine, "connect", limit)
    store._database.close()
    with store.lease("anna") as lease:
        with pytest.raises(StoreUnavailable, match="database or disk is full"):
            lease.append([HELLO, {"event": "bot", "text": "x" * 100_000}], release=False)
        assert lease.events() == [HELLO]
        sa.event.remove(engine, "connect", limit)
        store._database.close()
        lease.append([HELLO])
    assert store.events("anna") == [HELLO, HELLO]


def test_a_locked_file_is_unavailable_and_then_found_again(
    tmp_path: Path, open_store: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gossamer.serve.store.engine.BUSY_SECONDS", 0.05)
    store, other = (open_store(f"sqlite:///{tmp_path / 'locked.db'}") for _ in range(2))
    with store.lease("anna") as lease:
        with other._database._engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            with pytest.raises(StoreUnavailable, match="locked"):
                lease.append([HELLO])
            assert store.events("anna") == []
        lease.append([HELLO])
    assert store.events("anna") == [HELLO]


def test_nobody_listening_is_told_without_the_password() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(StoreUnavailable) as caught:
            ConversationStore.open(f"postgresql://me:secret@127.0.0.1:{port}/db")
    assert "postgresql+psycopg://me:***@127.0.0.1" in str(caught.value)
    assert "refused" in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.slow
def test_a_database_that_comes_back_is_found_at_once(open_store: Opens) -> None:
    with running_postgres(is_safe=True) as server:
        store = open_store(server.url(), lease_seconds=0.3)
        with store.lease("anna") as lease:
            server.stop()
            for use in (lease.events, store.check, lambda: lease.append([HELLO], release=False)):
                with pytest.raises(StoreUnavailable):
                    use()
            with pytest.raises(StoreUnavailable):
                store.lease("ben").__enter__()
            server.start()
            lease.append([HELLO])
        store.check()
        assert store.events("anna") == [HELLO]
