"""Standard input, output and error where they are closed, full or of another encoding."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator

import typer

STOP = "/stop"
PROMPT = "> "


_LONGEST_NUMBER = 9  # digits; more than there are of anything to choose from
_SIGNS = dict.fromkeys(
    (*range(0x7F, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A)), "\ufffd"
)
_SIGNS |= {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n"}


def visible(text: str) -> str:
    """What somebody else wrote, with a sign for each character that only a terminal would see.

    Else a message might clear the screen, set the clipboard, or turn the order of signs.
    """
    return text.translate(_SIGNS)


def number_of(text: str, most: int) -> int | None:
    """The number from 1 to `most` that somebody typed; None where it is none."""
    is_short = text.isdecimal() and len(text) <= _LONGEST_NUMBER
    return int(text) if is_short and 0 < int(text) <= most else None


def prepare_streams() -> None:
    """Prepare the process's streams so that their failures can be told apart and reported.

    A closed input or output becomes one that cannot be read or written, a closed error stream one
    that discards everything: no file that is opened later gets their numbers. What the output's
    encoding does not have is printed as an escape; bytes of the input that are not text are kept,
    to be refused with their line.
    """
    if sys.stdin is None:
        _occupy(0, os.O_WRONLY)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stdout is None:
        _occupy(1, os.O_RDONLY)
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        _occupy(2, os.O_WRONLY)
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    for stream, errors in (
        (sys.stdin, "surrogateescape"),
        (sys.stdout, "backslashreplace"),
        (sys.stderr, "backslashreplace"),
    ):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=errors)


def output_problem() -> OSError | None:
    """Why standard output can no longer be written, or None; it is silent from then on."""
    try:
        sys.stdout.flush()
    except OSError as problem:
        _occupy(1, os.O_WRONLY)
        return problem
    return None


def say(message: str) -> None:
    """Print a line on standard error; if that is not possible, nothing can be done."""
    try:
        typer.echo(message, err=True)
    except OSError:
        _occupy(2, os.O_WRONLY)


def input_lines() -> Iterator[str]:
    """Lines of standard input, without their ends and without a byte order mark.

    Raises:
        InputError: it cannot be read, or a line is not of its encoding; earlier lines were yielded.
    """
    with _explained():
        for number, line in enumerate(sys.stdin, start=1):
            yield _checked(line.rstrip("\r\n").removeprefix("\ufeff"), number)


class TypedLines:
    """What a person types after prompts, or lines of a pipe, without the blanks around them.

    Args:
        echo: print each line of a pipe after its prompt, for scripted talks.

    Attributes:
        is_terminal: whether a person types; a prompt is printed only then.
    """

    def __init__(self, *, echo: bool = False) -> None:
        self.is_terminal = sys.stdin.isatty()
        self._echoes = echo and not self.is_terminal
        self._number = 0
        if self.is_terminal:
            _edit_lines()

    def read(self, prompt: str = PROMPT) -> str | None:
        """The next line; None at the end of input.

        Raises:
            InputError: as `input_lines`; on a terminal a line that is not of its encoding is an
                error that is printed, and another one is asked for.
        """
        from gossamer.data.errors import InputError

        while True:
            self._number += 1
            try:
                with _explained():
                    # `input` would flush standard output too, whose failure is something else.
                    line = input(prompt) + "\n" if self.is_terminal else sys.stdin.readline()
                    text = _checked(line.strip(), self._number)
            except EOFError:
                typer.echo()
                return None
            except InputError as error:
                if not self.is_terminal:
                    raise
                say(f"Error: {error}")
                continue
            if not line:
                return None
            if self._echoes:
                typer.echo(f"{prompt}{text}")
            return text


def typed_lines(*, echo: bool = False) -> Iterator[str]:
    """What a person types after a prompt, or what comes through a pipe: lines that are not blank.

    The end is `STOP` or the end of input.

    Args:
        echo: as for `TypedLines`.

    Raises:
        InputError: as `TypedLines.read`.
    """
    lines = TypedLines(echo=echo)
    while (text := lines.read()) is not None and text != STOP:
        if text:
            yield text


def _checked(line: str, number: int) -> str:
    from gossamer.data.errors import InputError

    # Reading makes a byte that is not of the encoding one of these.
    strays = [character for character in line if "\udc80" <= character <= "\udcff"]
    if strays:
        raise InputError(
            f"line {number} of standard input must be {sys.stdin.encoding.upper()}",
            got=bytes(ord(stray) - 0xDC00 for stray in strays),
            hint="another encoding, or PYTHONIOENCODING for the one that it has",
        )
    return line


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    from gossamer.data.errors import InputError

    try:
        yield
    except UnicodeDecodeError as problem:
        raise InputError(
            f"standard input must be {problem.encoding.upper()}",
            got=problem.object[problem.start : problem.end],
            hint="another encoding, or PYTHONIOENCODING for the one that it has",
        ) from None
    except OSError as problem:
        raise InputError("standard input must be readable", got=problem.strerror) from problem


def _occupy(number: int, mode: int) -> None:
    """Put the null device in place of a standard stream."""
    handle = os.open(os.devnull, mode)
    if handle != number:
        os.dup2(handle, number)
        os.close(handle)


def _edit_lines() -> None:
    """Arrow keys and history, where the platform has readline: importing it is enough."""
    try:
        import readline  # noqa: F401
    except ImportError:
        return
