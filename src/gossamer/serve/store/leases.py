"""Leases: who may write to a conversation.

A conversation's row counts its holders. The count is the fence: a holder's write compares it with
the one it was given, in the transaction that writes. So a holder that was stopped and woke up after
another took over is refused, whatever the clocks say. Times only decide how long others wait.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

from sqlalchemy import Connection, text

from gossamer.serve.store.database import Database, DatabaseBusy, OftenRun
from gossamer.serve.store.errors import LeaseLost, ReminderGone, StoreUnavailable
from gossamer.serve.store.heartbeat import Heartbeat
from gossamer.serve.store.holders import is_dead
from gossamer.serve.store.reminders import (
    Reminder,
    ReminderChange,
    apply_changes,
    reminder_changes,
)
from gossamer.serve.store.rows import event_rows, events_of
from gossamer.serve.store.writing import PostgresWriter, SqliteWriter, Turn, TurnWriter

log = logging.getLogger(__name__)

IN_LINE_SECONDS: Final = 0.5
"""How long a place in the line is kept for one that does not say again that it waits."""

# A row begins with the time as its fence, so that one that was deleted and made again goes on
# counting above the old one. `holder` names one lease: a second try finds the first one's success.
_TAKE: Final = """
INSERT INTO gossamer_conversations AS mine (sender_id, fence, written, holder, lease_until)
VALUES (:sender_id, CAST({clock} * 1000 AS bigint), 0, :holder, {clock} + :seconds)
ON CONFLICT (sender_id) DO UPDATE
SET fence = mine.fence + 1, holder = excluded.holder, lease_until = excluded.lease_until,
    next_holder = NULL, next_until = NULL
WHERE (mine.holder IS NULL OR mine.holder = excluded.holder OR mine.lease_until < {clock})
AND (mine.next_holder IS NULL OR mine.next_holder = excluded.holder OR mine.next_until < {clock})
RETURNING fence, written
"""
_IS_FREE: Final = """
SELECT count(*) FROM gossamer_conversations
WHERE sender_id = :sender_id AND (
    (holder IS NOT NULL AND lease_until >= {clock})
    OR (next_holder <> :holder AND next_until >= {clock})
)
"""
_GET_IN_LINE: Final = """
UPDATE gossamer_conversations SET next_holder = :holder, next_until = {clock} + :seconds
WHERE sender_id = :sender_id
AND (next_holder IS NULL OR next_holder = :holder OR next_until < {clock})
"""
_LEAVE_LINE: Final = text(
    "UPDATE gossamer_conversations SET next_holder = NULL, next_until = NULL"
    " WHERE sender_id = :sender_id AND next_holder = :holder"
)
_HOLDER: Final = text("SELECT holder FROM gossamer_conversations WHERE sender_id = :sender_id")
_END_LEASE: Final = text(
    "UPDATE gossamer_conversations SET lease_until = 0"
    " WHERE sender_id = :sender_id AND holder = :holder"
)
_RENEW: Final = """
UPDATE gossamer_conversations SET lease_until = {clock} + :seconds
WHERE sender_id = :sender_id AND fence = :fence AND holder = :holder
"""
_RELEASE: Final = """
UPDATE gossamer_conversations SET holder = NULL, lease_until = NULL
WHERE sender_id = :sender_id AND fence = :fence AND holder = :holder
"""
_STATE: Final = text(
    "SELECT fence, written FROM gossamer_conversations WHERE sender_id = :sender_id"
)
SELECT_EVENTS: Final = text("SELECT id, data FROM events WHERE sender_id = :sender_id ORDER BY id")
_PENDING: Final = text(
    "SELECT count(*) FROM gossamer_reminders WHERE id = :id AND sender_id = :sender_id"
)
_FINISH: Final = text("DELETE FROM gossamer_reminders WHERE id = :id AND sender_id = :sender_id")
_DELETE_REMINDERS: Final = text("DELETE FROM gossamer_reminders WHERE sender_id = :sender_id")
_DELETE_PAST: Final = "DELETE FROM gossamer_reminders WHERE sender_id = :sender_id AND due <= {now}"


class LeaseStatements:
    """The statements about leases in a database's dialect, and the work that uses them."""

    def __init__(self, database: Database, seconds: float) -> None:
        self.database = database
        self.seconds = seconds
        self._take = OftenRun(_TAKE.format(clock=database.clock))
        self._is_free = text(_IS_FREE.format(clock=database.clock))
        self._get_in_line = text(_GET_IN_LINE.format(clock=database.clock))
        self._renew = text(_RENEW.format(clock=database.clock))
        self._release = text(_RELEASE)
        self.writer: TurnWriter = SqliteWriter() if database.is_sqlite else PostgresWriter()
        self.delete_past = text(_DELETE_PAST.format(now=database.clock))

    def take(self, sender_id: str, holder: str) -> tuple[int, int] | None:
        """Fence and number of writes of a lease taken now; None if another holds it."""
        values = {"sender_id": sender_id, "holder": holder, "seconds": self.seconds}
        try:
            row = self.database.write_at_once(lambda c: self._take.first(c, values))
        except DatabaseBusy:  # the holder is writing just now, or was stopped in doing so
            return None
        return None if row is None else (row[0], row[1])

    def is_free(self, sender_id: str, holder: str) -> bool:
        """Whether taking is worth a try; this writes nothing."""
        values = {"sender_id": sender_id, "holder": holder}
        return self.database.read(lambda c: c.execute(self._is_free, values).scalar()) == 0

    def get_in_line(self, sender_id: str, holder: str) -> None:
        """Be the next holder, unless another is in line already.

        Else a server that takes a conversation again and again would never be seen to be without.
        """
        values = {"sender_id": sender_id, "holder": holder, "seconds": IN_LINE_SECONDS}
        with suppress(DatabaseBusy):
            self.database.write_at_once(lambda c: c.execute(self._get_in_line, values).rowcount)

    def end_if_dead(self, sender_id: str) -> None:
        """Let a lease run out at once if the process that has it is known to be dead."""
        values = {"sender_id": sender_id}
        holder = self.database.read(lambda c: c.execute(_HOLDER, values).scalar())
        if holder is not None and is_dead(holder):
            log.info("the holder of a conversation is dead, its lease is ended")
            values["holder"] = holder
            with suppress(DatabaseBusy):
                self.database.write_at_once(lambda c: c.execute(_END_LEASE, values).rowcount)

    def leave_line(self, sender_id: str, holder: str) -> None:
        """Wait no longer."""
        values = {"sender_id": sender_id, "holder": holder}
        with suppress(StoreUnavailable):  # the place in the line runs out by itself
            self.database.write_at_once(lambda c: c.execute(_LEAVE_LINE, values).rowcount)

    def renew(self, lease: Lease) -> bool:
        """Hold a lease for longer; False if another has it."""
        values = {**lease.key, "holder": lease.holder, "seconds": self.seconds}
        return self.database.write_at_once(lambda c: c.execute(self._renew, values).rowcount) == 1

    def release(self, lease: Lease) -> None:
        """Let others have it; nothing happens if they have it already."""
        values = {**lease.key, "holder": lease.holder}
        self.database.write_at_once(lambda c: c.execute(self._release, values).rowcount)


