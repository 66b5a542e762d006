"""Does sparse training depend less on seed and learning rate?"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from typing import ClassVar

from scipy import stats

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
from gossamer.study.report.drawing import density_colours, legend, markers, panels, plot_cells
from gossamer.study.report.summary import Cell, Row, cells
from gossamer.study.run import Task

_RATE = "options.learning_rate"


class ConvergenceStudy(Study):
    """See the module's docstring."""

    name: ClassVar[str] = "convergence"
    summary: ClassVar[str] = "Spread over seeds and learning rates at each density."
    varied: ClassVar[tuple[str, ...]] = ("density", "size", _RATE)
    needed_options: ClassVar[tuple[str, ...]] = ("learning_rate",)

    def grid(self, task: Task) -> Grid:
        """Ten seeds, five learning rates, each density at equal width and at equal weights."""
        return Grid(
            sizes=(128,),
            # Near 20,000 weights in DIET's sparse layers, beside the common width.
            sizes_at={1.0: (24, 128), 0.2: (64, 128), 0.05: (128,), 0.01: (128, 256)},
            seeds=tuple(range(10)),
            epochs=(15,),
            variants=tuple({"learning_rate": rate} for rate in (0.0003, 0.001, 0.003, 0.01, 0.03)),
        )

    def question(self, task: Task) -> str:
        """The article's open hypothesis."""
        return (
            "Is training more robust with fewer connections: does F1 depend less on the seed and "
            "on the learning rate at low density, at equal width and at equal weights?"
        )

    def protocol(self) -> str:
        """What is varied and how models are matched."""
        return (
            "Each density is trained at several learning rates, with several seeds each, at one "
            "width common to all, and at the widths at which the sparse layers of all densities "
            "have about the same number of weights. Spread over seeds is the standard deviation of "
            "F1 at a learning rate; sensitivity to the learning rate is the standard deviation of "
            "the mean F1 over the rates."
        )

    def limits(self) -> Sequence[str]:
        """What else robustness could mean."""
        return (
            "The rates are the same for all densities, though what suits a layer may depend on "
            "its density; the input tables, which learn with the same rate, are dense in all.",
            "Weights are averaged over training, which evens out late steps in all models.",
        )

    def analyse(self, rows: Sequence[Row]) -> Analysis:
        """Spreads by density, at equal width and at equal weights."""
        task = Task(rows[0]["task"])
        width, weights = matched(rows)
        tables = [_table("At equal width", width), _table("At about equal weights", weights)]
        findings = [*_finding("equal width", width), *_finding("about equal weights", weights)]
        return Analysis(
            pictures=(_picture(width, weights, task), _losses(width)),
            tables=tables,
            findings=findings,
        )


Models = dict[tuple[float, int], list[Cell]]
"""By density and size: a cell for each learning rate."""


def matched(rows: Sequence[Row]) -> tuple[Models, Models]:
    """The models of the width that most densities have, and those nearest to each other in weights.

    Of each density the model is taken whose weights are nearest, as a ratio, to the geometric mean
    of the densities' smallest ratios: that of the set in which the largest model is least larger
    than the smallest.
    """
    models: Models = {}
    for cell in cells(rows, ("density", "size", _RATE)):
        density, size, _ = cell.group
        models.setdefault((density, size), []).append(cell)
    densities = sorted({density for density, _ in models}, reverse=True)
    sizes = sorted({size for _, size in models})
    common = max(sizes, key=lambda s: (sum((d, s) in models for d in densities), s))
    width = {(d, common): models[d, common] for d in densities if (d, common) in models}
    n_weights = {model: found[0].weights for model, found in models.items()}
    chosen: Models = {}
    best = math.inf
    for target in n_weights.values():
        nearest = [
            min(
                (model for model in models if model[0] == d),
                key=lambda model: abs(math.log(n_weights[model] / target)),
            )
            for d in densities
        ]
        found = [n_weights[model] for model in nearest]
        ratio = max(found) / min(found)
        if ratio < best:
            best, chosen = ratio, {model: models[model] for model in nearest}
    return width, chosen


def over_seeds(found: Sequence[Cell]) -> float:
    """Standard deviation over seeds, root mean square over learning rates."""
    squares = [cell.deviation() ** 2 for cell in found if cell.n > 1]
    return math.sqrt(statistics.fmean(squares)) if squares else math.nan


def over_rates(found: Sequence[Cell]) -> float:
    """Standard deviation of the mean F1 over learning rates."""
    means = [cell.mean() for cell in found]
    return statistics.stdev(means) if len(means) > 1 else math.nan


def _label(model: tuple[float, int], found: Sequence[Cell]) -> str:
    return f"{percent(model[0])}, {model[1]} units, {count(found[0].weights)} weights"


