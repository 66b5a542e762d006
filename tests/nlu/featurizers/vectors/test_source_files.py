"""What an option names that is no file, or a folder with too much in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gossamer.data.errors import ConfigError
from gossamer.nlu.featurizers.vectors.source_files import existing, only_file


def test_what_may_have_no_end_is_not_opened(tmp_path: Path) -> None:
    """A pipe that nobody writes to once made training wait for ever."""
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no pipes with a name")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="vectors must be a file, a folder"):
        existing(str(tmp_path / "pipe"), option="vectors")
    if Path("/dev/zero").exists():
        with pytest.raises(ConfigError, match="vectors must be a file, a folder"):
            existing("/dev/zero", option="vectors")


def test_folders_are_looked_through_to_the_next_level(tmp_path: Path) -> None:
    """Once the whole disk was, where a folder was `/`."""
    deep = tmp_path / "one" / "two"
    deep.mkdir(parents=True)
    (deep / "a.json").write_text("")
    with pytest.raises(ConfigError, match="must have one file of it"):
        only_file(tmp_path, "*.json", "file of it")
    assert only_file(tmp_path / "one", "*.json", "file of it") == deep / "a.json"


def test_a_folder_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(Path, "glob", gone)
    with pytest.raises(ConfigError, match="must be readable"):
        only_file(tmp_path, "*.json", "file of it")
