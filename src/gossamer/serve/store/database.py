"""Short transactions in the database, tried once more when the connection was lost."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from gossamer.serve.store.engine import BUSY_SECONDS, is_memory, make_engine, read_url
from gossamer.serve.store.errors import StoreUnavailable

ResultT = TypeVar("ResultT")
_LOCK_NOT_AVAILABLE: Final = "55P03"
_SQLITE_BUSY: Final = 5
# Hundreds of turns may end at once, as when an action server that hung answers again.
_GATE_SECONDS: Final = 30.0

_EMPTY_WITHIN_MS: Final = 200
_CLOCKS: Final = {
    "sqlite": "((julianday('now') - 2440587.5) * 86400.0)",
    "postgresql": "CAST(extract(epoch FROM clock_timestamp()) AS double precision)",
}


class DatabaseBusy(StoreUnavailable):
    """A lock was not to be had in time."""


class OftenRun:
    """A statement of each turn.

    With SQLite the driver runs it: SQLAlchemy's layers take more time than the database.

    Args:
        sql: with parameters as `:name`.
    """

    def __init__(self, sql: str) -> None:
        self._sql = sql
        self._text = text(sql)

    def first(self, connection: Connection, values: Mapping[str, Any]) -> Any:
        """Run it; the first row, or None."""
        if connection.dialect.name == "sqlite":
            rows = driver_of(connection).execute(self._sql, values).fetchall()
            return rows[0] if rows else None
        return connection.execute(self._text, values).first()


def driver_of(connection: Connection) -> Any:
    """SQLite's own connection behind one; `Database` makes SQLAlchemy's errors of its errors."""
    return connection.connection.driver_connection


class Database:
    """A database, and how work is done in it.

    Work is a function of a connection. It is called a second time, on a new connection, when the
    first one turned out to be dead, as after a restart of the database.

    Args:
        url: an SQLAlchemy URL.

    Attributes:
        clock: SQL for the seconds since the epoch. Leases go by the database's clock.
    """

    def __init__(self, url: str | URL) -> None:
        self.url = read_url(url)
        self.is_memory = is_memory(self.url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.clock = _CLOCKS[self.url.get_backend_name()]
        self._engine = make_engine(self.url)
        # SQLite has one writer at a time, and waiting for it in the library is slow and unfair.
        self._gate = threading.Lock()
        self._kept: Connection | None = None  # what is behind the gate needs no pool

    def read(self, work: Callable[[Connection], ResultT]) -> ResultT:
        """Do work that reads with one statement, which sees one state of the database."""
        return self._twice(work, is_gated=self.is_memory, is_one_statement=True)

    def write_at_once(self, work: Callable[[Connection], ResultT]) -> ResultT:
        """Do work of one writing statement.

        With SQLite a power cut may undo it, as no holder of a lease survives that either. What was
        written with `write` before it stays; what is written with `write` after it takes it along.
        """
        return self._twice(work, is_gated=self.is_sqlite, is_one_statement=True)

    def write(
        self, work: Callable[[Connection], ResultT], *, is_one_statement: bool = False
    ) -> ResultT:
        """Do work in one transaction, which is on the disk when this returns.

        Args:
            work: what to do.
            is_one_statement: whether it is one statement, so that PostgreSQL needs no BEGIN.
        """
        return self._twice(work, is_gated=self.is_sqlite, is_one_statement=is_one_statement)

    def empty_log(self) -> None:
        """Let nothing be left of what was removed in SQLite's log of writes, its second file.

        While others read it, it is left: SQLite writes over it later.
        """

        def work(connection: Connection) -> None:
            driver = driver_of(connection)
            driver.execute(f"PRAGMA busy_timeout = {_EMPTY_WITHIN_MS}")
            try:
                driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            finally:
                driver.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")

        if self.is_sqlite and not self.is_memory:
            with suppress(StoreUnavailable):
                self.write_at_once(work)

    def close(self) -> None:
        """Close all connections."""
        with self._gate:
            self._drop()
        self._engine.dispose()

    def _twice(
        self, work: Callable[[Connection], ResultT], *, is_gated: bool, is_one_statement: bool
    ) -> ResultT:
        try:
            return self._once(work, is_gated, is_one_statement)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise self._as_ours(error) from error
        try:
            return self._once(work, is_gated, is_one_statement)
        except DBAPIError as error:
            raise self._as_ours(error) from error

    def _once(
        self, work: Callable[[Connection], ResultT], is_gated: bool, is_one_statement: bool
    ) -> ResultT:
        try:
            if is_gated:
                with self._one_writer():
                    return self._alone(work, is_one_statement)
            with self._engine.connect() as connection:
                if not is_one_statement:
                    connection.exec_driver_sql("BEGIN")
                result = work(connection)
                connection.commit()
                return result
        except PoolTimeoutError as error:
            raise DatabaseBusy(f"{self._name} has no free connection") from error

    def _alone(self, work: Callable[[Connection], ResultT], is_one_statement: bool) -> ResultT:
        """Do work behind the gate of SQLite.

        It is said first whether the commit waits for the disk; more than one statement takes the
        lock first of all.
        """
        connection = self._kept
        if connection is None:
            connection = self._kept = self._engine.connect()
        try:
            driver = driver_of(connection)
            driver.execute(f"PRAGMA synchronous={'NORMAL' if is_one_statement else 'FULL'}")
            if not is_one_statement:
                driver.execute("BEGIN IMMEDIATE")
            result = work(connection)
            driver.commit()
            connection.commit()
        except sqlite3.Error as error:
            self._drop()
            raise DBAPIError.instance(
                None, None, error, sqlite3.Error, hide_parameters=True
            ) from error
        except BaseException:
            self._drop()
            raise
        return result

    def _drop(self) -> None:
        """Give the kept connection back, which takes back what was not committed."""
        connection, self._kept = self._kept, None
        if connection is not None:
            connection.close()

    @contextmanager
    def _one_writer(self) -> Iterator[None]:
        if not self._gate.acquire(timeout=_GATE_SECONDS):
            raise DatabaseBusy(f"{self._name} has too many writers waiting")
        try:
            yield
        finally:
            self._gate.release()

    @property
    def _name(self) -> str:
        return f"the database {self.url.render_as_string(hide_password=True)}"

    def _as_ours(self, error: DBAPIError) -> Exception:
        """What the caller is told: a fault of the database, or the error itself if it is ours."""
        if isinstance(error, DataError | IntegrityError):
            return error
        cause: Any = error.orig
        reason = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
        if self.url.password:
            reason = reason.replace(str(self.url.password), "***")
        message = f"{self._name} cannot be used now: {reason}"
        is_busy = (
            getattr(cause, "sqlstate", None) == _LOCK_NOT_AVAILABLE
            or getattr(cause, "sqlite_errorcode", 0) & 0xFF == _SQLITE_BUSY
        )
        return DatabaseBusy(message) if is_busy else StoreUnavailable(message)
