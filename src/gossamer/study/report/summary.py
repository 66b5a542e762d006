"""From rows to means with their spread, and the smallest model that is good enough."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from scipy import stats

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Runs that differ in their seed only.

    Attributes:
        group: the values that the runs share, in the order they were asked for.
        rows: the runs, by seed.
    """

    group: tuple[Any, ...]
    rows: tuple[Row, ...]

    @property
    def n(self) -> int:
        """The number of runs."""
        return len(self.rows)

    def values(self, name: str) -> list[float]:
        """One figure of all runs; `scores.NAME` is one of the other scores."""
        return [value_of(row, name) for row in self.rows]

    def mean(self, name: str = "f1") -> float:
        """Mean over the runs."""
        return statistics.fmean(self.values(name))

    def deviation(self, name: str = "f1") -> float:
        """Standard deviation over the runs (n - 1); NaN for a single one."""
        values = self.values(name)
        return statistics.stdev(values) if len(values) > 1 else math.nan

    def error(self, name: str = "f1") -> float:
        """Standard error of the mean; NaN for a single run."""
        return self.deviation(name) / math.sqrt(self.n)

    def median(self, name: str) -> float:
        """Median over the runs, for times."""
        return statistics.median(self.values(name))

    @property
    def weights(self) -> float:
        """Trainable weights in the sparse layers, mean over the runs (seeds hardly matter)."""
        return self.mean("sparse_weights")


def seeds_of(found: Iterable[Cell]) -> str:
    """How many seeds some models were trained with: "one seed", "3 seeds", "2 to 3 seeds"."""
    numbers = {cell.n for cell in found}
    if numbers == {1}:
        return "one seed"
    least, most = min(numbers), max(numbers)
    return f"{most} seeds" if least == most else f"{least} to {most} seeds"


def value_of(row: Row, name: str) -> float:
    """A figure of a row; `scores.NAME` is one of the other scores."""
    outer, _, inner = name.partition(".")
    value = row[outer][inner] if inner else row[outer]
    return math.nan if value is None else float(value)


