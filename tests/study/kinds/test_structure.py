"""Topologies against F1 and speed: the findings, computed again by hand."""

from __future__ import annotations

from typing import Any

from scipy import stats
from small_study import column, row

from gossamer.study import STUDIES

STUDY = STUDIES["structure"]

# F1 of seeds 0 to 2 at 20%, and seconds.
KINDS: dict[tuple[str, int | None], tuple[tuple[float, ...], float]] = {
    ("uniform", None): ((0.80, 0.81, 0.82), 8.0),
    ("fan_in", None): ((0.80, 0.82, 0.81), 6.0),
    ("blocked", None): ((0.79, 0.81, 0.80), 2.0),
    ("blocked", 4): ((0.70, 0.71, 0.72), 4.0),  # 0.1 below in each seed
}


def rows(*, dense: bool = True, seeds: int = 3, uniform: bool = True) -> list[dict[str, Any]]:
    found = [
        row(
            topology=topology,
            options={} if size is None else {"max_group_size": size},
            seed=seed,
            f1=f1,
            seconds=seconds,
        )
        for (topology, size), (scores, seconds) in KINDS.items()
        for seed, f1 in enumerate(scores[:seeds])
        if uniform or topology != "uniform"
    ]
    if dense:
        found += [row(density=1.0, seed=seed, f1=0.9, seconds=10.0) for seed in range(seeds)]
    return found


def test_findings() -> None:
    (finding,) = STUDY.analyse(rows()).findings
    low, high = stats.ttest_rel(
        KINDS["blocked", None][0], KINDS["uniform", None][0]
    ).confidence_interval(0.95)
    assert finding == (
        "At 20% the fastest is blocked: 5.00 (5.00 to 5.00) times as fast as dense, 4.00 (4.00 to "
        f"4.00) times as fast as uniform; its F1 differs by {(low + high) / 2:+.4f} ± "
        f"{(high - low) / 2:.4f}. Of 3 differences to uniform, 95% intervals exclude zero for 1: "
        "blocked, groups of 4 at most (-0.1000 ± 0.0000) (0.2 would by chance alone)."
    )


def test_without_dense_runs_there_is_no_speed() -> None:
    analysis = STUDY.analyse(rows(dense=False, seeds=1))
    (finding,) = analysis.findings
    assert finding == (
        "At 20% the fastest is blocked, 4.00 times as fast as uniform; its F1 differs by -0.0100."
    )
    assert set(column(analysis.tables[0], "speed")) == {""}
    assert "dotted line" not in analysis.pictures[0].caption


def test_without_uniform_there_is_nothing_to_compare_with() -> None:
    (finding,) = STUDY.analyse(rows(uniform=False)).findings
    assert finding == ("At 20% the fastest is blocked: 5.00 (5.00 to 5.00) times as fast as dense.")


def test_the_table() -> None:
    (table,) = STUDY.analyse(rows()).tables
    assert column(table, "topology") == [
        "dense",
        "blocked",
        "blocked, groups of 4 at most",
        "fan_in",
        "uniform",
    ]  # the fastest first
    assert column(table, "speed") == [
        "",
        "5.00 (5.00 to 5.00)",
        "2.50 (2.50 to 2.50)",
        "1.67 (1.67 to 1.67)",
        "1.25 (1.25 to 1.25)",
    ]
    assert column(table, "to uniform")[0] == column(table, "to uniform")[-1] == ""
    assert column(table, "to uniform")[2] == "-0.1000 ± 0.0000"


def test_a_clock_too_coarse_for_the_runs() -> None:
    still = [each | {"warm_cpu_seconds": 0.0} for each in rows()]
    analysis = STUDY.analyse(still)
    assert set(column(analysis.tables[0], "speed")) == {""}
    assert "times as fast" not in analysis.findings[0]