def _picture(width: Models, weights: Models, task: Task) -> Picture:
    figure, axes = panels(2, width=6.0)
    for each, models, title in zip(
        axes, (width, weights), ("equal width", "about equal weights"), strict=True
    ):
        colours = density_colours([density for density, _ in models])
        shapes = markers([str(density) for density, _ in models])
        for model, found in models.items():
            plot_cells(
                each,
                [cell.group[2] for cell in found],
                found,
                label=_label(model, found),
                colour=colours[model[0]],
                marker=shapes[str(model[0])],
            )
        each.set_xscale("log")
        each.set_xlabel("learning rate")
        each.set_title(title, fontsize=10)
        legend(each, loc="lower center")
    axes[0].set_ylabel(F1_NAMES[task])
    return Picture(
        name="convergence",
        figure=figure,
        caption=f"{sentence(F1_NAMES[task])} against the learning rate: means over seeds, bars are "
        "one standard deviation.",
    )


def _losses(width: Models) -> Picture:
    rates = sorted({cell.group[2] for found in width.values() for cell in found})
    figure, axes = panels(len(rates), width=3.4, height=3.4)
    colours = density_colours([density for density, _ in width])
    for each, rate in zip(axes, rates, strict=True):
        for (density, _), found in width.items():
            for cell in found:
                if cell.group[2] != rate:
                    continue
                curves = [
                    [math.nan if loss is None else loss for loss in row["losses"]]
                    for row in cell.rows
                ]
                means = [statistics.fmean(values) for values in zip(*curves, strict=True)]
                epochs = range(1, len(means) + 1)
                each.plot(epochs, means, color=colours[density], label=percent(density))
                each.fill_between(
                    epochs, [min(v) for v in zip(*curves, strict=True)],
                    [max(v) for v in zip(*curves, strict=True)],
                    color=colours[density], alpha=0.15, linewidth=0,
                )  # fmt: skip
        each.set_yscale("log")
        each.set_title(f"learning rate {rate:g}", fontsize=10)
        each.set_xlabel("epoch")
    axes[0].set_ylabel("training loss")
    legend(axes[0])
    return Picture(
        name="losses",
        figure=figure,
        caption="Training loss by epoch at equal width: means over seeds, bands from the least to "
        "the greatest.",
    )


def _table(title: str, models: Models) -> Table:
    rates = sorted({cell.group[2] for found in models.values() for cell in found})
    rows = []
    for model, found in models.items():
        by_rate = {cell.group[2]: cell for cell in found}
        cells_of = [
            spread(by_rate[rate].mean(), by_rate[rate].deviation(), 3) if rate in by_rate else ""
            for rate in rates
        ]
        rows.append(
            (
                _label(model, found),
                *cells_of,
                _figure(over_seeds(found)),
                _figure(over_rates(found)),
            )
        )
    return Table(
        title=f"{title}: F1 at each learning rate, mean and standard deviation over seeds",
        columns=("model", *(f"{rate:g}" for rate in rates), "over seeds", "over rates"),
        rows=rows,
    )


def _figure(deviation: float) -> str:
    return "" if math.isnan(deviation) else f"{deviation:.4f}"


def _finding(what: str, models: Models) -> list[str]:
    """Both spreads; without what a single seed, or a single rate, cannot tell."""
    seeds = _by_density(models, over_seeds)
    rates = _by_density(models, over_rates)
    parts = []
    if seeds:
        parts.append(
            f"the standard deviation of F1 over seeds is {', '.join(seeds)} (root mean square over "
            "the learning rates)"
        )
    if rates:
        parts.append(
            f"{'that' if seeds else 'the standard deviation'} of the mean over learning rates is "
            f"{', '.join(rates)}"
        )
    findings = [f"At {what}, {'; '.join(parts)}."] if parts else []
    dense = next((found for model, found in models.items() if model[0] == 1.0), None)
    if dense is not None:
        told = [
            f"{percent(density)} {verdict}"
            for (density, _), found in models.items()
            if density < 1.0 and (verdict := _compared(found, dense)) is not None
        ]
        if told:
            findings.append(
                f"Spread over seeds against dense layers, at {what}: {', '.join(told)}."
            )
    return findings


def _by_density(models: Models, spread_of: Callable[[Sequence[Cell]], float]) -> list[str]:
    texts = {density: _figure(spread_of(found)) for (density, _), found in models.items()}
    return [f"{percent(density)} {text}" for density, text in texts.items() if text]


def _compared(found: Sequence[Cell], dense: Sequence[Cell]) -> str | None:
    """Whether the variance over seeds differs from that of dense layers: an F test at 95%.

    Variances are pooled over the learning rates. None where single seeds tell nothing.
    """
    n, n_dense = (sum(cell.n - 1 for cell in cells_of) for cells_of in (found, dense))
    spread_here, spread_there = over_seeds(found), over_seeds(dense)
    if math.isnan(spread_here) or not spread_there > 0.0:
        return None
    ratio = (spread_here / spread_there) ** 2
    low, high = (float(stats.f.ppf(share, n, n_dense)) for share in (0.025, 0.975))
    if ratio < low:
        return "less (95%, F test)"
    return "more (95%, F test)" if ratio > high else "not different (95%, F test)"
