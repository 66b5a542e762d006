"""The table, the comparison and the choice of Pythons; installing is what the script is run for."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matrix
import pytest
from support.installations import Broken, find_python, run
from support.reference import Reference


def reference(tmp_path: Path) -> Reference:
    (tmp_path / "parses.jsonl").write_text('{"intent": "a", "confidence": 0.5}\n')
    (tmp_path / "conversation.txt").write_text("hello\n")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "intent_report.json").write_text(json.dumps({"accuracy": 1.0}))
    return Reference(project=tmp_path, texts="", conversation="", answers=tmp_path)


def test_numbers_may_differ_a_little_and_nothing_else(tmp_path: Path) -> None:
    here = reference(tmp_path)
    here.compare_parses('{"intent": "a", "confidence": 0.50001}\n')
    for other in (
        '{"intent": "a", "confidence": 0.51}\n',
        '{"intent": "b", "confidence": 0.5}\n',
        '{"intent": "a"}\n',
        "",
    ):
        with pytest.raises(Broken):
            here.compare_parses(other)
    here.compare_shell("hello\n")
    with pytest.raises(Broken, match="bye"):
        here.compare_shell("bye\n")


def test_a_report_that_is_missing(tmp_path: Path) -> None:
    here = reference(tmp_path)
    with pytest.raises(Broken, match=r"intent_report.json was not written"):
        here.compare_reports(tmp_path / "elsewhere")
    here.compare_reports(tmp_path / "results")


def test_this_python_is_found_and_others_are_skipped(capsys: pytest.CaptureFixture[str]) -> None:
    assert find_python(f"{sys.version_info.major}.{sys.version_info.minor}") is not None
    assert find_python("3.99") is None
    table = matrix.Table()
    matrix.check_python(table, "3.99", ["base"], Path(), (Path(), Path()), None, [])  # type: ignore[arg-type]
    assert table.rows[0].outcome == "skipped"
    assert "not installed here" in capsys.readouterr().out
    assert "no CPU build" in str(matrix.why_not("3.12", "train", ["3.11"]))
    assert matrix.why_not("3.11", "train", ["3.11"]) is None


def test_a_failed_check_is_a_line_and_the_others_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = matrix.Table()
    with table.check("3.11", "base", "first"):
        run([sys.executable, "-c", "raise SystemExit('why')"], cwd=tmp_path)
    with table.check("3.11", "base", "second"):
        pass
    assert [row.outcome for row in table.rows] == ["FAILED", "passed"]
    assert table.ending() == "1 passed, 1 FAILED, 0 skipped"
    assert "why" in capsys.readouterr().out
