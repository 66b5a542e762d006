"""What `layer.py` found, as tables in Markdown and as a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from support.targets import Target, markdown_table, targets_table

from gossamer.sparse import Topology

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DEFAULT = Topology.BLOCKED.value
_NO_SLOWER = 1 / 1.1  # the ratio to dense of a layer that takes 10% longer
_MANY_TOKENS, _SERVING_TOKENS = 1024, 64
_SHAPES = ((256, 1024), (1024, 1024))
_COLORS = {
    "masked dense": "#8c8c8c",
    "torch CSR": "#b8860b",
    "uniform": "#7b3294",
    "fan_in": "#c2185b",
    "grouped": "#2e7d32",
    "blocked": "#1565c0",
    "windowed": "#e65100",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One peer at one setting.

    Attributes:
        peer: whose time it is.
        in_features: width of the input.
        out_features: width of the output.
        density: wished density.
        tokens: rows of the input.
        threads: torch's threads.
        backward: whether the backward pass is in the time.
        ms: median time in milliseconds.
        ratio: median over the rounds of dense time by this time.
        ratio_low: lower quartile of that.
        ratio_high: upper quartile.
        share_of_limit: ratio by its limit, all connections by those that exist.
        state_bytes: weights, gradients and Adam's two moments, float32.
        n_weights: connections that exist, without bias.
    """

    peer: str
    in_features: int
    out_features: int
    density: float
    tokens: int
    threads: int
    backward: bool
    ms: float
    ratio: float
    ratio_low: float
    ratio_high: float
    share_of_limit: float
    state_bytes: int
    n_weights: int

    @property
    def shape(self) -> tuple[int, int]:
        """Widths of input and output."""
        return self.in_features, self.out_features

    @property
    def share_of_dense_state(self) -> float:
        """Its bytes by those of a dense layer."""
        return self.state_bytes / (16 * self.in_features * self.out_features)

    @property
    def where(self) -> str:
        """The setting, for a note."""
        return (
            f"{self.peer}, {self.in_features}→{self.out_features} at {_percent(self.density)}, "
            f"{self.tokens:,} token{'s' if self.tokens > 1 else ''}"
        )


def targets(found: Sequence[Row]) -> list[Target]:
    """The targets of speed and memory, for each number of threads measured.

    Training is forward and backward at 1,024 tokens or more, the better of 256→1024 and 1024→1024.
    """
    result = []
    for threads in sorted({row.threads for row in found}):
        own = [row for row in found if row.threads == threads]
        label = f" ({threads} thread{'s' if threads > 1 else ''})"
        result += [
            *_training(own, _DEFAULT, {0.2: 2.2, 0.05: 5.0, 0.01: 10.0}, label),
            *_training(own, Topology.UNIFORM.value, {0.05: 2.5, 0.01: 6.0}, label),
            _uniform_never_slow(own, label),
            *_serving(own, label),
        ]
    return [*result, _memory(found)]


def _target(name: str, wanted: float, row: Row | None) -> Target:
    if row is None:
        return Target(name=name, wanted=wanted, measured=None)
    return Target(name=name, wanted=wanted, measured=row.ratio, note=row.where)


def _better(found: Sequence[Row], peer: str, density: float) -> Row | None:
    rows = [
        row
        for row in found
        if row.peer == peer
        and row.density == density
        and row.backward
        and row.tokens >= _MANY_TOKENS
        and row.shape in _SHAPES
    ]
    return max(rows, key=lambda row: row.ratio, default=None)


def _training(
    found: Sequence[Row], peer: str, wanted: dict[float, float], label: str
) -> list[Target]:
    return [
        _target(
            f"{peer}, training at {_percent(density)}{label}", ratio, _better(found, peer, density)
        )
        for density, ratio in wanted.items()
    ]


def _uniform_never_slow(found: Sequence[Row], label: str) -> Target:
    peer = Topology.UNIFORM.value
    best = [_better(found, peer, density) for density in sorted({row.density for row in found})]
    worst = min((row for row in best if row is not None), key=lambda r: r.ratio, default=None)
    return _target(f"{peer}, training at any density measured{label}", _NO_SLOWER, worst)


def _serving(found: Sequence[Row], label: str) -> list[Target]:
    rows = [row for row in found if not row.backward and row.tokens <= _SERVING_TOKENS]
    result = []
    for topology in Topology:
        own = [row for row in rows if row.peer == topology.value]
        worst = min(own, key=lambda row: row.ratio, default=None)
        name = f"{topology.value}, serving 1 to {_SERVING_TOKENS} tokens{label}"
        result.append(_target(name, _NO_SLOWER, worst))
    setting = (_DEFAULT, (1024, 1024), 0.2, 1)
    single = [r for r in rows if (r.peer, r.shape, r.density, r.tokens) == setting]
    name = f"{_DEFAULT}, serving 1 token, 1024→1024 at 20%{label}"
    return [*result, _target(name, 1.5, single[0] if single else None)]


def _memory(found: Sequence[Row]) -> Target:
    rows = [row for row in found if row.peer in set(Topology) and row.density == 0.2]
    most = max(rows, key=lambda row: row.share_of_dense_state, default=None)
    return Target(
        name="any topology, weights, gradients and Adam's state at 20%",
        wanted=25.0,
        measured=None if most is None else 100 * most.share_of_dense_state,
        at_least=False,
        unit="%",
        note="" if most is None else f"{most.peer}, {most.in_features}→{most.out_features}",
    )


