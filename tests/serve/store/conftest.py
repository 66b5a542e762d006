"""Databases to keep conversations in, each empty and for one test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest
from postgres import PostgresServer

from gossamer.serve.store import ConversationStore

_EMPTY = "TRUNCATE events, gossamer_conversations, gossamer_reminders"


@pytest.fixture(scope="session")
def postgres_url(postgres: PostgresServer) -> str:
    """A database with our tables, which tests share: to make one takes long."""
    url = postgres.new_database()
    ConversationStore.open(url).close()
    return url


def _empty_url(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if kind == "memory":
        return "sqlite://"
    if kind == "sqlite":
        return f"sqlite:///{tmp_path / 'conversations.db'}"
    import psycopg

    url: str = request.getfixturevalue("postgres_url")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(_EMPTY)
    return url


@pytest.fixture
def open_store() -> Iterator[Callable[..., ConversationStore]]:
    """Opens stores that are closed when the test ends."""
    with ExitStack() as stack:

        def make(url: str, **options: Any) -> ConversationStore:
            return stack.enter_context(closing(ConversationStore.open(url, **options)))

        yield make


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    open_store: Callable[..., ConversationStore],
) -> ConversationStore:
    """A store of each kind."""
    return open_store(_empty_url(request.param, request, tmp_path))


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database that several processes can use."""
    return _empty_url(request.param, request, tmp_path)
