"""What a broker is: something that takes events, one after the other."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any


class EventBroker(ABC):
    """Takes events. All calls come from one thread, so it needs no locks.

    A broker of one's own is made from this class, and gets what is beside `type` in
    `endpoints.yml` as keywords.

    Attributes:
        batch: how many events are published at most before `commit` is called. With 1, the default,
            an event counts as published when `publish` returns; with more, when `commit` does, and
            if that fails all since the last one are tried again.
    """

    batch: int = 1

    @abstractmethod
    def publish(self, sender_id: str, event: Mapping[str, Any]) -> None:
        """Publish an event.

        Args:
            sender_id: whose conversation.
            event: JSON as in Rasa, with the key "event".

        Raises:
            TypeError: the event cannot be published; it is dropped.
            ValueError: as well.
            Exception: the broker is down; the event is tried again later.
        """

    def commit(self) -> None:  # noqa: B027  (most brokers need none of these)
        """Called after each batch; nothing by default. Raises: the broker is down."""

    def keep_alive(self) -> None:  # noqa: B027
        """Called every few seconds while nothing is to be published; nothing by default."""

    def close(self) -> None:  # noqa: B027
        """Give back what is open; nothing by default. What is published later opens it again."""


def to_json(sender_id: str, event: Mapping[str, Any]) -> bytes:
    """An event as Rasa publishes it, on one line, without a line end.

    Raises:
        TypeError: the event is not JSON.
        ValueError: it has a number that is not finite.
    """
    return json.dumps({"sender_id": sender_id, **event}, allow_nan=False).encode("ascii")
