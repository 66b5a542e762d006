"""The tables: made once, in Rasa's database too, and refused if they are of a newer version."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from postgres import PostgresServer

from gossamer.data.errors import ConfigError
from gossamer.serve.store import ConversationStore, StoreUnavailable
from gossamer.serve.store.schema import REVISIONS, VERSION_TABLE, make_newest, upgrade
from gossamer.serve.store.tables import metadata

Opens = Callable[..., ConversationStore]
ROOT = Path(__file__).resolve().parents[3]

# As Rasa 3.6 makes them: a serial number in PostgreSQL, the row's own in SQLite.
RASA = """
CREATE TABLE events (
    id {number} NOT NULL, sender_id VARCHAR(255) NOT NULL, type_name VARCHAR(255) NOT NULL,
    timestamp FLOAT, intent_name VARCHAR(255), action_name VARCHAR(255), data TEXT,
    PRIMARY KEY (id)
)
"""
RASA_EVENTS: list[dict[str, Any]] = [
    {"event": "action", "timestamp": 1.0, "name": "action_session_start", "policy": None},
    {"event": "session_started", "timestamp": 1.5},
    {
        "event": "user",
        "timestamp": 2.25,
        "text": "hi",
        "parse_data": {"intent": {"name": "greet", "confidence": 0.9}},
    },
]
COLUMNS = "sender_id, type_name, timestamp, intent_name, action_name, data"


def engine_of(url: str) -> sa.Engine:
    return sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))


@pytest.fixture(params=["sqlite", "postgres"])
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.mark.parametrize("is_indexed", [True, False])
def test_a_database_of_rasa_goes_on(new_url: str, is_indexed: bool, open_store: Opens) -> None:
    engine = engine_of(new_url)
    number = "INTEGER" if new_url.startswith("sqlite") else "SERIAL"
    intents = {"user": "greet"}
    with engine.begin() as connection:
        connection.execute(sa.text(RASA.format(number=number)))
        if is_indexed:
            connection.execute(sa.text("CREATE INDEX ix_events_sender_id ON events (sender_id)"))
        for event in RASA_EVENTS:
            row = {"t": event["event"], "time": event["timestamp"], "data": json.dumps(event)}
            row |= {"i": intents.get(event["event"]), "a": event.get("name")}
            connection.execute(
                sa.text(
                    f"INSERT INTO events ({COLUMNS}) VALUES ('anna', :t, :time, :i, :a, :data)"
                ),
                row,
            )
    store = open_store(new_url)
    assert store.events("anna") == RASA_EVENTS
    with store.lease("anna") as lease:
        assert lease.events() == RASA_EVENTS
        lease.append(RASA_EVENTS)
    assert store.events("anna") == [*RASA_EVENTS, *RASA_EVENTS]
    with engine.connect() as connection:
        rows = connection.execute(sa.text(f"SELECT {COLUMNS} FROM events ORDER BY id")).all()
        indexes = sa.inspect(connection).get_indexes("events")
    engine.dispose()
    assert rows[3:] == rows[:3]  # what we write is what Rasa wrote
    assert [index["column_names"] for index in indexes] == [["sender_id"]]


def test_a_strange_table_of_events_is_refused(new_url: str) -> None:
    engine = engine_of(new_url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE events (id INTEGER PRIMARY KEY, data TEXT)"))
    with pytest.raises(ConfigError, match=r"columns of Rasa 3.6 .*no column action_name, intent"):
        ConversationStore.open(new_url)
    with engine.connect() as connection:
        assert sa.inspect(connection).get_table_names() == ["events"]
    engine.dispose()


def test_the_migrations_make_the_tables_that_are_used(new_url: str) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    engine = engine_of(new_url)
    with engine.begin() as connection:
        upgrade(connection)
    with engine.connect() as connection:
        options = {"version_table": VERSION_TABLE, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        assert compare_metadata(context, metadata) == []
        assert context.get_current_heads() == (REVISIONS[-1],)
    engine.dispose()


def tables_made_by(engine: sa.Engine, make: Callable[[sa.Connection], None]) -> dict[str, Any]:
    """All that is known of the tables that are made."""
    with engine.begin() as connection:
        make(connection)
    made: dict[str, Any] = {}
    with engine.connect() as connection:
        found = sa.inspect(connection)
        for table in found.get_table_names():
            made[table] = {
                "columns": [
                    column | {"type": str(column["type"])} for column in found.get_columns(table)
                ],
                "key": found.get_pk_constraint(table),
                "unique": found.get_unique_constraints(table),
                "indexes": found.get_indexes(table),
            }
        if engine.dialect.name == "sqlite":  # AUTOINCREMENT is nowhere else
            rows = connection.execute(sa.text("SELECT name, sql FROM sqlite_master")).all()
            made["sql"] = {
                name: sorted((sql or "").replace(",", " ").split()) for name, sql in rows
            }
        versions = connection.execute(sa.text(f"SELECT * FROM {VERSION_TABLE}"))
        made["version"] = [*map(tuple, versions)]
    engine.dispose()
    return made


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_new_tables_are_those_of_the_migrations(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if kind == "sqlite":
        new, migrated = (f"sqlite:///{tmp_path / name}.db" for name in ("new", "migrated"))
    else:
        server: PostgresServer = request.getfixturevalue("postgres")
        new, migrated = server.new_database(), server.new_database()
    made = tables_made_by(engine_of(new), make_newest)
    assert made == tables_made_by(engine_of(migrated), upgrade)
    assert {*metadata.tables, VERSION_TABLE} <= made.keys()


def test_all_revisions_are_known() -> None:
    from alembic.script import ScriptDirectory

    folder = ROOT / "src" / "gossamer" / "serve" / "store" / "migrations"
    script = ScriptDirectory(folder)
    assert tuple(each.revision for each in script.walk_revisions())[::-1] == REVISIONS


def test_a_database_of_a_newer_version_is_refused(tmp_path: Path, open_store: Opens) -> None:
    path = tmp_path / "newer.db"
    open_store(f"sqlite:///{path}")
    with sqlite3.connect(path) as connection:
        connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = '99_later'")
    connection.close()
    with pytest.raises(ConfigError, match=r"this version of Gossamer or an older one .*99_later"):
        ConversationStore.open(f"sqlite:///{path}")


def test_no_start_on_a_new_database_needs_alembic(
    new_url: str, open_store: Opens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "alembic", None)
    open_store(new_url).check()
    open_store(new_url).check()


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "must be an SQLAlchemy URL"),
        ("mysql://me:secret@host/db", r"SQLite or PostgreSQL \(got 'mysql'\)"),
        ("postgresql+asyncpg://me:secret@host/db", "SQLite or PostgreSQL"),
        ("postgresql://me:secret@host:port/db", "must be an SQLAlchemy URL"),
    ],
)
def test_an_address_of_something_else_is_refused(url: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        ConversationStore.open(url)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("not a database " * 100, "utf-8")
    with pytest.raises(StoreUnavailable, match="not a database"):
        ConversationStore.open(f"sqlite:///{tmp_path / 'text.db'}")
    with pytest.raises(StoreUnavailable, match="unable to open"):
        ConversationStore.open(f"sqlite:///{tmp_path / 'nowhere' / 'x.db'}")
