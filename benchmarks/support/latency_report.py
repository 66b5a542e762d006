"""What `latency.py` found, as a table in Markdown and as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from support.targets import Target, markdown_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOR, _RASA_COLOR = "#1565c0", "#8c8c8c"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure.

    Attributes:
        name: what is measured.
        unit: of all the numbers.
        gossamer: median over rounds or processes.
        least: the smallest of them.
        most: the largest of them.
        target: what is aimed at.
        at_least: whether the target is a lower bound.
        rasa: the same of Rasa; None where it was not measured.
    """

    name: str
    unit: str
    gossamer: float
    least: float
    most: float
    target: float | None = None
    at_least: bool = False
    rasa: float | None = None

    @property
    def verdict(self) -> str:
        """Whether the target is met, or by how much it is missed; empty without one."""
        if self.target is None:
            return ""
        return Target(
            name=self.name, wanted=self.target, measured=self.gossamer, at_least=self.at_least
        ).verdict


def table(rows: Sequence[Row]) -> str:
    """The figures in Markdown."""
    has_rasa = any(row.rasa is not None for row in rows)
    head = ["", "unit", "Gossamer", "least to most", "target", ""]
    head += ["Rasa"] if has_rasa else []
    lines = []
    for row in rows:
        sign = "≥" if row.at_least else "≤"
        cells = [
            row.name,
            row.unit,
            _shown(row.gossamer),
            f"{_shown(row.least)} to {_shown(row.most)}",
            "" if row.target is None else f"{sign} {_shown(row.target)}",
            row.verdict,
        ]
        if has_rasa:
            cells.append("" if row.rasa is None else _shown(row.rasa))
        lines.append(cells)
    return markdown_table(head, lines, "llrrrlr")


def _shown(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def draw(rows: Sequence[Row], path: Path) -> None:
    """A panel for each unit, a bar for each figure, targets as lines, Rasa below where measured."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    units = list(dict.fromkeys(row.unit for row in rows))
    panels = [[row for row in rows if row.unit == unit] for unit in units]
    heights = [len(panel) for panel in panels]
    figure = Figure(figsize=(9, 0.4 * len(rows) + 0.6 * len(panels) + 0.4), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axes, panel in zip(grid, panels, strict=True):
        _draw_panel(axes, panel)
    handles = {
        label: handle
        for axes in grid
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        handles.values(), handles, loc="outside lower center", ncols=4, frameon=False, fontsize=9
    )
    figure.savefig(path, dpi=130)


def _draw_panel(axes: Axes, panel: Sequence[Row]) -> None:
    has_rasa = any(row.rasa is not None for row in panel)
    height = 0.38 if has_rasa else 0.6
    shift = height / 2 if has_rasa else 0.0
    values = [row.gossamer for row in panel]
    spread = [
        [row.gossamer - row.least for row in panel],
        [row.most - row.gossamer for row in panel],
    ]
    places = range(len(panel))
    own = [place - shift for place in places]
    bars = axes.barh(own, values, height, xerr=spread, capsize=2, color=_COLOR, label="Gossamer")
    axes.bar_label(bars, [_shown(value) for value in values], padding=5, fontsize=8)
    for place, row in zip(places, panel, strict=True):
        if row.rasa is not None:
            bars = axes.barh([place + shift], [row.rasa], height, color=_RASA_COLOR, label="Rasa")
            axes.bar_label(bars, [_shown(row.rasa)], padding=5, fontsize=8)
        if row.target is not None:
            kind = "target, at least" if row.at_least else "target, at most"
            color = "#2e7d32" if row.at_least else "#c62828"
            axes.vlines(row.target, place - 0.45, place + 0.45, color=color, lw=2, label=kind)
    ends = [x for row in panel for x in (row.most, row.target, row.rasa) if x is not None]
    axes.set(xlim=(0, 1.15 * max(ends)), xlabel=panel[0].unit)
    axes.set_yticks(list(places), [row.name for row in panel], fontsize=8)
    axes.set_ylim(len(panel) - 0.4, -0.6)
    axes.tick_params(axis="x", labelsize=8)
