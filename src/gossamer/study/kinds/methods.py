"""Random, pruned or learned connections, at equal numbers of weights in the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from gossamer.sparse import Topology
from gossamer.study.grid import Grid
from gossamer.study.kind import F1_NAMES, Study
from gossamer.study.report.analysis import Analysis, Picture, Table, percent, sentence, spread
from gossamer.study.report.drawing import legend, markers, panels, series_colours
from gossamer.study.report.summary import Cell, Row, cells, difference, paired, told_apart
from gossamer.study.run import Method, Task

_SECONDS = "warm_cpu_seconds"


class MethodsStudy(Study):
    """See the module's docstring."""

    name: ClassVar[str] = "methods"
    summary: ClassVar[str] = "Random, pruned or learned connections, at equal final weights."
    varied: ClassVar[tuple[str, ...]] = ("density", "topology", "method")

    def grid(self, task: Task) -> Grid:
        """All ways to find connections, at three densities beside dense."""
        return Grid(
            densities=(1.0, 0.2, 0.05, 0.01),
            sizes=(128,),
            topologies=(
                Topology.UNIFORM,
                Topology.FAN_IN,
                Topology.GROUPED,
                Topology.BLOCKED,
                Topology.WINDOWED,
            ),
            methods=tuple(Method),
        )

    def question(self, task: Task) -> str:
        """About choosing at random."""
        return (
            "At the same number of weights in the end: are connections that are drawn at random "
            "and fixed as good as those found by pruning a dense network or by moving connections "
            "while training, and what does each cost?"
        )

    def protocol(self) -> str:
        """What each method does, and when."""
        return (
            "Fixed: drawn before training by the topology named. One-shot: dense for three "
            "quarters of the steps, then the weights of greatest magnitude kept, then trained "
            "on. Gradual (Zhu and Gupta 2017): pruned from a quarter to three quarters of the "
            "steps. SET (Mocanu et al. 2018) and RigL (Evci et al. 2020): 30% of the connections "
            "exchanged 14 times in the first three quarters (RigL: less each time). All have the "
            "same number of steps. Differences are to fixed uniform, paired by seed."
        )

    def limits(self) -> Sequence[str]:
        """What may be otherwise elsewhere."""
        return (
            "The settings of the methods are those of their papers, fitted to the length of this "
            "training, and were not tuned. Longer training may favour methods that move "
            "connections.",
            "Seconds are those of this implementation: dense phases run on dense products, uniform "
            "layers on kernels for single connections, the other topologies on kernels for tiles "
            "where these fit.",
        )

    def analyse(self, rows: Sequence[Row]) -> Analysis:
        """F1 and seconds of each method at each density."""
        found = [
            cell for cell in cells(rows, ("density", "method", "topology")) if cell.group[0] < 1.0
        ]
        dense = next((c for c in cells(rows, ("density",)) if c.group[0] == 1.0), None)
        task = Task(rows[0]["task"])
        densities = sorted({cell.group[0] for cell in found}, reverse=True)
        reference = {
            d: next((c for c in found if c.group == (d, "fixed", "uniform")), None)
            for d in densities
        }
        return Analysis(
            pictures=(_picture(found, densities, dense, task),) if found else (),
            tables=(_table(found, reference, dense),),
            findings=[text for d in densities for text in _finding(found, d, reference[d], dense)],
        )


def _name(cell: Cell) -> str:
    _, method, topology = cell.group
    return f"fixed {topology}" if method == "fixed" else str(method)


def _picture(
    found: Sequence[Cell], densities: Sequence[float], dense: Cell | None, task: Task
) -> Picture:
    figure, axes = panels(len(densities), width=4.6, height=4.4)
    names = sorted({_name(cell) for cell in found})
    colours, shapes = series_colours(names), markers(names)
    for each, density in zip(axes, densities, strict=True):
        for cell in found:
            if cell.group[0] != density:
                continue
            name = _name(cell)
            each.errorbar(
                cell.median(_SECONDS), cell.mean(), yerr=cell.deviation() if cell.n > 1 else 0.0,
                fmt=shapes[name], color=colours[name], label=name, capsize=2.5, markersize=7,
            )  # fmt: skip
        if dense is not None:
            each.axhline(dense.mean(), color="black", linewidth=0.8, linestyle=":")
            each.annotate(
                "dense", (1.0, dense.mean()), xycoords=("axes fraction", "data"),
                ha="right", va="bottom", fontsize=8,
            )  # fmt: skip
        each.set_title(f"{percent(density)} of the connections", fontsize=10)
        each.set_xlabel("processor seconds of training")
    axes[0].set_ylabel(F1_NAMES[task])
    legend(axes[-1], loc="best")
    low = min(axis.get_ylim()[0] for axis in axes)
    high = max(axis.get_ylim()[1] for axis in axes)
    for each in axes:
        each.set_ylim(low, high)
    line = "" if dense is None else " The dotted line is the mean F1 of dense layers."
    return Picture(
        name="methods",
        figure=figure,
        caption=f"{sentence(F1_NAMES[task])} against training time for each way to find the "
        f"connections; bars are one standard deviation over seeds.{line}",
    )


def _table(found: Sequence[Cell], reference: dict[float, Cell | None], dense: Cell | None) -> Table:
    rows = []
    if dense is not None:
        rows.append(_line("100%", "dense", dense, ""))
    for cell in sorted(found, key=lambda c: (-c.group[0], -c.mean())):
        base = reference[cell.group[0]]
        change = "" if base is None or base is cell else difference(cell, base)
        rows.append(_line(percent(cell.group[0]), _name(cell), cell, change))
    return Table(
        title="Mean and standard deviation over seeds; medians of processor seconds",
        columns=("density", "connections", "weights", "F1", "to uniform", "seconds", "seeds"),
        rows=rows,
    )


def _line(density: str, name: str, cell: Cell, change: str) -> tuple[str, ...]:
    return (
        density,
        name,
        f"{cell.weights:,.0f}",
        spread(cell.mean(), cell.deviation()),
        change,
        f"{cell.median(_SECONDS):.1f}",
        str(cell.n),
    )


def _finding(
    found: Sequence[Cell], density: float, base: Cell | None, dense: Cell | None
) -> list[str]:
    here = [cell for cell in found if cell.group[0] == density]
    best = max(here, key=lambda cell: cell.mean())
    text = f"At {percent(density)} {_name(best)} has the highest mean F1, {best.mean():.3f}"
    if dense is not None:
        text += f" (dense {dense.mean():.3f})"
    if base is not None and base is not best:
        text += f"; fixed uniform has {base.mean():.3f}"
        change = paired(best, base)
        if change is not None:
            is_clear = change.is_above_zero or change.is_below_zero
            text += f", the difference being {change}{'' if is_clear else ', within the spread'}"
    if base is None:
        return [f"{text}."]
    others = [(_name(cell), cell) for cell in here if cell is not base]
    return [f"{text}. {told_apart(others, base, 'fixed uniform')}".rstrip()]
