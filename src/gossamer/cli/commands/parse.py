"""`gossamer parse`: what is understood of a text, as JSON."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from gossamer.cli.options import MODELS, ModelPath, PartsConfig
from gossamer.cli.streams import input_lines

if TYPE_CHECKING:
    from gossamer.nlu.pipeline.messages import Parse


def parse(
    texts: Annotated[
        list[str] | None, typer.Argument(help="Texts to parse.", metavar="TEXT")
    ] = None,
    model: ModelPath = MODELS,
    config: PartsConfig = None,
    batch_size: Annotated[
        int,
        typer.Option(
            "--batch-size", min=1, help="Lines from stdin parsed at a time; 1 answers each at once."
        ),
    ] = 64,
) -> None:
    """Print what is understood of texts, in JSON of Rasa's shape.

    One TEXT gives one indented object. Several give one object a line. Without TEXT, every line
    that comes through a pipe is a text, and every line of output is its object, in the same order.
    """
    if not texts and _stdin_is_terminal():
        raise typer.BadParameter("give a TEXT, or pipe lines into the command", param_hint="TEXT")
    from gossamer.cli.models import parts_config
    from gossamer.data.model_files import latest_model

    # Before the networks are imported, which takes seconds: a wrong name is reported at once.
    path, named = latest_model(model), parts_config(config)
    from gossamer.assistant import Assistant

    assistant = Assistant.load(path, config=named)
    if texts and len(texts) == 1:
        typer.echo(to_json(assistant.parse(texts[0]), indent=2))
        return
    source: Iterable[str] = texts or input_lines()
    for batch in _batches(source, batch_size):
        for result in assistant.parse_many(batch):
            typer.echo(to_json(result))


def to_json(result: Parse, *, indent: int | None = None) -> str:
    """A parse as JSON; characters that stdout cannot carry are escaped."""
    content = result.to_dict()
    # Values of entities may be dates; they are shown as text.
    text = json.dumps(content, indent=indent, ensure_ascii=False, default=str)
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        text = json.dumps(content, indent=indent, default=str)
    # JSON strings hold no raw line breaks, so this finds pairs of token offsets only.
    return re.sub(r"\[\n\s+(\d+),\n\s+(\d+)\n\s+\]", r"[\1, \2]", text)


def _stdin_is_terminal() -> bool:
    return sys.stdin.isatty()


def _batches(lines: Iterable[str], size: int) -> Iterator[list[str]]:
    """Lists of lines; those before one that cannot be read are given before its error is raised."""
    from gossamer.data.errors import InputError

    batch: list[str] = []
    try:
        for line in lines:
            batch.append(line)
            if len(batch) == size:
                yield batch
                batch = []
    except InputError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch
