"""Case 8, of files that grow when they are read: aliases of YAML, and alternatives of a story."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gossamer.cli import app

CASE = Path(__file__).parents[3] / "shared" / "cases" / "08-limits"
MOST_SECONDS = 20

pytestmark = pytest.mark.skipif(not CASE.is_dir(), reason="../shared/cases is not there")


def test_a_bomb_of_aliases_is_one_error() -> None:
    for command in (
        ["data", "validate", "--nlu", str(CASE / "bomb.yml")],
        ["train", "nlu", "--config", str(CASE / "config.yml"), "--nlu", str(CASE / "bomb.yml")],
    ):
        start = time.perf_counter()
        result = CliRunner().invoke(app, command)
        assert time.perf_counter() - start < MOST_SECONDS
        assert result.exit_code == 1
        assert result.output.count("must have at most 5,000,000 nodes") == 1
        assert f"{CASE / 'bomb.yml'}:11: " in result.output


@pytest.mark.slow
def test_many_alternatives_are_drawn_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data").mkdir()
    shutil.copy(CASE / "stories.yml", tmp_path / "data")
    shutil.copy(CASE / "domain.yml", tmp_path)
    monkeypatch.chdir(tmp_path)
    start = time.perf_counter()
    result = CliRunner().invoke(app, ["data", "validate"])
    assert time.perf_counter() - start < MOST_SECONDS
    assert result.exit_code == 0
    assert "stories describe 4,782,969 conversations" in result.output
