"""Reminders: rows that the events of a conversation write and remove.

An event "reminder" adds one, in place of one of the same name; "cancel_reminder" removes those that
fit; a user's message removes those that are not to outlive it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, text

from gossamer.data.errors import DataError
from gossamer.serve.store.rows import as_json, column_text
from gossamer.serve.store.tables import ID_LENGTH


@dataclass(frozen=True, slots=True, kw_only=True)
class Reminder:
    """An intent to be triggered in a conversation.

    Attributes:
        id: of the row; a reminder that replaces another has a new one.
        sender_id: the conversation.
        name: its name within the conversation.
        intent: the intent.
        entities: as in the event.
        due: when, in seconds since the epoch.
    """

    id: int
    sender_id: str
    name: str
    intent: str
    entities: Any
    due: float


COLUMNS: Final = "id, sender_id, name, intent, entities, due"
"""Columns of the table that `reminder_of` takes, in order."""


def reminder_of(row: Sequence[Any]) -> Reminder:
    """The reminder in a row of `COLUMNS`."""
    number, sender_id, name, intent, entities, due = row
    return Reminder(
        id=number,
        sender_id=sender_id,
        name=name,
        intent=intent,
        entities=json.loads(entities),
        due=float(due),
    )


@dataclass(frozen=True, slots=True)
class ReminderChange:
    """A statement about the reminders of one conversation."""

    sql: str
    values: Mapping[str, Any]
    adds: bool = False


_DELETE = "DELETE FROM gossamer_reminders WHERE sender_id = :sender_id"
_INSERT = (
    "INSERT INTO gossamer_reminders (sender_id, name, intent, entities, due, kill_on_user_msg)"
    " VALUES (:sender_id, :name, :intent, :entities, :due, :kills)"
)


def reminder_changes(sender_id: str, events: Sequence[Mapping[str, Any]]) -> list[ReminderChange]:
    """What events do to the reminders of their conversation, in order.

    Raises:
        DataError: a reminder lacks an intent or a time, or one of its parts is unfit.
    """
    changes = []
    for event in events:
        values: dict[str, Any] = {"sender_id": sender_id}
        if event["event"] == "user":
            changes.append(ReminderChange(f"{_DELETE} AND kill_on_user_msg", values))
        elif event["event"] == "reminder":
            values["name"] = _name(event.get("name")) or uuid.uuid4().hex
            changes.append(ReminderChange(f"{_DELETE} AND name = :name", values))
            row = values | {
                "intent": _intent(event.get("intent")),
                "entities": _entities(event.get("entities")),
                "due": _due(event.get("date_time")),
                "kills": bool(event.get("kill_on_user_msg", True)),
            }
            changes.append(ReminderChange(_INSERT, row, adds=True))
        elif event["event"] == "cancel_reminder":
            fits = {"name": _name(event.get("name"))}
            if event.get("intent") is not None:
                fits["intent"] = _intent(event["intent"])
            if event.get("entities") is not None:
                fits["entities"] = _entities(event["entities"])
            given = {key: value for key, value in fits.items() if value is not None}
            sql = "".join([_DELETE, *(f" AND {key} = :{key}" for key in given)])
            changes.append(ReminderChange(sql, values | given))
    return changes


def apply_changes(
    connection: Connection, changes: Sequence[ReminderChange], *, has_any: bool
) -> None:
    """Carry the changes out.

    Args:
        connection: in a transaction that has the conversation's row locked.
        changes: of one conversation.
        has_any: whether it has reminders; if not, nothing is removed before one is added.
    """
    for change in changes:
        has_any = has_any or change.adds
        if has_any:
            connection.execute(text(change.sql), change.values)


def _name(name: object) -> str | None:
    if name is None:
        return None
    if not isinstance(name, str) or len(name) > ID_LENGTH:
        raise DataError(
            f"a reminder's name must be a text of at most {ID_LENGTH} characters", got=name
        )
    return column_text(name)


def _intent(intent: object) -> str:
    if not isinstance(intent, str) or not intent:
        raise DataError("a reminder must name an intent", got=intent)
    return column_text(intent)


def _entities(entities: object) -> str:
    return as_json(entities, "a reminder's entities", is_sorted=True)


def _due(date_time: object) -> float:
    """Seconds since the epoch; a time without a zone is one of this host, as in Rasa."""
    try:
        return datetime.fromisoformat(date_time).timestamp()  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, OSError):
        raise DataError(
            "a reminder's date_time must be a time as in ISO 8601",
            got=date_time,
            hint="2026-01-31T09:00:00+01:00",
        ) from None
