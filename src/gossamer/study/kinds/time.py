"""F1 against the time of training: what density buys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from gossamer.study.grid import Grid
from gossamer.study.kind import F1_NAMES, Study
from gossamer.study.report.analysis import Analysis, Picture, Table, percent, sentence, spread
from gossamer.study.report.drawing import density_colours, legend, markers, panels, plot_cells
from gossamer.study.report.summary import Cell, Row, cells, least_size_reaching
from gossamer.study.run import Task

_SECONDS = "warm_cpu_seconds"
_LEVELS = (0.95, 0.98, 0.99)


class TimeStudy(Study):
    """See the module's docstring."""

    name: ClassVar[str] = "time"
    summary: ClassVar[str] = "F1 against seconds of training at each density."
    varied: ClassVar[tuple[str, ...]] = ("density", "epochs")

    def grid(self, task: Task) -> Grid:
        """Four densities at one width, trainings of 5 to 40 epochs."""
        return Grid(sizes=(256,), epochs=(5, 10, 20, 40))

    def question(self, task: Task) -> str:
        """What a user asks."""
        return "In the same time on this machine, which density gives the best F1?"

    def protocol(self) -> str:
        """What time is."""
        return (
            "Each density is trained for several numbers of epochs, each training whole and from "
            "the start (batches grow over its epochs). Time is processor time of training on one "
            "thread, features made and kernels compiled before; others on the machine change it "
            "less than they change the clock's."
        )

    def limits(self) -> Sequence[str]:
        """What the time is not."""
        return (
            "Reading data and making features take the same time at each density and are left out; "
            "so is compiling kernels, a few seconds in each process.",
        )

    def analyse(self, rows: Sequence[Row]) -> Analysis:
        """Curves of F1 over time, and the time to a share of the best."""
        task = Task(rows[0]["task"])
        by_density: dict[float, list[Cell]] = {}
        for cell in cells(rows, ("density", "epochs")):
            by_density.setdefault(cell.group[0], []).append(cell)
        by_density = dict(sorted(by_density.items(), reverse=True))
        best = max((c for found in by_density.values() for c in found), key=lambda c: c.mean())
        return Analysis(
            pictures=(_picture(by_density, task),),
            tables=(_reached(by_density, best), _all(by_density)),
            findings=_findings(by_density, best),
        )


def _seconds(cell: Cell) -> float:
    return cell.median(_SECONDS)


def _picture(by_density: dict[float, list[Cell]], task: Task) -> Picture:
    figure, (axes,) = panels(1, width=7.4, height=4.8)
    colours = density_colours(list(by_density))
    shapes = markers([str(density) for density in by_density])
    for density, found in by_density.items():
        plot_cells(
            axes,
            [_seconds(cell) for cell in found],
            found,
            label=percent(density),
            colour=colours[density],
            marker=shapes[str(density)],
        )
    if all(_seconds(cell) > 0.0 for found in by_density.values() for cell in found):
        axes.set_xscale("log")  # some clocks are too coarse for a tiny training
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_xlabel("processor seconds of training")
    axes.set_ylabel(F1_NAMES[task])
    legend(axes, loc="lower right", title="connections that exist")
    return Picture(
        name="time",
        figure=figure,
        caption=f"{sentence(F1_NAMES[task])} against the time of training, a point for each number "
        "of epochs: means over seeds, bars are one standard deviation.",
    )


def _reached(by_density: dict[float, list[Cell]], best: Cell) -> Table:
    rows = []
    for density, found in by_density.items():
        texts = [percent(density)]
        for level in _LEVELS:
            cell = least_size_reaching(found, level * best.mean(), size=_seconds)
            texts.append(
                "not reached"
                if cell is None
                else f"{_seconds(cell):.1f} s ({cell.group[1]} epochs)"
            )
        rows.append(texts)
    return Table(
        title=f"Shortest training that reaches a share of the highest mean F1 ({best.mean():.4f})",
        columns=("density", *(f"{100 * level:.0f}%" for level in _LEVELS)),
        rows=rows,
    )


def _all(by_density: dict[float, list[Cell]]) -> Table:
    rows = [
        (
            percent(density),
            str(cell.group[1]),
            spread(cell.mean(), cell.deviation()),
            f"{_seconds(cell):.1f}",
            f"{1000 * _seconds(cell) / cell.group[1]:.0f}",
            str(cell.n),
        )
        for density, found in by_density.items()
        for cell in found
    ]
    return Table(
        title="Mean and standard deviation over seeds; medians of processor time",
        columns=("density", "epochs", "F1", "seconds", "ms an epoch", "seeds"),
        rows=rows,
    )


def _findings(by_density: dict[float, list[Cell]], best: Cell) -> list[str]:
    findings = []
    for level in reversed(_LEVELS):
        reached = {
            density: cell
            for density, found in by_density.items()
            if (cell := least_size_reaching(found, level * best.mean(), size=_seconds)) is not None
        }
        if len(reached) > 1:
            parts = [f"{_seconds(cell):.0f} s at {percent(d)}" for d, cell in reached.items()]
            missing = [percent(d) for d in by_density if d not in reached]
            rest = f" ({', '.join(missing)} did not reach it)" if missing else ""
            findings.append(
                f"{100 * level:.0f}% of the highest mean F1 takes {', '.join(parts)}{rest}."
            )
            break
    dense = by_density.get(1.0)
    if dense is not None:
        budget = min(_seconds(cell) for cell in dense)
        parts = []
        for density, found in by_density.items():
            within = [cell for cell in found if _seconds(cell) <= budget * 1.05]
            if within:
                top = max(within, key=lambda cell: cell.mean())
                parts.append(f"{percent(density)} {top.mean():.3f}")
        findings.append(
            f"In the time of the shortest dense training ({budget:.0f} s) F1 is {', '.join(parts)}."
        )
    return findings
