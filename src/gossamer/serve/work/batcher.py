"""Messages that arrive together are parsed together; a lone one never waits."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

from gossamer.nlu.pipeline.parse import Parse
from gossamer.nlu.pipeline.pipeline import Pipeline

_LONGEST_WAIT: Final = 0.03
"""Seconds that a batch waits for texts that are on their way."""


@dataclass(slots=True)
class _Waiting:
    """A text for which a thread waits."""

    pipeline: Pipeline
    text: str
    result: Future[Parse] = field(default_factory=Future)

    def is_wanted(self) -> bool:
        """Whether its client still waits, and will until it is answered."""
        return self.result.set_running_or_notify_cancel()


@dataclass(slots=True)
class _Awaited:
    """A text for which a coroutine waits."""

    pipeline: Pipeline
    text: str
    loop: asyncio.AbstractEventLoop
    result: asyncio.Future[Parse]

    def is_wanted(self) -> bool:
        """Whether its client still waits."""
        return not self.result.done()


class ParseBatcher:
    """Parses texts in one thread, as many at a time as are waiting.

    While a batch is parsed, others queue up; they are the next batch. So batches grow with the
    load, and without load each text is a batch of its own that starts at once.

    A batch waits a moment for texts that are known to come: a text costs a fifth in a batch of what
    it costs alone, and what brings the others runs undisturbed meanwhile.

    Args:
        max_batch: texts in a batch at most.
        longest_wait: seconds that a batch waits for texts that are expected.
        on_batch: called with the size of each batch.
    """

    def __init__(
        self,
        max_batch: int = 64,
        *,
        longest_wait: float = _LONGEST_WAIT,
        on_batch: Callable[[int], None] | None = None,
    ) -> None:
        self._max_batch = max_batch
        self._longest_wait = longest_wait
        self._on_batch = on_batch
        self._n_expected = 0
        self._this_thread = threading.local()
        self._waiting: deque[_Waiting | _Awaited] = deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="parse", daemon=True)
        self._thread.start()

    @contextmanager
    def expecting(self) -> Iterator[None]:
        """Say that this thread is about to submit a text; others wait a moment for it.

        The first text it submits ends that, or the end of the block.
        """
        self._this_thread.is_expected = True
        with self._changed:
            self._n_expected += 1
        try:
            yield
        finally:
            with self._changed:
                self._arrived()
                self._changed.notify()

    def submit(self, pipeline: Pipeline, text: str) -> Future[Parse]:
        """Have a text parsed; the future has the result, or what the pipeline raised.

        Raises:
            RuntimeError: the batcher is closed.
        """
        waiting = _Waiting(pipeline, text)
        self._add(waiting)
        return waiting.result

    async def parse(self, pipeline: Pipeline, text: str) -> Parse:
        """Have a text parsed. The loop is woken once for all texts of a batch.

        Raises:
            RuntimeError: the batcher is closed.
            Exception: what the pipeline raised.
        """
        loop = asyncio.get_running_loop()
        waiting = _Awaited(pipeline, text, loop, loop.create_future())
        self._add(waiting)
        return await waiting.result

    def close(self) -> None:
        """Finish what waits, then end."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()

    def _add(self, waiting: _Waiting | _Awaited) -> None:
        with self._changed:
            if self._is_closed:
                raise RuntimeError("the batcher is closed")
            self._waiting.append(waiting)
            self._arrived()
            self._changed.notify()

    def _arrived(self) -> None:
        """Expect no text of this thread any more."""
        if getattr(self._this_thread, "is_expected", False):
            self._this_thread.is_expected = False
            self._n_expected -= 1

    def _work(self) -> None:
        while batch := self._next():
            if self._on_batch is not None:
                self._on_batch(len(batch))
            _parse(batch)

    def _next(self) -> list[_Waiting | _Awaited]:
        """What is parsed next, all by one model; empty at the end."""
        batch: list[_Waiting | _Awaited] = []
        with self._changed:
            while not batch:
                while not self._waiting:
                    if self._is_closed:
                        return batch
                    self._changed.wait()
                self._wait_for_expected()
                pipeline = self._waiting[0].pipeline
                while self._waiting and len(batch) < self._max_batch:
                    if self._waiting[0].pipeline is not pipeline:
                        break
                    one = self._waiting.popleft()
                    if one.is_wanted():
                        batch.append(one)
        return batch

    def _wait_for_expected(self) -> None:
        """Let the batch grow as long as more texts are expected, for a moment."""
        until = time.monotonic() + self._longest_wait
        while self._n_expected and len(self._waiting) < self._max_batch and not self._is_closed:
            left = until - time.monotonic()
            if left <= 0:
                break
            self._changed.wait(left)


def _parse(batch: list[_Waiting | _Awaited]) -> None:
    results: list[Parse | Exception] = []
    try:
        results += batch[0].pipeline.parse([one.text for one in batch])
    except Exception as error:
        if len(batch) > 1:
            for one in batch:  # which of them it was; the others are answered
                _parse([one])
            return
        results = [error]
    awaited: dict[asyncio.AbstractEventLoop, list[tuple[_Awaited, Parse | Exception]]] = {}
    for one, result in zip(batch, results, strict=True):
        if isinstance(one, _Awaited):
            awaited.setdefault(one.loop, []).append((one, result))
        else:
            _set(one.result, result)
    for loop, answers in awaited.items():
        with suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(_deliver, answers)


def _deliver(answers: Sequence[tuple[_Awaited, Parse | Exception]]) -> None:
    for one, result in answers:
        if one.is_wanted():
            _set(one.result, result)


def _set(future: Future[Parse] | asyncio.Future[Parse], result: Parse | Exception) -> None:
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
