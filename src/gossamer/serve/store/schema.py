"""The tables brought to the form that this version works with.

Where there are none they are made as they are now; older ones are changed with Alembic, which takes
long to import. Both lead to the same tables.

Several processes may start on a new database at once: one of them makes the tables, in one
transaction, and the others wait for it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    inspect,
    text,
)

from gossamer.data.errors import ConfigError
from gossamer.serve.store.database import Database, DatabaseBusy, ResultT
from gossamer.serve.store.tables import metadata

VERSION_TABLE: Final = "gossamer_alembic_version"
REVISIONS: Final = ("1_first_tables",)
"""All revisions in `migrations/versions`, the newest last."""
_MIGRATIONS = Path(__file__).parent / "migrations"
_PATIENCE_SECONDS: Final = 60.0
# As Alembic makes it.
_VERSIONS: Final = Table(
    VERSION_TABLE,
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
)
_LOCK_NUMBER: Final = 0x676F7373  # "goss", for PostgreSQL's lock of one transaction


def bring_up_to_date(database: Database) -> None:
    """Make the tables, or change them to the newest form.

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
    def work(connection: Connection) -> None:
        if not database.is_sqlite:
            connection.execute(text("SET LOCAL lock_timeout = 0"))
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK_NUMBER})"))
        if _is_newest(connection):
            return  # another process was first
        tables = {VERSION_TABLE, *metadata.tables}
        if tables.isdisjoint(inspect(connection).get_table_names()):
            make_newest(connection)
        else:
            upgrade(connection)

    _patiently(lambda: database.write(work))


def make_newest(connection: Connection) -> None:
    """Make the tables of the newest revision in a database that has none of them."""
    metadata.create_all(connection, checkfirst=False)
    _VERSIONS.create(connection)
    connection.execute(_VERSIONS.insert(), {"version_num": REVISIONS[-1]})


def upgrade(connection: Connection) -> None:
    """Run the migrations that are missing."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    # "%" begins a reference in Alembic's options.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes.update(connection=connection, version_table=VERSION_TABLE)
    command.upgrade(config, "head")


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
