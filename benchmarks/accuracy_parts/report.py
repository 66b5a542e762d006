"""Tables of the accuracy benchmark in Markdown, made from rows and from nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from accuracy_parts.data import FAMILIES, PARTS
from accuracy_parts.features import features_table
from accuracy_parts.figures import draw_accuracy, draw_curves, draw_density
from accuracy_parts.summary import (
    Group,
    Row,
    curves,
    families,
    grouped,
    ordinary,
    out_of_scope,
    read_rows,
)
from accuracy_parts.targets import targets
from support.provenance import QUIET_CORES
from support.targets import markdown_table, targets_table

from gossamer.data.text.files import write_files
from gossamer.data.text.wording import counted

PAGE = "tables.md"
SHARES = {
    "intent_accuracy": "intent accuracy",
    "intent_weighted_f1": "intent weighted F1",
    "intent_accuracy_any": "any of the joined intents",
    "intent_accuracy_joined": "same joined label",
    "entity_token_micro_f1": "entity token micro F1",
    "entity_span_micro_f1": "entity span micro F1",
    "entity_overlap_micro_f1": "entity overlap micro F1",
    "whole_sentences": "whole sentences",
    "calibration_error": "calibration error",
    "calibration_error_before": "before the temperature",
}
COSTS = {
    "train_seconds": "seconds to train",
    "milliseconds": "ms a message",
    "model_mib": "MiB of the model",
    "n_weights": "weights",
}
# Where only some data sets are measured so.
_ONLY = {
    "intent_accuracy_any": "atis",
    "intent_accuracy_joined": "atis",
    "entity_overlap_micro_f1": "nlu",
}
_LEAST = "Of seconds and milliseconds it is the least of the runs: other programs only add to them."
_TITLES = {
    "dev": "Held-out part of the training data (dev)",
    "test": "Test data",
}


def write_report(row_files: Iterable[Path], folder: Path) -> list[Path]:
    """Write the page of tables and its figures; the paths, page first.

    The same rows give the same page.

    Raises:
        InputError: the rows cannot be read, or the folder not be written.
    """
    rows = read_rows(row_files)
    groups = grouped(rows)
    figures: dict[str, bytes] = {}
    for part in PARTS:
        for name, figure in (
            ("accuracy", draw_accuracy(ordinary(groups, part))),
            ("curves", draw_curves(curves(groups, part))),
            ("density", draw_density(ordinary(groups, part))),
        ):
            if figure is not None:
                figures[f"{name}-{part}.png"] = figure
    contents = {folder / PAGE: report(groups, list(figures)).encode()}
    contents |= {folder / name: content for name, content in figures.items()}
    write_files(contents)
    return list(contents)


def report(groups: Sequence[Group], figures: Sequence[str]) -> str:
    """The page.

    Args:
        groups: as `grouped` gives them.
        figures: names of the figures beside the page.
    """
    parts = [
        "# Accuracy: tables",
        "Made by `python benchmarks/accuracy.py report`; do not edit. What the columns mean "
        "is said in `benchmarks/accuracy_parts/metrics.py`.",
        "Mean ± standard deviation over n runs (seeds, and folds where there are folds). Shares "
        "and F1 are in percent. Times are for one thread unless said otherwise.",
    ]
    for part in PARTS:
        if any(group.part == part for group in groups):
            parts += [f"## {_TITLES[part]}", *_of_part(groups, part, figures)]
    parts += ["## Where the rows come from", _origins(groups)]
    return "\n\n".join(parts) + "\n"


def _of_part(groups: Sequence[Group], part: str, figures: Sequence[str]) -> list[str]:
    parts: list[str] = []
    goals = targets(groups, part, SHARES)
    if goals:
        parts += ["### Targets", targets_table(goals)]
    chosen = ordinary(groups, part)
    parts += [*_figure("accuracy", part, figures), load_in_words(chosen)]
    for family in families(chosen):
        of_family = [group for group in chosen if group.family == family]
        parts += [f"### {FAMILIES[family]}", scores_table(of_family), costs_table(of_family)]
    outside = features_table(chosen)
    if outside:
        parts += ["### Features from outside the training data", _LEAST, outside]
    parts += _figure("density", part, figures)
    of_curves = curves(groups, part)
    if of_curves:
        parts += ["### Learning curves", *_figure("curves", part, figures)]
        for metric in ("intent_accuracy", "entity_span_micro_f1"):
            parts += [f"{SHARES[metric].capitalize()}, by examples for each intent:"]
            parts.append(curves_table(of_curves, metric))
    unknown = out_of_scope(groups, part)
    if unknown:
        parts += ["### Messages of an intent that was left out", oos_table(unknown)]
    return parts


def load_in_words(groups: Sequence[Group]) -> str:
    """How far times can be trusted: what other processes did during the runs."""
    loads = [row["cores_used_by_others"] for group in groups for row in group.rows]
    known = [load for load in loads if load is not None]
    words = "Seconds and milliseconds are good to compare: nothing else was running."
    if known and max(known) >= QUIET_CORES:
        words = (
            f"Other processes kept up to {max(known):.1f} cores busy during the runs: seconds and "
            "milliseconds come out too high."
        )
    if len(known) < len(loads):
        words += f" Of {counted(len(loads) - len(known), 'run')} it is not known."
    return words if known else "What else was running is not known, so times say little."


def _figure(name: str, part: str, figures: Sequence[str]) -> list[str]:
    file = f"{name}-{part}.png"
    return [f"![{name}, {part}]({file})"] if file in figures else []


def scores_table(groups: Sequence[Group]) -> str:
    """Shares and F1 of the groups of one family, without empty columns."""
    metrics = [
        metric
        for metric in SHARES
        if _ONLY.get(metric, groups[0].family) == groups[0].family
        and any(group.values(metric) for group in groups)
    ]
    head = ["", "n", *(SHARES[metric] for metric in metrics)]
    rows = [
        [group.label, str(len(group.rows)), *(percent(group, metric) for metric in metrics)]
        for group in groups
    ]
    return markdown_table(head, rows, "lr")


def costs_table(groups: Sequence[Group]) -> str:
    """Time, size and weights of the groups of one family."""
    rows = [[group.label, *(_cost(group, metric) for metric in COSTS)] for group in groups]
    return markdown_table(["", *COSTS.values()], rows, "lr")


def curves_table(of_curves: dict[tuple[str, str], list[Group]], metric: str) -> str:
    """A metric by number of examples, one line a curve."""
    every = [group for members in of_curves.values() for group in members]
    numbers: list[int | None] = [*sorted({g.n_examples for g in every if g.n_examples})]
    if any(group.n_examples is None for group in every):
        numbers.append(None)
    rows = []
    for (family, label), members in of_curves.items():
        by_number = {group.n_examples: group for group in members}
        if any(group.values(metric) for group in members):
            cells = [percent(by_number[n], metric) if n in by_number else "" for n in numbers]
            rows.append([FAMILIES[family], label, *cells])
    head = ["", "", *("all" if number is None else str(number) for number in numbers)]
    return markdown_table(head, rows, "llr")


def oos_table(groups: Sequence[Group]) -> str:
    """How well left-out messages are detected by low confidence, over intents and seeds."""
    rows = [
        [
            FAMILIES[group.family],
            group.label,
            str(len({row["left_out"] for row in group.rows})),
            str(len(group.rows)),
            percent(group, "oos_auroc"),
            f"{100 * min(group.values('oos_auroc')):.2f}",
        ]
        for group in groups
    ]
    return markdown_table(["", "", "intents", "n", "AUROC", "least"], rows, "llr")


def percent(group: Group, metric: str) -> str:
    """Mean and spread in percent, empty where not measured."""
    mean, spread = group.mean(metric), group.spread(metric)
    if mean is None:
        return ""
    return f"{100 * mean:.2f}" if spread is None else f"{100 * mean:.2f} ± {100 * spread:.2f}"


def _cost(group: Group, metric: str) -> str:
    mean, spread = group.mean(metric), group.spread(metric)
    if mean is None:
        return ""
    if metric == "n_weights":
        return f"{mean:,.0f}"
    text = f"{mean:.1f}" if mean >= 10 else f"{mean:.2f}"
    if spread is not None and metric == "train_seconds":
        text += f" ± {spread:.1f}" if mean >= 10 else f" ± {spread:.2f}"
    return text


def _origins(groups: Sequence[Group]) -> str:
    lines: dict[tuple[str, ...], list[str]] = {}
    for group in groups:
        for row in group.rows:
            names = lines.setdefault(_origin(row), [])
            if group.label not in names:
                names.append(group.label)
    rows = [[*origin, ", ".join(names)] for origin, names in sorted(lines.items())]
    return markdown_table(["commit", "package", "machine", "versions", "of"], rows, "l")


def _origin(row: Row) -> tuple[str, ...]:
    versions = ", ".join(f"{name} {number}" for name, number in row["versions"].items())
    return (str(row["commit"] or "unknown"), row["source"], row["machine"], versions)
