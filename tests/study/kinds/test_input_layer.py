"""What stands before the sparse layers: the findings, computed again by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import stats
from small_study import column, row

from gossamer.study import STUDIES, Task

STUDY = STUDIES["input-layer"]

# F1 of seeds 0 to 2.
F1: dict[tuple[str, float], tuple[float, ...]] = {
    ("learned", 1.0): (0.90, 0.91, 0.92),
    ("learned", 0.05): (0.80, 0.81, 0.82),
    ("frozen", 1.0): (0.89, 0.90, 0.91),  # 0.01 below in each seed
    ("frozen", 0.05): (0.70, 0.71, 0.72),  # 0.1 below: more is lost
    ("none", 1.0): (0.70, 0.71, 0.72),  # 0.2 below
    ("none", 0.05): (0.75, 0.76, 0.77),  # 0.05 below: less is lost
    ("hashed", 1.0): (0.80, 0.85, 0.90),
    ("hashed", 0.05): (0.75, 0.70, 0.77),
}


def rows(*, seeds: int = 3, layers: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    return [
        row(input_layer=layer, density=density, seed=seed, f1=f1, weights=7_000)
        for (layer, density), scores in F1.items()
        for seed, f1 in enumerate(scores[:seeds])
        if not layers or layer in layers
    ]


def test_findings() -> None:
    frozen, hashed, none = STUDY.analyse(rows()).findings
    assert frozen == (
        "Against the learned layer, frozen: -0.010 at 100%, -0.100 at 5%. From 100% to 5%, more is "
        "lost (-0.090 ± 0.000)."
    )
    assert none == (
        "Against the learned layer, none: -0.200 at 100%, -0.050 at 5%. From 100% to 5%, less is "
        "lost (+0.150 ± 0.000)."
    )
    widths, means = [], []
    for density in (1.0, 0.05):
        pairs = np.subtract(F1["hashed", density], F1["learned", density])
        means.append(pairs.mean())
        low, high = stats.ttest_1samp(pairs, 0.0).confidence_interval(0.95)
        widths.append((high - low) / 2)
    assert hashed == (
        f"Against the learned layer, hashed: {means[0]:+.3f} at 100%, {means[1]:+.3f} at 5%. From "
        "100% to 5%, the loss is about the same, within the intervals, "
        f"({means[1] - means[0]:+.3f} ± {math.hypot(*widths):.3f})."
    )


def test_a_single_seed_gives_no_verdict() -> None:
    findings = STUDY.analyse(rows(seeds=1)).findings
    assert findings[0] == "Against the learned layer, frozen: -0.010 at 100%, -0.100 at 5%."
    assert not any("From" in finding for finding in findings)


def test_a_single_density_gives_no_verdict() -> None:
    some = [each for each in rows() if each["density"] == 0.05]
    assert STUDY.analyse(some).findings[0] == "Against the learned layer, frozen: -0.100 at 5%."


def test_without_the_learned_layer_nothing_is_compared() -> None:
    analysis = STUDY.analyse(rows(layers=("frozen", "none")))
    assert list(analysis.findings) == []
    assert set(column(analysis.tables[0], "to learned")) == {""}


def test_the_table() -> None:
    (table,) = STUDY.analyse(rows()).tables
    assert column(table, "input layer") == [
        name for name in ("learned", "frozen", "hashed", "none") for _ in range(2)
    ]
    assert column(table, "density") == ["100%", "5%"] * 4
    assert column(table, "to learned")[:4] == [
        "",
        "",
        "-0.0100 ± 0.0000",
        "-0.1000 ± 0.0000",
    ]
    assert column(table, "F1")[0] == "0.9100 ± 0.0100"
    assert set(column(table, "all weights")) == {"7,000"}


def test_a_density_of_zero_can_be_drawn() -> None:
    analysis = STUDY.analyse([row(f1=0.5, density=0.0), row(f1=0.6, density=0.2)])
    analysis.pictures[0].figure.canvas.draw()


def test_dialogue_is_not_one_of_its_tasks() -> None:
    assert STUDY.tasks == (Task.INTENT, Task.ENTITY)
