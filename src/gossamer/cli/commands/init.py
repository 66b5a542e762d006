"""`gossamer init`: a small assistant to start from."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath
from typing import Annotated

import typer


def init(
    folder: Annotated[
        Path | None,
        typer.Argument(help="The folder to write to; made if it does not exist.", metavar="DIR"),
    ] = None,
    init_dir: Annotated[
        Path | None, typer.Option("--init-dir", help="The same as DIR, as Rasa calls it.")
    ] = None,
    no_prompt: Annotated[
        bool, typer.Option("--no-prompt", help="Do not ask; without DIR, the current folder.")
    ] = False,
) -> None:
    """Write a small assistant to start from: examples, stories, rules, a domain, a configuration.

    Files that exist are never overwritten: if one is in the way, nothing is written.
    """
    if folder is not None and init_dir is not None:
        raise typer.BadParameter("give either DIR or --init-dir, not both")
    target = folder if folder is not None else init_dir
    if target is None:
        may_ask = not no_prompt and sys.stdin.isatty()
        target = Path(typer.prompt("Folder", default=".") if may_ask else ".")
    for path in copy_starter(target):
        typer.echo(path)
    step = "" if target == Path() else f"cd {target}\n  "
    typer.echo(f"\nNext:\n  {step}gossamer train\n  gossamer shell")


def copy_starter(target: Path) -> list[Path]:
    """Copy the starter assistant into a folder.

    Args:
        target: the folder, made if it does not exist.

    Returns:
        The files written.

    Raises:
        InputError: files or folders in the target are in the way, or it cannot be written; nothing
            was written.
    """
    from gossamer.data.errors import InputError
    from gossamer.data.text.files import write_files

    sources = dict(_starter_files(files("gossamer.starter"), PurePosixPath()))
    contents = {target / name: source.read_bytes() for name, source in sources.items()}
    in_the_way = [str(path) for path in contents if os.path.lexists(path)]
    if in_the_way:
        raise InputError(
            f"existing files are not overwritten, and these exist: {', '.join(in_the_way)}",
            hint="an empty folder",
        )
    write_files(contents, error=InputError, may_replace=False)
    return list(contents)


def _starter_files(
    folder: Traversable, name: PurePosixPath
) -> Iterator[tuple[PurePosixPath, Traversable]]:
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_dir():
            if item.name != "__pycache__":
                yield from _starter_files(item, name / item.name)
        elif not item.name.endswith((".py", ".pyc")):
            yield name / item.name, item
