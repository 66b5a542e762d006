"""F1 against trainable weights at several densities: the article's figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from gossamer.study.grid import Grid
from gossamer.study.kind import F1_NAMES, Study
from gossamer.study.report.analysis import (
    Analysis,
    Picture,
    Table,
    count,
    listed,
    percent,
    sentence,
    spread,
)
from gossamer.study.report.drawing import density_colours, legend, markers, panels, plot_cells
from gossamer.study.report.drawing import weights_axis as set_weights_axis
from gossamer.study.report.summary import (
    Cell,
    Choice,
    Row,
    cells,
    least_size_reaching,
    paired,
    seeds_of,
    smallest_within_one_standard_error,
)
from gossamer.study.run import Task

_LEVELS = (0.9, 0.95, 0.98, 0.99)
_TOP = 0.9  # of the best F1: where the second panel begins


class DensityStudy(Study):
    """See the module's docstring."""

    name: ClassVar[str] = "density"
    summary: ClassVar[str] = "F1 against trainable weights at several densities."
    varied: ClassVar[tuple[str, ...]] = ("density", "size")

    def grid(self, task: Task) -> Grid:
        """Four densities, six sizes, three seeds."""
        return Grid()

    def question(self, task: Task) -> str:
        """About the article's figure for the task."""
        learner = "TED" if task is Task.DIALOGUE else "DIET"
        return (
            f"How many trainable weights do the sparse layers of {learner} need for "
            f"{_WHAT[task]}, at each density of connections?"
        )

    def protocol(self) -> str:
        """What is varied and counted."""
        return (
            "For each density and each width of the transformer a network is trained from the "
            "start and tested once, with several seeds. Only connections of the sparse layers "
            "count as their weights (no biases, no input tables, no embeddings). Of the models "
            "whose mean F1 lies within one standard error of the best, the smallest is named."
        )

    def limits(self) -> Sequence[str]:
        """What the figure cannot say."""
        return (
            "The horizontal axis counts the sparse layers alone, as the article does. The dense "
            "input tables before them hold many more weights, and are the same for all models.",
            "The best model is named on the test data themselves, among all models tried: its F1 "
            "is a little too good for new data.",
            "Every unit keeps at least one connection, whatever the density, so the smallest "
            "models have more weights than their density says.",
            "Of two models with equally many weights the sparser one is the wider: what it gains "
            "may come from the width as well as from the choice of connections.",
        )

    def analyse(self, rows: Sequence[Row]) -> Analysis:
        """Curves, the weights that a share of the best F1 takes, Occam's razor."""
        found = cells(rows, ("density", "size"))
        task = Task(rows[0]["task"])
        choice = smallest_within_one_standard_error(found)
        by_density = _by_density(found)
        return Analysis(
            pictures=(_picture(by_density, choice, task),),
            tables=(_reached(by_density, choice.best), _all(by_density)),
            findings=(
                _occam(choice, found),
                *_peaks(by_density),
                *_against_dense(by_density),
                *_needed(by_density, choice.best),
            ),
        )


_WHAT = {
    Task.INTENT: "intents",
    Task.ENTITY: "entities",
    Task.DIALOGUE: "the next action",
}


def _by_density(found: Sequence[Cell]) -> dict[float, list[Cell]]:
    """Densities from the highest down, cells by weights."""
    result: dict[float, list[Cell]] = {}
    for cell in sorted(found, key=lambda cell: (-cell.group[0], cell.weights)):
        result.setdefault(cell.group[0], []).append(cell)
    return result


def _picture(by_density: dict[float, list[Cell]], choice: Choice, task: Task) -> Picture:
    figure, (whole, top) = panels(2, width=6.4, height=4.8)
    colours = density_colours(list(by_density))
    shapes = markers([str(density) for density in by_density])
    for axes in (whole, top):
        for density, found in by_density.items():
            plot_cells(
                axes,
                [cell.weights for cell in found],
                found,
                label=percent(density),
                colour=colours[density],
                marker=shapes[str(density)],
            )
        axes.scatter(
            [choice.cell.weights],
            [choice.cell.mean()],
            s=190,
            facecolors="none",
            edgecolors="black",
            zorder=5,
            label="smallest within one standard\nerror of the best",
        )
        set_weights_axis(axes)
    best = choice.best
    margin = 0.0 if best.n < 2 else best.deviation()
    top.set_ylim(_TOP * best.mean(), best.mean() + max(3 * margin, 0.01))
    top.set_title(f"the same, from {100 * _TOP:.0f}% of the best", fontsize=10)
    whole.set_ylabel(F1_NAMES[task])
    legend(whole, loc="lower right", title="connections that exist")
    each = seeds_of(cell for found in by_density.values() for cell in found)
    return Picture(
        name="density",
        figure=figure,
        caption=f"{sentence(F1_NAMES[task])} against trainable weights in the sparse layers "
        f"at densities of {listed([percent(d) for d in by_density])}: means over {each}, "
        "bars are one standard deviation. The circle is the smallest model within one standard "
        "error of the best.",
    )


