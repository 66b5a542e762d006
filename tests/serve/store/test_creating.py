"""The option `login_db`: a PostgreSQL database made where it is missing."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from postgres import PostgresServer
from sqlalchemy.engine import make_url

from gossamer.data.endpoints import Endpoints, SqlTrackerStore
from gossamer.data.errors import ConfigError
from gossamer.serve.server import open_store as store_of
from gossamer.serve.store import ConversationStore, StoreUnavailable
from gossamer.serve.store.creating import create_missing

Opens = Callable[..., ConversationStore]
NAMES = ["made here", 'with "quotes" and :colon', "100% früh"]


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_database_is_made(postgres: PostgresServer, name: str, open_store: Opens) -> None:
    url = make_url(postgres.url()).set(database=name)
    with pytest.raises(StoreUnavailable):
        open_store(url)
    open_store(url, login_url=postgres.url())
    assert open_store(url, login_url=postgres.url()).senders(1) == []


def test_endpoints_say_through_which(postgres: PostgresServer) -> None:
    address = SqlTrackerStore.from_url(postgres.url())
    asked = SqlTrackerStore(
        dialect="postgresql",
        host=address.host,
        port=address.port,
        username=address.username,
        db="of_endpoints",
        login_db="postgres",
    )
    store_of(Endpoints(tracker_store=asked)).close()
    ConversationStore.open(postgres.url("of_endpoints")).close()


def test_several_may_make_it_at_once(postgres: PostgresServer, open_store: Opens) -> None:
    url = postgres.url("made_at_once")
    with ThreadPoolExecutor(8) as pool:
        for made in [pool.submit(create_missing, url, postgres.url()) for _ in range(8)]:
            made.result()
    assert open_store(url).senders(1) == []


def test_who_may_not_make_it_is_told(postgres: PostgresServer) -> None:
    import psycopg

    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE guest LOGIN")
    login = make_url(postgres.url()).set(username="guest")
    with pytest.raises(ConfigError, match="may not create it"):
        create_missing(login.set(database="not_made"), login)
