"""From rows to means, choices and differences, computed again by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats
from small_study import row

from gossamer.study import Cell, cells, smallest_within_one_standard_error
from gossamer.study.report.summary import (
    Change,
    difference,
    least_size_reaching,
    paired,
    speed,
    told_apart,
    value_of,
)


def cell(*f1: float, weights: int = 1000, name: str = "", first_seed: int = 0) -> Cell:
    rows = tuple(
        row(f1=value, seed=first_seed + seed, sparse_weights=weights)
        for seed, value in enumerate(f1)
    )
    return Cell(group=(name,), rows=rows)


def test_figures_of_a_cell() -> None:
    found = cell(0.7, 0.8, 0.9, weights=300)
    assert found.n == 3
    assert found.values("f1") == [0.7, 0.8, 0.9]
    assert found.mean() == pytest.approx(0.8)
    assert found.deviation() == pytest.approx(0.1)
    assert found.error() == pytest.approx(0.1 / math.sqrt(3))
    assert found.mean("scores.intent accuracy") == pytest.approx(0.79)
    assert found.weights == 300


def test_a_single_run_has_no_spread() -> None:
    found = cell(0.7)
    assert found.mean() == 0.7
    assert math.isnan(found.deviation())
    assert math.isnan(found.error())


def test_the_median_does_not_mind_one_slow_run() -> None:
    found = Cell(group=(), rows=tuple(row(f1=0.5, seconds=s) for s in (1.0, 100.0, 2.0)))
    assert found.median("cpu_seconds") == 2.0


def test_what_was_not_measured_is_not_a_number() -> None:
    assert math.isnan(value_of({"peak_memory_mib": None}, "peak_memory_mib"))
    assert value_of({"scores": {"a.b": 1}}, "scores.a.b") == 1.0


def test_grouping_and_order() -> None:
    rows = [
        row(f1=0.1, density=1.0, seed=1),
        row(f1=0.2, density=0.05, size=128),
        row(f1=0.3, density=0.05, size=16),
        row(f1=0.4, density=1.0, seed=0),
    ]
    found = cells(rows, ("density", "size"))
    assert [each.group for each in found] == [(0.05, 16), (0.05, 128), (1.0, 16)]
    assert found[2].values("f1") == [0.4, 0.1]  # by seed
    assert [each.group for each in cells(rows, ("size",))] == [(16,), (128,)]
    assert cells(rows, ())[0].n == 4
    assert cells([], ("density",)) == []


def test_groups_by_options() -> None:
    sizes: list[dict[str, Any]] = [{}, {"max_group_size": 16}, {"max_group_size": 4}]
    rows = [row(f1=0.5, options=options) for options in sizes]
    found = cells(rows, ("options.max_group_size",))
    assert [each.group for each in found] == [(4,), (16,), (None,)]  # numbers first
    flags = [row(f1=0.5, options={"flag": flag}) for flag in (True, False)]
    assert [each.group for each in cells(flags, ("options.flag",))] == [(False,), (True,)]


def test_the_smallest_within_one_standard_error() -> None:
    # The best has mean 0.90 and standard error 0.02 / sqrt(4) = 0.01: 0.89 is enough.
    spread = math.sqrt(3) / 2 * 0.02  # gives a standard deviation (n - 1) of 0.02
    best = cell(*(0.90 + s * spread for s in (-1, 1, -1, 1)), weights=900, name="best")
    assert best.error() == pytest.approx(0.01)
    enough = cell(0.891, 0.891, weights=500, name="enough")
    too_weak = cell(0.889, 0.889, weights=100, name="too weak")
    larger = cell(0.895, weights=1500, name="larger")
    choice = smallest_within_one_standard_error([larger, too_weak, best, enough])
    assert choice.cell is enough
    assert choice.best is best
    assert choice.tolerance == pytest.approx(0.01)
    assert choice.loss == pytest.approx(0.009)


def test_a_mean_on_the_line_is_enough() -> None:
    best = cell(0.5, 1.0, weights=900)  # mean 0.75, standard error 0.25
    on_the_line = cell(0.5, 0.5, weights=100)
    assert smallest_within_one_standard_error([best, on_the_line]).cell is on_the_line


def test_a_single_run_gives_no_tolerance() -> None:
    best, near = cell(0.9, weights=900), cell(0.8999, weights=100)
    choice = smallest_within_one_standard_error([near, best])
    assert choice.cell is choice.best is best
    assert choice.tolerance == 0.0
    assert choice.loss == 0.0
    equal = cell(0.9, weights=50)
    assert smallest_within_one_standard_error([best, near, equal]).cell is equal


def test_of_equally_small_ones_the_better() -> None:
    best = cell(0.8, 1.0, weights=900)
    weak, strong = cell(0.85, 0.85, weights=100), cell(0.86, 0.86, weights=100)
    assert smallest_within_one_standard_error([weak, best, strong]).cell is strong


def test_size_can_be_something_else() -> None:
    slow = Cell(group=(), rows=(row(f1=0.9, seconds=9.0, sparse_weights=1),))
    fast = Cell(group=(), rows=(row(f1=0.9, seconds=1.0, sparse_weights=9),))
    choice = smallest_within_one_standard_error(
        [slow, fast], size=lambda each: each.median("cpu_seconds")
    )
    assert choice.cell is fast


def test_nothing_to_choose_from() -> None:
    with pytest.raises(ValueError, match="there must be a model to choose"):
        smallest_within_one_standard_error([])


def test_the_least_size_that_reaches_a_level() -> None:
    found = [cell(0.7, weights=10), cell(0.9, weights=30), cell(0.8, weights=20)]
    assert least_size_reaching(found, 0.8) is found[2]
    assert least_size_reaching(found, 0.85) is found[1]
    assert least_size_reaching(found, 0.0) is found[0]
    assert least_size_reaching(found, 0.91) is None
    assert least_size_reaching([], 0.0) is None
    assert least_size_reaching(found, 0.0, size=lambda each: -each.weights) is found[1]


def test_a_paired_difference_is_students_interval(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ours, theirs = rng.normal(0.8, 0.02, 6), rng.normal(0.78, 0.02, 6)
    change = paired(cell(*ours.tolist()), cell(*theirs.tolist()))
    assert change is not None
    interval = stats.ttest_rel(ours, theirs).confidence_interval(0.95)
    assert change.mean - change.half_width == pytest.approx(interval.low)
    assert change.mean + change.half_width == pytest.approx(interval.high)
    assert change.n == 6


def test_pairs_are_runs_of_the_same_seed() -> None:
    ours = cell(0.7, 0.8, 0.9)  # seeds 0, 1, 2
    theirs = cell(0.5, 0.5, 0.5, first_seed=1)  # seeds 1, 2, 3
    change = paired(ours, theirs)
    assert change is not None
    assert change.n == 2
    assert change.mean == pytest.approx(0.35)
    # Two pairs: one degree of freedom, t = 12.706, standard error 0.05.
    assert change.half_width == pytest.approx(12.706 * 0.05, rel=1e-4)
    assert not change.is_above_zero
    assert not change.is_below_zero


def test_without_two_pairs_there_is_no_interval() -> None:
    assert paired(cell(0.7), cell(0.6)) is None
    assert paired(cell(0.7, 0.8), cell(0.6, 0.6, first_seed=1)) is None
    assert difference(cell(0.7), cell(0.6)) == "+0.1000"
    assert difference(cell(0.7, 0.7), cell(0.8, 0.8)) == "-0.1000 ± 0.0000"


@pytest.mark.parametrize(
    ("mean", "half_width", "above", "below"),
    [
        (0.2, 0.1, True, False),
        (-0.2, 0.1, False, True),
        (0.1, 0.1, False, False),
        (-0.1, 0.1, False, False),
        (0.0, 0.1, False, False),
    ],
)
def test_which_side_of_zero(mean: float, half_width: float, above: bool, below: bool) -> None:
    change = Change(mean=mean, half_width=half_width, n=3)
    assert (change.is_above_zero, change.is_below_zero) == (above, below)


def test_told_apart_counts_what_chance_would_do() -> None:
    base, worse, alike = cell(0.80, 0.81, 0.82), cell(0.70, 0.71, 0.72), cell(0.82, 0.81, 0.80)
    others = [("worse", worse), *[("alike", alike)] * 9]
    assert told_apart(others, base, "it") == (
        "Of 10 differences to it, 95% intervals exclude zero for 1: worse (-0.1000 ± 0.0000) "
        "(0.5 would by chance alone)."
    )
    assert told_apart([("alike", alike)], base, "it") == (
        "Of 1 difference to it, 95% intervals exclude zero for none (0.1 would by chance alone)."
    )
    assert told_apart([("alone", cell(0.5, first_seed=7))], base, "it") == ""


def times(*seconds: float, first_seed: int = 0) -> Cell:
    rows = tuple(
        row(f1=0.5, seconds=each, seed=first_seed + seed) for seed, each in enumerate(seconds)
    )
    return Cell(group=(), rows=rows)


def test_speed_is_compared_seed_by_seed() -> None:
    # The third seed ran where everything is slow: no ratio mixes it with the others.
    found = speed(times(1.0, 2.0, 30.0), times(3.0, 4.0, 300.0), "warm_cpu_seconds")
    assert found is not None
    assert (found.median, found.least, found.most, found.n) == (3.0, 2.0, 10.0, 3)
    assert str(found) == "3.00 (2.00 to 10.00)"


def test_speed_of_a_single_pair_has_no_range() -> None:
    assert str(speed(times(2.0, 1.0), times(5.0, first_seed=1), "cpu_seconds")) == "5.00"


def test_speed_without_pairs_or_time() -> None:
    assert speed(times(1.0), times(1.0, first_seed=1), "cpu_seconds") is None
    assert speed(times(0.0), times(1.0), "cpu_seconds") is None
    assert speed(times(1.0, 1.0), times(1.0, 0.0), "cpu_seconds") is None