def _reached(by_density: dict[float, list[Cell]], best: Cell) -> Table:
    rows = []
    for density, found in by_density.items():
        texts = [percent(density)]
        for level in _LEVELS:
            cell = least_size_reaching(found, level * best.mean())
            texts.append("not reached" if cell is None else count(cell.weights))
        rows.append(texts)
    return Table(
        title="Weights in the sparse layers of the smallest model that reaches a share of the "
        f"highest mean F1 ({best.mean():.4f})",
        columns=("density", *(f"{100 * level:.0f}%" for level in _LEVELS)),
        rows=rows,
    )


def _all(by_density: dict[float, list[Cell]]) -> Table:
    rows = [
        (
            percent(density),
            str(cell.group[1]),
            f"{cell.weights:,.0f}",
            f"{cell.mean('weights'):,.0f}",
            spread(cell.mean(), cell.deviation()),
            str(cell.n),
            f"{cell.median('warm_cpu_seconds'):.1f}",
        )
        for density, found in by_density.items()
        for cell in found
    ]
    return Table(
        title="All models: mean and standard deviation over seeds, median of processor seconds",
        columns=("density", "size", "sparse weights", "all weights", "F1", "seeds", "seconds"),
        rows=rows,
    )


def _occam(choice: Choice, found: Sequence[Cell]) -> str:
    """What to use; of means that the spread does not tell apart, none is called the best."""
    cell, best = choice.cell, choice.best
    highest = f"{best.mean():.3f} with {count(best.weights)} weights"
    if best.n < 2:
        return f"With one seed {_name(best)} has the highest F1, {highest}, which may be chance."
    if cell is not best:
        return (
            f"Of the models within one standard error of the highest mean F1, {_name(cell)} is the "
            f"smallest: {_figures(cell)}, over {seeds_of([cell])}. The highest mean is that of "
            f"{_name(best)}: {_figures(best)}."
        )
    text = f"{_name(best)} has the highest mean F1, {highest}, over {seeds_of([best])}"
    others = [each for each in found if each is not best]
    if not others:
        return f"{text}."
    second = max(others, key=lambda each: each.mean())
    change = paired(best, second)
    seen = "tells" if change is not None and change.is_above_zero else "does not tell"
    return f"{text}; the spread {seen} it from the next, {_name(second)}: {_figures(second)}."


def _name(cell: Cell) -> str:
    density, size = cell.group
    return f"{percent(density)} at {size} units"


def _figures(cell: Cell) -> str:
    return f"F1 {cell.mean():.3f} with {count(cell.weights)} weights"


def _peaks(by_density: dict[float, list[Cell]]) -> list[str]:
    parts = []
    for density, found in by_density.items():
        best = max(found, key=lambda cell: cell.mean())
        parts.append(
            f"{percent(density)} peaks at {spread(best.mean(), best.deviation(), 3)} with "
            f"{count(best.weights)} weights"
        )
    return [f"{'; '.join(parts)}."]


def _against_dense(by_density: dict[float, list[Cell]]) -> list[str]:
    """What the sparser layers need for what dense ones reach at best."""
    dense = by_density.get(1.0)
    others = {density: found for density, found in by_density.items() if density < 1.0}
    if dense is None or not others:
        return []
    best = max(dense, key=lambda cell: cell.mean())
    level = best.mean() - (best.error() if best.n > 1 else 0.0)
    near, far = [], []
    for density, found in others.items():
        cell = least_size_reaching(found, level)
        if cell is None:
            top = max(found, key=lambda cell: cell.mean())
            far.append(f"{percent(density)} has {top.mean():.3f} at most")
        else:
            ratio = best.weights / cell.weights
            fewer = f"{ratio:.3g} times fewer" if ratio >= 1 else f"{1 / ratio:.3g} times more"
            near.append(f"{percent(density)} with {count(cell.weights)} weights ({fewer})")
    text = (
        f"Dense layers have their highest mean F1, {best.mean():.3f}, with {count(best.weights)} "
        "weights; "
    )
    if near:
        reach = "reaches" if len(near) == 1 else "reach"
        near.append(f"{near.pop()} {reach} that within one standard error")
        return [f"{text}{', '.join([*near, *far])}."]
    return [f"{text}no other density reaches that within one standard error: {', '.join(far)}."]


def _needed(by_density: dict[float, list[Cell]], best: Cell) -> list[str]:
    """What the densities need for the same F1, at the highest level that two of them reach."""
    for level in reversed(_LEVELS):
        needed = {
            density: cell
            for density, found in by_density.items()
            if (cell := least_size_reaching(found, level * best.mean())) is not None
        }
        if len(needed) > 1:
            parts = [f"{count(cell.weights)} at {percent(d)}" for d, cell in needed.items()]
            missing = [percent(d) for d in by_density if d not in needed]
            rest = f"; {listed(missing)} did not reach it with the sizes tried" if missing else ""
            return [f"{100 * level:.0f}% of the highest mean F1 takes {', '.join(parts)}{rest}."]
    return []
