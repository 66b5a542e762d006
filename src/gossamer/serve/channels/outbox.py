"""Messages that go out in the background, in order for each recipient."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, TypeAlias

_log: Final = logging.getLogger(__name__)

Deliver: TypeAlias = Callable[[str, Any], Awaitable[None]]
"""Sends JSON to a recipient."""


class Outbox:
    """Delivers one message after the other to a recipient, and to several recipients at a time.

    Args:
        deliver: sends a message; what it raises is logged, and the next one's turn comes.
        limit: messages that may wait, of all recipients together.

    Attributes:
        n_waiting: messages that wait or are being sent.
    """

    def __init__(self, deliver: Deliver, *, limit: int) -> None:
        self.n_waiting = 0
        self._deliver = deliver
        self._limit = limit
        self._lines: dict[str, deque[Any]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def is_full(self) -> bool:
        """Whether no more should be put in."""
        return self.n_waiting >= self._limit

    def put(self, recipient_id: str, messages: Sequence[Any]) -> None:
        """Have messages sent; returns at once."""
        self.n_waiting += len(messages)
        line = self._lines.setdefault(recipient_id, deque())
        is_idle = not line
        line.extend(messages)
        if is_idle and messages:
            task = asyncio.get_running_loop().create_task(self._empty(recipient_id, line))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def close(self, seconds: float) -> None:
        """Wait until all is sent, then end; what is left after that time is given up."""
        if self._tasks:
            _, left = await asyncio.wait(self._tasks, timeout=seconds)
            for task in left:
                task.cancel()
        if self.n_waiting:
            _log.error("%d messages were not sent: the server ends", self.n_waiting)

    async def _empty(self, recipient_id: str, line: deque[Any]) -> None:
        while line:
            try:
                await self._deliver(recipient_id, line[0])
            except Exception:
                _log.exception("a message could not be sent")
            line.popleft()
            self.n_waiting -= 1
        del self._lines[recipient_id]
