"""Targets: met, missed and by how much, and the table."""

from __future__ import annotations

import pytest
from support.targets import Target, markdown_table, targets_table


@pytest.mark.parametrize(
    ("measured", "at_least", "verdict"),
    [
        (2.0, True, "met"),
        (2.5, True, "met"),
        (1.5, True, "missed by 25.0%"),
        (2.0, False, "met"),
        (2.2, False, "missed by 10.0%"),
        (None, True, "not measured"),
        (None, False, "not measured"),
    ],
)
def test_verdict(measured: float | None, at_least: bool, verdict: str) -> None:
    target = Target(name="speed", wanted=2.0, measured=measured, at_least=at_least)
    assert target.verdict == verdict
    assert target.is_met == (verdict == "met")


def test_table_shows_every_target_with_its_bound() -> None:
    table = targets_table(
        [
            Target(name="speed", wanted=3.5, measured=1.75, note="here"),
            Target(name="memory", wanted=25.0, measured=20.3, at_least=False, unit="%"),
            Target(name="Rasa", wanted=20.0, measured=None),
        ]
    )
    assert table.splitlines()[2:] == [
        "| speed | 1.75x | ≥ 3.5x | missed by 50.0% | here |",
        "| memory | 20.3% | ≤ 25% | met |  |",
        "| Rasa |  | ≥ 20x | not measured |  |",
    ]


def test_last_letter_aligns_all_columns_that_follow() -> None:
    table = markdown_table(["a", "b", "c"], [["1", "2", "3"]], "lr")
    assert table == "| a | b | c |\n| --- | ---: | ---: |\n| 1 | 2 | 3 |"
