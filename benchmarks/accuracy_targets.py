"""What the accuracy benchmark aims at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accuracy_data import FAMILIES
from accuracy_runs import PEERS
from accuracy_summary import Group, ordinary
from targets import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One target: a figure of a contestant on a family of data sets.

    Attributes:
        family: one of `FAMILIES`.
        metric: a share or F1 of the rows.
        wanted: the number to reach, in percent; or a peer, whose figure of the same rows counts.
        margin: points to be added to what `wanted` says.
        contestant: whose figure.
        source: where the number comes from.
    """

    family: str
    metric: str
    wanted: float | str
    margin: float = 0.0
    contestant: str = "ours-20"
    source: str = ""


GOALS = tuple(
    Goal(family=family, metric=metric, wanted=peer)
    for family in FAMILIES
    for metric, peer in (("intent_accuracy", "svm"), ("entity_span_micro_f1", "svm+crf"))
)
"""A network that a plain model beats has no business being slower."""


def targets(groups: Sequence[Group], part: str, names: dict[str, str]) -> list[Target]:
    """The goals whose family was run, measured where the contestant was.

    Only contestants with no options of their own count. A goal that names a peer is left out where
    the peer was not run.

    Args:
        groups: all groups.
        part: "dev" or "test".
        names: what tables call each metric.
    """
    means: dict[tuple[str, str, str], float | None] = {}
    for group in ordinary(groups, part):
        if not any(row["options"] for row in group.rows):
            for metric in names:
                means.setdefault((group.family, group.contestant, metric), group.mean(metric))
    run = {family for family, _, _ in means}
    found = []
    for goal in GOALS:
        wanted = goal.wanted
        if isinstance(wanted, str):
            of_peer = means.get((goal.family, wanted, goal.metric))
            if of_peer is None:
                continue
            wanted = 100 * of_peer
        if goal.family not in run:
            continue
        measured = means.get((goal.family, goal.contestant, goal.metric))
        note = PEERS[goal.wanted] if isinstance(goal.wanted, str) else goal.source
        if goal.margin:
            note += f", {goal.margin:+g} points"
        found.append(
            Target(
                name=f"{FAMILIES[goal.family]}, {names[goal.metric]} of {goal.contestant}",
                wanted=wanted + goal.margin,
                measured=None if measured is None else 100 * measured,
                unit="%",
                note=note,
            )
        )
    return found
