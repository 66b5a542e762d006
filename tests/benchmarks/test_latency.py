"""The benchmark of answers: percentiles, verdicts, table, figure, options."""

from __future__ import annotations

import sys
from pathlib import Path

import latency
import pytest
from latency_parts.measurements import percentiles
from support.latency_report import Row, draw, report, table

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
    assert percentiles(hundred) == {"p50": 50.0, "p95": 95.0, "p99": 99.0}
    assert percentiles([0.002]) == {"p50": 2.0, "p95": 2.0, "p99": 2.0}


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


def test_rows_beside_another_commit() -> None:
    row = Row.of("p50", "ms", [[1.0, 2.0, 3.0], [2.0, 2.0, 10.0]], target=4.0, ratio_target=0.4)
    assert (row.gossamer, row.least, row.most) == (2.0, 1.0, 3.0)
    assert (row.other, row.other_least, row.other_most) == (2.0, 2.0, 10.0)
    assert (row.ratio, row.ratio_least, row.ratio_most) == (0.5, 0.3, 1.0)  # of each round
    lines = report([row, *ROWS], ["abc", "def"]).splitlines()
    head = "| this commit abc | least to most | target |  | the other def | least to most | ratio |"
    assert head in lines[0]
    assert lines[2].endswith("| ≤ 4 | met | 2 | 2 to 10 | 0.5x | 0.3 to 1 |")
    assert lines[3].endswith("| ≤ 2 | met |  |  |  |  |")
    assert "| p50 | 2 ms | ≤ 4 ms | met |  |" in lines
    assert "| p50, beside the other commit | 0.5x | ≤ 0.4x | missed by 25.0% |  |" in lines


def test_memory_that_shrank_is_so_many_times_of_nothing() -> None:
    row = Row.of("growth", "MiB", [[-0.5, 0.0], [1.0, 0.5]], target=5.0)
    assert (row.gossamer, row.other, row.ratio) == (-0.25, 0.75, None)
    assert row.verdict == "met"


def test_no_targets_no_table_of_them() -> None:
    assert "Targets" not in report(ROWS[3:], [])
    assert "| batches | 2,500 messages/s | ≥ 3,000 messages/s | missed by 16.7% |  |" in report(
        ROWS, []
    )


def test_figure(tmp_path: Path) -> None:
    rasa = Row(name="load", unit="s", gossamer=1.0, least=1.0, most=1.0, rasa=69.0)
    beside = Row.of("load", "s", [[1.0], [2.0]], ratio_target=0.6)
    shrank = Row.of("growth", "MiB", [[-0.5], [0.0]], panel="growth")
    none = Row.of("growth", "MiB", [[0.0]])
    cases = (ROWS, ROWS[:1], [*ROWS, rasa], [*ROWS, beside, shrank], [none], [rasa, beside])
    for number, rows in enumerate(cases):
        path = tmp_path / f"{number}.png"
        draw(rows, path)
        assert path.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], (3, 7, 7, 50)),
        (["--quick"], (2, 2, 2, 10)),
        (["--quick", "--rounds", "5"], (2, 5, 2, 10)),
    ],
)
def test_quick_gives_way_to_other_options(
    given: list[str], expected: tuple[int, int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["latency.py", "--model", "m", "--test", "t", *given])
    options = latency._arguments()
    found = options.epochs, options.rounds, options.processes, options.swaps
    assert found == expected
