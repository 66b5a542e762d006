"""What the figures of all studies share: colours, axes, error bars."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from gossamer.study.report.summary import Cell

# Green, yellow, blue and red for 100, 20, 5 and 1%, as in the article; the yellow dark enough to
# be read on white.
_ARTICLE = {1.0: "#2e8b57", 0.2: "#d9a400", 0.05: "#2b6cb0", 0.01: "#c0392b"}
_OTHERS = ("#7b5ea7", "#8c6d4f", "#d16ba5", "#5f7d8c", "#93a832", "#e07b39")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


def density_colours(densities: Sequence[float]) -> dict[float, str]:
    """A colour for each density; the article's four keep theirs."""
    others = iter(_OTHERS * (1 + len(densities) // len(_OTHERS)))
    return {density: _ARTICLE.get(density) or next(others) for density in densities}


def markers(names: Sequence[str]) -> dict[str, str]:
    """A marker for each name, so that lines differ in more than colour."""
    return {name: _MARKERS[i % len(_MARKERS)] for i, name in enumerate(names)}


def series_colours(names: Sequence[str]) -> dict[str, str]:
    """A colour for each name that is not a density."""
    palette = (*_ARTICLE.values(), *_OTHERS)
    return {name: palette[i % len(palette)] for i, name in enumerate(names)}


def panels(n: int, *, width: float = 6.4, height: float = 4.4) -> tuple[Figure, list[Axes]]:
    """A figure with panels side by side, on a canvas of its own; no global state is changed."""
    figure = Figure(figsize=(width * n, height), layout="constrained", dpi=110)
    axes = figure.subplots(1, n, squeeze=False)[0]
    for each in axes:
        each.spines[["top", "right"]].set_visible(False)
        each.grid(True, color="#e6e6e6", linewidth=0.7)
        each.set_axisbelow(True)
    return figure, list(axes)


def plot_cells(
    axes: Axes, x: Sequence[float], found: Sequence[Cell], *, label: str, colour: str, marker: str
) -> None:
    """Mean F1 of some cells as a line, with one standard deviation as bars."""
    deviations = [cell.deviation() for cell in found]
    axes.errorbar(
        x,
        [cell.mean() for cell in found],
        yerr=[0.0 if math.isnan(d) else d for d in deviations],
        label=label,
        color=colour,
        marker=marker,
        markersize=5,
        linewidth=1.6,
        capsize=2.5,
        elinewidth=1.0,
    )


def weights_axis(axes: Axes) -> None:
    """A logarithmic axis of weights: 1,000, 10,000, ..."""
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("trainable weights in the sparse layers")


def legend(axes: Axes, **options: Any) -> None:
    """A legend without a frame."""
    axes.legend(frameon=False, fontsize=9, **options)


def legend_below(figure: Figure, axes: Axes) -> None:
    """A legend of what one panel shows, in a line below all panels."""
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=9
    )
