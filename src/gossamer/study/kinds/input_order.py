"""Whether windows of neighbouring features beat random ones, where neighbours are related."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from gossamer.study.grid import Grid
from gossamer.study.kind import Study
from gossamer.study.kinds.by_input_layer import (
    CellsByLayer,
    cell_at,
    cells_by_layer,
    density_picture,
)
from gossamer.study.report.analysis import (
    Analysis,
    Table,
    count,
    percent,
    spread,
)
from gossamer.study.report.summary import Row, difference, paired
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
            "Only the layer that reads the features has windows; the layers after it are drawn as "
            "they always are.",
        )

    def analyse(self, rows: Sequence[Row]) -> Analysis:
        """F1 by density for each way to read the features, and what the order gives."""
        task = Task(rows[0]["task"])
        by_layer = cells_by_layer(rows, list(_NAMES))
        return Analysis(
            pictures=(
                density_picture(
                    by_layer,
                    task,
                    name="input-order",
                    labels=_NAMES,
                    title="features are read by",
                    each="way to read the features",
                ),
            ),
            tables=(_table(by_layer),),
            findings=_findings(by_layer),
        )


def _table(by_layer: CellsByLayer) -> Table:
    rows = []
    for name, found in by_layer.items():
        for cell in reversed(found):
            base = cell_at(by_layer, "shuffled", cell.group[1])
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


def _findings(by_layer: CellsByLayer) -> list[str]:
    parts = []
    for cell in reversed(by_layer.get("windowed", [])):
        base = cell_at(by_layer, "shuffled", cell.group[1])
        if base is None:
            continue
        change = paired(cell, base)
        text = f"{difference(cell, base)} at {percent(cell.group[1])}"
        if change is not None:
            is_clear = abs(change.mean) > change.half_width
            text += "" if is_clear else " (the interval holds zero)"
        parts.append(text)
    if not parts:
        return []
    return [f"With the order of the features against without it, F1 differs by {', '.join(parts)}."]
