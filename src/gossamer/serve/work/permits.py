"""Many turns may wait in threads of their own; a few compute at a time.

Were all that wait to go on at once, as when an action server that hung answers again, they would
take turns at the interpreter and wait for the database longer than a lock is waited for.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from gossamer.data.domain.domain import Domain
from gossamer.dialogue.actions.action import ActionReply, CustomActions, MessageMaker
from gossamer.dialogue.history.events import BotUttered
from gossamer.dialogue.history.tracker import Tracker

N_PERMITS: Final = (os.cpu_count() or 1) + 2


class Permits:
    """Permits to compute: a thread has one while it works, and gives it up while it waits.

    Args:
        n: how many there are.
    """

    def __init__(self, n: int = N_PERMITS) -> None:
        self._permits = threading.Semaphore(n)
        self._mine = threading.local()

    @contextmanager
    def working(self) -> Iterator[None]:
        """The time in which this thread computes."""
        with self._permits:
            self._mine.has_one = True
            try:
                yield
            finally:
                self._mine.has_one = False

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """The time in which this thread waits for something; others have its permit."""
        if not getattr(self._mine, "has_one", False):
            yield
            return
        self._permits.release()
        try:
            yield
        finally:
            self._permits.acquire()

    def sleep(self, seconds: float) -> None:
        """Wait for some time."""
        with self.waiting():
            time.sleep(seconds)


class WaitingActions:
    """Custom actions, for which a turn waits.

    Args:
        actions: runs them.
        permits: of turns.
    """

    def __init__(self, actions: CustomActions, permits: Permits) -> None:
        self._actions = actions
        self._permits = permits

    def run(self, name: str, tracker: Tracker, domain: Domain) -> ActionReply:
        """See `CustomActions.run`."""
        with self._permits.waiting():
            return self._actions.run(name, tracker, domain)


class WaitingMessages:
    """Messages of responses, for which a turn waits.

    Args:
        maker: makes them.
        permits: of turns.
    """

    def __init__(self, maker: MessageMaker, permits: Permits) -> None:
        self._maker = maker
        self._permits = permits

    def generate(
        self,
        name: str,
        tracker: Tracker,
        channel: str,
        domain: Domain,
        arguments: Mapping[str, Any],
    ) -> BotUttered:
        """See `MessageMaker.generate`."""
        with self._permits.waiting():
            return self._maker.generate(name, tracker, channel, domain, arguments)
