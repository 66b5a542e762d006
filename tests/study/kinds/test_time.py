"""F1 against time: the findings, computed again by hand."""

from __future__ import annotations

from typing import Any

from small_study import column, row

from gossamer.study import STUDIES

STUDY = STUDIES["time"]

# F1 and seconds by density and epochs.
RUNS: dict[tuple[float, int], tuple[float, float]] = {
    (1.0, 5): (0.70, 10.0),
    (1.0, 20): (0.90, 40.0),
    (0.2, 5): (0.60, 2.0),
    (0.2, 20): (0.89, 8.0),
    (0.2, 40): (0.88, 16.0),
    (0.01, 20): (0.50, 4.0),
}


def rows(runs: Any = None) -> list[dict[str, Any]]:
    return [
        row(density=density, epochs=epochs, f1=f1, seconds=seconds, losses=[1.0] * epochs)
        for (density, epochs), (f1, seconds) in (RUNS if runs is None else runs).items()
    ]


def test_findings() -> None:
    # 98% of 0.90 is 0.882; 99% is 0.891, which dense alone reaches.
    level, budget = STUDY.analyse(rows()).findings
    assert (
        level == "98% of the highest mean F1 takes 40 s at 100%, 8 s at 20% (1% did not reach it)."
    )
    # In 10 s: 0.89 at 20 epochs of 20%; 40 epochs take longer.
    assert budget == (
        "In the time of the shortest dense training (10 s) F1 is 100% 0.700, 20% 0.890, 1% 0.500."
    )


def test_a_density_that_takes_longer_is_not_in_the_budget() -> None:
    slow = RUNS | {(0.01, 20): (0.50, 11.0)}
    assert "1%" not in STUDY.analyse(rows(slow)).findings[1].partition("(10 s)")[2]


def test_without_dense_there_is_no_budget() -> None:
    some = {key: value for key, value in RUNS.items() if key[0] < 1.0}
    assert list(STUDY.analyse(rows(some)).findings) == []
    near = some | {(0.01, 20): (0.89, 4.0)}
    assert list(STUDY.analyse(rows(near)).findings) == [
        "99% of the highest mean F1 takes 8 s at 20%, 4 s at 1%."
    ]


def test_the_tables() -> None:
    reached, every = STUDY.analyse(rows()).tables
    assert "(0.9000)" in reached.title
    assert [list(line) for line in reached.rows] == [
        ["100%", "40.0 s (20 epochs)", "40.0 s (20 epochs)", "40.0 s (20 epochs)"],
        ["20%", "8.0 s (20 epochs)", "8.0 s (20 epochs)", "not reached"],
        ["1%", "not reached", "not reached", "not reached"],
    ]
    assert column(every, "density") == ["100%", "100%", "20%", "20%", "20%", "1%"]
    assert column(every, "epochs") == ["5", "20", "5", "20", "40", "20"]
    assert column(every, "ms an epoch")[:3] == ["2000", "2000", "400"]
