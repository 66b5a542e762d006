"""What is said when a component, policy or action of the user's own fails."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from types import TracebackType
from typing import Self

from gossamer.data.errors import ConfigError, InputError, Location
from gossamer.data.installed import as_missing_part

GUIDE = "the guide 'Your own component, policy or action' (docs/guides/own-parts.md)"
DEBUG = "gossamer --debug, which shows the traceback"
_LONGEST = 300
_GOSSAMER = Path(__file__).resolve().parents[2]


class OwnPartError(ConfigError):
    """A component, policy or action of the user's own cannot be used, or has failed."""


def path_of(kind: type) -> str:
    """Where a class is: "my_parts.sentiment.Sentiment"."""
    return f"{kind.__module__}.{kind.__qualname__}"


def is_own_class(kind: type) -> bool:
    """Whether a class is not Gossamer's."""
    return kind.__module__.partition(".")[0] != "gossamer"


class OwnCode:
    """While it is open, what an own part raises becomes one error that names the part.

    A context manager. Errors that users are meant to read (`InputError`) pass as they are, and so
    do those of Gossamer's own classes, interruptions, and a lack of memory. A call of `sys.exit`
    counts as a failure.

    Args:
        kind: the class of the part.
        stage: what it is doing, the name of a method.
        where: where the configuration names it.
        hint: how to see more.
    """

    __slots__ = ("_hint", "_kind", "_stage", "_where")

    def __init__(
        self, kind: type, stage: str, where: Location | None = None, *, hint: str = DEBUG
    ) -> None:
        self._kind = kind
        self._stage = stage
        self._where = where
        self._hint = hint

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None and is_own_class(self._kind) and is_failure(error):
            told = failure(
                path_of(self._kind),
                self._stage,
                error,
                self._kind.__module__,
                where=self._where,
                hint=self._hint,
            )
            raise told from error


def is_failure(error: BaseException) -> bool:
    """Whether an exception is to be reported as a failure of the code that raised it."""
    return isinstance(error, Exception | SystemExit) and not isinstance(
        error, InputError | MemoryError
    )


def failure(
    name: str,
    stage: str,
    error: BaseException,
    module: str,
    *,
    where: Location | None = None,
    hint: str = DEBUG,
) -> InputError:
    """The error that reports another one.

    Args:
        name: what failed ("my_parts.sentiment.Sentiment").
        stage: in what ("process").
        error: what was raised.
        module: the module that `name` is in, for the place.
        where: where the configuration names it.
        hint: how to see more.
    """
    missing = as_missing_part(name, error) if isinstance(error, ImportError) else None
    if missing is not None:
        return missing
    said = " ".join(str(error).split())
    said = said if len(said) <= _LONGEST else f"{said[: _LONGEST - 3]}..."
    kind = type(error).__name__
    return OwnPartError(
        f"{name} failed in {stage}: {kind}{': ' if said else ''}{said}{_place(error, module)}",
        where=where,
        hint=hint,
    )


def _place(error: BaseException, module: str) -> str:
    """The last line of the user's own code that was run: " (my_parts/sentiment.py, line 12)"."""
    if isinstance(error, SyntaxError) and error.filename is not None:
        return f" ({_shown(Path(error.filename))}, line {error.lineno})"
    frames = [
        (file, frame.lineno)
        for frame in traceback.extract_tb(error.__traceback__)
        if (file := Path(frame.filename)).is_file() and _GOSSAMER not in file.parents
    ]
    home = _home(module.partition(".")[0])
    own = [part for part in frames if home is not None and home in (part[0], *part[0].parents)]
    for file, line in reversed(own or frames):
        return f" ({_shown(file, home)}, line {line})"
    return ""


def _home(top: str) -> Path | None:
    """The folder of a package, or a module's file, where it is imported."""
    loaded = sys.modules.get(top)
    places = [*getattr(loaded, "__path__", ()), getattr(loaded, "__file__", None)]
    return None if places[0] is None else Path(places[0])


def _shown(file: Path, home: Path | None = None) -> str:
    """A file with the folders from its package on, or with its own folder."""
    is_inside = home is not None and home in file.parents
    start = home.parent if is_inside and home is not None else file.parent.parent
    return file.relative_to(start).as_posix()
