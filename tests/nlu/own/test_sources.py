"""Which files decide what a class of the user's own does, and that a change of one is noticed."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from gossamer.nlu.own.sources import code_of, files_behind
from gossamer.nlu.pipeline import reuse

FILES = {
    "words_of_mine.py": "WORDS = ['thanks']\n",
    "parts_of_mine/__init__.py": "",
    "parts_of_mine/mood.py": """
from gossamer.parts import Component, ComponentOptions
from . import deep
from .numbers import TWO


class Mood(Component):
    def process(self, batch):
        import words_of_mine
""",
    "parts_of_mine/numbers.py": "import parts_of_mine.mood\nTWO = 2\n",
    "parts_of_mine/deep/__init__.py": "from parts_of_mine.deep import last\n",
    "parts_of_mine/deep/last.py": "import os\n",
    "another.py": "",
    "gossip.py": "",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_imports_are_followed(project: Path) -> None:
    mood = project / "parts_of_mine" / "mood.py"
    found = files_behind(mood, "parts_of_mine.mood")
    names = {path.relative_to(project).as_posix() for path in found}
    assert names == FILES.keys() - {"another.py", "gossip.py"}


def test_of_an_installed_package_its_own_files_count(tmp_path: Path) -> None:
    folder = tmp_path / "site-packages"
    folder.mkdir()
    (folder / "one.py").write_text("import other")
    (folder / "other.py").write_text("")
    assert files_behind(folder / "one.py", "one") == (folder / "one.py",)


@pytest.mark.parametrize("text", ["(", "\0", "x" + "(" * 9000], ids=["(", "zero", "deep"])
def test_what_is_no_python_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "one.py").write_text(text)
    with pytest.raises(ValueError, match="no Python"):
        files_behind(tmp_path / "one.py", "one")


def test_a_change_of_an_imported_module_is_noticed(project: Path) -> None:
    """Once a part was kept although a function that its training calls had been changed."""
    part = importlib.import_module("parts_of_mine.mood").Mood
    try:
        codes = []
        for value in (2, 2, 3):
            (project / "parts_of_mine" / "numbers.py").write_text(f"TWO = {value}\n")
            code_of.cache_clear()
            codes.append(reuse.of_part(part(part.Options()))["code"])
        assert codes[0] == codes[1] != codes[2]
    finally:
        for name in [name for name in sys.modules if name.startswith("parts_of_mine")]:
            del sys.modules[name]
