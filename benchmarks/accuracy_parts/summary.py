"""Rows of the accuracy benchmark, grouped: what is compared, with mean and spread."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accuracy_parts.data import FAMILIES
from accuracy_parts.runs import FEATURES, PEERS, density_of

from gossamer.data.errors import InputError
from gossamer.study.results.rows import RowStore

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Runs that differ in seed and fold only.

    Attributes:
        part: "dev" or "test".
        family: one of `FAMILIES`.
        contestant: as in `Task`.
        label: what tables call it: its name, and the options that were set.
        kind: the label without the density; the label of a peer.
        n_examples: at most this number for each intent, None for all.
        is_out_of_scope: whether an intent was left out.
        rows: at least one.
    """

    part: str
    family: str
    contestant: str
    label: str
    kind: str
    n_examples: int | None
    is_out_of_scope: bool
    rows: tuple[Row, ...]

    @property
    def density(self) -> float | None:
        """Share of connections of one of our networks, None for a peer."""
        return density_of(self.contestant)

    @property
    def is_peer(self) -> bool:
        """Whether it is not one of our networks."""
        return self.contestant in PEERS

    def values(self, metric: str) -> list[float]:
        """The metric in each row that has it."""
        return [float(row[metric]) for row in self.rows if row.get(metric) is not None]

    def mean(self, metric: str) -> float | None:
        """Mean over the rows, None where no row has the metric."""
        values = self.values(metric)
        return statistics.fmean(values) if values else None

    def spread(self, metric: str) -> float | None:
        """Standard deviation over the rows, None for fewer than two."""
        values = self.values(metric)
        return statistics.stdev(values) if len(values) > 1 else None


def read_rows(paths: Iterable[Path]) -> list[Row]:
    """The rows of all files; equal ones count once.

    Raises:
        InputError: a file is missing or is not a file of rows, or no file has a row.
    """
    rows: list[Row] = []
    for path in paths:
        if not path.is_file():
            raise InputError(
                "the rows must be in a file", got=str(path), hint="the --out of the runs"
            )
        rows += [row for row in RowStore(path).rows() if row not in rows]
    if not rows:
        raise InputError("there must be a row to report", hint="running accuracy.py first")
    return rows


def grouped(rows: Sequence[Row]) -> list[Group]:
    """Group rows, in the order of reports: parts, families, peers, Rasa's, ours.

    A run that was repeated counts once, the last time. Where rows of a group come from different
    states of the package, those of the state of the last one count.
    """
    by_group: dict[tuple[Any, ...], list[Row]] = {}
    for row in sorted(rows, key=lambda row: str(row["finished"])):
        by_group.setdefault(_group_key(row), []).append(row)
    groups = []
    for (part, family, contestant, label, n_examples, is_oos), members in by_group.items():
        source = members[-1]["source"]
        last = {
            (row["data"], row["seed"], row["left_out"]): row
            for row in members
            if row["source"] == source
        }
        groups.append(
            Group(
                part=part,
                family=family,
                contestant=contestant,
                label=label,
                kind=_named(members[-1], with_density=False),
                n_examples=n_examples,
                is_out_of_scope=is_oos,
                rows=tuple(row for _, row in sorted(last.items(), key=lambda item: str(item[0]))),
            )
        )
    return sorted(groups, key=_place)


def _group_key(row: Row) -> tuple[Any, ...]:
    return (
        row["part"],
        row["family"],
        row["contestant"],
        label_of(row),
        row["n_examples"],
        row["left_out"] is not None,
    )


def label_of(row: Row) -> str:
    """What a table calls the contestant of a row."""
    return _named(row, with_density=True)


def _named(row: Row, *, with_density: bool) -> str:
    contestant = str(row["contestant"])
    changes = [f"{name}={value}" for name, value in sorted(row["options"].items())]
    if row["threads"] != 1:
        changes.append(f"{row['threads']} threads")
    name = PEERS.get(contestant)
    if name is None:
        name = "ours" if contestant.startswith("ours") else "Rasa's settings"
        if with_density:
            name += f", {100 * (density_of(contestant) or 0.0):g}% of connections"
        features = contestant.partition("+")[2]
        if features:
            name += f", with {FEATURES[features][0]}"
    return f"{name} ({', '.join(changes)})" if changes else name


def _place(group: Group) -> tuple[Any, ...]:
    names = list(PEERS)
    if group.is_peer:
        kind = names.index(group.contestant)
    else:
        kind = len(names) + group.contestant.startswith("ours")
    examples = float("inf") if group.n_examples is None else group.n_examples
    return (
        group.part,
        list(FAMILIES).index(group.family),
        kind,
        -(group.density or 0.0),
        group.label,
        examples,
    )


def ordinary(groups: Sequence[Group], part: str) -> list[Group]:
    """Groups of a part that were trained on all examples and all intents."""
    return [g for g in groups if g.part == part and g.n_examples is None and not g.is_out_of_scope]


def curves(groups: Sequence[Group], part: str) -> dict[tuple[str, str], list[Group]]:
    """Groups by family and label, with growing numbers of examples; all of them come last.

    Only what has a number of examples somewhere is a curve.
    """
    by_curve: dict[tuple[str, str], list[Group]] = {}
    for group in groups:
        if group.part == part and not group.is_out_of_scope:
            by_curve.setdefault((group.family, group.label), []).append(group)
    return {
        key: members
        for key, members in by_curve.items()
        if any(group.n_examples is not None for group in members)
    }


def out_of_scope(groups: Sequence[Group], part: str) -> list[Group]:
    """Groups of a part in which an intent was left out."""
    return [group for group in groups if group.part == part and group.is_out_of_scope]


def families(groups: Iterable[Group]) -> list[str]:
    """The families that occur, in the order of reports."""
    found = {group.family for group in groups}
    return [family for family in FAMILIES if family in found]
