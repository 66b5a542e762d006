"""A table and a figure of the simulation of teaching, made from rows and from nothing else."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accuracy_parts.data import DATA_SETS, FAMILIES, Part
from support.targets import markdown_table
from teaching_parts.simulation import LOGISTIC, ORDERS

from gossamer.data.errors import InputError
from gossamer.data.text.files import write_files
from gossamer.evaluate.files import png_bytes
from gossamer.study.results.rows import RowStore

_NAMES = {"inbox": "inbox", "margin": "smallest margin", "random": "random"}
_COLORS = {"inbox": "#1565c0", "margin": "#ef6c00", "random": "#757575"}
_MARKS = {"inbox": "o", "margin": "s", "random": "^"}


@dataclass(frozen=True, slots=True)
class Curve:
    """Accuracy after numbers of corrections, in one order.

    Attributes:
        values: of each seed, by the number of corrections; ascending.
    """

    values: Mapping[int, tuple[float, ...]]

    @property
    def n_seeds(self) -> int:
        """How many seeds the last point has."""
        return len(self.values[max(self.values)])

    def mean(self, n_corrections: int) -> float:
        """Over the seeds."""
        return statistics.fmean(self.values[n_corrections])

    def spread(self, n_corrections: int) -> float:
        """Standard deviation over the seeds; 0 with one."""
        values = self.values[n_corrections]
        return statistics.stdev(values) if len(values) > 1 else 0.0

    def needed(self, accuracy: float) -> float | None:
        """Corrections until the mean reaches an accuracy, between points on straight lines."""
        before: tuple[int, float] | None = None
        for number in self.values:
            mean = self.mean(number)
            if mean >= accuracy:
                if before is None or mean == before[1]:
                    return float(number)
                share = (accuracy - before[1]) / (mean - before[1])
                return before[0] + share * (number - before[0])
            before = number, mean
        return None


Study = tuple[str, str, str]
"""Data set, contestant and options in words."""


def studies(rows: Iterable[Mapping[str, Any]], part: Part) -> dict[Study, dict[str, Curve]]:
    """The curve of each order, by study."""
    found: dict[Study, dict[str, dict[int, dict[int, float]]]] = {}
    for row in rows:
        if row["part"] == part:
            options = ", ".join(f"{name}={value}" for name, value in sorted(row["options"].items()))
            study = row["data"], row["contestant"], options
            of_order = found.setdefault(study, {}).setdefault(row["order"], {})
            of_order.setdefault(row["n_corrections"], {})[row["seed"]] = row["intent_accuracy"]
    for orders in found.values():
        starts = [points[0] for points in orders.values() if 0 in points]
        for points in orders.values():  # before the first correction they are the same
            for start in starts:
                points.setdefault(0, {}).update(start)
    return {
        study: {
            order: Curve({n: tuple(points[n].values()) for n in sorted(points)})
            for order, points in sorted(orders.items(), key=lambda item: ORDERS.index(item[0]))
        }
        for study, orders in sorted(found.items())
    }


def write_report(row_files: Sequence[Path], part: Part, figure: Path | None) -> str:
    """The tables as Markdown; the figure is written where one is asked for.

    Raises:
        InputError: there are no rows, or files cannot be read or written.
    """
    rows = [row for path in row_files for row in RowStore(path).rows()]
    found = studies(rows, part)
    if not found:
        files = ", ".join(map(str, row_files))
        raise InputError(f"there must be rows of the part {part}", got=files, hint="--part dev")
    if figure is not None:
        write_files({figure: draw(found)})
    return "\n\n".join(f"{_title(study)}\n\n{_table(found[study])}" for study in found)


def _title(study: Study) -> str:
    data, contestant, options = study
    of = DATA_SETS[data].family
    name = "logistic regression" if contestant == LOGISTIC else f"DIET, {contestant[5:]}%"
    return ", ".join(filter(None, (f"{FAMILIES[of]} ({data})", name, options)))


def _table(curves: Mapping[str, Curve]) -> str:
    random = curves.get("random")
    names = ["corrections", *(_NAMES[order] for order in curves)]
    wise = [order for order in curves if order != "random"]
    if random is not None:
        names += [f"random needs, for the {_NAMES[order]}'s accuracy" for order in wise]
    numbers = sorted({number for curve in curves.values() for number in curve.values})
    lines = []
    for number in numbers:
        line = [str(number)]
        for curve in curves.values():
            has = number in curve.values
            line.append(
                f"{curve.mean(number):.1%} ± {100 * curve.spread(number):.1f}" if has else ""
            )
        if random is not None:
            line += [_needed(random, curves[order], number) for order in wise]
        lines.append(line)
    return markdown_table(names, lines, "r")


def _needed(random: Curve, wise: Curve, number: int) -> str:
    if not number or number not in wise.values:
        return ""
    needed = random.needed(wise.mean(number))
    if needed is None:
        most = max(random.values)
        return f"more than {most}, over {most / number:.1f} times as many"
    return f"{needed:.0f}, {needed / number:.1f} times as many"


def draw(found: Mapping[Study, Mapping[str, Curve]]) -> bytes:
    """A panel for each study; PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(0.8 + 4.6 * len(found), 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(found), squeeze=False)[0]
    for axes, (study, curves) in zip(panels, found.items(), strict=True):
        for order, curve in curves.items():
            numbers = list(curve.values)
            axes.errorbar(
                numbers,
                [100 * curve.mean(number) for number in numbers],
                yerr=[100 * curve.spread(number) for number in numbers],
                marker=_MARKS[order],
                capsize=3,
                color=_COLORS[order],
                label=_NAMES[order],
            )
        axes.set(xlabel="corrections", ylabel="intent accuracy, %")
        axes.set_title(_title(study), fontsize=10)
        axes.grid(alpha=0.4)
        axes.legend(frameon=False, loc="lower right")
    return png_bytes(figure, dpi=110)
