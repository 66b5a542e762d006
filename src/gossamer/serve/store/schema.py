"""The tables brought to the form that this version works with, with Alembic.

Several processes may start on a new database at once: one of them makes the tables, in one
transaction, and the others wait for it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from gossamer.data.errors import ConfigError
from gossamer.serve.store.database import Database, DatabaseBusy, ResultT
from gossamer.serve.store.tables import metadata

VERSION_TABLE: Final = "gossamer_alembic_version"
REVISIONS: Final = ("1_first_tables",)
"""All revisions in `migrations/versions`, the newest last."""
_MIGRATIONS = Path(__file__).parent / "migrations"
_PATIENCE_SECONDS: Final = 60.0
_LOCK_NUMBER: Final = 0x676F7373  # "goss", for PostgreSQL's lock of one transaction


def bring_up_to_date(database: Database) -> None:
    """Make the tables, or change them to the newest form; Alembic is imported only for that.

    Raises:
        ConfigError: a newer version of Gossamer wrote the database, or SQLite cannot keep a
            write-ahead log there.
        StoreUnavailable: the database does not answer.
    """
    if database.is_memory:
        database.write(lambda connection: metadata.create_all(connection))
        return
    if database.is_sqlite:
        _use_write_ahead_log(database)
    if not database.read(_is_newest):
        _migrate(database)


def _is_newest(connection: Connection) -> bool:
    if not inspect(connection).has_table(VERSION_TABLE):
        return False
    found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalars().all()
    unknown = set(found) - set(REVISIONS)
    if unknown:
        raise ConfigError(
            "the database must be of this version of Gossamer or an older one",
            got=f"revision {unknown.pop()}",
            hint="the version that wrote it, or another database",
        )
    return list(found) == [REVISIONS[-1]]


def _migrate(database: Database) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    # "%" begins a reference in Alembic's options.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")

    def work(connection: Connection) -> None:
        if not database.is_sqlite:
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK_NUMBER})"))
        if not _is_newest(connection):  # else another process was first
            config.attributes.update(connection=connection, version_table=VERSION_TABLE)
            command.upgrade(config, "head")

    _patiently(lambda: database.write(work))


def _use_write_ahead_log(database: Database) -> None:
    """Let readers and one writer work at the same time; SQLite keeps this in the file.

    The first switch needs the file alone, and SQLite does not wait for it.
    """
    sql = "PRAGMA journal_mode=WAL"
    mode = _patiently(lambda: database.read(lambda c: c.exec_driver_sql(sql).scalar()))
    if mode != "wal":
        raise ConfigError(
            "SQLite must be able to keep a write-ahead log beside the database file",
            got=f"journal mode {mode}",
            hint="a file on a disk of this machine, or PostgreSQL",
        )


def _patiently(work: Callable[[], ResultT]) -> ResultT:
    """Do work again while another process that starts has the database locked."""
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            return work()
        except DatabaseBusy:
            if time.monotonic() > give_up:
                raise
            time.sleep(random.uniform(0.005, 0.02))
