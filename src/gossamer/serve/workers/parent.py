"""The parent of several server processes: starts them, watches them, ends them."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Any, Final, NoReturn, TypeAlias

from gossamer.data.errors import ConfigError, InputError
from gossamer.serve.workers.link import Link
from gossamer.serve.workers.messages import Ask, Do, Done, Failed, Go, Kind, Ready, Result

_log = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 30.0
_LIVED_WELL: Final = 30.0
"""Seconds after which a worker that ends is started again at once."""
_TOGETHER_SECONDS: Final = 30.0
"""That the first worker waits for the others."""
_SECONDS: Final = {Kind.MODEL: 120.0, Kind.METRICS: 3.0}
"""In which all workers have to do what one asked for."""

Start: TypeAlias = Callable[[Link, str | None], None]
"""Serves in a worker until it is told to end. Gets the path of the model, None for no model."""


@dataclass(slots=True)
class _Worker:
    """A place for a worker, and who is in it.

    Attributes:
        number: from 0.
        process_id: None: nobody is there now.
        connection: to it.
        is_ready: whether it can answer.
        may_answer: whether it was told that it may.
        started: when.
        n_swaps: how often models had been swapped then.
        start_at: when the next one is started.
        pause: seconds before that, if this one ends early.
    """

    number: int
    process_id: int | None = None
    connection: Connection | None = None
    is_ready: bool = False
    may_answer: bool = False
    started: float = 0.0
    n_swaps: int = 0
    start_at: float = 0.0
    pause: float = _FIRST_PAUSE


@dataclass(slots=True)
class _Round:
    """Something that all workers do.

    Attributes:
        asker: the worker that asked, and its process.
        process_id: of the asker.
        ask: what.
        give_up: when those that did not answer are left out.
        waiting: numbers of workers that have not answered.
        values: what the others gave.
    """

    asker: _Worker
    process_id: int | None
    ask: Ask
    give_up: float = 0.0
    waiting: set[int] = field(default_factory=set)
    values: dict[int, Any] = field(default_factory=dict)


class Parent:
    """Keeps a number of workers running.

    A worker that ends is started again: at once if it lived long, else after a pause that doubles.
    One that cannot be started at the very beginning, as the server was told something that cannot
    be, ends all.

    Args:
        n_workers: how many.
        start: what a worker does.
        model: path of the model with which it begins.
        closing_seconds: that a worker has to end, once it was told to.
    """

    def __init__(self, n_workers: int, start: Start, model: str, closing_seconds: float) -> None:
        self._start = start
        self._model: str | None = model
        self._closing_seconds = closing_seconds
        self._workers = [_Worker(number) for number in range(n_workers)]
        self._rounds: dict[int, _Round] = {}
        self._waiting: list[_Round] = []  # models, which are loaded one after the other
        self._n_rounds = 0
        self._n_swaps = 0
        self._told: int | None = None  # the signal that ends all
        self._was_ready = False
        self._go_at: float | None = None  # at the latest; None: no worker is ready yet

    def run(self) -> None:
        """Keep workers running until this process is told to end.

        Raises:
            ConfigError: a worker could not use what the server was told.
            KeyboardInterrupt: at Ctrl-C, once all have ended.
        """
        with self._signals() as awake:
            try:
                while self._told is None:
                    self._start_those_due()
                    self._take_messages(awake)
                    self._let_answer()
                    self._give_up_late_ones()
            finally:
                self._end_all()
        if self._told == signal.SIGINT:
            raise KeyboardInterrupt

    @contextmanager
    def _signals(self) -> Iterator[int]:
        """The time in which signals are noted; gives what can be read when there was one."""
        reading, writing = os.pipe()
        os.set_blocking(writing, False)

        def note(number: int, _frame: object) -> None:
            self._told = number
            with suppress(OSError):
                os.write(writing, b".")

        before = {each: signal.signal(each, note) for each in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield reading
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(reading)
            os.close(writing)

    # -- workers ---------------------------------------------------------------------------------

    def _start_those_due(self) -> None:
        for worker in self._workers:
            if worker.process_id is None and time.monotonic() >= worker.start_at:
                self._start_one(worker)
            if not self._was_ready:
                return  # the others follow once the first one could be started

    def _start_one(self, worker: _Worker) -> None:
        ours, theirs = Pipe()
        worker.started, worker.n_swaps = time.monotonic(), self._n_swaps
        process_id = os.fork()
        if process_id == 0:
            ours.close()
            for other in self._workers:
                if other.connection is not None:
                    other.connection.close()
            _be_worker(self._start, Link(theirs, worker.number), self._model)
        theirs.close()
        worker.process_id, worker.connection = process_id, ours
        worker.is_ready = worker.may_answer = False

    def _ended(self, worker: _Worker) -> None:
        """A worker closed its connection: it has ended, or is about to."""
        assert worker.connection is not None and worker.process_id is not None
        worker.connection.close()
        status = _reaped(worker.process_id, self._closing_seconds)
        now = time.monotonic()
        lived_well = worker.is_ready and now - worker.started > _LIVED_WELL
        worker.pause = _FIRST_PAUSE if lived_well else min(2 * worker.pause, _LONGEST_PAUSE)
        pause = 0.0 if lived_well else worker.pause
        worker.process_id, worker.connection, worker.start_at = None, None, now + pause
        _log.error("worker %d %s; another one follows", worker.number, _how(status))
        for number in list(self._rounds):
            self._answered(number, worker, None)
        if not self._was_ready:
            raise ConfigError("the server must be able to start; the log above says why it cannot")

    def _end_all(self) -> None:
        running = [worker for worker in self._workers if worker.process_id is not None]
        for worker in running:
            _tell(worker, signal.SIGTERM)
        give_up = time.monotonic() + self._closing_seconds
        for worker in running:
            assert worker.process_id is not None and worker.connection is not None
            # What it still asks for stays unanswered; its own time to end is limited.
            _reaped(worker.process_id, max(0.0, give_up - time.monotonic()))
            worker.connection.close()
            worker.process_id = worker.connection = None

    def _let_answer(self) -> None:
        """Let workers answer that can: all at once at the beginning, later each by itself."""
        if self._go_at is None or (
            time.monotonic() < self._go_at and not all(each.is_ready for each in self._workers)
        ):
            return
        self._go_at = 0.0
        for worker in self._workers:
            if worker.is_ready and not worker.may_answer:
                worker.may_answer = _send(worker, Go())

    # -- messages --------------------------------------------------------------------------------

    def _take_messages(self, awake: int) -> None:
        now = time.monotonic()
        times = [each.start_at for each in self._workers if each.process_id is None]
        times += [each.give_up for each in self._rounds.values()]
        by_connection = {each.connection: each for each in self._workers if each.connection}
        seconds = max(0.0, min(times) - now) if times and self._was_ready else 1.0
        for found in wait([awake, *by_connection], min(seconds, 1.0)):
            if found == awake:
                continue
            assert isinstance(found, Connection)
            worker = by_connection[found]
            try:
                message = found.recv()
            except (EOFError, OSError):
                self._ended(worker)
                continue
            self._take(worker, message)

    def _take(self, worker: _Worker, message: Any) -> None:
        match message:
            case Ready() if worker.n_swaps != self._n_swaps:
                _log.warning("worker %d began with an old model", worker.number)
                _tell(worker, signal.SIGKILL)  # it answers nobody yet
            case Ready():
                worker.is_ready = self._was_ready = True
                if self._go_at is None:
                    self._go_at = time.monotonic() + _TOGETHER_SECONDS
            case Failed(reason) if not self._was_ready and reason is not None:
                raise ConfigError(reason)
            case Failed(reason):
                _log.error("worker %d cannot start: %s", worker.number, reason or "see above")
            case Ask():
                self._waiting.append(_Round(worker, worker.process_id, message))
                self._begin_rounds()
            case Done():
                found = self._rounds.get(message.number)
                if found is not None and found.ask.kind is Kind.MODEL and message.problem:
                    _log.error(
                        "worker %d could not load the model: %s", worker.number, message.problem
                    )
                    _tell(worker, signal.SIGTERM)
                self._answered(message.number, worker, message.value)

    def _begin_rounds(self) -> None:
        """Begin what waits; a model only when none is being loaded."""
        for each in list(self._waiting):
            loading = any(other.ask.kind is Kind.MODEL for other in self._rounds.values())
            if each.ask.kind is Kind.MODEL and loading:
                continue
            self._waiting.remove(each)
            self._n_rounds += 1
            number = self._n_rounds
            self._rounds[number] = each
            if each.ask.kind is Kind.MODEL:
                self._model = each.ask.value
                self._n_swaps += 1
            each.give_up = time.monotonic() + _SECONDS[each.ask.kind]
            for worker in self._workers:
                is_own = worker is each.asker and worker.process_id == each.process_id
                if worker.is_ready and _send(worker, Do(number, each.ask, is_own)):
                    each.waiting.add(worker.number)
            self._end_if_complete(number)

    def _answered(self, number: int, worker: _Worker, value: str | None) -> None:
        found = self._rounds.get(number)
        if found is None or worker.number not in found.waiting:
            return
        found.waiting.discard(worker.number)
        if value is not None:
            found.values[worker.number] = value
        self._end_if_complete(number)

    def _end_if_complete(self, number: int) -> None:
        if not self._rounds[number].waiting:
            found = self._rounds.pop(number)
            if found.asker.process_id == found.process_id:
                _send(found.asker, Result(found.ask.number, found.values))
            self._begin_rounds()

    def _give_up_late_ones(self) -> None:
        for number, found in list(self._rounds.items()):
            if time.monotonic() < found.give_up:
                continue
            for late in [each for each in self._workers if each.number in found.waiting]:
                if found.ask.kind is Kind.MODEL and late.process_id is not None:
                    _log.error("worker %d took too long to load the model", late.number)
                    _tell(late, signal.SIGKILL)
                self._answered(number, late, None)


def _be_worker(start: Start, link: Link, model: str | None) -> NoReturn:
    """The life of a worker, in the process that was forked for it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal; the parent says when to end
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    code = 1
    try:
        start(link, model)
        code = 0
    except InputError as error:
        link.fail(str(error))
    except BaseException:
        _log.exception("a worker failed")
        with suppress(OSError):
            link.fail(None)
    finally:
        logging.shutdown()
        os._exit(code)


def _send(worker: _Worker, message: Any) -> bool:
    """Whether it could be sent."""
    try:
        if worker.connection is not None:
            worker.connection.send(message)
            return True
    except OSError:
        pass
    return False


def _tell(worker: _Worker, number: int) -> None:
    if worker.process_id is not None:
        with suppress(ProcessLookupError):
            os.kill(worker.process_id, number)


def _reaped(process_id: int, seconds: float) -> int:
    """How a process ended; one that has not after so many seconds is killed."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        found, status = os.waitpid(process_id, os.WNOHANG)
        if found:
            return status
        time.sleep(0.01)
    os.kill(process_id, signal.SIGKILL)
    return os.waitpid(process_id, 0)[1]


def _how(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
