"""The errors users see when a file, an option or a text cannot be used.

Every message follows one template: what must hold, what was given, where, and what to try.
The command line prints these errors without a traceback; anything else is a bug.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file that a person wrote.

    Attributes:
        path: the file.
        line: 1-based line number, or None when the whole file is meant.
    """

    path: Path
    line: int | None = None

    def __str__(self) -> str:
        return str(self.path) if self.line is None else f"{self.path}:{self.line}"


def place_prefix(where: Location | None) -> str:
    """What a message about a place begins with: "config.yml:4: ", or nothing where it has none."""
    return "" if where is None else f"{where}: "


class MessageWarning(UserWarning):
    """Something is odd about a user's message, which it may quote.

    A server's log leaves it out, unless texts may be in the log.
    """


class InputError(ValueError):
    """Something the user gave cannot be used.

    Args:
        must_hold: the rule that is broken, as a statement ("an intent needs a name").
        got: what was given; its repr is shown, shortened to 120 characters.
        where: the place it was found.
        hint: what to try next.

    Attributes:
        message: the message without the place.
    """

    def __init__(
        self,
        must_hold: str,
        *,
        got: object = None,
        where: Location | None = None,
        hint: str | None = None,
    ) -> None:
        self.must_hold = must_hold
        self.got = got
        self.where = where
        self.hint = hint
        message = must_hold
        if got is not None:
            try:
                shown = repr(got)
            except ValueError:  # Python does not print numbers of thousands of digits
                shown = f"a {type(got).__name__} of very large numbers"
            shown = shown if len(shown) <= 120 else f"{shown[:117]}..."
            message += f" (got {shown})"
        if hint is not None:
            message += f". Try: {hint}"
        self.message = message
        self._parts: tuple[InputError, ...] = ()
        super().__init__(f"{place_prefix(where)}{message}")

    @property
    def faults(self) -> tuple[InputError, ...]:
        """The faults that are reported together (see `all_of`); a single error gives itself."""
        return self._parts or (self,)


class DataError(InputError):
    """Training or test data cannot be read as meant."""


class ConfigError(InputError):
    """A pipeline configuration or an option is not valid."""


class ModelFileError(InputError):
    """A model file is missing, damaged, altered or of an unknown format."""


InputErrorT = TypeVar("InputErrorT", bound=InputError)


def all_of(faults: Sequence[InputErrorT]) -> InputErrorT | InputError:
    """One error that lists several faults, one a line; a single fault is returned as it is.

    Args:
        faults: at least one. Equal ones are reported once.

    Returns:
        An error of their class, if all are of one, else an `InputError`.
    """
    each = {str(part): part for fault in faults for part in fault.faults}
    if len(each) == 1:
        return faults[0]
    kinds = {type(part) for part in each.values()}
    kind = kinds.pop() if len(kinds) == 1 else InputError
    listed = "\n".join(f"- {text}" for text in each)
    error = kind(f"{len(each)} faults must be put right:\n{listed}")
    error._parts = tuple(each.values())
    return error


class MistakeWarning(UserWarning):
    """What was read is probably not what was meant; `gossamer data validate` calls it an error."""


def warn_of_mistake(
    must_hold: str,
    *,
    got: object = None,
    where: Location | None = None,
    hint: str | None = None,
) -> None:
    """Issue a `MistakeWarning`, worded as an `InputError` of the same arguments is."""
    told = InputError(must_hold, got=got, where=where, hint=hint)
    warnings.warn(str(told), MistakeWarning, stacklevel=3)
