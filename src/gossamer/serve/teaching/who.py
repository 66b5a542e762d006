"""Who teaches, as it is recorded."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias
from urllib.parse import unquote

from fastapi import Depends, Header, Request

from gossamer.serve.errors import bad_request
from gossamer.serve.security.guard import USER

LOCAL: Final = "local"
"""Who teaches where nobody says a name."""
_LONGEST: Final = 100


async def _teacher(
    request: Request,
    x_teacher: Annotated[
        str | None,
        Header(description="Your name, percent-encoded. A JSON web token's name counts instead."),
    ] = None,
) -> str:
    user = getattr(request.state, USER, None)
    name = user if isinstance(user, str) else unquote(x_teacher or "").strip()
    if len(name) > _LONGEST or not name.isprintable():
        raise bad_request(
            f"a teacher's name may have {_LONGEST} printable characters",
            **{"parameter": "X-Teacher", "in": "header"},
        )
    return name or LOCAL


Teacher: TypeAlias = Annotated[str, Depends(_teacher)]
"""Who asks: the name in the JSON web token, or that of the header `X-Teacher`, or "local"."""
