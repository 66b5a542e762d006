from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from gossamer.data.errors import InputError, ModelFileError
from gossamer.data.model_files import latest_model, new_model_path


def test_the_file_changed_last_is_the_latest(tmp_path: Path) -> None:
    for name, seconds in (("b", 30), ("a", 20), ("c", 10)):
        path = tmp_path / f"{name}.gossamer"
        path.touch()
        os.utime(path, (seconds, seconds))
    (tmp_path / "newer.txt").touch()
    assert latest_model(tmp_path).name == "b.gossamer"
    os.utime(tmp_path / "c.gossamer", (30, 30))
    assert latest_model(tmp_path).name == "c.gossamer"


def test_a_file_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "any.name"
    path.touch()
    assert latest_model(path) == path


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"must exist .*Try: `gossamer train`"):
        latest_model(tmp_path / "models")
    with pytest.raises(ModelFileError, match=r"must hold a \*\.gossamer file"):
        latest_model(tmp_path)


def test_made_up_names(tmp_path: Path) -> None:
    names = {new_model_path(tmp_path).name for _ in range(20)}
    assert len(names) > 10
    for name in names:
        assert re.fullmatch(r"nlu-\d{8}-\d{6}-[a-z]+-[a-z]+\.gossamer", name)


def test_making_up_a_name_leaves_the_global_generator_alone(tmp_path: Path) -> None:
    import random

    state = random.getstate()
    new_model_path(tmp_path)
    assert random.getstate() == state


@pytest.mark.parametrize("name", ["mine", "mine.gossamer"])
def test_fixed_names(tmp_path: Path, name: str) -> None:
    assert new_model_path(tmp_path, fixed_name=name) == tmp_path / "mine.gossamer"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../up", ".gossamer", "/abs"])
def test_a_fixed_name_is_no_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="plain file name"):
        new_model_path(tmp_path, fixed_name=name)
