"""The goals of the accuracy benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from accuracy_parts.data import FAMILIES
from accuracy_parts.runs import PEERS
from accuracy_parts.summary import Group, ordinary
from support.targets import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """One target: a figure of a contestant on a family of data sets.

    Attributes:
        family: one of `FAMILIES`.
        metric: a share or F1 of the rows.
        wanted: the number to reach, in percent; or a contestant, whose figure of the same rows
            counts.
        margin: points to be added to what `wanted` says.
        contestant: whose figure.
        source: where the number comes from.
        part: the part of the data that it is for; None for both.
        at_least: whether the number is a lower bound; else it is an upper one.
    """

    family: str
    metric: str
    wanted: float | str
    margin: float = 0.0
    contestant: str = "ours-20"
    source: str = ""
    part: str | None = None
    at_least: bool = True


GOALS = (
    tuple(
        Goal(family=family, metric=metric, wanted=peer)
        for family in FAMILIES
        for metric, peer in (("intent_accuracy", "svm"), ("entity_span_micro_f1", "svm+crf"))
    )
    + tuple(
        Goal(
            family=family,
            metric=metric,
            wanted=wanted,
            at_least=at_least,
            part="test",
            source=source,
        )
        for family, metric, wanted, at_least, source in (
            ("sara", "intent_weighted_f1", 83.0, True, "Rasa 3.6.21: 80.8"),
            ("sara", "entity_token_micro_f1", 88.5, True, "Rasa 3.6.21: 86.5"),
            ("sara", "calibration_error", 3.0, False, ""),
            ("snips", "intent_accuracy", 98.4, True, "best published without pretraining: 98.1"),
            ("snips", "entity_span_micro_f1", 95.0, True, "best published: 94.6"),
            ("snips", "whole_sentences", 89.0, True, "best published: 87.6"),
            ("atis", "intent_accuracy", 97.5, True, "best published: 97.3"),
            ("atis", "entity_span_micro_f1", 96.0, True, "best published: 95.9"),
            ("atis", "whole_sentences", 89.0, True, "best published: 87.6"),
            ("nlu", "intent_accuracy", 90.5, True, "best published: 90.8"),
            ("nlu", "entity_overlap_micro_f1", 87.5, True, "best published: 87.4"),
        )
    )
    + tuple(
        Goal(
            family=family,
            metric=metric,
            wanted=wanted,
            margin=margin,
            contestant=f"ours-20+{name}",
            part="test",
        )
        for name, family, metric, wanted, margin in (
            ("vectors", "snips", "intent_accuracy", 98.6, 0.0),
            ("vectors", "snips", "entity_span_micro_f1", 96.0, 0.0),
            ("vectors", "atis", "intent_accuracy", 97.8, 0.0),
            ("vectors", "atis", "entity_span_micro_f1", 95.8, 0.0),
            ("vectors", "sara", "intent_accuracy", "ours-20", 0.5),
            ("minilm", "sara", "intent_accuracy", 86.0, 0.0),
        )
    )
)
"""A network that a plain model beats should not be slower."""


def targets(groups: Sequence[Group], part: str, names: dict[str, str]) -> list[Target]:
    """The goals whose family was run, measured where the contestant was.

    Only contestants with no options of their own count. A goal that names a contestant is left out
    where
    that was not run.

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
        if goal.part not in (None, part):
            continue
        wanted = goal.wanted
        if isinstance(wanted, str):
            of_other = means.get((goal.family, wanted, goal.metric))
            if of_other is None:
                continue
            wanted = 100 * of_other
        if goal.family not in run:
            continue
        measured = means.get((goal.family, goal.contestant, goal.metric))
        note = PEERS.get(goal.wanted, goal.wanted) if isinstance(goal.wanted, str) else goal.source
        if goal.margin:
            note += f", {goal.margin:+g} points"
        found.append(
            Target(
                name=f"{FAMILIES[goal.family]}, {names[goal.metric]} of {goal.contestant}",
                wanted=wanted + goal.margin,
                measured=None if measured is None else 100 * measured,
                at_least=goal.at_least,
                unit="%",
                note=note,
            )
        )
    return found
