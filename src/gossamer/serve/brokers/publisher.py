"""Publishes events in a thread of its own, so that no conversation waits for a broker."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from gossamer.data.errors import ConfigError
from gossamer.serve.brokers.broker import EventBroker

LOG: Final = logging.getLogger(__name__)
DEFAULT_LIMIT: Final = 10_000
DEFAULT_PAUSE: Final = 5.0
_KEEP_ALIVE: Final = 10.0
_BETWEEN_REPORTS: Final = 60.0

_Entry: TypeAlias = tuple[str, Mapping[str, Any]]


class Publisher:
    """A queue of events, and a thread that publishes them in order.

    While the broker is down events wait, up to a limit; then the oldest is dropped for each new
    one. What is dropped is counted, and logged without what is in it. An event that was given to a
    broker as it went down may be published twice.

    Args:
        broker: where events go; closed with this.
        limit: how many events may wait.
        pause: seconds until a broker that is down is tried again; the first time it is tried at
            once, as a connection that was idle may be stale.
        keeps_unsent: whether events wait for a broker that is down; else those that wait are
            dropped each time it was tried.

    Attributes:
        n_published: how many events were published.
        n_dropped: how many were dropped.

    Raises:
        ConfigError: `limit` is less than 1.
    """

    def __init__(
        self,
        broker: EventBroker,
        *,
        limit: int = DEFAULT_LIMIT,
        pause: float = DEFAULT_PAUSE,
        keeps_unsent: bool = True,
    ) -> None:
        if limit < 1:
            raise ConfigError("the limit of events must be at least 1", got=limit)
        self.n_published = 0
        self.n_dropped = 0
        self._broker = broker
        self._limit = limit
        self._pause = pause
        self._keeps_unsent = keeps_unsent
        self._waiting: deque[_Entry] = deque()
        self._changed = threading.Condition()
        self._is_closing = False
        self._give_up_at = float("inf")
        self._n_failed = 0  # in a row
        self._n_reported = 0
        self._report_at = 0.0
        self._full = f"no more than {limit} events may wait for the broker"
        self._thread = threading.Thread(target=self._run, name="gossamer-events", daemon=True)
        self._thread.start()

    @property
    def n_waiting(self) -> int:
        """How many events wait."""
        return len(self._waiting)

    @property
    def is_down(self) -> bool:
        """Whether the broker failed the last two times that it was tried."""
        return self._n_failed > 1

    def put(self, sender_id: str, events: Iterable[Mapping[str, Any]]) -> None:
        """Have events published. Returns at once and never fails; after `close` they are dropped.

        Args:
            sender_id: whose conversation.
            events: JSON, in their order; not to be changed afterwards.
        """
        with self._changed:
            for event in events:
                if self._is_closing:
                    self._drop("the server ends")
                    continue
                self._waiting.append((sender_id, event))
                self._drop_oldest(len(self._waiting) - self._limit, self._full)
            self._changed.notify()

    def close(self, seconds: float = 5.0) -> None:
        """Publish what waits, then end.

        Args:
            seconds: how long that may take; what is left then is dropped.
        """
        with self._changed:
            self._is_closing = True
            self._give_up_at = time.monotonic() + seconds
            self._changed.notify()
        self._thread.join(seconds)
        with self._changed:
            self._drop_oldest(len(self._waiting), "the server ends")
            self._report("the server ends")

    def _run(self) -> None:
        while batch := self._next():
            self._publish(batch)
        self._close_broker()

    def _next(self) -> list[_Entry]:
        """The next events to publish, which are taken from the queue; none at the end."""
        while True:
            with self._changed:
                if self._is_closing and (not self._waiting or time.monotonic() > self._give_up_at):
                    return []
                if self._waiting:
                    if self.is_down:
                        self._changed.wait_for(lambda: self._is_closing, self._pause)
                    n_events = min(len(self._waiting), self._broker.batch)
                    return [self._waiting.popleft() for _ in range(n_events)]
                self._changed.wait(_KEEP_ALIVE)
                is_idle = not self._waiting and not self._is_closing
            if is_idle:
                self._keep_alive()

    def _publish(self, batch: list[_Entry]) -> None:
        todo, done = deque(batch), []
        try:
            while todo:
                try:
                    self._broker.publish(*todo[0])
                    done.append(todo.popleft())
                except (TypeError, ValueError) as error:
                    todo.popleft()
                    with self._changed:
                        self._drop(f"it cannot be published: {_said(error)}")
            self._broker.commit()
        except Exception as error:  # a conversation survives whatever a broker does
            self._failed([*done, *todo], error)
        else:
            self.n_published += len(done)
            if self.is_down:
                LOG.warning("the event broker takes events again; %d wait", len(self._waiting))
            self._n_failed = 0

    def _failed(self, batch: list[_Entry], error: Exception) -> None:
        self._n_failed += 1
        if self._n_failed == 2:  # the first time it is tried again at once
            LOG.warning("the event broker is down, events wait for it: %s", _said(error))
        with self._changed:
            if self._is_closing and self._n_failed > 2:
                self._give_up_at = 0.0
            self._waiting.extendleft(reversed(batch))
            if self.is_down and not self._keeps_unsent:
                self._drop_oldest(len(self._waiting), f"the broker is down: {_said(error)}")
            self._drop_oldest(len(self._waiting) - self._limit, self._full)

    def _keep_alive(self) -> None:
        try:
            self._broker.keep_alive()
        except Exception as error:  # as above; it is tried again with the next event
            LOG.info("the connection to the event broker was lost: %s", _said(error))

    def _close_broker(self) -> None:
        try:
            self._broker.close()
        except Exception as error:  # as above
            LOG.warning("the event broker could not be closed: %s", _said(error))

    def _drop(self, why: str) -> None:
        """Count an event that is dropped, and report that now and then."""
        self.n_dropped += 1
        if time.monotonic() >= self._report_at:
            self._report(why)

    def _drop_oldest(self, n_events: int, why: str) -> None:
        for _ in range(n_events):
            self._waiting.popleft()
            self._drop(why)

    def _report(self, why: str) -> None:
        n_new = self.n_dropped - self._n_reported
        if n_new:
            LOG.error("%d events were dropped, %d in all: %s", n_new, self.n_dropped, why)
        self._n_reported = self.n_dropped
        self._report_at = time.monotonic() + _BETWEEN_REPORTS


def _said(error: Exception) -> str:
    return f"{type(error).__name__} {error}".rstrip()[:300]
