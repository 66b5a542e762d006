"""Targets and whether they are met, as a Markdown table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One target and what was measured.

    Attributes:
        name: what is aimed at.
        wanted: the number to reach.
        measured: the number reached; None where it was not measured.
        at_least: whether `wanted` is a lower bound; else it is an upper one.
        unit: written after both numbers.
        note: where the number comes from.
    """

    name: str
    wanted: float
    measured: float | None
    at_least: bool = True
    unit: str = "x"
    note: str = ""

    @property
    def is_met(self) -> bool:
        """Whether the number was measured and keeps the bound."""
        if self.measured is None:
            return False
        if self.at_least:
            return self.measured >= self.wanted
        return self.measured <= self.wanted

    @property
    def verdict(self) -> str:
        """Met, missed and by how much of the target, or not measured."""
        if self.measured is None:
            return "not measured"
        if self.is_met:
            return "met"
        return f"missed by {abs(self.measured / self.wanted - 1):.1%}"


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]], align: str) -> str:
    """A table in Markdown.

    Args:
        head: names of the columns.
        rows: their cells.
        align: "l" or "r" for each column; the last letter holds for all that follow.
    """
    letters = align.ljust(len(head), align[-1])[: len(head)]
    rules = ["---:" if letter == "r" else "---" for letter in letters]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, rules, *rows))


def targets_table(targets: Sequence[Target]) -> str:
    """All targets in Markdown."""
    lines = [
        [
            target.name,
            "" if target.measured is None else f"{_shown(target.measured)}{target.unit}",
            f"{'≥' if target.at_least else '≤'} {_shown(target.wanted)}{target.unit}",
            target.verdict,
            target.note,
        ]
        for target in targets
    ]
    return markdown_table(["target", "measured", "wanted", "", "where"], lines, "lrrl")


def _shown(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"
