"""What the dense layer before the sparse ones is for."""

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
        found = cells(rows, ("input_layer", "density"))
        by_layer: dict[str, list[Cell]] = {}
        for name in map(str, InputLayer):
            of_layer = [cell for cell in found if cell.group[0] == name]
            if of_layer:
                by_layer[name] = of_layer
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
            label=name,
            colour=colours[name],
            marker=shapes[name],
        )
    axes.set_xscale("log")
    ticks = sorted({cell.group[1] for found in by_layer.values() for cell in found})
    axes.set_xticks(ticks, [percent(tick) for tick in ticks], minor=False)
    axes.minorticks_off()
    axes.set_xlabel("connections that exist in the sparse layers")
    axes.set_ylabel(F1_NAMES[task])
    legend(axes, title="input layer")
    return Picture(
        name="input-layer",
        figure=figure,
        caption=f"{sentence(F1_NAMES[task])} against density for each input layer: means over "
        "seeds, bars are one standard deviation.",
    )


def _base(by_layer: dict[str, list[Cell]], density: float) -> Cell | None:
    return next((c for c in by_layer.get("learned", []) if c.group[1] == density), None)


def _table(by_layer: dict[str, list[Cell]]) -> Table:
    rows = []
    for name, found in by_layer.items():
        for cell in reversed(found):
            base = _base(by_layer, cell.group[1])
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


def _findings(by_layer: dict[str, list[Cell]]) -> list[str]:
    findings = []
    for name, found in by_layer.items():
        if name == "learned":
            continue
        parts = []
        losses: list[tuple[float, float, float]] = []
        for cell in reversed(found):
            base = _base(by_layer, cell.group[1])
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
