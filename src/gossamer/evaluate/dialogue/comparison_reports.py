"""Files and figure of a comparison of dialogue models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING

from gossamer.data.errors import InputError
from gossamer.data.installed import FIGURES, require
from gossamer.data.text.files import write_files
from gossamer.evaluate.dialogue.comparison import ComparedModel, DialogueComparison
from gossamer.evaluate.files import json_bytes, png_bytes, text_bytes
from gossamer.evaluate.tables import make_table, plain_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.console import RenderableType
    from rich.table import Table


def write_dialogue_comparison(
    comparison: DialogueComparison, folder: Path, *, plots: bool = True
) -> list[Path]:
    """Write a comparison into a folder.

    In Rasa's layout: `results.json` (correct conversations for each configuration, run and
    percentage; null where training failed) and `num_stories.json` (training stories for each
    percentage). Besides: `core_model_comparison.json`, all trainings, and
    `core_model_comparison.txt`, to be read. The figure is `core_model_comparison_graph.png`, where
    Rasa draws a PDF.

    Args:
        comparison: what to write.
        folder: made when it is not there.
        plots: draw the figure.

    Returns:
        The files written.

    Raises:
        InputError: the folder cannot be written, or a figure is wanted and matplotlib is not there.
    """
    if plots:
        require("figures (plots=True)", *FIGURES)
    contents = {
        "results.json": comparison.results(),
        "num_stories.json": [round(number) for number in comparison.n_stories],
        "core_model_comparison.json": [asdict(model) for model in comparison.models],
    }
    files = {folder / name: json_bytes(content) for name, content in contents.items()}
    files[folder / "core_model_comparison.txt"] = text_bytes(comparison_text(comparison))
    if plots:
        files[folder / "core_model_comparison_graph.png"] = comparison_png(comparison)
    write_files(files, error=InputError)
    return list(files)


def comparison_summary(comparison: DialogueComparison) -> RenderableType:
    """Mean and standard deviation over runs, and what failed, to print on a rich console."""
    from rich.console import Group
    from rich.text import Text

    n_all = comparison.n_conversations
    parts: list[RenderableType] = [
        _table(comparison, f"Correct conversations of {n_all}", "n_correct", 1),
        _table(comparison, "Weighted F1 of actions", "action_f1", 4),
    ]
    failures = comparison.failures
    if failures:
        parts.append(Text(f"{len(failures)} of {len(comparison.models)} trainings failed:"))
        parts += [
            Text(
                f"  {model.config}, run {model.run}, {model.exclude_percentage:g}% left out: "
                f"{model.failure}"
            )
            for model in failures
        ]
    return Group(*parts)


def comparison_text(comparison: DialogueComparison) -> str:
    """The summary of a comparison as plain text."""
    return plain_text(comparison_summary(comparison))


def comparison_png(comparison: DialogueComparison) -> bytes:
    """Draw correct conversations and weighted F1 of actions over the number of training stories.

    A line for the mean of each configuration; around it, a band of one standard deviation over
    runs to either side. Trainings that failed are left out of both, and counted in the title.

    Args:
        comparison: what to draw.

    Returns:
        A PNG image.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    figure = Figure(figsize=(8, 8), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, sharex=True)
    _draw_lines(comparison, upper, "n_correct")
    _draw_lines(comparison, lower, "action_f1")
    n_all, n_failed = comparison.n_conversations, len(comparison.failures)
    title = f"Test stories: mean and standard deviation of {comparison.n_runs} runs"
    if n_failed:
        title += f"; {n_failed} of {len(comparison.models)} trainings failed"
    upper.set_title(title, loc="left", fontsize=11)
    upper.set_ylabel(f"correct conversations of {n_all}")
    upper.set_ylim(0, n_all * 1.05)
    upper.yaxis.set_major_locator(MaxNLocator(integer=True))
    upper.legend(loc="lower right", frameon=False)
    lower.set_ylabel("weighted F1 of actions")
    lower.set_ylim(0, 1.05)
    lower.set_xlabel("training stories")
    lower.set_xticks(sorted({round(number) for number in comparison.n_stories}))
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="0.9", linewidth=0.6)
    return png_bytes(figure)


def _draw_lines(comparison: DialogueComparison, axes: Axes, figure: str) -> None:
    for config in comparison.configs:
        points = []
        for percentage in comparison.exclude_percentages:
            models = [m for m in comparison.of(config, percentage) if m.failure is None]
            values = _values(models, figure)
            if values:
                number = mean(model.n_stories for model in models)
                points.append((number, mean(values), _spread(values)))
        points.sort()
        numbers = [number for number, _, _ in points]
        (line,) = axes.plot(numbers, [middle for _, middle, _ in points], marker=".", label=config)
        axes.fill_between(
            numbers,
            [middle - spread for _, middle, spread in points],
            [middle + spread for _, middle, spread in points],
            color=line.get_color(),
            alpha=0.2,
            linewidth=0,
        )


def _table(comparison: DialogueComparison, title: str, figure: str, n_decimals: int) -> Table:
    from rich.text import Text

    stories = comparison.n_stories
    columns = [
        f"{percentage:g}% out ({number:g} stories)"
        for percentage, number in zip(comparison.exclude_percentages, stories, strict=True)
    ]
    table = make_table(title, ("configuration", *columns))
    for config in comparison.configs:
        cells = []
        for percentage in comparison.exclude_percentages:
            values = _values(comparison.of(config, percentage), figure)
            cells.append(
                f"{mean(values):.{n_decimals}f} ± {_spread(values):.{n_decimals}f}"
                if values
                else "failed"
            )
        table.add_row(Text(config), *cells)
    return table


def _values(models: Sequence[ComparedModel], figure: str) -> list[float]:
    """A figure of those models whose training did not fail."""
    values = [getattr(model, figure) for model in models]
    return [float(value) for value in values if value is not None]


def _spread(values: Sequence[float]) -> float:
    return stdev(values) if len(values) > 1 else 0.0
