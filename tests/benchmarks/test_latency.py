"""The benchmark of answers: percentiles, verdicts, table, figure, options."""

from __future__ import annotations

import sys
from pathlib import Path

import latency
import pytest
from support.latency_report import Row, draw, table

ROWS = [
    Row(name="p50", unit="ms", gossamer=1.5, least=1.4, most=1.7, target=2.0),
    Row(name="p99", unit="ms", gossamer=6.0, least=5.0, most=7.0, target=5.0),
    Row(
        name="batches",
        unit="messages/s",
        gossamer=2500.0,
        least=2400.0,
        most=2600.0,
        target=3000.0,
        at_least=True,
    ),
    Row(name="import", unit="s", gossamer=0.1, least=0.1, most=0.1),
]


def test_percentiles_are_times_that_were_measured() -> None:
    hundred = [number / 1000 for number in range(100, 0, -1)]
    assert latency.percentiles(hundred) == {"p50": 50.0, "p95": 95.0, "p99": 99.0}
    assert latency.percentiles([0.002]) == {"p50": 2.0, "p95": 2.0, "p99": 2.0}


def test_verdicts_and_table() -> None:
    assert [row.verdict for row in ROWS] == ["met", "missed by 20.0%", "missed by 16.7%", ""]
    lines = table(ROWS).splitlines()
    assert lines[2] == "| p50 | ms | 1.5 | 1.4 to 1.7 | ≤ 2 | met |"
    assert lines[4].startswith("| batches | messages/s | 2,500 | 2,400 to 2,600 | ≥ 3,000 |")
    assert lines[5] == "| import | s | 0.1 | 0.1 to 0.1 |  |  |"
    assert "Rasa" not in lines[0]


def test_rasa_has_a_column_where_it_was_measured() -> None:
    rasa = Row(name="load", unit="s", gossamer=1.0, least=1.0, most=1.0, rasa=69.0)
    lines = table([*ROWS, rasa]).splitlines()
    assert lines[0].endswith("| Rasa |")
    assert lines[2].endswith("| met |  |")
    assert lines[-1].endswith("| 69 |")


def test_figure(tmp_path: Path) -> None:
    rasa = Row(name="load", unit="s", gossamer=1.0, least=1.0, most=1.0, rasa=69.0)
    for number, rows in enumerate((ROWS, ROWS[:1], [*ROWS, rasa])):
        path = tmp_path / f"{number}.png"
        draw(rows, path)
        assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], (3, 7, 7)),
        (["--quick"], (2, 2, 2)),
        (["--quick", "--rounds", "5"], (2, 5, 2)),
    ],
)
def test_quick_gives_way_to_other_options(
    given: list[str], expected: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["latency.py", "--model", "m", "--test", "t", *given])
    options = latency._arguments()
    assert (options.epochs, options.rounds, options.processes) == expected
