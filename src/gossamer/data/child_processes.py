"""Processes that work for another one: they end with it, and it can end them."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from typing import Protocol


class Started(Protocol):
    """A process that was started in a session of its own (`start_new_session=True`)."""

    @property
    def pid(self) -> int:
        """Its number, and that of its group."""

    def kill(self) -> None:
        """End it at once."""


def kill_with_children(process: Started) -> None:
    """End a process that has not ended yet, and those that it has started.

    Once it has ended and was waited for, its number may be another's: then do not call this.
    """
    with contextlib.suppress(ProcessLookupError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()


def work_in_background() -> None:
    """Let others go first, and end with the process that holds the other end of standard input."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(AttributeError, OSError):
        os.nice(10)


def _end_with_parent() -> None:
    """The parent never writes: what can be read is the end."""
    os.read(0, 1)  # not sys.stdin, whose lock Python wants when it ends
    os._exit(1)
