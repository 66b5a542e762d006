"""Engines for the databases that are promised: SQLite (a file, or in memory) and PostgreSQL."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import StaticPool

from gossamer.data.errors import ConfigError
from gossamer.data.installed import as_missing_part

BUSY_SECONDS: Final = 5.0
"""How long a statement waits for a lock; a lock is only ever held for a short transaction."""
_POOL = {"pool_size": 8, "max_overflow": 4, "pool_timeout": 10.0}
_POSTGRES_NAMES = ("postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2")
_SQLITE_NAMES = ("sqlite", "sqlite+pysqlite")

# A host that vanished must be noticed in seconds; a URL's own parameters win.
_POSTGRES_ARGUMENTS = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
# A process that was stopped within a transaction must not keep a row from everybody else.
_POSTGRES_SESSION = (
    "SELECT set_config('lock_timeout', '2s', false),"
    " set_config('idle_in_transaction_session_timeout', '5s', false),"
    " set_config('default_transaction_isolation', 'read committed', false)"
)


def read_url(url: str | URL) -> URL:
    """The database's address, with the driver that is used.

    Raises:
        ConfigError: it is no SQLAlchemy URL, or of another database.
    """
    hint = "sqlite:///file.db or postgresql://user:password@host/database"
    try:
        address = make_url(url)
    except (ArgumentError, ValueError):
        raise ConfigError("a database's address must be an SQLAlchemy URL", hint=hint) from None
    if address.drivername in _POSTGRES_NAMES:
        return address.set(drivername="postgresql+psycopg")
    if address.drivername in _SQLITE_NAMES:
        return address
    raise ConfigError(
        "conversations are kept in SQLite or PostgreSQL", got=address.drivername, hint=hint
    )


def is_memory(url: URL) -> bool:
    """Whether the database is in memory, and ends with the store."""
    return url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")


def make_engine(url: URL) -> Engine:
    """An engine for an address of `read_url`; nothing is connected yet.

    Its drivers begin no transaction by themselves: `Database` says BEGIN where it needs one.

    Raises:
        MissingPartError: the driver is not installed.
        ConfigError: the SQLite library is too old.
    """
    if url.get_backend_name() == "sqlite":
        return _sqlite(url)
    given = {key: value for key, value in _POSTGRES_ARGUMENTS.items() if key not in url.query}
    try:
        engine = create_engine(
            url,
            connect_args=given,
            isolation_level="AUTOCOMMIT",
            hide_parameters=True,
            **_POOL,
        )
    except ImportError as error:
        raise as_missing_part("a PostgreSQL database", error) or error from None
    event.listen(engine, "connect", _on_postgres_connect)
    return engine


def _sqlite(url: URL) -> Engine:
    if sqlite3.sqlite_version_info < (3, 35):
        raise ConfigError("SQLite must be 3.35 or newer", got=sqlite3.sqlite_version)
    pool: dict[str, Any] = {"poolclass": StaticPool} if is_memory(url) else _POOL
    engine = create_engine(
        url,
        connect_args={"check_same_thread": False, "timeout": BUSY_SECONDS},
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,
        **pool,
    )
    event.listen(engine, "connect", _on_sqlite_connect)
    return engine


def _on_sqlite_connect(connection: Any, _record: object) -> None:
    """Let what is removed be overwritten, so that it is not in the file either."""
    connection.execute("PRAGMA secure_delete = ON")


def _on_postgres_connect(connection: Any, _record: object) -> None:
    was_autocommit = connection.autocommit
    connection.autocommit = True
    connection.execute(_POSTGRES_SESSION)
    connection.autocommit = was_autocommit
