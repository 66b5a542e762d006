"""Messages that arrive together are parsed together; a lone one never waits."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from gossamer.nlu.pipeline.parse import Parse
from gossamer.nlu.pipeline.pipeline import Pipeline


@dataclass(slots=True)
class _Waiting:
    pipeline: Pipeline
    text: str
    result: Future[Parse] = field(default_factory=Future)


class ParseBatcher:
    """Parses texts in one thread, as many at a time as are waiting.

    While a batch is parsed, others queue up; they are the next batch. So batches grow with the
    load, and without load each text is a batch of its own that starts at once.

    Args:
        max_batch: texts in a batch at most.
        on_batch: called with the size of each batch.
    """

    def __init__(
        self, max_batch: int = 64, *, on_batch: Callable[[int], None] | None = None
    ) -> None:
        self._max_batch = max_batch
        self._on_batch = on_batch
        self._waiting: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._is_closed = False
        self._thread = threading.Thread(target=self._work, name="parse", daemon=True)
        self._thread.start()

    def submit(self, pipeline: Pipeline, text: str) -> Future[Parse]:
        """Have a text parsed; the future has the result, or what the pipeline raised.

        Raises:
            RuntimeError: the batcher is closed.
        """
        waiting = _Waiting(pipeline, text)
        with self._changed:
            if self._is_closed:
                raise RuntimeError("the batcher is closed")
            self._waiting.append(waiting)
            self._changed.notify()
        return waiting.result

    def close(self) -> None:
        """Finish what waits, then end."""
        with self._changed:
            self._is_closed = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while batch := self._next():
            if self._on_batch is not None:
                self._on_batch(len(batch))
            _parse(batch)

    def _next(self) -> list[_Waiting]:
        """What is parsed next, all by one model; empty at the end."""
        batch: list[_Waiting] = []
        with self._changed:
            while not batch:
                while not self._waiting:
                    if self._is_closed:
                        return batch
                    self._changed.wait()
                pipeline = self._waiting[0].pipeline
                while self._waiting and len(batch) < self._max_batch:
                    if self._waiting[0].pipeline is not pipeline:
                        break
                    one = self._waiting.popleft()
                    if one.result.set_running_or_notify_cancel():  # its client still waits
                        batch.append(one)
        return batch


def _parse(batch: list[_Waiting]) -> None:
    try:
        parses = batch[0].pipeline.parse([one.text for one in batch])
    except Exception as error:
        if len(batch) == 1:
            batch[0].result.set_exception(error)
            return
        for one in batch:  # which of them it was; the others are answered
            _parse([one])
        return
    for one, parse in zip(batch, parses, strict=True):
        one.result.set_result(parse)
