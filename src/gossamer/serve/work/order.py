"""Messages of one conversation are handled one after the other; there are never too many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from gossamer.serve.errors import overloaded


@dataclass(slots=True)
class _Line:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    n_in_line: int = 0


class ConversationOrder:
    """Lets messages of a conversation in, first come, first served; those of several in parallel.

    Args:
        limit: messages inside and in line at most, of all conversations together.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lines: dict[str, _Line] = {}
        self.n_inside = 0
        self.n_running = 0

    @asynccontextmanager
    async def turn_of(self, sender_id: str) -> AsyncIterator[None]:
        """The time in which no other message of the conversation is handled in this process.

        Raises:
            ServeError: 503, too many are waiting.
        """
        if self.n_inside >= self._limit:
            raise overloaded(f"at most {self._limit} messages may be waiting at a time")
        line = self._lines.setdefault(sender_id, _Line())
        self.n_inside += 1
        line.n_in_line += 1
        try:
            async with line.lock:
                self.n_running += 1
                try:
                    yield
                finally:
                    self.n_running -= 1
        finally:
            self.n_inside -= 1
            line.n_in_line -= 1
            if line.n_in_line == 0:
                del self._lines[sender_id]
