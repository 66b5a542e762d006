"""The little of HTTP/1.1 that a load generator needs: requests as bytes, answers from bytes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

_END_OF_HEAD = b"\r\n\r\n"


class BadAnswer(Exception):
    """Bytes that are not an answer as we read them: HTTP/1.1 with a Content-Length."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of a server.

    Attributes:
        status: such as 200.
        body: its bytes.
        retry_after: seconds that the server asks to wait, or None.
    """

    status: int
    body: bytes
    retry_after: float | None = None


def post(host: str, path: str, content: dict[str, Any]) -> bytes:
    """A request with a JSON body, complete."""
    body = json.dumps(content).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class AnswerReader:
    """Puts the pieces that arrive on one connection together; one answer is awaited at a time."""

    __slots__ = ("_received",)

    def __init__(self) -> None:
        self._received = b""

    def feed(self, data: bytes) -> Answer | None:
        """The answer if it is complete with these bytes, else None.

        Raises:
            BadAnswer: the bytes cannot be read, or more came than was asked for.
        """
        received = self._received + data if self._received else data
        end = received.find(_END_OF_HEAD)
        if end < 0:
            self._received = received
            return None
        head = received[:end]
        fields = head.lower()
        length = _number(fields, b"\r\ncontent-length:")
        if not head.startswith(b"HTTP/1.") or not head[9:12].isdigit() or length is None:
            raise BadAnswer(repr(head[:200]))
        start = end + len(_END_OF_HEAD)
        missing = start + int(length) - len(received)
        if missing > 0:
            self._received = received
            return None
        if missing < 0:
            raise BadAnswer(f"{-missing} bytes after the answer")
        self._received = b""
        status = int(head[9:12])
        wait = None if status == 200 else _number(fields, b"\r\nretry-after:")
        return Answer(status, received[start:], wait)


def _number(fields: bytes, name: bytes) -> float | None:
    """The value of a header that is a number; None where it is missing or something else."""
    at = fields.find(name)
    if at < 0:
        return None
    at += len(name)
    end = fields.find(b"\r\n", at)
    value = fields[at : end if end >= 0 else len(fields)].strip()
    return float(value) if value.isdigit() else None
