"""Windows with and without the features' order: the findings, computed again by hand."""

from __future__ import annotations

from typing import Any

from small_study import column, row

from gossamer.study import STUDIES, Task

STUDY = STUDIES["input-order"]

# F1 of seeds 0 to 2.
F1: dict[tuple[str, float], tuple[float, ...]] = {
    ("windowed", 0.2): (0.60, 0.61, 0.62),  # 0.1 above in each seed
    ("windowed", 0.05): (0.40, 0.50, 0.60),
    ("shuffled", 0.2): (0.50, 0.51, 0.52),
    ("shuffled", 0.05): (0.50, 0.50, 0.49),
    ("none", 0.2): (0.55, 0.55, 0.55),
    ("learned", 0.2): (0.90, 0.91, 0.92),
}


def rows(*, layers: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    return [
        row(input_layer=layer, density=density, seed=seed, f1=f1)
        for (layer, density), scores in F1.items()
        for seed, f1 in enumerate(scores)
        if not layers or layer in layers
    ]


def test_findings() -> None:
    (finding,) = STUDY.analyse(rows()).findings
    assert finding.startswith(
        "With the order of the features against without it, F1 differs by +0.1000 ± 0.0000 at 20%, "
    )
    assert finding.endswith(" at 5% (the interval holds zero).")


def test_without_shuffled_windows_nothing_is_compared() -> None:
    analysis = STUDY.analyse(rows(layers=("windowed", "none")))
    assert list(analysis.findings) == []
    assert set(column(analysis.tables[0], "to shuffled")) == {""}


def test_the_table() -> None:
    (table,) = STUDY.analyse(rows()).tables
    assert column(table, "features are read by")[0] == "windows in the features' order"
    assert column(table, "to shuffled")[0] == "+0.1000 ± 0.0000"


def test_dialogue_is_not_one_of_its_tasks() -> None:
    assert STUDY.tasks == (Task.INTENT, Task.ENTITY)
