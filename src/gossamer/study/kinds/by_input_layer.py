"""What studies of input layers share: cells of each layer, and F1 against density."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gossamer.study.kind import F1_NAMES
from gossamer.study.report.analysis import Picture, percent, sentence
from gossamer.study.report.drawing import legend, markers, panels, plot_cells, series_colours
from gossamer.study.report.summary import Cell, Row, cells
from gossamer.study.run import Task

CellsByLayer = Mapping[str, Sequence[Cell]]


def cells_by_layer(rows: Sequence[Row], names: Sequence[str]) -> CellsByLayer:
    """The cells of each input layer that has any, by density.

    Args:
        rows: of a study.
        names: of input layers, in the order of the report.
    """
    found = cells(rows, ("input_layer", "density"))
    by_layer = {name: [cell for cell in found if cell.group[0] == name] for name in names}
    return {name: of_layer for name, of_layer in by_layer.items() if of_layer}


def cell_at(by_layer: CellsByLayer, name: str, density: float) -> Cell | None:
    """The cell of a layer at a density, if there is one."""
    return next((cell for cell in by_layer.get(name, []) if cell.group[1] == density), None)


def density_picture(
    by_layer: CellsByLayer,
    task: Task,
    *,
    name: str,
    labels: Mapping[str, str],
    title: str,
    each: str,
) -> Picture:
    """F1 against density, a line for each input layer.

    Args:
        by_layer: their cells.
        task: of the study.
        name: of the picture.
        labels: what the legend calls the layers.
        title: of the legend.
        each: what there is a line for, in the caption.
    """
    figure, (axes,) = panels(1, width=7.0)
    names = list(by_layer)
    colours, shapes = series_colours(names), markers(names)
    for layer, found in by_layer.items():
        plot_cells(
            axes,
            [cell.group[1] for cell in found],
            found,
            label=labels[layer],
            colour=colours[layer],
            marker=shapes[layer],
        )
    axes.set_xscale("log")
    ticks = sorted({cell.group[1] for found in by_layer.values() for cell in found})
    axes.set_xticks(ticks, [percent(tick) for tick in ticks], minor=False)
    axes.minorticks_off()
    axes.set_xlabel("connections that exist in the sparse layers")
    axes.set_ylabel(F1_NAMES[task])
    legend(axes, title=title)
    return Picture(
        name=name,
        figure=figure,
        caption=f"{sentence(F1_NAMES[task])} against density for each {each}: means over seeds, "
        "bars are one standard deviation.",
    )
