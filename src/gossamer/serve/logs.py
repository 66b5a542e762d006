"""The log: a line for each thing that an operator may want to know, as JSON or for a terminal.

It holds no texts of messages unless asked to. A sender's name is only there as a digest, from which
the lines of one conversation are found. What an exception says is left out too, since it may quote
a message: its class is there, and where it happened.
"""

from __future__ import annotations

import contextlib
import contextvars
import hashlib
import json
import logging
import sys
import traceback
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import IO, Any, Final, TextIO

from gossamer.data.errors import InputError, MessageWarning

request_id: contextvars.ContextVar[str | None] = contextvars.ContextVar("request_id", default=None)
"""Of the request that is handled."""

_FIELDS: Final = "gossamer"
_MOST_WARNINGS = 1_000
_LONGEST = 2_000


class _Settings:
    """What the process was told of its log."""

    log_texts = False


def fields(**values: Any) -> dict[str, Any]:
    """Values that a line of the log has besides its message, for `extra`."""
    return {_FIELDS: values}


def sender(sender_id: str) -> str:
    """A sender as the log names them: a digest, or the name where texts are logged too."""
    if _Settings.log_texts:
        return sender_id
    return hashlib.sha256(sender_id.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def reason_of(error: BaseException) -> str:
    """What an exception says, as far as it may be in the log."""
    if _Settings.log_texts:
        return f"{type(error).__name__}: {error}"
    if isinstance(error, InputError):
        return f"{type(error).__name__}: {error.must_hold}"
    return type(error).__name__


@contextlib.contextmanager
def logged(
    *, as_json: bool | None, level: str, log_texts: bool, stream: IO[str] | None = None
) -> Iterator[None]:
    """Send the log of the server and of uvicorn, and warnings, to one stream until the block ends.

    Args:
        as_json: whether lines are JSON; None: where the stream is no terminal.
        level: the least important lines: "debug", "info" or "warning".
        log_texts: whether texts, names of senders and words of exceptions may be in it.
        stream: where to; None: standard error.
    """
    stream = sys.stderr if stream is None else stream
    is_json = not stream.isatty() if as_json is None else as_json
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines() if is_json else ReadableLines())
    with warnings.catch_warnings(), _kept_loggers(), _told_texts(log_texts):
        for name in ("gossamer", "uvicorn"):
            logger = logging.getLogger(name)
            logger.handlers = [handler]
            logger.propagate = False
            logger.setLevel(level.upper())
        # Of starts and ends `run` tells; with what is no HTTP anybody could fill the log.
        logging.getLogger("uvicorn.error").setLevel(
            logging.DEBUG if level == "debug" else logging.ERROR
        )
        warnings.showwarning = LoggedWarnings()
        if not sys.warnoptions:  # each comes here, which says it once; else they pile up in modules
            warnings.simplefilter("always", UserWarning)
        yield


@contextlib.contextmanager
def _kept_loggers() -> Iterator[None]:
    """Put back how the loggers were, for those who go on in this process."""
    loggers = [logging.getLogger(name) for name in ("gossamer", "uvicorn", "uvicorn.error")]
    before = [(each.handlers, each.propagate, each.level) for each in loggers]
    try:
        yield
    finally:
        for logger, (handlers, propagate, level) in zip(loggers, before, strict=True):
            logger.handlers, logger.propagate = handlers, propagate
            logger.setLevel(level)


@contextlib.contextmanager
def _told_texts(log_texts: bool) -> Iterator[None]:
    """Say whether texts may be in the log, and put back what was said before."""
    before, _Settings.log_texts = _Settings.log_texts, log_texts
    try:
        yield
    finally:
        _Settings.log_texts = before


class JsonLines(logging.Formatter):
    """A line as a JSON object: time, level, logger, message, request_id, and what else it has."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line: dict[str, Any] = {
            "time": _time(record).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage()[:_LONGEST],
        }
        number = request_id.get()
        if number is not None:
            line["request_id"] = number
        line |= getattr(record, _FIELDS, {})
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = reason_of(record.exc_info[1])
            line["traceback"] = stack_of(record.exc_info[1])
        return json.dumps(line, default=str)


class ReadableLines(logging.Formatter):
    """A line for people at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, and the traceback under it."""
        more = dict(getattr(record, _FIELDS, {}))
        number = request_id.get()
        if number is not None:
            more["request_id"] = number
        if record.exc_info and record.exc_info[1] is not None:
            more["error"] = reason_of(record.exc_info[1])
        parts = [f"{_time(record):%H:%M:%S}", f"{record.levelname.lower():7}", record.getMessage()]
        parts += [f"{key}={value}" for key, value in more.items()]
        text = "".join(
            sign if sign.isprintable() else repr(sign)[1:-1] for sign in "  ".join(parts)[:_LONGEST]
        )
        if record.exc_info and record.exc_info[1] is not None:
            text += "\n" + stack_of(record.exc_info[1])
        return text


class LoggedWarnings:
    """Takes the place of `warnings.showwarning`: each warning is a line of the log, once.

    Of one place in the program at most 20 different warnings are shown: some quote what users send.
    """

    def __init__(self) -> None:
        self._shown: OrderedDict[str, None] = OrderedDict()
        self._n_shown: dict[tuple[str, int], int] = {}
        self._log = logging.getLogger("gossamer.warnings")

    def __call__(
        self,
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        """Log a warning that was not logged before."""
        text = " ".join(str(message).split())
        if issubclass(category, MessageWarning) and not _Settings.log_texts:
            text = "a message is odd: it names an intent or entities that are not known"
        if text in self._shown:
            return
        self._shown[text] = None
        if len(self._shown) > _MOST_WARNINGS:
            self._shown.popitem(last=False)
        n = self._n_shown[filename, lineno] = self._n_shown.get((filename, lineno), 0) + 1
        if n <= 20:
            self._log.warning("%s%s", text, ". More like it are not shown" if n == 20 else "")


def stack_of(error: BaseException) -> str:
    """The traceback of an exception and of what led to it, with what they say if it may be told."""
    parts: list[str] = []
    one: BaseException | None = error
    while one is not None and len(parts) < 10:
        told = reason_of(one)
        parts.append("".join(traceback.format_list(traceback.extract_tb(one.__traceback__))) + told)
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return "\nled to:\n".join(reversed(parts))


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)
