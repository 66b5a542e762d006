"""The table of features from outside the training data, beside the text alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Final

from accuracy_parts.data import DATA_SETS, FAMILIES
from accuracy_parts.runs import FEATURES
from accuracy_parts.summary import Group, families
from support.targets import markdown_table

_OURS: Final = "ours-20"
_SHARES: Final = ("intent_accuracy", "entity_span_micro_f1", "whole_sentences")
_HEAD = ["", "features", "runs", "intent accuracy", "entity spans", "whole sentences"]
_HEAD += ["seconds to train", "ms a message", "MiB"]
_NAMES: Final = {_OURS: "text alone"} | {
    f"{_OURS}+{name}": f"and {told}" for name, (told, _) in FEATURES.items()
}


def features_table(groups: Sequence[Group]) -> str:
    """Our network at a fifth of the connections, with and without such features.

    Of seconds and milliseconds the least of the runs is taken, as other programs only add to them.

    Args:
        groups: of one part, trained on all examples.

    Returns:
        A table in Markdown; empty where no data set was run with such features.
    """
    lines = []
    for family in families(groups):
        own = {
            group.contestant: group
            for group in groups
            if group.family == family and group.contestant in _NAMES and _is_plain(group)
        }
        if len(own) < 2:
            continue
        for name, data in _places(family, own):
            chosen = [(told, _of(own[key], data)) for key, told in _NAMES.items() if key in own]
            for told, group in chosen:
                if group.rows:
                    lines.append([name, told, *_cells(group)])
                    name = ""
    return markdown_table(_HEAD, lines, "llr") if lines else ""


def _is_plain(group: Group) -> bool:
    """Whether no option was set, and one thread was used."""
    return all(not row["options"] and row["threads"] == 1 for row in group.rows)


def _places(family: str, groups: dict[str, Group]) -> list[tuple[str, frozenset[str]]]:
    """What the lines are of: each data set of the family, and all together."""
    found = {str(row["data"]) for group in groups.values() for row in group.rows}
    names = [name for name in DATA_SETS if name in found]
    if len(names) == 1:
        return [(FAMILIES[family], frozenset(names))]
    each = [(f"{FAMILIES[family]} ({name})", frozenset([name])) for name in names]
    return [*each, (f"{FAMILIES[family]}, all {len(names)}", frozenset(names))]


def _of(group: Group, data: frozenset[str]) -> Group:
    rows = tuple(row for row in group.rows if row["data"] in data)
    return dataclasses.replace(group, rows=rows)


def _cells(group: Group) -> list[str]:
    shares = []
    for metric in _SHARES:
        mean, spread = group.mean(metric), group.spread(metric)
        told = "" if mean is None else f"{100 * mean:.1f}"
        shares.append(told if spread is None else f"{told} ± {100 * spread:.1f}")
    seconds, milliseconds = (min(group.values(name)) for name in ("train_seconds", "milliseconds"))
    size = sum(group.values("model_mib")) / len(group.rows)
    costs = [f"{seconds:.0f}", f"{milliseconds:.1f}", f"{size:.1f}"]
    return [str(len(group.rows)), *shares, *costs]
