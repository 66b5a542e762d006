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
_LONGEST = 300


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
    """

    __slots__ = ("_kind", "_stage", "_where")

    def __init__(self, kind: type, stage: str, where: Location | None = None) -> None:
        self._kind = kind
        self._stage = stage
        self._where = where

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None and is_own_class(self._kind) and is_failure(error):
            name = path_of(self._kind)
            raise failure(name, self._stage, error, self._kind.__module__, self._where) from error


def is_failure(error: BaseException) -> bool:
    """Whether an exception is to be reported as a failure of the code that raised it."""
    return isinstance(error, Exception | SystemExit) and not isinstance(
        error, InputError | MemoryError
    )


def failure(
    name: str, stage: str, error: BaseException, module: str, where: Location | None = None
) -> InputError:
    """The error that reports another one.

    Args:
        name: what failed ("my_parts.sentiment.Sentiment").
        stage: in what ("process").
        error: what was raised.
        module: the module that `name` is in, for the place.
        where: where the configuration names it.
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
        hint="gossamer --debug, which shows the traceback",
    )


def _place(error: BaseException, module: str) -> str:
    """The last line of the user's own code that was run: " (my_parts/sentiment.py, line 12)"."""
    if isinstance(error, SyntaxError) and error.filename is not None:
        file = Path(error.filename)
        return f" ({file.parent.name}/{file.name}, line {error.lineno})"
    top = module.partition(".")[0]
    home = _home(top)
    frames = traceback.extract_tb(error.__traceback__)
    for frame in reversed(frames):
        file = Path(frame.filename)
        if home is not None and (
            home == file.parent or (home.name == top and home in file.parents)
        ):
            shown = file.relative_to(home.parent if home.name == top else home)
            return f" ({shown.as_posix()}, line {frame.lineno})"
    return ""


def _home(top: str) -> Path | None:
    """The folder of a package, or that in which a module's file is."""
    loaded = sys.modules.get(top)
    places = [*getattr(loaded, "__path__", ())]
    if places:
        return Path(places[0])
    file = getattr(loaded, "__file__", None)
    return None if file is None else Path(file).parent
