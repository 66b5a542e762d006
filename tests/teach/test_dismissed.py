"""Dismissed texts are known again, and not kept."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from gossamer.data.errors import DataError
from gossamer.teach.dismissed import Dismissed


def test_a_text_is_known_again_but_not_kept(tmp_path: Path) -> None:
    folder = tmp_path / ".gossamer"
    dismissed = Dismissed(folder)
    assert "my name is Ann Example" not in dismissed
    dismissed.remove("never there")
    assert not folder.exists()
    dismissed.add("my name is Ann Example")
    other = Dismissed(folder)
    assert "My name  is Ann Example " in other
    assert other.texts_among(["hello", "MY NAME IS ANN EXAMPLE"]) == {"MY NAME IS ANN EXAMPLE"}
    content = b"".join(path.read_bytes() for path in folder.iterdir())
    assert b"Ann" not in content
    other.remove("my name is ann example")
    assert "my name is Ann Example" not in dismissed


def test_the_same_text_has_another_hash_in_another_project(tmp_path: Path) -> None:
    contents = []
    for name in ("one", "two"):
        Dismissed(tmp_path / name).add("hello")
        contents.append((tmp_path / name / "dismissed.json").read_text())
    assert contents[0] != contents[1]


def test_several_at_once_lose_nothing(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(40)]

    def dismiss(some: list[str]) -> None:
        mine = Dismissed(tmp_path)
        for text in some:
            mine.add(text)

    threads = [threading.Thread(target=dismiss, args=(texts[start::4],)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Dismissed(tmp_path).texts_among(texts) == {*texts}


@pytest.mark.parametrize(
    "content",
    [
        *("", "[]", "{}", '{"key": "x", "hashes": []}', '{"key": 1}', "[" * 100_000),
        f'{{"key": "{"00" * 65}", "hashes": []}}',
    ],
)
def test_a_damaged_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "dismissed.json").write_text(content)
    with pytest.raises(DataError, match="this program wrote"):
        Dismissed(tmp_path).add("hello")
    assert (tmp_path / "dismissed.json").read_text() == content


def test_what_is_no_file_or_cannot_be_one(tmp_path: Path) -> None:
    (tmp_path / "kept" / "dismissed.json").mkdir(parents=True)
    with pytest.raises(DataError, match="can be read"):
        Dismissed(tmp_path / "kept").texts_among(["hello"])
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "none" / "kept"):
        with pytest.raises(DataError, match=r"must (not )?be"):
            Dismissed(folder).add("hello")
