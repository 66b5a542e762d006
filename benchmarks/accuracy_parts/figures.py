"""Figures of the accuracy benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from accuracy_parts.data import FAMILIES
from accuracy_parts.summary import Group, families

from gossamer.evaluate.files import png_bytes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_METRICS = {
    "intent_accuracy": "intent accuracy, %",
    "entity_span_micro_f1": "entity span micro F1, %",
    "whole_sentences": "whole sentences right, %",
}
_PEER, _RASA, _OURS = "#757575", "#ef6c00", "#1565c0"
_STYLES = {"svm": "--", "lr": "-.", "crf": (0, (1, 3)), "svm+crf": ":"}
_DPI = 110


def draw_accuracy(groups: Sequence[Group]) -> bytes | None:
    """A dot for each contestant with its spread, a panel for each data set and metric.

    Returns:
        PNG, or None without groups.
    """
    metrics = [m for m in _METRICS if any(group.values(m) for group in groups)]
    if not metrics:
        return None
    names = families(groups)
    labels = list(dict.fromkeys(group.label for group in groups))
    panels, figure = _panels(
        len(metrics), len(names), height=0.9 + 0.26 * len(labels), shares_y=True
    )
    for line, metric in zip(panels, metrics, strict=True):
        for axes, family in zip(line, names, strict=True):
            for group in groups:
                mean = group.mean(metric)
                if group.family == family and mean is not None:
                    axes.errorbar(
                        100 * mean,
                        labels.index(group.label),
                        xerr=100 * (group.spread(metric) or 0.0),
                        fmt="o",
                        capsize=3,
                        color=_color(group),
                    )
            axes.set(xlabel=_METRICS[metric], ylim=(len(labels) - 0.5, -0.5))
            axes.set_yticks(range(len(labels)), labels)
            axes.grid(axis="x", alpha=0.4)
    _name_columns(panels, names)
    return png_bytes(figure, dpi=_DPI)


def draw_curves(curves: Mapping[tuple[str, str], Sequence[Group]]) -> bytes | None:
    """Intents and entities against the number of examples for each intent.

    Returns:
        PNG, or None without curves.
    """
    every = [group for members in curves.values() for group in members]
    metrics = [m for m in list(_METRICS)[:2] if any(group.values(m) for group in every)]
    if not metrics:
        return None
    numbers = sorted({g.n_examples for g in every if g.n_examples is not None})
    ticks = [*(str(number) for number in numbers), "all"]
    names = families(every)
    labels = list(dict.fromkeys(label for _, label in curves))
    panels, figure = _panels(len(metrics), len(names), height=3.0)
    for line, metric in zip(panels, metrics, strict=True):
        for axes, family in zip(line, names, strict=True):
            for (of, label), members in curves.items():
                points = [g for g in members if g.values(metric)]
                if of != family or not points:
                    continue
                axes.errorbar(
                    [len(numbers) if g.n_examples is None else numbers.index(g.n_examples)
                     for g in points],
                    [100 * (g.mean(metric) or 0.0) for g in points],
                    yerr=[100 * (g.spread(metric) or 0.0) for g in points],
                    marker="o",
                    capsize=3,
                    label=label,
                    color=f"C{labels.index(label)}",
                )  # fmt: skip
            axes.set(xlabel="examples for each intent, at most", ylabel=_METRICS[metric])
            axes.set_xticks(range(len(ticks)), ticks)
            axes.grid(alpha=0.4)
    _name_columns(panels, names)
    _legend(figure, panels)
    return png_bytes(figure, dpi=_DPI)


def draw_density(groups: Sequence[Group]) -> bytes | None:
    """Intents and entities against density, peers as lines across.

    Returns:
        PNG, or None where no data set has two densities.
    """
    by_kind: dict[tuple[str, str], list[Group]] = {}
    for group in groups:
        if group.density is not None:
            by_kind.setdefault((group.family, group.kind), []).append(group)
    lines = {key: members for key, members in by_kind.items() if len(members) > 1}
    if not lines:
        return None
    names = families(group for members in lines.values() for group in members)
    metrics = list(_METRICS)[:2]
    panels, figure = _panels(len(metrics), len(names), height=3.0)
    for line, metric in zip(panels, metrics, strict=True):
        for axes, family in zip(line, names, strict=True):
            for (of, kind), members in lines.items():
                points = [g for g in members if g.values(metric)]
                if of == family and points:
                    axes.errorbar(
                        [100 * (g.density or 0.0) for g in points],
                        [100 * (g.mean(metric) or 0.0) for g in points],
                        yerr=[100 * (g.spread(metric) or 0.0) for g in points],
                        marker="o",
                        capsize=3,
                        label=kind,
                        color=_color(members[0]),
                    )
            peers = [g for g in groups if g.family == family and g.is_peer and g.values(metric)]
            for peer in peers:
                mean = 100 * (peer.mean(metric) or 0.0)
                axes.axhline(mean, ls=_STYLES[peer.contestant], color=_PEER, label=peer.label)
            axes.set(xlabel="connections, %", ylabel=_METRICS[metric], xscale="log")
            densities = sorted({100 * (g.density or 0.0) for m in lines.values() for g in m})
            axes.set_xticks(densities, [f"{density:g}" for density in densities])
            axes.minorticks_off()
            axes.grid(alpha=0.4)
    _name_columns(panels, names)
    _legend(figure, panels)
    return png_bytes(figure, dpi=_DPI)


def _panels(
    n_rows: int, n_columns: int, *, height: float, shares_y: bool = False
) -> tuple[Any, Figure]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2.0 + 3.1 * n_columns, height * n_rows + 0.6), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(n_rows, n_columns, squeeze=False, sharey="row" if shares_y else "none")
    return panels, figure


def _name_columns(panels: Any, names: Sequence[str]) -> None:
    for axes, family in zip(panels[0], names, strict=True):
        axes.set_title(FAMILIES[family])


def _legend(figure: Figure, panels: Any) -> None:
    """One legend for all panels, each label once."""
    found: dict[str, Any] = {}
    for axes in panels.flat:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    figure.legend(found.values(), found.keys(), loc="outside lower center", ncols=3, frameon=False)


def _color(group: Group) -> str:
    if group.is_peer:
        return _PEER
    return _OURS if group.contestant.startswith("ours") else _RASA
