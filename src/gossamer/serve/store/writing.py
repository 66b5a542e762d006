"""How a turn's events are written, if the conversation is still ours: SQLite's way, PostgreSQL's.

With PostgreSQL an ordinary turn is one statement: one way to the server and back, and no
transaction that stays open when this process is stopped in the middle.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sqlalchemy import Connection, text

from gossamer.serve.store.database import OftenRun, driver_of

_CLAIM: Final = """
UPDATE gossamer_conversations SET written = written + 1
WHERE sender_id = :sender_id AND fence = :fence AND written = :written
RETURNING EXISTS (SELECT 1 FROM gossamer_reminders WHERE sender_id = :sender_id)
"""
_CLAIM_AND_RELEASE: Final = _CLAIM.replace(
    "written + 1\n", "written + 1, holder = NULL, lease_until = NULL\n"
)
_DELETE_EVENTS: Final = text("DELETE FROM events WHERE sender_id = :sender_id")
_KILL: Final = text(
    "DELETE FROM gossamer_reminders WHERE sender_id = :sender_id AND kill_on_user_msg"
)
_INSERT_EVENTS: Final = """
INSERT INTO events (sender_id, type_name, timestamp, intent_name, action_name, data)
VALUES (:sender_id, :type_name, :timestamp, :intent_name, :action_name, :data)
"""

# The parts see the state before the statement, so the old events are removed, not the new ones.
_IN_ONE: Final = """
WITH held (has_reminders) AS ({claim}), removed AS (
    DELETE FROM events USING held WHERE sender_id = :sender_id AND :replaces
), killed AS (
    DELETE FROM gossamer_reminders USING held
    WHERE sender_id = :sender_id AND kill_on_user_msg AND :kills
), added AS (
    INSERT INTO events (sender_id, type_name, timestamp, intent_name, action_name, data)
    SELECT :sender_id, type_name, timestamp, intent_name, action_name, data
    FROM held, ROWS FROM (
        json_to_recordset(CAST(:rows AS json)) AS (
            type_name text, timestamp double precision, intent_name text, action_name text,
            data text
        )
    ) WITH ORDINALITY AS new (type_name, timestamp, intent_name, action_name, data, place)
    ORDER BY place
) SELECT has_reminders FROM held
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What is to be written.

    Attributes:
        key: `sender_id`, `fence` and `written`, as they must be in the conversation's row.
        rows: of the table `events`.
        release: whether others may have the conversation then.
        replaces: whether the events there are go.
        kills: whether the reminders go that a user's message removes.
    """

    key: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]
    release: bool
    replaces: bool
    kills: bool


class TurnWriter(Protocol):
    """Writes events.

    Attributes:
        is_one_statement: whether a turn is written with one statement.
    """

    is_one_statement: bool

    def write(self, connection: Connection, turn: Turn) -> bool | None:
        """Write a turn; whether the conversation had reminders, None if it is not ours."""


class SqliteWriter:
    """Writes with several statements of one transaction."""

    is_one_statement = False

    def __init__(self) -> None:
        self._claims = {False: OftenRun(_CLAIM), True: OftenRun(_CLAIM_AND_RELEASE)}

    def write(self, connection: Connection, turn: Turn) -> bool | None:
        """See `TurnWriter.write`."""
        found = self._claims[turn.release].first(connection, turn.key)
        if found is None:
            return None
        sender = {"sender_id": turn.key["sender_id"]}
        if turn.replaces:
            connection.execute(_DELETE_EVENTS, sender)
        if turn.kills and found[0]:
            connection.execute(_KILL, sender)
        if turn.rows:
            driver_of(connection).executemany(_INSERT_EVENTS, turn.rows)
        return bool(found[0])


class PostgresWriter:
    """Writes with one statement, whose parts change rows only if the first one finds its row."""

    is_one_statement = True

    def __init__(self) -> None:
        self._statements = {
            False: text(_IN_ONE.format(claim=_CLAIM)),
            True: text(_IN_ONE.format(claim=_CLAIM_AND_RELEASE)),
        }

    def write(self, connection: Connection, turn: Turn) -> bool | None:
        """See `TurnWriter.write`."""
        rows = json.dumps(turn.rows)
        values = {**turn.key, "rows": rows, "replaces": turn.replaces, "kills": turn.kills}
        found = connection.execute(self._statements[turn.release], values).first()
        return None if found is None else bool(found[0])
