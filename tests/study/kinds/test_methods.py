"""Ways to find connections: the findings, computed again by hand."""

from __future__ import annotations

from typing import Any

import pytest
from scipy import stats
from small_study import column, row

from gossamer.study import STUDIES

STUDY = STUDIES["methods"]

# F1 of seeds 0 to 2 at 20%, and seconds.
WAYS: dict[tuple[str, str], tuple[tuple[float, ...], float]] = {
    ("fixed", "uniform"): ((0.80, 0.81, 0.82), 5.0),
    ("fixed", "blocked"): ((0.70, 0.71, 0.72), 3.0),  # 0.1 below in each seed
    ("gradual", "uniform"): ((0.85, 0.86, 0.88), 20.0),
    ("rigl", "uniform"): ((0.79, 0.84, 0.81), 9.0),  # no sure difference
}
DENSE = (0.9, 0.9, 0.93)


def rows(ways: Any = None, *, dense: bool = True, seeds: int = 3) -> list[dict[str, Any]]:
    found = [
        row(method=method, topology=topology, seed=seed, f1=f1, seconds=seconds)
        for (method, topology), (scores, seconds) in (WAYS if ways is None else ways).items()
        for seed, f1 in enumerate(scores[:seeds])
    ]
    if dense:
        found += [row(density=1.0, seed=s, f1=f1) for s, f1 in enumerate(DENSE[:seeds])]
    return found


def test_findings() -> None:
    (finding,) = STUDY.analyse(rows()).findings
    low, high = stats.ttest_rel(
        WAYS["gradual", "uniform"][0], WAYS["fixed", "uniform"][0]
    ).confidence_interval(0.95)
    gradual = f"{(low + high) / 2:+.4f} ± {(high - low) / 2:.4f}"
    assert finding == (
        "At 20% gradual has the highest mean F1, 0.863 (dense 0.910); fixed uniform has 0.810, "
        f"the difference being {gradual}. Of 3 differences to fixed uniform, 95% intervals exclude "
        f"zero for 2: fixed blocked (-0.1000 ± 0.0000), gradual ({gradual}) "
        "(0.2 would by chance alone)."
    )


def test_nothing_is_sure_with_a_single_seed() -> None:
    (finding,) = STUDY.analyse(rows(seeds=1, dense=False)).findings
    assert finding == ("At 20% gradual has the highest mean F1, 0.850; fixed uniform has 0.800.")


def test_without_fixed_uniform_there_is_nothing_to_compare_with() -> None:
    ways = {way: given for way, given in WAYS.items() if way != ("fixed", "uniform")}
    analysis = STUDY.analyse(rows(ways, dense=False))
    assert analysis.findings == ["At 20% gradual has the highest mean F1, 0.863."]
    assert set(column(analysis.tables[0], "to uniform")) == {""}


def test_a_finding_for_each_density() -> None:
    other = [row(density=0.05, topology="uniform", f1=0.6), row(density=0.05, f1=0.5)]
    findings = STUDY.analyse(rows() + other).findings
    assert [finding[:7] for finding in findings] == ["At 20% ", "At 5% f"]
    assert "fixed uniform has the highest mean F1, 0.600" in findings[1]


def test_the_table() -> None:
    (table,) = STUDY.analyse(rows()).tables
    assert column(table, "connections") == [
        "dense",
        "gradual",
        "rigl",
        "fixed uniform",
        "fixed blocked",
    ]  # the best first
    assert column(table, "seconds") == ["1.0", "20.0", "9.0", "5.0", "3.0"]
    assert column(table, "to uniform")[3:] == ["", "-0.1000 ± 0.0000"]
    assert column(table, "F1")[3] == "0.8100 ± 0.0100"
    assert column(table, "seeds") == ["3"] * 5


@pytest.mark.parametrize("dense", [True, False])
def test_the_figure_names_dense_where_it_is(dense: bool) -> None:
    (picture,) = STUDY.analyse(rows(dense=dense)).pictures
    assert ("dotted line" in picture.caption) == dense


def test_dense_alone() -> None:
    analysis = STUDY.analyse([row(density=1.0, f1=0.9)])
    assert list(analysis.findings) == []
    assert list(analysis.pictures) == []
    assert column(analysis.tables[0], "F1") == ["0.9000"]
