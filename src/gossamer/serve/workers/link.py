"""The worker's end of the pipe to its parent."""

from __future__ import annotations

import logging
import os
import signal
import threading
from concurrent.futures import Future
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Protocol

from gossamer.serve.errors import overloaded
from gossamer.serve.models.current import LoadedModel
from gossamer.serve.workers.merged_metrics import merged
from gossamer.serve.workers.messages import Ask, Do, Done, Failed, Go, Kind, Ready, Result

_log = logging.getLogger(__name__)


class Serving(Protocol):
    """What a worker does as all others do."""

    def load(self, path: Path) -> LoadedModel:
        """Read a model."""

    def use(self, model: LoadedModel | None) -> None:
        """From now on another model answers, or none."""

    def own_metrics(self) -> bytes:
        """What this process counts."""


class Link:
    """Tells the parent what all workers are to do, and does what it passes on.

    Its methods block until all workers have done it; they may be called from any thread.

    Args:
        connection: to the parent.
        number: of this worker, from 0.
    """

    def __init__(self, connection: Connection, number: int) -> None:
        self.number = number
        self._connection = connection
        self._lock = threading.Lock()
        self._may_answer = threading.Event()
        self._n_asked = 0
        self._asked: dict[int, Future[dict[int, Any]]] = {}
        self._loaded: dict[int, LoadedModel | None] = {}

    def start(self, server: Serving) -> None:
        """Say that this worker can answer, and do from now on what is asked for.

        Returns when it may answer: all others can, too, or could not in time.
        """
        self._say(Ready())
        threading.Thread(target=self._listen, args=(server,), name="parent", daemon=True).start()
        self._may_answer.wait()

    def fail(self, reason: str | None) -> None:
        """Say that this worker cannot start; see `Failed`."""
        self._say(Failed(reason))

    def use_model(self, model: LoadedModel | None) -> None:
        """Let all workers answer with a model, which this one has loaded already, or with none.

        A worker that cannot load it is replaced by one that can.
        """
        path = None if model is None else str(model.path.resolve())
        self._ask(Kind.MODEL, path, model)

    def metrics(self) -> bytes:
        """What all workers count, as Prometheus reads it, with a label `worker`."""
        return merged(self._ask(Kind.METRICS))

    def _ask(
        self, kind: Kind, value: str | None = None, model: LoadedModel | None = None
    ) -> dict[int, Any]:
        with self._lock:
            self._n_asked += 1
            number = self._n_asked
            answered = self._asked[number] = Future()
            self._loaded[number] = model
        self._say(Ask(number, kind, value))
        try:
            return answered.result()
        finally:
            with self._lock:
                del self._asked[number], self._loaded[number]

    def _say(self, message: Any) -> None:
        with self._lock:
            self._connection.send(message)

    def _listen(self, server: Serving) -> None:
        try:
            while True:
                match self._connection.recv():
                    case Go():
                        self._may_answer.set()
                    case Result(number, values):
                        self._asked[number].set_result(values)
                    case Do() as order:
                        work = (server, order)
                        threading.Thread(target=self._do, args=work, daemon=True).start()
        except (EOFError, OSError):  # the parent is gone, and nobody else would end this process
            for answered in list(self._asked.values()):
                answered.set_exception(overloaded("the server is ending"))
            self._may_answer.set()
            os.kill(os.getpid(), signal.SIGTERM)

    def _do(self, server: Serving, order: Do) -> None:
        try:
            done = Done(order.number, self._done(server, order))
        except Exception as error:
            _log.exception("a worker failed in what all do")
            done = Done(order.number, problem=type(error).__name__)
        with suppress(OSError):  # the parent is gone
            self._say(done)

    def _done(self, server: Serving, order: Do) -> str | None:
        ask = order.ask
        if ask.kind is Kind.METRICS:
            return server.own_metrics().decode()
        if order.is_own:
            server.use(self._loaded[ask.number])
        else:
            server.use(None if ask.value is None else server.load(Path(ask.value)))
        return None
