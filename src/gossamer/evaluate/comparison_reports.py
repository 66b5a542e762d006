"""Files and figure of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import TYPE_CHECKING

from gossamer.data.errors import InputError
from gossamer.data.installed import FIGURES, require
from gossamer.data.text.files import write_files
from gossamer.data.text.wording import counted
from gossamer.evaluate.comparison import ComparedModel, Comparison, Measure
from gossamer.evaluate.files import json_bytes, png_bytes, text_bytes
from gossamer.evaluate.tables import make_table, plain_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from rich.console import RenderableType
    from rich.table import Table


def write_comparison(comparison: Comparison, folder: Path, *, plots: bool = True) -> list[Path]:
    """Write a comparison into a folder.

    In Rasa's layout: `results.json` (the first measure for each configuration, run and percentage;
    null where training failed), and in dialogue `num_stories.json` (training stories for each
    percentage), here `num_examples.json` in understanding. Besides, with "core" or "nlu" in the
    place of KIND: `KIND_model_comparison.json`, all trainings, and `KIND_model_comparison.txt`, to
    be read. The figure is `KIND_model_comparison_graph.png`, where Rasa draws a PDF.

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
    name = f"{comparison.kind}_model_comparison"
    contents = {
        "results.json": comparison.results(),
        f"num_{comparison.trained_on}.json": [round(number) for number in comparison.n_trained],
        f"{name}.json": comparison.rows(),
    }
    files = {folder / file: json_bytes(content) for file, content in contents.items()}
    files[folder / f"{name}.txt"] = text_bytes(comparison_text(comparison))
    if plots:
        files[folder / f"{name}_graph.png"] = comparison_png(comparison)
    write_files(files, error=InputError)
    return list(files)


def comparison_summary(comparison: Comparison) -> RenderableType:
    """Mean and standard deviation over runs, and what failed, to print on a rich console."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [_table(comparison, each) for each in comparison.measures]
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


def comparison_text(comparison: Comparison) -> str:
    """The summary of a comparison as plain text."""
    return plain_text(comparison_summary(comparison))


def comparison_png(comparison: Comparison) -> bytes:
    """Draw the measures over the amount of training data.

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

    measures = comparison.measures
    figure = Figure(figsize=(8, 1 + 3.5 * len(measures)), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(measures), 1, sharex=True, squeeze=False)[:, 0]
    for axes, measure in zip(grid, measures, strict=True):
        _draw_lines(comparison, axes, measure)
        axes.set_ylabel(measure.title)
        axes.set_ylim(0, measure.most * 1.05)
        if measure.is_count:
            axes.yaxis.set_major_locator(MaxNLocator(integer=True))
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(axis="y", color="0.9", linewidth=0.6)
    title = f"Mean and standard deviation of {counted(comparison.n_runs, 'run')}"
    n_failed = len(comparison.failures)
    if n_failed:
        title += f"; {n_failed} of {len(comparison.models)} trainings failed"
    grid[0].set_title(title, loc="left", fontsize=11)
    grid[0].legend(loc="lower right", frameon=False)
    grid[-1].set_xlabel(f"training {comparison.trained_on}")
    grid[-1].set_xticks(sorted({round(number) for number in comparison.n_trained}))
    return png_bytes(figure)


def _draw_lines(comparison: Comparison, axes: Axes, measure: Measure) -> None:
    for config in comparison.configs:
        points = []
        for percentage in comparison.exclude_percentages:
            models = [m for m in comparison.of(config, percentage) if m.failure is None]
            values = _values(models, measure)
            if values:
                number = mean(model.n_trained for model in models)
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


def _table(comparison: Comparison, measure: Measure) -> Table:
    from rich.text import Text

    columns = [
        f"{percentage:g}% out ({number:g} {comparison.trained_on})"
        for percentage, number in zip(
            comparison.exclude_percentages, comparison.n_trained, strict=True
        )
    ]
    table = make_table(measure.title, ("configuration", *columns))
    n_decimals = 1 if measure.is_count else 4
    for config in comparison.configs:
        cells = [
            _cell(comparison.of(config, percentage), measure, n_decimals)
            for percentage in comparison.exclude_percentages
        ]
        table.add_row(Text(config), *cells)
    return table


def _cell(models: Sequence[ComparedModel], measure: Measure, n_decimals: int) -> str:
    values = _values(models, measure)
    if values:
        return f"{mean(values):.{n_decimals}f} ± {_spread(values):.{n_decimals}f}"
    return "failed" if any(model.failure is not None for model in models) else "-"


def _values(models: Sequence[ComparedModel], measure: Measure) -> list[float]:
    """A figure of those models whose training did not fail."""
    return [model.figures[measure.name] for model in models if measure.name in model.figures]


def _spread(values: Sequence[float]) -> float:
    return stdev(values) if len(values) > 1 else 0.0
