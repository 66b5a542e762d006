"""How training shows progress: a bar on a terminal, nothing elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

    from gossamer.nlu.pipeline.component import EpochListener, EpochReport


@contextmanager
def epoch_bars(console: Console, *, is_shown: bool = True) -> Iterator[EpochListener | None]:
    """A listener that draws one bar per component that trains in epochs.

    Args:
        console: where to draw.
        is_shown: draw at all; without a terminal nothing is drawn either.

    Yields:
        The listener to hand to training, or None when nothing is drawn.
    """
    if not (is_shown and console.is_terminal):
        yield None
        return
    # Importing it draws from the global random generator, which importing this module must not.
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    bars: dict[str, TaskID] = {}
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[figures]}"),
        console=console,
        expand=True,
    ) as progress:

        def show(report: EpochReport) -> None:
            bar = bars.get(report.component)
            if bar is None:
                bar = progress.add_task(report.component, total=report.n_epochs, figures="")
                bars[report.component] = bar
            progress.update(bar, completed=report.epoch, figures=figures(report))

        yield show


def figures(report: EpochReport) -> str:
    """Losses and accuracies of an epoch in one line: "t_loss 1.23  i_acc 0.912"."""
    return "  ".join(f"{name} {value:.3g}" for name, value in report.metrics.items())


@contextmanager
def counting_bar(console: Console, what: str) -> Iterator[Callable[[int, int], None] | None]:
    """A listener that draws one bar for things that are done one after the other.

    Args:
        console: where to draw; without a terminal nothing is drawn.
        what: what is counted.

    Yields:
        What to call with how many are done and of how many, or None when nothing is drawn.
    """
    if not console.is_terminal:
        yield None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    with Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        expand=True,
    ) as progress:
        bar = progress.add_task(what, total=None)
        yield lambda n_done, n_all: progress.update(bar, completed=n_done, total=n_all)
