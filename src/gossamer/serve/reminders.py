"""Reminders: an intent is triggered in a conversation when its time has come.

The store has them. Whichever server asks first gets one that is due; it is removed in the
transaction that stores its turn. So each is fired once, also when a server dies meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
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

    @asynccontextmanager
    async def firing(self) -> AsyncIterator[None]:
        """The time in which reminders are fired. At its end those that began are finished."""
        is_over = asyncio.Event()
        task = asyncio.create_task(self._fire_all(is_over))
        try:
            yield
        finally:
            is_over.set()
            await task

    async def _fire_all(self, is_over: asyncio.Event) -> None:
        while not is_over.is_set():
            due: list[Reminder] = []
            if self._server.models.or_none is not None:
                try:
                    due = await self._server.in_thread(
                        lambda: self._server.store.claim_due(time.time(), AT_A_TIME)
                    )
                    await asyncio.gather(*(self._fire(reminder) for reminder in due))
                except Exception as error:  # the database may be back when it is asked again
                    _log.warning("reminders cannot be read: %s", error)
            if len(due) < AT_A_TIME:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(is_over.wait(), self._every)

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
