"""The commands, put together."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Annotated

import typer

from gossamer.cli.commands import (
    data,
    export,
    forget,
    inbox,
    init,
    interactive,
    parse,
    semantic_map,
    shell,
    study,
    test,
    train,
    visualize,
)
from gossamer.cli.commands import (
    run as run_command,
)
from gossamer.cli.errors import CommandGroup, run

# Iterations that a thread of GNU OpenMP, on which PyTorch runs, busy-waits for the next product.
# The default is so high that one other program on a core makes training twenty times slower.
_SPIN_COUNT = "10000"
# New objects after which Python looks for unreachable ones, 700 or 2,000 by default. Imports make
# tens of thousands that stay; looking at them again took an eighth of a short command's time.
_GARBAGE_AFTER = 50_000

# By their names; a group is an app of its own.
_COMMANDS: Mapping[str, typer.Typer | Callable[..., None]] = MappingProxyType(
    {
        "init": init.init,
        "train": train.app,
        "test": test.app,
        "parse": parse.parse,
        "run": run_command.run,
        "forget": forget.forget,
        "shell": shell.app,
        "interactive": interactive.interactive,
        "inbox": inbox.inbox,
        "export": export.export,
        "data": data.app,
        "visualize": visualize.visualize,
        "study": study.app,
        "semantic-map": semantic_map.app,
    }
)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        from gossamer.version import __version__

        typer.echo(f"gossamer {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and end.", callback=_print_version, is_eager=True
        ),
    ] = False,
    debug: Annotated[
        bool,
        typer.Option("--debug", help="Show where in the program an error occurred (put it first)."),
    ] = False,
) -> None:
    pass  # Both options act elsewhere: in the callback above and in `CommandGroup`.


def _app_of(names: Iterable[str]) -> typer.Typer:
    """The command line with these commands."""
    made = typer.Typer(
        name="gossamer",
        cls=CommandGroup,
        help="Light dialogue understanding with randomly connected layers.",
        epilog="A first session: gossamer init my-assistant; cd my-assistant; gossamer train; "
        "gossamer shell.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    made.callback()(_root)
    for name in names:
        command = _COMMANDS[name]
        if isinstance(command, typer.Typer):
            made.add_typer(command, name=name)
        else:
            made.command(name)(command)
    return made


app = _app_of(_COMMANDS)


def main() -> None:
    """Run the command line; the process ends with an exit code.

    0: done. 1: an input cannot be used, or a check failed. 2: the command line is wrong. 130:
        interrupted.
    """
    gc.set_threshold(_GARBAGE_AFTER)
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", _SPIN_COUNT)  # is read when PyTorch is loaded
    # typer inspects every option of every command, which takes longer than many a command itself.
    first = sys.argv[1] if len(sys.argv) > 1 else ""
    run(_app_of([first]) if first in _COMMANDS else app)