def cells(rows: Iterable[Row], by: Sequence[str]) -> list[Cell]:
    """Put runs that share some values together.

    Args:
        rows: of runs.
        by: names of the values, `options.NAME` for one of the options.

    Returns:
        Sorted by these values, as text where they are not numbers.
    """
    groups: dict[tuple[Hashable, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(_setting(row, name) for name in by), []).append(row)
    order = sorted(groups, key=lambda group: [_sort_key(value) for value in group])
    return [
        Cell(group=group, rows=tuple(sorted(groups[group], key=lambda row: row["seed"])))
        for group in order
    ]


def _setting(row: Row, name: str) -> Hashable:
    outer, _, inner = name.partition(".")
    value: Hashable = row[outer].get(inner) if inner else row[outer]
    return value


def _sort_key(value: Any) -> tuple[bool, float, str]:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return not is_number, float(value) if is_number else 0.0, str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the rule of one standard error chooses.

    Attributes:
        cell: the smallest model that is good enough.
        best: the model of the highest mean.
        tolerance: one standard error of the best mean; 0 where it has a single run.
    """

    cell: Cell
    best: Cell
    tolerance: float

    @property
    def loss(self) -> float:
        """How much F1 less than the best, at least 0."""
        return max(0.0, self.best.mean() - self.cell.mean())


def smallest_within_one_standard_error(
    candidates: Iterable[Cell], *, size: Callable[[Cell], float] = lambda cell: cell.weights
) -> Choice:
    """Occam's razor: of the models that do as well as the best, the smallest.

    As well as the best is, in mean, what lies within one standard error of the best mean: the
    rule of Breiman et al. (Classification and Regression Trees, 1984, section 3.4.3), there for
    cross-validation.

    Args:
        candidates: at least one.
        size: what is to be small; trainable weights in the sparse layers if not given. Among
            equally small ones the better wins.

    Raises:
        ValueError: there is no candidate.
    """
    found = list(candidates)
    if not found:
        raise ValueError("there must be a model to choose (got none). Try: a study with runs")
    best = max(found, key=lambda cell: cell.mean())
    tolerance = 0.0 if best.n < 2 else best.error()
    least = best.mean() - tolerance
    enough = [cell for cell in found if cell.mean() >= least]
    chosen = min(enough, key=lambda cell: (size(cell), -cell.mean()))
    return Choice(cell=chosen, best=best, tolerance=tolerance)


def least_size_reaching(
    candidates: Iterable[Cell],
    level: float,
    *,
    size: Callable[[Cell], float] = lambda cell: cell.weights,
) -> Cell | None:
    """The smallest of some models whose mean F1 reaches a level; None where none does."""
    enough = [cell for cell in candidates if cell.mean() >= level]
    return min(enough, key=size) if enough else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A mean difference of F1 between runs of the same seeds.

    Attributes:
        mean: of the differences.
        half_width: of its 95% interval, Student's t.
        n: pairs.
    """

    mean: float
    half_width: float
    n: int

    @property
    def is_above_zero(self) -> bool:
        """Whether the whole interval is."""
        return self.mean - self.half_width > 0.0

    @property
    def is_below_zero(self) -> bool:
        """Whether the whole interval is."""
        return self.mean + self.half_width < 0.0

    def __str__(self) -> str:
        return f"{self.mean:+.4f} ± {self.half_width:.4f}"


def paired(cell: Cell, base: Cell, name: str = "f1") -> Change | None:
    """The difference of two cells, paired by seed; None with fewer than two common seeds."""
    changes = [ours - theirs for ours, theirs in _pairs(cell, base, name)]
    if len(changes) < 2:
        return None
    error = statistics.stdev(changes) / math.sqrt(len(changes))
    return Change(
        mean=statistics.fmean(changes),
        half_width=float(stats.t.ppf(0.975, len(changes) - 1)) * error,
        n=len(changes),
    )


def _pairs(cell: Cell, base: Cell, name: str) -> list[tuple[float, float]]:
    """One figure of both cells, for each seed that both have."""
    ours = {row["seed"]: value_of(row, name) for row in cell.rows}
    theirs = {row["seed"]: value_of(row, name) for row in base.rows}
    return [(ours[seed], theirs[seed]) for seed in ours if seed in theirs]


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """How many times as fast runs are as others of the same seeds.

    Attributes:
        median: of the ratios.
        least: the smallest of them.
        most: the greatest.
        n: pairs.
    """

    median: float
    least: float
    most: float
    n: int

    def __str__(self) -> str:
        text = f"{self.median:.2f}"
        return text if self.n < 2 else f"{text} ({self.least:.2f} to {self.most:.2f})"


def speed(cell: Cell, base: Cell, name: str) -> Speed | None:
    """Compare times, paired by seed, as a study makes the runs of one seed in a row.

    Args:
        cell: the runs.
        base: what they are compared with.
        name: of the time.

    Returns:
        None without common seeds, or where a clock is too coarse for the runs.
    """
    pairs = _pairs(cell, base, name)
    if not pairs or not all(ours > 0.0 and theirs > 0.0 for ours, theirs in pairs):
        return None
    ratios = [theirs / ours for ours, theirs in pairs]
    return Speed(
        median=statistics.median(ratios), least=min(ratios), most=max(ratios), n=len(ratios)
    )


def told_apart(others: Sequence[tuple[str, Cell]], base: Cell, base_name: str) -> str:
    """Which of some models differ from one, in a sentence; empty without pairs of seeds.

    With many comparisons some intervals exclude zero by chance, so it says how many would.

    Args:
        others: names and runs.
        base: what they are compared with.
        base_name: its name.
    """
    changes = [(name, change) for name, cell in others if (change := paired(cell, base))]
    if not changes:
        return ""
    found = [
        f"{name} ({change})"
        for name, change in changes
        if change.is_above_zero or change.is_below_zero
    ]
    n = len(changes)
    chance = f"{0.05 * n:.1f} would by chance alone"
    which = f"{len(found)}: {', '.join(found)}" if found else "none"
    return (
        f"Of {n} difference{'s' if n > 1 else ''} to {base_name}, 95% intervals exclude zero for "
        f"{which} ({chance})."
    )


def difference(cell: Cell, base: Cell) -> str:
    """`paired` as a text; the difference of means alone with fewer than two common seeds."""
    change = paired(cell, base)
    return f"{cell.mean() - base.mean():+.4f}" if change is None else str(change)
