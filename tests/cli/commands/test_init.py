from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gossamer.cli.commands.init import copy_starter
from gossamer.data import read_config, read_training_data
from gossamer.data.errors import InputError

Run = Callable[..., Any]


def test_the_starter_is_a_project_that_can_be_read(run: Run, tmp_path: Path) -> None:
    result = run("init", tmp_path / "new", "--no-prompt")
    assert result.exit_code == 0
    config = read_config(tmp_path / "new" / "config.yml")
    assert "DIETClassifier" in [component.name for component in config.pipeline]
    data = read_training_data(tmp_path / "new" / "data")
    assert len(data.intents) >= 12
    assert not list((tmp_path / "new").rglob("*.py"))
    assert "gossamer train" in result.stdout


def test_rasas_name_for_the_folder(run: Run, tmp_path: Path) -> None:
    assert run("init", "--init-dir", tmp_path / "new").exit_code == 0
    assert (tmp_path / "new" / "config.yml").is_file()
    both = run("init", tmp_path / "a", "--init-dir", tmp_path / "b")
    assert both.exit_code == 2
    assert list(tmp_path.iterdir()) == [tmp_path / "new"]


def test_without_a_folder_the_current_one(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("init", "--no-prompt").exit_code == 0
    assert (tmp_path / "config.yml").is_file()


def test_nothing_is_overwritten_and_nothing_half_written(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text("mine")
    result = run("init", tmp_path)
    assert result.exit_code == 1
    assert f"these exist: {tmp_path / 'config.yml'}" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["config.yml"]
    assert (tmp_path / "config.yml").read_text() == "mine"


def test_all_files_in_the_way_are_listed(tmp_path: Path) -> None:
    written = copy_starter(tmp_path)
    with pytest.raises(InputError) as caught:
        copy_starter(tmp_path)
    assert all(str(path) in str(caught.value) for path in written)


def test_a_folder_with_other_files_is_welcome(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    copy_starter(tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert (tmp_path / "data" / "nlu.yml").is_file()
