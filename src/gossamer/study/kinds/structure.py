"""How structured random connections may be: topologies and group sizes against F1 and speed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from gossamer.sparse import Topology
from gossamer.study.grid import Grid
from gossamer.study.kind import F1_NAMES, Study
from gossamer.study.report.analysis import Analysis, Picture, Table, percent, sentence, spread
from gossamer.study.report.drawing import legend_below, markers, panels, series_colours
from gossamer.study.report.summary import Cell, Row, Speed, cells, difference, speed, told_apart
from gossamer.study.run import Task

_SIZE = "options.max_group_size"
_SECONDS = "warm_cpu_seconds"


class StructureStudy(Study):
    """See the module's docstring."""

    name: ClassVar[str] = "structure"
    summary: ClassVar[str] = "Topologies and group sizes against F1 and speed."
    varied: ClassVar[tuple[str, ...]] = ("density", "topology", _SIZE)

    def grid(self, task: Task) -> Grid:
        """All topologies, groups of at most 1 to 32, at 20% and 5% beside dense."""
        return Grid(
            densities=(1.0, 0.2, 0.05),
            sizes=(256,),
            topologies=tuple(Topology),
            variants=({}, *({"max_group_size": size} for size in (4, 8, 16))),
        )

    def question(self, task: Task) -> str:
        """About the price of the fast layer."""
        return (
            "Layers are faster the more their outputs share inputs. What does that structure cost "
            "in F1, and what does it buy in time?"
        )

    def protocol(self) -> str:
        """What is varied, and what time is."""
        return (
            "Each topology draws the same share of connections: `uniform` one by one, `fan_in` as "
            "many for each output, `grouped`, `blocked` and `windowed` for groups of outputs that "
            "share their inputs, the last two in tiles of neighbours. Groups are as large as the "
            "topology chooses, or at most as large as said. Speed is how many times less "
            "processor time training takes than with dense layers of the same seed, kernels "
            "compiled before: the median over seeds, and the range. Differences are to `uniform`, "
            "paired by seed."
        )

    def limits(self) -> Sequence[str]:
        """What the speed is of."""
        return (
            "Speed is that of the whole training, input tables, losses and optimiser included; the "
            "layers alone gain more (docs/performance.md).",
            "Groups larger than those the topologies choose were not tried.",
        )

    def analyse(self, rows: Sequence[Row]) -> Analysis:
        """F1 against speed, the price against `uniform`."""
        task = Task(rows[0]["task"])
        found = [c for c in cells(rows, ("density", "topology", _SIZE)) if c.group[0] < 1.0]
        dense = next((c for c in cells(rows, ("density",)) if c.group[0] == 1.0), None)
        densities = sorted({cell.group[0] for cell in found}, reverse=True)
        return Analysis(
            pictures=(_picture(found, densities, dense, task),) if found else (),
            tables=(_table(found, dense),),
            findings=[text for d in densities for text in _finding(found, d, dense)],
        )


def _name(cell: Cell) -> str:
    _, topology, size = cell.group
    return str(topology) if size is None else f"{topology}, groups of {size} at most"


def _base(found: Sequence[Cell], density: float) -> Cell | None:
    return next((c for c in found if c.group == (density, "uniform", None)), None)


def _speed(cell: Cell, base: Cell | None) -> Speed | None:
    return None if base is None else speed(cell, base, _SECONDS)


def _picture(
    found: Sequence[Cell], densities: Sequence[float], dense: Cell | None, task: Task
) -> Picture:
    figure, axes = panels(len(densities), width=6.2, height=4.6)
    topologies = [t for t in map(str, Topology) if any(c.group[1] == t for c in found)]
    colours, shapes = series_colours(topologies), markers(topologies)
    for each, density in zip(axes, densities, strict=True):
        told: set[str] = set()
        for cell in found:
            if cell.group[0] != density:
                continue
            _, topology, size = cell.group
            ratio = _speed(cell, dense)
            x = cell.median(_SECONDS) if ratio is None else ratio.median
            if ratio is not None:
                each.hlines(
                    cell.mean(), ratio.least, ratio.most, colors=colours[topology], alpha=0.35
                )
            each.errorbar(
                x, cell.mean(), yerr=cell.deviation() if cell.n > 1 else 0.0,
                fmt=shapes[topology], color=colours[topology], capsize=2.5, markersize=7,
                label=None if topology in told else topology,
            )  # fmt: skip
            told.add(topology)
            if size is not None:
                each.annotate(
                    str(size), (x, cell.mean()), textcoords="offset points", xytext=(7, 4),
                    fontsize=8, color=colours[topology],
                )  # fmt: skip
        if dense is not None:
            each.axhline(dense.mean(), color="black", linewidth=0.8, linestyle=":")
        each.set_title(f"{percent(density)} of the connections", fontsize=10)
        each.set_xlabel(
            "processor seconds of training" if dense is None else "training speed, dense = 1"
        )
    axes[0].set_ylabel(F1_NAMES[task])
    low = min(axis.get_ylim()[0] for axis in axes)
    high = max(axis.get_ylim()[1] for axis in axes)
    for each in axes:
        each.set_ylim(low, high)
    legend_below(figure, axes[0])
    line = (
        ""
        if dense is None
        else " of F1 and the range of speeds; the dotted line is the F1 of dense layers"
    )
    return Picture(
        name="structure",
        figure=figure,
        caption=f"{sentence(F1_NAMES[task])} against training speed for each topology, with the "
        "largest group where one was set: means over seeds, bars are one standard deviation"
        f"{line}.",
    )


def _table(found: Sequence[Cell], dense: Cell | None) -> Table:
    rows = []
    if dense is not None:
        rows.append(_line("100%", "dense", dense, "", dense))
    for cell in sorted(found, key=lambda c: (-c.group[0], c.median(_SECONDS))):
        base = _base(found, cell.group[0])
        change = "" if base is None or base is cell else difference(cell, base)
        rows.append(_line(percent(cell.group[0]), _name(cell), cell, change, dense))
    return Table(
        title="Mean and standard deviation over seeds; medians of processor seconds",
        columns=(
            "density", "topology", "weights", "F1", "to uniform", "seconds", "speed", "seeds",
        ),
        rows=rows,
    )  # fmt: skip


def _line(density: str, name: str, cell: Cell, change: str, dense: Cell | None) -> tuple[str, ...]:
    ratio = _speed(cell, dense)
    return (
        density,
        name,
        f"{cell.weights:,.0f}",
        spread(cell.mean(), cell.deviation()),
        change,
        f"{cell.median(_SECONDS):.1f}",
        "" if ratio is None or cell is dense else str(ratio),
        str(cell.n),
    )


def _finding(found: Sequence[Cell], density: float, dense: Cell | None) -> list[str]:
    here = [cell for cell in found if cell.group[0] == density]
    base = _base(found, density)
    fastest = min(here, key=lambda cell: cell.median(_SECONDS))
    text = f"At {percent(density)} the fastest is {_name(fastest)}"
    to_dense, to_uniform = _speed(fastest, dense), _speed(fastest, base)
    text += "" if to_dense is None else f": {to_dense} times as fast as dense"
    if base is not None and base is not fastest:
        text += "" if to_uniform is None else f", {to_uniform} times as fast as uniform"
        text += f"; its F1 differs by {difference(fastest, base)}"
        others = [(_name(cell), cell) for cell in here if cell is not base]
        return [f"{text}. {told_apart(others, base, 'uniform')}".rstrip()]
    return [f"{text}."]
