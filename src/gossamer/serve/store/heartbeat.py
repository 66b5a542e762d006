"""The thread that renews the leases which a store holds."""

from __future__ import annotations

import logging
import threading
from typing import Protocol

from gossamer.serve.store.errors import StoreUnavailable

log = logging.getLogger(__name__)


class Beating(Protocol):
    """What is renewed."""

    def beat(self) -> None:
        """Renew it."""


class Heartbeat:
    """Renews what is held, every so many seconds, in a thread of its own.

    Args:
        seconds: between two renewals.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._held: set[Beating] = set()
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="gossamer-leases", daemon=True)
        self._thread.start()

    def add(self, lease: Beating) -> None:
        """Renew this from now on."""
        with self._lock:
            self._held.add(lease)

    def has(self, lease: Beating) -> bool:
        """Whether it is being renewed."""
        return lease in self._held

    def forget(self, lease: Beating) -> bool:
        """Renew it no longer; whether it was being renewed."""
        with self._lock:
            was_held = lease in self._held
            self._held.discard(lease)
        return was_held

    def close(self) -> None:
        """End the thread."""
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_over.wait(self._seconds):
            with self._lock:
                held = list(self._held)
            for lease in held:
                try:
                    lease.beat()
                except StoreUnavailable as error:
                    log.warning("a lease could not be renewed: %s", error)
                    break  # the others would not fare better; the next beat comes soon
                except Exception:
                    log.exception("a lease could not be renewed")
