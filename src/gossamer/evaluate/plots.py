"""Figures of an evaluation: confusion matrix, histogram of confidences, error against coverage.

Figures are drawn on their own canvas, without pyplot, so no global state is changed and no display
is needed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from gossamer.evaluate.fallback import FallbackAdvice
from gossamer.evaluate.files import png_bytes

N_BINS = 25
NO_LABEL = "(none)"
_LONGEST_LABEL = 40
_CELL_INCHES = 0.27
_LARGEST_SIDE_INCHES = 60.0
# Errors among fewer answers than this share of the messages do not set the scale.
_LEAST_COVERAGE_TO_FIT = 0.1


def confusion_matrix_png(
    counts: npt.NDArray[np.int64], labels: Sequence[str], *, title: str
) -> bytes:
    """Draw how often each true label was predicted as each label.

    Colours grow with the logarithm of the count, so that single confusions show beside hundreds
    of right predictions; empty cells stay white. At the right of each row is its recall, the share
    of its items that were predicted right. The picture grows with the number of labels.

    Args:
        counts: rows are true labels, columns predicted ones. *Shape:* (n_labels, n_labels).
        labels: names of rows and columns; an empty one is shown as "(none)".
        title: above the matrix.

    Returns:
        A PNG image.
    """
    shown = [_shorten(label or NO_LABEL) for label in labels]
    n_labels = len(shown)
    # Few labels get large cells and letters; from about 20 on, cells have the smallest size.
    cell = min(max(_CELL_INCHES, 5.0 / n_labels), 1.0)
    cell = min(cell, _LARGEST_SIDE_INCHES / n_labels)
    font = min(max(26 * cell, 3.0), 11.0)
    label_inches = max(len(label) for label in shown) * font * 0.6 / 72
    side = n_labels * cell
    # Inches around the square: names at the left and below, title above, recall and colour scale at
    # the right.
    recall_inches = 4 * font * 0.6 / 72 + 0.55
    left, below, right, above = label_inches + 0.5, label_inches + 0.5, recall_inches + 1.0, 0.6
    width, height = left + side + right, below + side + above
    figure = Figure(figsize=(width, height), dpi=120 if n_labels <= 120 else 80)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((left / width, below / height, side / width, side / height))
    largest = max(int(counts.max()), 1)
    # Starting below 1 keeps single confusions visible on white.
    norm = LogNorm(vmin=0.4, vmax=max(largest, 2))
    filled = np.ma.masked_equal(counts, 0)
    image = axes.imshow(filled, cmap="Blues", norm=norm, interpolation="nearest", aspect="equal")
    for row, column in zip(*np.nonzero(counts), strict=True):
        count = int(counts[row, column])
        axes.text(
            column,
            row,
            str(count),
            ha="center",
            va="center",
            fontsize=min(font, 100 * cell / max(len(str(count)), 2)) * 0.9,
            color="white" if norm(count) > 0.55 else "black",
        )
    axes.set_xticks(range(n_labels), shown, rotation=90, fontsize=font)
    axes.set_yticks(range(n_labels), shown, fontsize=font)
    axes.set_xticks(np.arange(n_labels + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(n_labels + 1) - 0.5, minor=True)
    axes.grid(which="minor", color="0.9", linewidth=0.5)
    axes.tick_params(which="minor", length=0)
    axes.set_axisbelow(True)
    large = min(max(11.0, side * 0.7), 24.0)
    axes.set_title(title, fontsize=large, loc="left")
    axes.set_xlabel("predicted", fontsize=large * 0.9)
    axes.set_ylabel("true", fontsize=large * 0.9)
    recall = axes.secondary_yaxis("right")
    recall.set_yticks(range(n_labels), _recalls(counts), fontsize=font)
    recall.tick_params(length=0)
    recall.set_ylabel("recall", fontsize=large * 0.9)
    tall = min(side, 4.0)
    scale = figure.add_axes(
        (
            (left + side + recall_inches) / width,
            (below + side - tall) / height,
            0.2 / width,
            tall / height,
        )
    )
    bar = figure.colorbar(image, cax=scale)
    # Powers of ten and the largest count; a power that would sit on the latter's name is left out.
    ticks = [10**power for power in range(len(str(largest))) if 2 * 10**power <= largest]
    ticks.append(largest)
    bar.set_ticks(ticks, labels=[str(tick) for tick in ticks])
    bar.minorticks_off()
    return png_bytes(figure)


def histogram_png(
    right: Sequence[float], wrong: Sequence[float], *, title: str, what: str
) -> bytes:
    """Draw how confident right and wrong predictions were, one above the other.

    Each half has its own scale, since wrong predictions are (one hopes) far fewer. Bars of the
    wrong half are hatched, so that the halves differ without colours too.

    Args:
        right: confidences of right predictions, in [0, 1].
        wrong: confidences of wrong predictions, in [0, 1].
        title: above the figure.
        what: what is counted, for the axis ("Predicted examples").

    Returns:
        A PNG image.
    """
    figure = Figure(figsize=(8, 6), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, sharex=True)
    bins = np.linspace(0.0, 1.0, N_BINS + 1)
    for axes, name, values, colour, hatch in (
        (upper, "right", right, "#2a6f97", None),
        (lower, "wrong", wrong, "#c44536", "///"),
    ):
        axes.hist(
            # Rounding may carry a confidence a little over 1.
            np.clip(np.asarray(values, dtype=np.float64), 0.0, 1.0),
            bins=bins,
            color=colour,
            edgecolor="white",
            linewidth=0.8,
            hatch=hatch,
        )
        axes.set_ylabel(f"{what}: {name}", fontsize=9)
        axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
        axes.set_ylim(bottom=0)
        share = f"median confidence {np.median(values):.2f}" if values else "none"
        axes.set_title(f"{len(values)} {name}, {share}", loc="left", fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    lower.set_xlabel("confidence")
    lower.set_xlim(0.0, 1.0)
    figure.suptitle(title, x=0.01, ha="left")
    return png_bytes(figure)


def risk_coverage_png(advice: FallbackAdvice, *, title: str) -> bytes:
    """Draw the error among the answered messages against their share, over all thresholds.

    The model's own threshold and the suggested one are marked on the curve. Errors among very few
    messages may leave the figure at the top.

    Args:
        advice: with at least one answered message.
        title: above the figure.

    Returns:
        A PNG image.
    """
    figure = Figure(figsize=(8, 5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    curve = advice.curve
    coverage, error = curve.coverage, curve.error
    axes.plot(coverage, error, color="#2a6f97", linewidth=1.8, zorder=2)
    marks = [
        ("no threshold", "s", "#555555", advice.everything),
        ("own", "D", "#c44536", advice.own),
        ("suggested", "o", "#2b9348", advice.suggested),
    ]
    highest = float(error[coverage >= min(_LEAST_COVERAGE_TO_FIT, coverage[0])].max())
    for name, marker, colour, point in marks:
        if point is None or point.error is None:
            continue
        label = f"{name}: {point.coverage:.1%} answered, {point.error:.1%} of these wrong"
        if name != "no threshold":
            label = f"{name}, {point.threshold:.15g}" + label[len(name) :]
        highest = max(highest, point.error)
        axes.plot(
            point.coverage,
            point.error,
            marker,
            markersize=9,
            color=colour,
            markeredgecolor="white",
            label=label,
            clip_on=False,
            zorder=3,
        )
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(0.0, min(max(highest * 1.1, 0.02), 1.02))
    axes.set_xlabel("messages answered (coverage)")
    axes.set_ylabel("wrong among these (error)")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:g}%"))
    axes.grid(color="0.9", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    # Above the axes, where no curve can cross it.
    axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), frameon=False, fontsize=9)
    figure.suptitle(title, x=0.01, ha="left")
    return png_bytes(figure)


def _recalls(counts: npt.NDArray[np.int64]) -> list[str]:
    """The recall of each row; a dash for a label that no item has."""
    totals = counts.sum(axis=1)
    return [
        f"{right / total:.2f}" if total else "-"
        for right, total in zip(counts.diagonal(), totals, strict=True)
    ]


def _shorten(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 1]}…"
