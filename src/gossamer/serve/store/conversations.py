"""The store of conversations: leases, reading, reminders."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, bindparam, text
from sqlalchemy.engine import URL

from gossamer.data.errors import ConfigError
from gossamer.serve.store.creating import create_missing
from gossamer.serve.store.database import Database
from gossamer.serve.store.errors import ConversationBusy
from gossamer.serve.store.heartbeat import Heartbeat
from gossamer.serve.store.holders import new_holder
from gossamer.serve.store.leases import IN_LINE_SECONDS, SELECT_EVENTS, Lease, LeaseStatements
from gossamer.serve.store.reminders import COLUMNS, Reminder, reminder_of
from gossamer.serve.store.rows import checked_sender, column_text, events_of
from gossamer.serve.store.schema import bring_up_to_date

CLAIM_SECONDS: Final = 30.0
"""How long a claimed reminder is left to the one that claimed it."""
_FIRST_POLL, _LAST_POLL = 0.002, 0.02

_SENDERS: Final = text(
    "SELECT DISTINCT sender_id FROM events WHERE sender_id > :after ORDER BY sender_id LIMIT :n"
)
_NEWEST: Final = text(
    "SELECT id, sender_id, data FROM events"
    " WHERE id < :before AND type_name IN :kinds ORDER BY id DESC LIMIT :n"
).bindparams(bindparam("kinds", expanding=True))
_REMINDERS: Final = text(
    f"SELECT {COLUMNS} FROM gossamer_reminders WHERE sender_id = :sender_id ORDER BY due, id"
)
_CHECK: Final = text("SELECT fence FROM gossamer_conversations LIMIT 1")
_CLAIM: Final = """
UPDATE gossamer_reminders SET claimed_until = {clock} + :seconds WHERE id IN (
    SELECT id FROM gossamer_reminders
    WHERE due <= :now AND (claimed_until IS NULL OR claimed_until < {clock})
    ORDER BY due, id LIMIT :n {lock}
) RETURNING {columns}
"""
# The row is locked first, made if need be: a turn that is being written comes before or fails.
_LOCK_ROW: Final = text(
    "INSERT INTO gossamer_conversations (sender_id, fence, written) VALUES (:sender_id, 0, 0)"
    " ON CONFLICT (sender_id) DO NOTHING"
)
_DELETE: Final = tuple(
    text(f"DELETE FROM {table} WHERE sender_id = :sender_id")
    for table in ("gossamer_conversations", "gossamer_reminders", "events")
)
_NEWEST_OF_ALL: Final = 2**62


class StoredEvent(NamedTuple):
    """An event of some conversation.

    Attributes:
        id: grows with each event that is stored.
        sender_id: the conversation.
        event: its JSON.
    """

    id: int
    sender_id: str
    event: dict[str, Any]


class ConversationStore:
    """Conversations in a SQL database; made by `open`. All methods may be called from any thread.

    Several stores, in several processes and on several hosts, may work on one database.
    """

    def __init__(self, database: Database, lease_seconds: float) -> None:
        self._database = database
        self._leases = LeaseStatements(database, lease_seconds)
        self._heartbeat = Heartbeat(lease_seconds / 3)
        lock = "" if database.is_sqlite else "FOR UPDATE SKIP LOCKED"
        self._claim = text(_CLAIM.format(clock=database.clock, lock=lock, columns=COLUMNS))

    @classmethod
    def open(
        cls, url: str | URL, *, login_url: str | URL | None = None, lease_seconds: float = 10.0
    ) -> ConversationStore:
        """Open a database, make its tables or bring them to the newest form.

        A process that forks opens its stores afterwards.

        Args:
            url: SQLAlchemy's form; "sqlite://" is a database in memory.
            login_url: another database of the same PostgreSQL server, through which the database
                is created if it is missing; None: it must be there.
            lease_seconds: how long a conversation stays with a holder that died.

        Raises:
            ConfigError: the address is none that is supported, or a newer version wrote the
                database.
            MissingPartError: the database's driver is not installed.
            StoreUnavailable: the database does not answer.
        """
        if not lease_seconds > 0:
            raise ConfigError("lease_seconds must be above 0", got=lease_seconds)
        if login_url is not None:
            create_missing(url, login_url)
        database = Database(url)
        try:
            bring_up_to_date(database)
        except BaseException:
            database.close()
            raise
        return cls(database, lease_seconds)

    def lease(self, sender_id: str, *, wait: float = 60.0) -> AbstractContextManager[Lease]:
        """Hold a conversation within a `with` block; entering waits until it is free.

        No connection is held meanwhile. One of those that wait is next, whoever comes later; which
        one is not said: the order of messages within a process is the caller's business.

        Args:
            sender_id: the conversation.
            wait: seconds to wait at most.

        Raises:
            InputError: the id is longer than 255 characters, or not storable.
            ConversationBusy: on entering, it was not free in time.
            StoreUnavailable: on entering, the database does not answer.
        """
        return self._held(checked_sender(sender_id), wait)

    @contextmanager
    def _held(self, sender_id: str, wait: float) -> Iterator[Lease]:
        holder = new_holder()
        taken = self._taken(sender_id, holder, wait)
        lease = Lease(self._leases, self._heartbeat, sender_id, holder, taken)
        self._heartbeat.add(lease)
        try:
            yield lease
        finally:
            lease.let_go()

    def _taken(self, sender_id: str, holder: str, wait: float) -> tuple[int, int]:
        taken = self._leases.take(sender_id, holder)
        if taken is None and wait > 0:
            try:
                taken = self._waited_for(sender_id, holder, time.monotonic() + wait)
            finally:
                if taken is None:
                    self._leases.leave_line(sender_id, holder)
        if taken is None:
            raise ConversationBusy(
                f"conversation {sender_id!r} was held by another for {wait:g} seconds"
            )
        return taken

    def _waited_for(self, sender_id: str, holder: str, give_up: float) -> tuple[int, int] | None:
        pause, last_in_line = _FIRST_POLL, -math.inf
        taken = None
        while taken is None and (now := time.monotonic()) < give_up:
            if now > last_in_line + IN_LINE_SECONDS / 3:
                self._leases.end_if_dead(sender_id)
                self._leases.get_in_line(sender_id, holder)
                last_in_line = now
            time.sleep(min(give_up - now, pause * random.uniform(0.5, 1.0)))
            pause = min(2 * pause, _LAST_POLL)
            if self._leases.is_free(sender_id, holder):
                taken = self._leases.take(sender_id, holder)
        return taken

    def events(self, sender_id: str) -> list[dict[str, Any]]:
        """The events of a conversation as they are now, in order; [] if there is none.

        Raises:
            InputError: the id cannot be one.
            StoreUnavailable: the database does not answer.
            DataError: a row of the database holds no event.
        """
        values = {"sender_id": checked_sender(sender_id)}
        return events_of(self._database.read(lambda c: c.execute(SELECT_EVENTS, values).all()))

    def senders(self, limit: int, after: str = "") -> list[str]:
        """Ids of conversations that have events, sorted as the database sorts.

        Args:
            limit: how many at most.
            after: the last id of the page before.
        """
        values = {"n": limit, "after": column_text(after)}
        return list(self._database.read(lambda c: c.execute(_SENDERS, values).scalars().all()))

    def newest(
        self, kinds: Sequence[str], limit: int, before: int = _NEWEST_OF_ALL
    ) -> list[StoredEvent]:
        """Events of all conversations, the newest first.

        Args:
            kinds: of events ("user").
            limit: how many at most.
            before: the id of the last one of the page before.

        Raises:
            StoreUnavailable: the database does not answer.
            DataError: a row of the database holds no event.
        """
        values = {"kinds": list(kinds), "n": limit, "before": before}
        rows = self._database.read(lambda c: c.execute(_NEWEST, values).all())
        found = events_of((number, data) for number, _, data in rows)
        return [StoredEvent(row[0], row[1], event) for row, event in zip(rows, found, strict=True)]

    def delete(self, sender_id: str) -> int:
        """Remove a conversation with its reminders; who holds it cannot write any more.

        SQLite overwrites what is removed, so that it is not in the file either.

        Returns:
            How many events it had.
        """
        values = {"sender_id": checked_sender(sender_id)}

        def work(connection: Connection) -> int:
            connection.execute(_LOCK_ROW, values)
            return [connection.execute(each, values).rowcount for each in _DELETE][-1]

        n_events = self._database.write(work)
        self._database.empty_log()
        return n_events

    def reminders(self, sender_id: str) -> list[Reminder]:
        """Reminders of a conversation that are pending, the next one first."""
        values = {"sender_id": checked_sender(sender_id)}
        rows = self._database.read(lambda c: c.execute(_REMINDERS, values).all())
        return [reminder_of(row) for row in rows]

    def claim_due(self, now: float, limit: int) -> list[Reminder]:
        """Reminders that are due, for this caller to fire; others get them after 30 seconds.

        To fire one is to take the lease of its conversation, ask `Lease.is_pending`, run the turn
        and append it with `fired=`, which removes the reminder with the same commit. So one that
        was claimed by a server that died is fired by another, and none is fired twice.

        Args:
            now: seconds since the epoch.
            limit: how many at most.
        """
        values = {"now": now, "n": limit, "seconds": CLAIM_SECONDS}
        rows = self._database.write_at_once(lambda c: c.execute(self._claim, values).all())
        return sorted((reminder_of(row) for row in rows), key=lambda each: (each.due, each.id))

    def check(self) -> None:
        """Ask the database something simple.

        Raises:
            StoreUnavailable: it does not answer, or our tables are not there.
        """
        self._database.read(lambda c: c.execute(_CHECK).first())

    def close(self) -> None:
        """End the heartbeat and close all connections."""
        self._heartbeat.close()
        self._database.close()
