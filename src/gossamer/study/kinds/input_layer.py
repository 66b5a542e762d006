"""What the dense layer before the sparse ones is for."""

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

_LAYERS = (InputLayer.LEARNED, InputLayer.FROZEN, InputLayer.HASHED, InputLayer.NONE)


class InputLayerStudy(Study):
    """See the module's docstring."""

    name: ClassVar[str] = "input-layer"
    summary: ClassVar[str] = "The dense layer before the sparse ones learned, fixed or left out."
    tasks: ClassVar[tuple[Task, ...]] = (Task.INTENT, Task.ENTITY)
    varied: ClassVar[tuple[str, ...]] = ("density", "input_layer")

    def grid(self, task: Task) -> Grid:
        """All four input layers at four densities."""
        return Grid(sizes=(128,), input_layers=_LAYERS)

    def question(self, task: Task) -> str:
        """The article's explanation, tested."""
        return (
            "Connections may be chosen at random, the article says, because the dense layer before "
            "the sparse ones learns to permute its outputs. Does F1 fall when that layer cannot "
            "learn or is not there, and does it fall more at low density?"
        )

    def protocol(self) -> str:
        """What takes the layer's place."""
        return (
            "Learned: DIET as it is. Frozen: the dense layer stays as it was initialised. Hashed: "
            "in its place each feature goes to one random unit with a random sign, fixed. None: "
            "no dense layer; the first randomly connected layer reads the features themselves, at "
            "the same density. If the explanation holds, what is lost against the learned layer "
            "grows as density falls. Differences are paired by seed."
        )

    def limits(self) -> Sequence[str]:
        """What else changes with the layer."""
        return (
            "The dense layer holds nearly all weights of the model, the vectors of words and "
            "n-grams among them. Without it the model loses these too, not only a way to permute: "
            "only how the loss depends on density speaks for or against the explanation.",
            "Without the layer the first sparse layer is much larger than before: the models do "
            "not have equal weights (see the table).",
        )

    def analyse(self, rows: Sequence[Row]) -> Analysis:
        """F1 by density for each input layer, and what is lost."""
        task = Task(rows[0]["task"])
        by_layer = cells_by_layer(rows, list(map(str, InputLayer)))
        return Analysis(
            pictures=(
                density_picture(
                    by_layer,
                    task,
                    name="input-layer",
                    labels={layer: layer for layer in by_layer},
                    title="input layer",
                    each="input layer",
                ),
            ),
            tables=(_table(by_layer),),
            findings=_findings(by_layer),
        )


def _table(by_layer: CellsByLayer) -> Table:
    rows = []
    for name, found in by_layer.items():
        for cell in reversed(found):
            base = cell_at(by_layer, "learned", cell.group[1])
            change = "" if base is None or base is cell else difference(cell, base)
            rows.append(
                (
                    name,
                    percent(cell.group[1]),
                    count(cell.weights),
                    count(cell.mean("weights")),
                    spread(cell.mean(), cell.deviation()),
                    change,
                    str(cell.n),
                )
            )
    return Table(
        title="Mean and standard deviation over seeds; differences with 95% intervals",
        columns=(
            "input layer", "density", "sparse weights", "all weights", "F1", "to learned", "seeds",
        ),
        rows=rows,
    )  # fmt: skip


def _findings(by_layer: CellsByLayer) -> list[str]:
    findings = []
    for name, found in by_layer.items():
        if name == "learned":
            continue
        parts = []
        losses: list[tuple[float, float, float]] = []
        for cell in reversed(found):
            base = cell_at(by_layer, "learned", cell.group[1])
            if base is None:
                continue
            change = paired(cell, base)
            parts.append(f"{cell.mean() - base.mean():+.3f} at {percent(cell.group[1])}")
            if change is not None:
                losses.append((cell.group[1], change.mean, change.half_width))
        if not parts:
            continue
        text = f"Against the learned layer, {name}: {', '.join(parts)}."
        if len(losses) > 1:
            (high, first, a), (low, last, b) = losses[0], losses[-1]
            wide = (a**2 + b**2) ** 0.5
            more = last - first
            verdict = (
                "more is lost" if more < -wide else "less is lost" if more > wide
                else "the loss is about the same, within the intervals,"
            )  # fmt: skip
            text += (
                f" From {percent(high)} to {percent(low)}, {verdict} ({more:+.3f} ± {wide:.3f})."
            )
        findings.append(text)
    return findings
