"""What `train.py` found, as tables in Markdown and as a figure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from support.targets import Target, markdown_table, targets_table
from support.train_breakdown import PARTS

RASA = "Rasa"
Rows = Mapping[str, Mapping[str, Any]]


def peer_name(density: float) -> str:
    """What ours is called at a density."""
    return f"gossamer, density {density:g}"


def targets(rows: Rows) -> list[Target]:
    """Speed compared with Rasa and with our own dense network, and memory.

    Args:
        rows: of each peer `median`, `mean`, `least` and `most` seconds of an epoch, and
            `peak_rss_mib`.
    """
    sparse = peer_name(0.2)

    def times_as_fast(slower: str) -> float | None:
        if slower not in rows or sparse not in rows:
            return None
        speed: float = rows[slower]["median"] / rows[sparse]["median"]
        return speed

    memory = None
    if RASA in rows and sparse in rows:
        memory = 100 * rows[sparse]["peak_rss_mib"] / rows[RASA]["peak_rss_mib"]
    return [
        Target(
            name="speed of an epoch at 20%, beside Rasa", wanted=20.0, measured=times_as_fast(RASA)
        ),
        Target(
            name="speed of an epoch at 20%, beside our own dense network",
            wanted=2.0,
            measured=times_as_fast(peer_name(1.0)),
        ),
        Target(
            name="peak memory at 20%, beside Rasa",
            wanted=100 / 3,
            measured=memory,
            at_least=False,
            unit="%",
        ),
    ]


def report(rows: Rows, breakdowns: Mapping[str, Mapping[str, float]], how: str) -> str:
    """Everything in Markdown.

    Args:
        rows: see `targets`.
        breakdowns: of some peers, seconds of an epoch by part.
        how: how it was measured, and on which machine.
    """
    first = next(iter(rows.values()))
    lines = [
        [
            name,
            f"{row['median']:.2f}",
            f"{row['least']:.2f} to {row['most']:.2f}",
            f"{row['peak_rss_mib']:,.0f}",
            f"{row['median'] / first['median']:.2f}x",
        ]
        for name, row in rows.items()
    ]
    head = ["", "seconds an epoch", "least to most", "peak MiB", "time, ratio"]
    parts = ["# Training", how, "## Targets", targets_table(targets(rows))]
    if RASA not in rows:
        parts.append("Rasa is measured when `--rasa-python` is given.")
    parts += ["## Measured", markdown_table(head, lines, "lr")]
    if breakdowns:
        parts += ["## Where the time goes", _breakdown_table(rows, breakdowns)]
        parts.append(
            "Milliseconds of an epoch and share of it, mean of the epochs after the first, in runs "
            "of their own: the clocks slow training a little. Where the last two lines are far "
            "apart, something else was running, and the parts are not to be trusted."
        )
    return "\n\n".join(parts) + "\n"


def _breakdown_table(rows: Rows, breakdowns: Mapping[str, Mapping[str, float]]) -> str:
    wholes = {name: sum(parts.values()) for name, parts in breakdowns.items()}
    lines = [
        [
            part,
            *(
                f"{1000 * parts[part]:,.0f} ({parts[part] / wholes[name]:.0%})"
                for name, parts in breakdowns.items()
            ),
        ]
        for part in PARTS
    ]
    lines.append(["all", *(f"{1000 * whole:,.0f}" for whole in wholes.values())])
    without = [f"{1000 * rows[name]['mean']:,.0f}" if name in rows else "" for name in breakdowns]
    lines.append(["all, without clocks", *without])
    return markdown_table(["", *breakdowns], lines, "lr")


def draw(rows: Rows, breakdowns: Mapping[str, Mapping[str, float]], path: Path) -> None:
    """Seconds of an epoch of each peer above, their parts below."""
    from matplotlib import colormaps
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    heights = [len(rows), len(breakdowns)] if breakdowns else [len(rows)]
    figure = Figure(figsize=(9, 1.6 + 0.6 * sum(heights) + len(heights)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    axes = panels[0]
    medians = [row["median"] for row in rows.values()]
    spread = [
        [row["median"] - row["least"] for row in rows.values()],
        [row["most"] - row["median"] for row in rows.values()],
    ]
    bars = axes.barh(list(rows), medians, xerr=spread, height=0.6, color="#1565c0", capsize=3)
    axes.bar_label(bars, [f" {seconds:.2f} s" for seconds in medians], padding=4)
    limit = 1.15 * max(row["most"] for row in rows.values())
    axes.set(xlabel="seconds an epoch (median; bars: least and most)", xlim=(0, limit))
    axes.invert_yaxis()
    if breakdowns:
        axes = panels[1]
        names = list(breakdowns)
        left = [0.0] * len(names)
        for number, part in enumerate(PARTS):
            widths = [breakdowns[name][part] for name in names]
            color = colormaps["tab10"](number % 10)
            axes.barh(names, widths, left=left, height=0.6, label=part, color=color)
            left = [before + width for before, width in zip(left, widths, strict=True)]
        axes.set(xlabel="seconds of an epoch, by part")
        axes.invert_yaxis()
        figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    figure.savefig(path, dpi=130)
