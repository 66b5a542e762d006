"""What `latency.py` found, as tables in Markdown and as a figure."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from support.targets import Target, markdown_table, targets_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOR, _OTHER_COLOR, _RASA_COLOR = "#1565c0", "#90b8e0", "#8c8c8c"

_BEHIND_NUMBERS = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5}


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
        at_least: whether targets are lower bounds.
        panel: of the figure, for what is too small to be seen beside others of its unit.
        rasa: the same of Rasa; None where it was not measured.
        other: the median of another commit; None where it was not measured.
        other_least: the smallest of its figures.
        other_most: the largest of them.
        ratio: median, over rounds, of this commit's figure divided by the other's of that round.
        ratio_least: the smallest of these ratios.
        ratio_most: the largest of them.
        ratio_target: what is aimed at beside the other commit.
    """

    name: str
    unit: str
    gossamer: float
    least: float
    most: float
    target: float | None = None
    at_least: bool = False
    panel: str = ""
    rasa: float | None = None
    other: float | None = None
    other_least: float | None = None
    other_most: float | None = None
    ratio: float | None = None
    ratio_least: float | None = None
    ratio_most: float | None = None
    ratio_target: float | None = None

    @classmethod
    def of(
        cls,
        name: str,
        unit: str,
        found: Sequence[Sequence[float]],
        *,
        target: float | None = None,
        ratio_target: float | None = None,
        at_least: bool = False,
        panel: str = "",
    ) -> Row:
        """The row of what was found in rounds, of this commit and perhaps of another one."""
        own = found[0]
        row = cls(
            name=name,
            unit=unit,
            gossamer=statistics.median(own),
            least=min(own),
            most=max(own),
            target=target,
            at_least=at_least,
            panel=panel,
        )
        if len(found) == 1:
            return row
        other = found[1]
        row = replace(
            row,
            other=statistics.median(other),
            other_least=min(other),
            other_most=max(other),
            ratio_target=ratio_target,
        )
        if min(*own, *other) <= 0:  # as growth of memory may be
            return row
        ratios = [ours / theirs for ours, theirs in zip(own, other, strict=True)]
        return replace(
            row,
            ratio=statistics.median(ratios),
            ratio_least=min(ratios),
            ratio_most=max(ratios),
        )

    @property
    def verdict(self) -> str:
        """Whether the target is met, or by how much it is missed; empty without one."""
        return "" if self.target is None else self.targets[0].verdict

    @property
    def targets(self) -> list[Target]:
        """What is aimed at: a number, and a ratio to the other commit where it was measured."""
        found = []
        if self.target is not None:
            found.append(
                Target(
                    name=self.name,
                    wanted=self.target,
                    measured=self.gossamer,
                    at_least=self.at_least,
                    unit=f" {self.unit}",
                )
            )
        if self.ratio_target is not None and self.other is not None:
            found.append(
                Target(
                    name=f"{self.name}, beside the other commit",
                    wanted=self.ratio_target,
                    measured=self.ratio,
                    at_least=self.at_least,
                )
            )
        return found


def report(rows: Sequence[Row], commits: Sequence[str]) -> str:
    """The figures, and targets with whether they are met.

    Args:
        rows: the figures.
        commits: this one, and the one that it was measured against, if any.
    """
    targets = [target for row in rows for target in row.targets]
    shown = table(rows, commits)
    return f"{shown}\n\n## Targets\n\n{targets_table(targets)}" if targets else shown


def table(rows: Sequence[Row], commits: Sequence[str] = ()) -> str:
    """The figures in Markdown.

    Args:
        rows: the figures.
        commits: names of the columns where another commit was measured too.
    """
    has_rasa = any(row.rasa is not None for row in rows)
    has_other = any(row.other is not None for row in rows)
    own, other = _names(rows, commits)
    head = ["", "unit", own, "least to most", "target", ""]
    head += [other, "least to most", "ratio", "least to most"] if has_other else []
    head += ["Rasa"] if has_rasa else []
    lines = []
    for row in rows:
        sign = "≥" if row.at_least else "≤"
        cells = [
            row.name,
            row.unit,
            _shown(row.gossamer),
            _span(row.least, row.most),
            "" if row.target is None else f"{sign} {_shown(row.target)}",
            row.verdict,
        ]
        if has_other:
            ratio = "" if row.ratio is None else f"{_shown(row.ratio)}x"
            cells += ["" if row.other is None else _shown(row.other)]
            cells += [_span(row.other_least, row.other_most), ratio]
            cells += [_span(row.ratio_least, row.ratio_most)]
        if has_rasa:
            cells.append("" if row.rasa is None else _shown(row.rasa))
        lines.append(cells)
    return markdown_table(head, lines, "llrrrlr")