def report(found: Sequence[Row], how: str) -> str:
    """Everything in Markdown.

    Args:
        found: the rows.
        how: how it was measured, and on which machine.
    """
    parts = ["# One layer next to its peers", how, "## Targets", targets_table(targets(found))]
    parts.append(
        "Training is forward and backward at 1,024 tokens or more, the better of 256→1024 and "
        "1024→1024. Serving is in evaluation mode with no gradients. Ratios are to `nn.Linear` in "
        "the same run; a layer that takes 10% longer has the ratio 0.909."
    )
    for backward in (True, False):
        for threads in sorted({row.threads for row in found if row.backward is backward}):
            own = [row for row in found if (row.backward, row.threads) == (backward, threads)]
            kind = "Forward and backward" if backward else "Forward, no gradients"
            parts += [f"## {kind}, {threads} thread{'s' if threads > 1 else ''}", _times(own)]
    parts.append(
        "Milliseconds, ratio to dense, share of the limit (1/density) reached. Masked dense and "
        "CSR have the connections of `uniform`. Autograd gives a CSR kernel the gradient of the "
        "whole dense kernel."
    )
    parts += ["## Bytes of weights, gradients and Adam's state", _bytes(found)]
    parts.append("KiB and share of dense, float32, biases and tables of connections not counted.")
    return "\n\n".join(parts) + "\n"


def _times(found: Sequence[Row]) -> str:
    densities = sorted({row.density for row in found}, reverse=True)
    cells: dict[tuple[str, ...], dict[float, str]] = {}
    for row in found:
        key = (f"{row.in_features}→{row.out_features}", f"{row.tokens:,}", row.peer)
        text = f"{row.ms:.3g} ms, {row.ratio:.2f}x, {row.share_of_limit:.0%}"
        cells.setdefault(key, {})[row.density] = f"{row.ms:.3g} ms" if row.peer == "dense" else text
    head = ["layer", "tokens", "peer", *(_percent(density) for density in densities)]
    lines = [[*key, *(own.get(d, "") for d in densities)] for key, own in cells.items()]
    return markdown_table(head, lines, "lrlr")


def _bytes(found: Sequence[Row]) -> str:
    densities = sorted({row.density for row in found}, reverse=True)
    cells: dict[tuple[str, str], dict[float, str]] = {}
    for row in found:
        if "," not in row.peer:  # another form of the same layer
            text = f"{row.state_bytes / 1024:,.0f}, {row.share_of_dense_state:.1%}"
            key = (f"{row.in_features}→{row.out_features}", row.peer)
            cells.setdefault(key, {})[row.density] = text
    head = ["layer", "peer", *(_percent(density) for density in densities)]
    lines = [[*key, *(own.get(d, "") for d in densities)] for key, own in cells.items()]
    return markdown_table(head, lines, "llr")


def draw(found: Sequence[Row], path: Path) -> None:
    """Ratio against density, one line a peer, and the limit.

    A column for each shape; above training with the most tokens, below serving with the fewest,
    with the most threads.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    threads = max(row.threads for row in found)
    panels: list[list[list[Row]]] = []
    shapes = list(dict.fromkeys(row.shape for row in found))
    for backward in (True, False):
        own = [row for row in found if (row.backward, row.threads) == (backward, threads)]
        if own:
            counts = [row.tokens for row in own]
            tokens = max(counts) if backward else min(counts)
            chosen = [row for row in own if row.tokens == tokens]
            panels.append([[row for row in chosen if row.shape == shape] for shape in shapes])
    height, width = 3.9 * len(panels) + 0.9, 4.8 * len(shapes)
    figure = Figure(figsize=(max(width, 9), height), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(panels), len(shapes), squeeze=False)
    for axes_row, panel_row in zip(grid, panels, strict=True):
        for axes, part in zip(axes_row, panel_row, strict=True):
            _draw_panel(axes, part)
    handles, labels = grid[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=9)
    figure.savefig(path, dpi=130)


def _draw_panel(axes: Axes, part: Sequence[Row]) -> None:
    from matplotlib.ticker import NullLocator

    if not part:
        return
    densities = sorted({row.density for row in part}, reverse=True)
    axes.plot(densities, [1 / d for d in densities], "k:", lw=1.2, label="limit, 1/density")
    axes.axhline(1.0, color="black", lw=0.8, label="dense")
    for peer in dict.fromkeys(row.peer for row in part if row.peer != "dense"):
        own = sorted((row for row in part if row.peer == peer), key=lambda row: -row.density)
        kind, is_plain = peer.split(",")[0], "," not in peer
        axes.plot(
            [row.density for row in own],
            [row.ratio for row in own],
            color=_COLORS.get(kind),
            ls="-" if is_plain else "--",
            marker="o" if is_plain else "^",
            ms=4,
            lw=1.5,
            label=peer,
        )
    first = part[0]
    axes.set(xscale="log", yscale="log", xlabel="density", ylabel="times as fast as dense")
    axes.invert_xaxis()
    axes.set_xticks(densities, [_percent(density) for density in densities])
    axes.xaxis.set_minor_locator(NullLocator())
    ticks = [t for t in (0.01, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if _is_near(t, part)]
    axes.set_yticks(ticks, [f"{tick:g}x" for tick in ticks])
    axes.yaxis.set_minor_locator(NullLocator())
    axes.grid(alpha=0.25)
    kind = "forward and backward" if first.backward else "forward, no gradients"
    axes.set_title(
        f"{first.in_features}→{first.out_features}, {first.tokens:,} "
        f"token{'s' if first.tokens > 1 else ''}, {first.threads} "
        f"thread{'s' if first.threads > 1 else ''}\n{kind}",
        fontsize=10,
    )


def _percent(density: float) -> str:
    return f"{100 * density:g}%"


def _is_near(tick: float, part: Sequence[Row]) -> bool:
    top = max(*(row.ratio for row in part), 1 / min(row.density for row in part))
    return 0.8 * min(row.ratio for row in part) <= tick <= 1.3 * top
