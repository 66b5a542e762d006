"""The end of teaching: what was taught, and a model that has learnt it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from gossamer.cli.options import MODELS
from gossamer.cli.streams import TypedLines, visible
from gossamer.cli.teaching.asking import Leave, Questions
from gossamer.data.text.wording import counted
from gossamer.teach import MessageCorrection, Taught, TaughtProject

if TYPE_CHECKING:
    from rich.console import Console

    from gossamer.teach.candidates import Comparison, Difference
    from gossamer.teach.candidates.progress import ProgressListener

_MOST_SHOWN = 20
_KINDS = {
    "taught": "taught",
    "test_messages": "test messages",
    "test_stories": "test stories",
}


def end_of_teaching(
    taught: Sequence[Taught],
    project: TaughtProject,
    model: Path | None,
    console: Console,
    lines: TypedLines,
    *,
    train: bool | None,
) -> None:
    """Say what was taught, and train with it if that is wanted.

    Args:
        taught: what was taught.
        project: what is trained.
        model: the file that a new one is compared with; None: there is none.
        console: where to print.
        lines: what is typed.
        train: whether to train; None: it is asked on a terminal, if something was taught.

    Raises:
        InputError: the project cannot be trained.
    """
    typer.echo(told(taught))
    questions = Questions(lines)
    try:
        if train is None:
            asks = bool(taught) and lines.is_terminal
            train = asks and questions.is_yes("Train with it now?", default=False)
        if not train:
            if taught:
                typer.echo("gossamer train trains with it.")
            return
        _train(project, model, console, questions)
    except Leave:
        return


def told(taught: Sequence[Taught]) -> str:
    """What was taught, in a sentence."""
    n_messages = sum(isinstance(each.correction, MessageCorrection) for each in taught)
    n_stories = len(taught) - n_messages
    parts = [
        *([counted(n_messages, "message")] if n_messages else []),
        *([counted(n_stories, "story")] if n_stories else []),
    ]
    return f"Taught: {' and '.join(parts) if parts else 'nothing'}."


def _train(
    project: TaughtProject, model: Path | None, console: Console, questions: Questions
) -> None:
    """Train a candidate, show what it does better and worse, and put it in service."""
    from gossamer.data.installed import TRAINING, require

    require("training", *TRAINING)

    from gossamer.teach.candidates import Comparison, make_candidate, put_in_service

    models = MODELS if model is None else model.parent
    with _bar(console) as listener:
        candidate = make_candidate(
            project.folder,
            models=models,
            base=model,
            taught=[each.correction for each in project.taught() if not each.is_undone],
            on_progress=listener,
            config=project.config.absolute(),
            domain=[path.absolute() for path in project.domain],
            data=[path.absolute() for path in project.data],
        )
    comparison = Comparison.of_json(candidate.comparison)
    show_comparison(comparison, console)
    is_wanted = not comparison.worse
    if questions.is_terminal:
        is_wanted = questions.is_yes("Put this model in service?", default=is_wanted)
    if is_wanted:
        typer.echo(f"The model is {put_in_service(candidate, models)}")
    else:
        still = "There is still no model" if model is None else f"The model is still {model}"
        typer.echo(f"{still}. The new one is {candidate.path}")


@contextmanager
def _bar(console: Console) -> Iterator[ProgressListener | None]:
    """A listener that draws one bar, on a terminal."""
    if not console.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

    columns: tuple[Any, ...] = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
    )
    with Progress(*columns, console=console, expand=True) as progress:
        bar = progress.add_task("reading", total=1.0)
        yield lambda now: progress.update(bar, completed=now.fraction, description=now.text)


def show_comparison(comparison: Comparison, console: Console) -> None:
    """Print what got better and what got worse, sentence by sentence."""
    for line in comparison.trained or ("nothing had to be trained",):
        console.print(f"  {line}", style="dim", markup=False, soft_wrap=True)
    for kind, name in _KINDS.items():
        counts = comparison.summary.get(kind)
        if counts is not None and counts.n > 0:
            typer.echo(f"Right of {counts.n:,} {name}: {counts.before:,}, now {counts.after:,}")
    for name, style, differences in (
        ("better", "green", comparison.better),
        ("worse", "red", comparison.worse),
        ("still wrong", "yellow", comparison.still_wrong),
    ):
        for each in differences[:_MOST_SHOWN]:
            console.print(
                f"  {name}: {visible(each.text)}{_said(each)}",
                style=style,
                markup=False,
                soft_wrap=True,
            )
        if len(differences) > _MOST_SHOWN:
            typer.echo(f"  {name}: and {len(differences) - _MOST_SHOWN:,} more")


def _said(difference: Difference) -> str:
    """What a model says now of a message, and what is right where it is wrong."""
    if difference.kind != "message":
        return ""
    now = (difference.after or {}).get("intent")
    right = difference.expected.get("intent")
    if now == right:
        return f"  ({right})"
    return f"  ({now}, right is {right})"