def _names(rows: Sequence[Row], commits: Sequence[str]) -> tuple[str, str]:
    if all(row.other is None for row in rows):
        return "Gossamer", ""
    own, other = commits if len(commits) == 2 else ("", "")
    return f"this commit {own}".strip(), f"the other {other}".strip()


def _span(least: float | None, most: float | None) -> str:
    return "" if least is None or most is None else f"{_shown(least)} to {_shown(most)}"


def _shown(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


def draw(rows: Sequence[Row], path: Path, commits: Sequence[str] = ()) -> None:
    """A panel for each unit, a bar for each figure, targets as lines.

    The other commit and Rasa are below where they were measured.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    panels: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        panels.setdefault((row.unit, row.panel), []).append(row)
    heights = [sum(0.5 + 0.5 * len(_bars(row)) for row in panel) for panel in panels.values()]
    height = 0.4 * sum(heights) + 0.6 * len(panels) + 0.4
    figure = Figure(figsize=(10, height), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    names = (*_names(rows, commits), "Rasa")
    for axes, panel in zip(grid, panels.values(), strict=True):
        _draw_panel(axes, panel, names)
    handles = {
        label: handle
        for axes in grid
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        handles.values(), handles, loc="outside lower center", ncols=3, frameon=False, fontsize=9
    )
    figure.savefig(path, dpi=130)


def _bars(row: Row) -> list[tuple[int, float, float, float]]:
    """Whose bar (this, the other, Rasa), its value, least and most."""
    bars = [(0, row.gossamer, row.least, row.most)]
    if row.other is not None and row.other_least is not None and row.other_most is not None:
        bars.append((1, row.other, row.other_least, row.other_most))
    if row.rasa is not None:
        bars.append((2, row.rasa, row.rasa, row.rasa))
    return bars


def _draw_panel(axes: Axes, panel: Sequence[Row], names: Sequence[str]) -> None:
    most = max(len(_bars(row)) for row in panel)
    thick = (0.6, 0.38, 0.27)[most - 1]
    ends = [0.0]
    for place, row in enumerate(panel):
        bars = _bars(row)
        for number, (whose, value, low, high) in enumerate(bars):
            at = place + (number - (len(bars) - 1) / 2) * thick
            spread = None if whose == 2 else [[value - low], [high - value]]
            color = (_COLOR, _OTHER_COLOR, _RASA_COLOR)[whose]
            drawn = axes.barh(
                at, value, thick, xerr=spread, capsize=2, color=color, label=names[whose]
            )
            axes.bar_label(
                drawn, [_shown(value)], padding=5, fontsize=8, zorder=5, bbox=_BEHIND_NUMBERS
            )
            ends += [low, high]
        bounds = [("target", row.target, "-")]
        if row.ratio_target is not None and row.other is not None:
            bounds.append(("target beside the other", row.ratio_target * row.other, ":"))
        for name, bound, style in bounds:
            if bound is None:
                continue
            kind = f"{name}, at {'least' if row.at_least else 'most'}"
            color = "#2e7d32" if row.at_least else "#c62828"
            top, bottom = place - 0.45, place + 0.45
            axes.vlines(bound, top, bottom, color=color, lw=2, ls=style, label=kind)
            ends.append(bound)
    left, right = 1.15 * min(ends), 1.15 * max(ends)
    title = f"{panel[0].panel}, {panel[0].unit}" if panel[0].panel else panel[0].unit
    axes.set(xlim=(left, right if right > left else 1.0), xlabel=title)
    axes.set_yticks(range(len(panel)), [row.name for row in panel], fontsize=8)
    axes.set_ylim(len(panel) - 0.4, -0.6)
    axes.tick_params(axis="x", labelsize=8)
