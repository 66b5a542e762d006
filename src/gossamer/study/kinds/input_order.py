"""Whether windows of neighbouring features beat random ones, where neighbours are related."""

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
    percent,
    sentence,
    spread,
)
from gossamer.study.report.drawing import legend, markers, panels, plot_cells, series_colours
from gossamer.study.report.summary import Cell, Row, cells, difference, paired
from gossamer.study.run import InputLayer, Task

_NAMES = {
    "windowed": "windows in the features' order",
    "shuffled": "windows in a random order",
    "none": "random connections",
    "learned": "learned dense layer",
}


class InputOrderStudy(Study):
    """See the module's docstring."""

    name: ClassVar[str] = "input-order"
    summary: ClassVar[str] = (
        "Windows of neighbouring features against the same windows of shuffled ones."
    )
    tasks: ClassVar[tuple[Task, ...]] = (Task.INTENT, Task.ENTITY)
    varied: ClassVar[tuple[str, ...]] = ("density", "input_layer")

    def grid(self, task: Task) -> Grid:
        """Windows with and without the order, random connections, and DIET as it is."""
        return Grid(
            densities=(0.2, 0.05, 0.01),
            sizes=(128,),
            input_layers=(
                InputLayer.WINDOWED, InputLayer.SHUFFLED, InputLayer.NONE, InputLayer.LEARNED
            ),
        )  # fmt: skip

    def question(self, task: Task) -> str:
        """The article's expectation, tested."""
        return (
            "On a semantic map neighbouring dimensions are related. So, the article says, a sparse "
            "layer whose outputs each read a window of neighbours should beat one whose outputs "
            "read random inputs. Does it?"
        )

    def protocol(self) -> str:
        """What is compared."""
        return (
            "DIET's dense layer before the sparse ones is taken out, since it may put features in "
            "any order. In its place each output of a sparse layer reads a window of features: "
            "neighbours in the order that the features have, or the same windows after the "
            "features were put in a random order, another one for each seed. Random connections "
            "(`uniform`) of the same number and DIET as it is stand beside them. The features must "
            "have an order that means something: the pipeline has SemanticMapFeaturizer alone, "
            "whose columns are the cells of a map along a Hilbert curve. Differences are paired by "
            "seed."
        )

    def limits(self) -> Sequence[str]:
        """What the order is of."""
        return (
            "The order is that of one map, of one corpus.",
            "Only the layer that reads the features has windows; the layers behind it are drawn as "
            "they always are.",
        )

    def analyse(self, rows: Sequence[Row]) -> Analysis:
        """F1 by density for each way to read the features, and what the order gives."""
        task = Task(rows[0]["task"])
        found = cells(rows, ("input_layer", "density"))
        by_layer = {
            name: of_layer
            for name in _NAMES
            if (of_layer := [cell for cell in found if cell.group[0] == name])
        }
        return Analysis(
            pictures=(_picture(by_layer, task),),
            tables=(_table(by_layer),),
            findings=_findings(by_layer),
        )


def _picture(by_layer: dict[str, list[Cell]], task: Task) -> Picture:
    figure, (axes,) = panels(1, width=7.0)
    names = list(by_layer)
    colours, shapes = series_colours(names), markers(names)
    for name, found in by_layer.items():
        plot_cells(
            axes,
            [cell.group[1] for cell in found],
            found,
            label=_NAMES[name],
            colour=colours[name],
            marker=shapes[name],
        )
    axes.set_xscale("log")
    ticks = sorted({cell.group[1] for found in by_layer.values() for cell in found})
    axes.set_xticks(ticks, [percent(tick) for tick in ticks], minor=False)
    axes.minorticks_off()
    axes.set_xlabel("connections that exist in the sparse layers")
    axes.set_ylabel(F1_NAMES[task])
    legend(axes, title="features are read by")
    return Picture(
        name="input-order",
        figure=figure,
        caption=f"{sentence(F1_NAMES[task])} against density for each way to read the features: "
        "means over seeds, bars are one standard deviation.",
    )


def _base(by_layer: dict[str, list[Cell]], density: float) -> Cell | None:
    return next((c for c in by_layer.get("shuffled", []) if c.group[1] == density), None)


def _table(by_layer: dict[str, list[Cell]]) -> Table:
    rows = []
    for name, found in by_layer.items():
        for cell in reversed(found):
            base = _base(by_layer, cell.group[1])
            change = "" if base is None or base is cell else difference(cell, base)
            rows.append(
                (
                    _NAMES[name],
                    percent(cell.group[1]),
                    count(cell.weights),
                    spread(cell.mean(), cell.deviation()),
                    change,
                    str(cell.n),
                )
            )
    return Table(
        title="Mean and standard deviation over seeds; differences with 95% intervals",
        columns=("features are read by", "density", "sparse weights", "F1", "to shuffled", "seeds"),
        rows=rows,
    )


def _findings(by_layer: dict[str, list[Cell]]) -> list[str]:
    parts = []
    for cell in reversed(by_layer.get("windowed", [])):
        base = _base(by_layer, cell.group[1])
        change = None if base is None else paired(cell, base)
        if base is None:
            continue
        text = f"{difference(cell, base)} at {percent(cell.group[1])}"
        if change is not None:
            is_clear = abs(change.mean) > change.half_width
            text += "" if is_clear else " (the interval holds zero)"
        parts.append(text)
    if not parts:
        return []
    return [f"With the order of the features against without it, F1 differs by {', '.join(parts)}."]