class Lease:
    """A conversation held for one turn; made by `ConversationStore.lease`.

    Attributes:
        sender_id: the conversation.
        fence: grows by one with each holder of this conversation.
        holder: names this lease among all of all servers.
        n_characters: of the JSON of events that were read and written with it.
    """

    def __init__(
        self,
        statements: LeaseStatements,
        heartbeat: Heartbeat,
        sender_id: str,
        holder: str,
        taken: tuple[int, int],
    ) -> None:
        self.sender_id = sender_id
        self.holder = holder
        self.fence, self._written = taken
        self._statements = statements
        self._database = statements.database
        self._heartbeat = heartbeat
        self._renewed = time.monotonic()
        self._is_taken_over = False
        self._is_released = False
        self.n_characters = 0

    @property
    def is_lost(self) -> bool:
        """Whether the heartbeat saw that another took over, or could not renew in time.

        `append` decides; this is for callers that want to stop early.
        """
        return self._is_taken_over or (
            self._heartbeat.has(self)
            and time.monotonic() - self._renewed > self._statements.seconds
        )

    @property
    def key(self) -> dict[str, Any]:
        """What the conversation's row is compared with."""
        return {"sender_id": self.sender_id, "fence": self.fence}

    def previous_fence_is(self, fence: int) -> bool:
        """Whether nobody else held the conversation since a lease with this fence.

        If so, the events that its holder knew after its last `append` are all there are. A holder
        whose `append` raised `StoreUnavailable` does not know them.
        """
        return self.fence == fence + 1

    def events(self) -> list[dict[str, Any]]:
        """All events of the conversation, in order.

        Raises:
            StoreUnavailable: the database does not answer.
            DataError: a row of the database holds no event.
        """
        values = {"sender_id": self.sender_id}
        rows = self._database.read(lambda c: c.execute(SELECT_EVENTS, values).all())
        self.n_characters += sum(len(data or "") for _, data in rows)
        return events_of(rows)

    def is_pending(self, reminder: Reminder) -> bool:
        """Whether a claimed reminder is still to be fired, asked before its turn is run."""
        values = {"id": reminder.id, "sender_id": self.sender_id}
        return self._database.read(lambda c: c.execute(_PENDING, values).scalar()) == 1

    def append(
        self,
        events: Sequence[Mapping[str, Any]],
        *,
        fired: Reminder | None = None,
        release: bool = True,
    ) -> None:
        """Write a turn's events, all or none, on the disk when this returns.

        Args:
            events: JSON of events, in order.
            fired: the reminder that this turn was about; it is removed with the same commit.
            release: let others have the conversation with the same commit. A later `append` still
                works as long as nobody else took it.

        Raises:
            LeaseLost: another holder took over; nothing is written.
            ReminderGone: `fired` is not there any more; nothing is written.
            StoreUnavailable: the database does not answer, or has no space. Nothing is written,
                unless the message says that this is not known.
            DataError: an event has no JSON form, or a reminder is unfit; nothing is written.
        """
        self._write(events, fired=fired, release=release, replaces=False)

    def replace(self, events: Sequence[Mapping[str, Any]], *, release: bool = True) -> None:
        """Put these events in place of all there are; arguments and errors as for `append`.

        Reminders become those that the new events leave pending, as far as they are due in future.
        """
        self._write(events, fired=None, release=release, replaces=True)

    def _write(
        self,
        events: Sequence[Mapping[str, Any]],
        *,
        fired: Reminder | None,
        release: bool,
        replaces: bool,
    ) -> None:
        rows = event_rows(self.sender_id, events)
        changes = reminder_changes(self.sender_id, events)
        kinds = {event["event"] for event in events}
        # Most turns change reminders only as each message does; the writer takes care of that.
        is_plain = not (fired or replaces or kinds & {"reminder", "cancel_reminder"})
        turn = Turn(
            key={**self.key, "written": self._written},
            rows=rows,
            release=release,
            replaces=replaces,
            kills=is_plain and "user" in kinds,
        )
        writer = self._statements.writer
        is_one_statement = is_plain and writer.is_one_statement
        was_sent = False

        def work(connection: Connection) -> None:
            nonlocal was_sent
            was_sent, was_sent_before = is_one_statement or was_sent, was_sent
            has_reminders = writer.write(connection, turn)
            if has_reminders is None:
                self._refuse_unless_written(connection, was_sent_before)
                return
            if not is_plain:
                self._change_reminders(connection, changes, has_reminders, fired, replaces)
            was_sent = True

        if release:
            self._heartbeat.forget(self)
        try:
            self._database.write(work, is_one_statement=is_one_statement)
        except LeaseLost:
            self._is_taken_over = True
            raise
        self._written += 1
        self.n_characters += sum(len(row["data"]) for row in rows)
        self._is_released = self._is_released or release

    def _change_reminders(
        self,
        connection: Connection,
        changes: Sequence[ReminderChange],
        has_any: bool,
        fired: Reminder | None,
        replaces: bool,
    ) -> None:
        if fired is not None:
            values = {"id": fired.id, "sender_id": self.sender_id}
            if connection.execute(_FINISH, values).rowcount != 1:
                raise ReminderGone(
                    f"the reminder {fired.name!r} is not pending, nothing was written"
                )
        if replaces:
            connection.execute(_DELETE_REMINDERS, {"sender_id": self.sender_id})
        apply_changes(connection, changes, has_any=has_any)
        if replaces:
            connection.execute(self._statements.delete_past, {"sender_id": self.sender_id})

    def _refuse_unless_written(self, connection: Connection, was_sent: bool) -> None:
        """The row is not as we left it: another holder, or our own first try was committed."""
        state = connection.execute(_STATE, {"sender_id": self.sender_id}).first()
        if was_sent and state is not None and tuple(state) == (self.fence, self._written + 1):
            return
        if was_sent:
            raise StoreUnavailable(
                "the connection to the database was lost during a commit: whether the turn was"
                " written is not known, and its events tell"
            )
        raise LeaseLost(
            f"conversation {self.sender_id!r}: another holder took over, nothing was written"
        )

    def let_go(self) -> None:
        """Release what is still held; the lease runs out by itself if the database is gone."""
        self._heartbeat.forget(self)
        if self._is_released or self._is_taken_over:
            return
        try:
            self._statements.release(self)
        except StoreUnavailable as error:
            log.warning("a lease could not be released and will run out: %s", error)

    def beat(self) -> None:
        """Renew it, and note if another has it; called by the heartbeat."""
        started = time.monotonic()
        if self._statements.renew(self):
            self._renewed = started
        elif self._heartbeat.forget(self):
            self._is_taken_over = True
