"""How errors, warnings and interruptions reach the person at the terminal."""

from __future__ import annotations

import errno
import sys
import warnings
from typing import Any, NoReturn, TextIO

import typer
from typer.core import TyperGroup

from gossamer.cli.help import name_values
from gossamer.cli.rasas_ways import prepared_arguments
from gossamer.cli.streams import output_problem, prepare_streams, say

INTERRUPTED = 130
_OF_OUTPUT = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EIO, errno.EBADF)


class CommandGroup(TyperGroup):
    """The root group: input errors become one line on stderr, other errors stay tracebacks.

    Exit codes: 1 for an `InputError`, a file that cannot be read or written, or a database that
    does not answer, 130 for Ctrl-C.
    A reader that goes away (`gossamer parse ... | head`) ends the command quietly.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments, also in the form that Rasa's users type."""
        return super().parse_args(ctx, prepared_arguments(self, ctx, args))

    def main(self, *arguments: Any, **options: Any) -> Any:
        """Run a command line."""
        name_values(self)
        return super().main(*arguments, **options)

    def invoke(self, ctx: Any) -> Any:
        """Run the chosen command."""
        with warnings.catch_warnings():
            # `python -W ...` and PYTHONWARNINGS stay in charge where they are used.
            if not sys.warnoptions:
                warnings.simplefilter("default", UserWarning)
            warnings.showwarning = show_warning
            try:
                return super().invoke(ctx)
            except (KeyboardInterrupt, typer.Abort):  # Abort: at a question
                say("Interrupted.")
                raise typer.Exit(INTERRUPTED) from None
            except (ValueError, OSError, MemoryError, ModuleNotFoundError, RuntimeError) as error:
                message = _message(error)
                if message is None or ctx.params.get("debug"):
                    raise
                say(f"Error: {message}")
                raise typer.Exit(1) from None


def run(app: typer.Typer) -> NoReturn:
    """Run the command line and end the process, with its streams prepared."""
    prepare_streams()
    try:
        app()
        code: Any = 0
    except SystemExit as end:
        code = end.code
    except OSError as error:  # outside of commands, in printing help
        message = _message(error)
        if message is None:
            raise
        say(f"Error: {message}")
        code = 1
    except KeyboardInterrupt:  # before a command begins or after it ended
        say("Interrupted.")
        code = INTERRUPTED
    problem = output_problem()  # printing the last output may meet a full disk too
    if problem is not None and code == 0:
        code = 1
        if problem.errno != errno.EPIPE:
            say(f"Error: standard output: {problem.strerror}")
    sys.exit(code)


def show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Print a warning as one line, without the source line that raised it."""
    say(f"Warning: {' '.join(str(message).split())}")


def _message(error: Exception) -> str | None:
    """What is printed for an error; None for a bug, and for a reader that went away."""
    # Imported late, as the package's readers take a moment to load.
    from gossamer.data.errors import InputError
    from gossamer.data.installed import as_missing_part

    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, ModuleNotFoundError):  # of an extra, where the command did not ask before
        missing = as_missing_part("this command", error)
        return None if missing is None else str(missing)
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    stored = sys.modules.get("gossamer.serve.store.errors")
    if stored is not None and isinstance(error, stored.StoreError):
        return str(error)
    if not isinstance(error, OSError) or error.errno == errno.EPIPE:
        return None
    if error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    # Errors of files are named by their writers, so this one is from printing.
    if error.errno in _OF_OUTPUT:
        output_problem()
        return f"standard output: {error.strerror}"
    return str(error)
