"""Reminders: an intent is triggered in a conversation when its time has come.

The store has them. Whichever server asks first gets one that is due; it is removed in the
transaction that stores its turn. So each is fired once, also when a server dies meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from gossamer.data.entities import Entity
from gossamer.data.errors import DataError
from gossamer.dialogue.history.events import ReminderScheduled, Restarted
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.runtime.turn import Turn
from gossamer.dialogue.runtime.turn_runner import TurnRunner, latest_channel
from gossamer.serve.server import Server
from gossamer.serve.store.reminders import Reminder

_log: Final = logging.getLogger(__name__)
EVERY: Final = 1.0
AT_A_TIME: Final = 16
"""Reminders that may be fired at the same time."""


class Reminders:
    """Fires the reminders that are due.

    As in Rasa 3.6, a restart of the conversation makes them void. Departures from Rasa 3.6: they
    outlive the server; a session that began meanwhile does not make them void; they are sent
    through the channel of the conversation's last message.

    Args:
        server: whose conversations.
        every: seconds after which the store is asked again.
    """

    def __init__(self, server: Server, *, every: float = EVERY) -> None:
        self._server = server
        self._every = every
        self._running: dict[int, asyncio.Task[None]] = {}  # by the reminder's id

    @asynccontextmanager
    async def firing(self) -> AsyncIterator[None]:
        """The time in which reminders are fired. At its end those that began may finish.

        What takes longer than the server may take to end is left: it is pending still, unless its
        turn was stored.
        """
        is_over = asyncio.Event()
        task = asyncio.create_task(self._fire_all(is_over))
        try:
            yield
        finally:
            is_over.set()
            await task
            await self._end()

    async def _fire_all(self, is_over: asyncio.Event) -> None:
        """Begin what is due. One that hangs keeps one of the places from the others, no more."""
        over = asyncio.create_task(is_over.wait())
        while not is_over.is_set():
            n_free = AT_A_TIME - len(self._running)
            due = await self._claimed(n_free)
            for reminder in due:
                if reminder.id not in self._running:  # its claim ran out, and it still runs
                    self._begin(reminder)
            if len(due) < n_free:
                await asyncio.wait([over], timeout=self._every)
            elif len(self._running) == AT_A_TIME:
                ends = [over, *self._running.values()]
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        await over

    async def _claimed(self, n: int) -> list[Reminder]:
        if self._server.models.or_none is None:
            return []
        try:
            return await self._server.in_thread(
                lambda: self._server.store.claim_due(time.time(), n)
            )
        except Exception as error:  # the database may be back when it is asked again
            _log.warning("reminders cannot be read: %s", error)
            return []

    def _begin(self, reminder: Reminder) -> None:
        task = self._running[reminder.id] = asyncio.create_task(self._fire(reminder))
        task.add_done_callback(lambda _: self._running.pop(reminder.id))

    async def _end(self) -> None:
        running = [*self._running.values()]
        if running:
            await asyncio.wait(running, timeout=self._server.settings.limits.closing_seconds)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _fire(self, reminder: Reminder) -> None:
        channel: str | None = None

        def work(runner: TurnRunner, tracker: Tracker) -> tuple[Tracker, Turn]:
            nonlocal channel
            if _is_void(reminder, tracker):
                return tracker, Turn()
            channel = latest_channel(tracker)
            try:
                entities = entities_of(reminder.entities)
                return runner.trigger(tracker, reminder.intent, entities, channel=channel)
            except DataError as error:
                _log.error("the reminder %r is given up: %s", reminder.name, error)
                return tracker, Turn()

        try:
            turn = await self._server.turn(reminder.sender_id, work, reminder=reminder)
        except Exception as error:  # it is still pending, and fired when its claim has run out
            _log.warning("the reminder %r could not be fired yet: %s", reminder.name, error)
            return
        if turn.messages and not await self._send(reminder.sender_id, channel, turn):
            _log.warning(
                "the messages of the reminder %r were stored but not sent: the channel %s cannot, "
                "or nobody is connected",
                reminder.name,
                channel,
            )

    async def _send(self, sender_id: str, channel: str | None, turn: Turn) -> bool:
        try:
            return await self._server.send(sender_id, channel, turn.messages)
        except Exception:  # of a channel of the user's own
            _log.exception("the channel %s failed in send", channel)
            return False


def entities_of(given: Any) -> list[Entity]:
    """Entities of an intent that is triggered: a list as in messages, or values by their names.

    Raises:
        DataError: they are neither.
    """
    if isinstance(given, dict):
        return [Entity(entity=name, value=value) for name, value in given.items()]
    if not (given is None or isinstance(given, list)):
        raise DataError("entities must be a list, or values by their names", got=given)
    return [Entity.from_dict(each) for each in given or ()]


def _is_void(reminder: Reminder, tracker: Tracker) -> bool:
    """Whether the conversation was restarted since it was asked for."""
    for event in reversed(tracker.events):
        if isinstance(event, Restarted):
            return True
        if isinstance(event, ReminderScheduled) and event.name in (None, reminder.name):
            return False
    return False
