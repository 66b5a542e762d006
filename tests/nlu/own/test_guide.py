"""The guide's examples, written to the files that it names, work together."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[3] / "docs" / "guides" / "own-parts.md"


def test_the_examples_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    *parts, whole = blocks
    Path("my_parts").mkdir()
    files = ("my_parts/sentiment.py", "my_parts/night.py", "actions.py")
    for name, text in zip(files, parts, strict=True):
        Path(name).write_text(text)
    assert len(parts[0].split("\n")) <= 18
    exec(compile(whole, str(PAGE), "exec"), {"__name__": "__docs__"})
