"""Events as rows of the table `events`, and back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gossamer.data.errors import DataError, InputError
from gossamer.serve.store.tables import ID_LENGTH

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def checked_sender(sender_id: str) -> str:
    """A conversation's id that the database can hold.

    Raises:
        InputError: it is empty, too long, or has characters that a database refuses.
    """
    if not isinstance(sender_id, str) or not sender_id:
        raise InputError("a conversation's id must be a text that is not empty", got=sender_id)
    if len(sender_id) > ID_LENGTH:
        raise InputError(
            f"a conversation's id must have at most {ID_LENGTH} characters",
            got=f"{len(sender_id)} characters",
            hint="a shorter id, such as a hash of it",
        )
    if column_text(sender_id) != sender_id:
        raise InputError("a conversation's id must be valid Unicode without NUL", got=sender_id)
    return sender_id


def column_text(text: str) -> str:
    """A text without NUL and lone surrogates, which no column holds; U+FFFD is in their place."""
    return _UNSTORABLE.sub("\ufffd", text)


def _named(value: object) -> str | None:
    return column_text(value)[:ID_LENGTH] if isinstance(value, str) else None


def as_json(value: object, what: str, *, is_sorted: bool = False) -> str:
    """JSON without characters beyond ASCII, so that no database has to know any.

    Raises:
        DataError: the value has no JSON; `what` begins the message.
    """
    try:
        return json.dumps(value, allow_nan=False, sort_keys=is_sorted)
    except (TypeError, ValueError, RecursionError) as error:
        raise DataError(f"{what} must have a JSON form: {error}") from None


def event_row(sender_id: str, event: Mapping[str, Any]) -> dict[str, Any]:
    """One row: what Rasa's SQL tracker store would write for this event.

    Raises:
        DataError: it is no mapping with a text under "event", or has no JSON form.
    """
    kind = event.get("event") if isinstance(event, Mapping) else None
    if not isinstance(kind, str):
        raise DataError('an event must be a mapping with the key "event"', got=event)
    understood = event.get("parse_data")
    intent = understood.get("intent") if isinstance(understood, Mapping) else None
    time = event.get("timestamp")
    return {
        "sender_id": sender_id,
        "type_name": _named(kind),
        "timestamp": float(time) if isinstance(time, int | float) else None,
        "intent_name": _named(intent.get("name")) if isinstance(intent, Mapping) else None,
        "action_name": _named(event.get("name")),
        "data": as_json(dict(event), f'an event of the type "{kind}"'),
    }


def event_rows(sender_id: str, events: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Rows in order; see `event_row`."""
    return [event_row(sender_id, event) for event in events]


def events_of(rows: Iterable[Sequence[Any]]) -> list[dict[str, Any]]:
    """Events from the column `data` of rows of (id, data).

    Raises:
        DataError: a row holds something else; the message has its id.
    """
    return [_event_of(number, data) for number, data in rows]


def _event_of(number: int, data: str | None) -> dict[str, Any]:
    try:
        event = json.loads(data or "")
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict) or not isinstance(event.get("event"), str):
        raise DataError(
            'each row of the table "events" must hold the JSON of an event', got=f"row {number}"
        )
    return event
