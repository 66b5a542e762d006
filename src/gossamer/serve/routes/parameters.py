"""What several routes are asked: which conversation, which of its events, and where answers go."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Final, TypeAlias
from urllib.parse import unquote_to_bytes

from fastapi import Depends, Path, Query, Request
from pydantic import BeforeValidator

from gossamer.serve.errors import bad_request
from gossamer.serve.store.tables import ID_LENGTH

CHANNEL: Final = "rest"
"""Where messages of the API come from, as far as a request does not say."""


class Events(StrEnum):
    """Which events of a conversation an answer has."""

    NONE = "NONE"
    APPLIED = "APPLIED"
    AFTER_RESTART = "AFTER_RESTART"
    ALL = "ALL"


def _upper(text: object) -> object:
    return text.upper() if isinstance(text, str) else text


async def _conversation_id(
    request: Request,
    conversation_id: Annotated[
        str, Path(description="Whose conversation.", min_length=1, max_length=ID_LENGTH)
    ],
) -> str:
    raw = request.scope.get("raw_path") or b""
    try:
        unquote_to_bytes(raw).decode()
    except UnicodeDecodeError:
        raise bad_request("a conversation's id must be percent-encoded UTF-8") from None
    if "\0" in conversation_id:
        raise bad_request("a conversation's id must not hold the character NUL")
    return conversation_id


ConversationId: TypeAlias = Annotated[str, Depends(_conversation_id)]
IncludeEvents: TypeAlias = Annotated[
    Events,
    BeforeValidator(_upper),
    Query(
        description="Which events the answer has: none, those that count, those after the last "
        "restart, or all."
    ),
]
Until: TypeAlias = Annotated[
    float | None,
    Query(
        allow_inf_nan=False,
        description="Only what happened until then counts: seconds since the epoch.",
    ),
]
OutputChannel: TypeAlias = Annotated[
    str | None,
    Query(
        description="The channel that sends what is said, by its name in credentials.yml, or "
        "`latest`: that of the last message. Without one that can, the answer has it."
    ),
]
