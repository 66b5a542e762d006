"""Case 10: retrieval responses in the domain, their action not declared, as Rasa lays it out."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gossamer.assistant import Assistant
from gossamer.cli import app
from gossamer.data import read_project

CASE = Path(__file__).parents[3] / "shared" / "cases" / "10-retrieval"

pytestmark = pytest.mark.skipif(not CASE.is_dir(), reason="../shared/cases is not there")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(CASE, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_validates_trains_and_answers(project: Path) -> None:
    result = CliRunner().invoke(app, ["data", "validate", "--config", "config.yml"])
    assert result.exit_code == 0, result.output
    assert "0 errors" in result.output
    assistant = Assistant.train_project(read_project(), random_seed=1)
    turn = assistant.conversations().handle("what cost")
    assert [message.text for message in turn.messages] == ["five"]
