"""A process for work that may crash or hang: it is watched, and started again if it ends."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self


class Hung(Exception):
    """The process gave no answer in time; it was ended."""


class Died(Exception):
    """The process ended by itself; the first argument is its exit code."""


class WatchedProcess:
    """Answers tasks one at a time in a process of its own. Use it in a `with` block.

    Args:
        work: what the process does: it gets its end of a pipe and `arguments`, sends anything when
            it is ready, then receives tasks and sends an answer to each until the task is None.
        arguments: the others of `work`.
        start: how `multiprocessing` starts the process.
    """

    def __init__(self, work: Callable[..., None], *arguments: object, start: str = "spawn") -> None:
        self._work, self._arguments = work, arguments
        self._context: Any = multiprocessing.get_context(start)
        self._process: Any = None
        self._pipe: Any = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._process is not None:
            with contextlib.suppress(BrokenPipeError):
                self._pipe.send(None)
            self._process.join(5)
            self._process.kill()

    def ask(self, task: object, seconds: float) -> Any:
        """The answer to a task.

        Args:
            task: anything but None.
            seconds: how long it may take; starting the process does not count.

        Raises:
            Hung: it took longer.
            Died: the process ended.
        """
        if self._process is None:
            self._start()
        with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
            self._pipe.send(task)
            if self._pipe.poll(seconds):
                return self._pipe.recv()
            self._end(kills=True)
            raise Hung
        raise Died(self._end(kills=False))

    def _start(self) -> None:
        self._pipe, other = self._context.Pipe()
        self._process = self._context.Process(
            target=self._work, args=(other, *self._arguments), daemon=True
        )
        self._process.start()
        other.close()
        self._pipe.recv()  # imports take long

    def _end(self, *, kills: bool) -> int:
        process, self._process = self._process, None
        if kills:
            process.kill()
        process.join()
        return int(process.exitcode)
