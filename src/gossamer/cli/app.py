"""The commands, put together."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from gossamer.cli.commands import (
    data,
    export,
    init,
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

app = typer.Typer(
    name="gossamer",
    cls=CommandGroup,
    help="Light dialogue understanding with randomly connected layers.",
    epilog="A first session: gossamer init my-assistant; cd my-assistant; gossamer train; "
    "gossamer shell.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        from gossamer.version import __version__

        typer.echo(f"gossamer {__version__}")
        raise typer.Exit


@app.callback()
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


app.command("init")(init.init)
app.add_typer(train.app, name="train")
app.add_typer(test.app, name="test")
app.command("parse")(parse.parse)
app.command("run")(run_command.run)
app.add_typer(shell.app, name="shell")
app.command("export")(export.export)
app.add_typer(data.app, name="data")
app.command("visualize")(visualize.visualize)
app.add_typer(study.app, name="study")
app.add_typer(semantic_map.app, name="semantic-map")


def main() -> None:
    """Run the command line; the process ends with an exit code.

    0: done. 1: an input cannot be used, or a check failed. 2: the command line is wrong. 130:
        interrupted.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", _SPIN_COUNT)  # is read when PyTorch is loaded
    run(app)
