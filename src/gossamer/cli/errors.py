"""How errors, warnings and interruptions reach the person at the terminal."""

from __future__ import annotations

import errno
import sys
import warnings
from typing import Any, NoReturn, TextIO

import typer
from typer.core import TyperGroup

from gossamer.cli.rasas_ways import prepared_arguments

INTERRUPTED = 130


class CommandGroup(TyperGroup):
    """The root group: input errors become one line on stderr, other errors stay tracebacks.

    Exit codes: 1 for an `InputError` or a file that cannot be read or written, 130 for Ctrl-C.
    A reader that goes away (`gossamer parse ... | head`) ends the command quietly.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments, also as people who know Rasa type them."""
        return super().parse_args(ctx, prepared_arguments(self, ctx, args))

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command."""
        with warnings.catch_warnings():
            # `python -W ...` and PYTHONWARNINGS stay in charge where they are used.
            if not sys.warnoptions:
                warnings.simplefilter("default", UserWarning)
            warnings.showwarning = show_warning
            try:
                return super().invoke(ctx)
            except KeyboardInterrupt:
                typer.echo("Interrupted.", err=True)
                raise typer.Exit(INTERRUPTED) from None
            except (ValueError, OSError) as error:
                message = _message(error)
                if message is None or ctx.params.get("debug"):
                    raise
                _fail(message)


def show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning as one line, without the source line that raised it."""
    typer.echo(f"Warning: {' '.join(str(message).split())}", err=True)


def _message(error: Exception) -> str | None:
    # Imported late, as the package's readers take a moment to load.
    from gossamer.data.errors import InputError

    if isinstance(error, InputError):
        return str(error)
    # Errors without a file name, a broken pipe among them, are not about something given.
    if isinstance(error, OSError) and error.errno != errno.EPIPE and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return None


def _fail(message: str) -> NoReturn:
    typer.echo(f"Error: {message}", err=True)
    raise typer.Exit(1) from None
