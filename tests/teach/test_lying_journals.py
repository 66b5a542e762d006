"""A project that was copied may bring a journal that lies, or one that is damaged."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from small_projects import NLU, bytes_of, make_project, message, story

from gossamer.data.errors import DataError
from gossamer.teach import TaughtProject, correction_of
from gossamer.teach.dismissed import Dismissed

SAYS = {"kind": "message", "text": "hi", "intent": "greet", "entities": []}
REST = {"is_added": True, "replaced": [], "fresh": []}
WHO = {"when": 1.0, "who": "Mallory"}
TAUGHT: dict[str, Any] = {
    "record": "taught",
    "id": 1,
    "senders": [],
    "correction": SAYS,
    "files": [],
    **WHO,
    **REST,
}
UNDONE = {"record": "undone", "id": 1, "files": [], "others": {}, **WHO}
DONE = {"record": "done"}


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def change(path: str, before: str | None = None, after: str = "evil\n") -> dict[str, Any]:
    old = [] if before is None else before.splitlines(keepends=True)
    return {
        "path": path,
        "before": None if before is None else digest(before),
        "after": digest("evil\n"),
        "hunks": [[0, old, [after], [], []]],
    }


def lying(folder: Path, *records: Any) -> Path:
    project = make_project(folder / "project")
    (project / ".gossamer").mkdir()
    lines = "".join(f"{json.dumps(record)}\n" for record in records)
    (project / ".gossamer" / "journal.jsonl").write_text(lines, encoding="utf-8")
    return project


@pytest.mark.parametrize(
    "path",
    [
        "../evil.yml",
        "/{}/evil.yml",
        "data/../../evil.yml",
        ".git/config",
        "x/.GIT/hooks/a",
        "",
        ".",
    ],
)
def test_nothing_is_written_where_nobody_teaches(tmp_path: Path, path: str) -> None:
    where = path.replace("{}", str(tmp_path))
    project = lying(tmp_path, {**TAUGHT, "files": [change(where)]})
    before = {file for file in tmp_path.rglob("*") if file.name != "teach.lock"}
    with pytest.raises(DataError, match="must be as it was written"):
        TaughtProject(project)
    assert {file for file in tmp_path.rglob("*") if file.name != "teach.lock"} == before


def test_nor_through_a_link(tmp_path: Path) -> None:
    project = lying(tmp_path, {**TAUGHT, "files": [change("data/out/evil.yml")]})
    (tmp_path / "out").mkdir()
    (project / "data" / "out").symlink_to(tmp_path / "out")
    with pytest.raises(DataError, match="outside the project"):
        TaughtProject(project)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("part", [change("data/nlu.yml", NLU, "other\n"), change("data/nlu.yml")])
def test_what_does_not_follow_is_not_written(tmp_path: Path, part: dict[str, Any]) -> None:
    part = {**part, "before": digest(NLU)}
    project = lying(tmp_path, {**TAUGHT, "files": [part]})
    before = bytes_of(project)
    with pytest.raises(DataError, match="must be as it was written"):
        TaughtProject(project)
    assert bytes_of(project) == before


@pytest.mark.parametrize(
    "records",
    [
        [{"record": "taught"}],
        [{**TAUGHT, "id": "1"}],
        [{**TAUGHT, "id": 0}],
        [{**TAUGHT, "when": "now"}],
        [{**TAUGHT, "who": None}],
        [{**TAUGHT, "who": "\ud800"}],
        [{**TAUGHT, "correction": None}],
        [{**TAUGHT, "correction": {**SAYS, "text": "\0"}}],
        [{**TAUGHT, "files": 5}],
        [{**TAUGHT, "files": [{**change("data/nlu.yml"), "hunks": [[1]]}]}],
        [{**TAUGHT, "files": [{**change("data/nlu.yml"), "hunks": [[0, "ab", [], [], []]]}]}],
        [{**TAUGHT, "fresh": 5}],
        [{**TAUGHT, "replaced": [{"text": "a", "intent": "b", "entities": [{"x": 1}]}]}],
        [TAUGHT, DONE, TAUGHT],
        [UNDONE],
        [TAUGHT, DONE, UNDONE, DONE, UNDONE],
        [TAUGHT, DONE, {**UNDONE, "others": {"x": {"files": [], **REST}}}],
        [{"record": "erased"}],
        [{"record": ["done"]}],
        [["record"]],
        [5],
    ],
)
@pytest.mark.parametrize("more", [[], [DONE]])
def test_damaged_records(tmp_path: Path, records: list[Any], more: list[Any]) -> None:
    project = lying(tmp_path, *records, *more)
    before = bytes_of(project)

    def ask() -> None:
        known = TaughtProject(project)
        known.taught()

    with pytest.raises(DataError, match=r"journal\.jsonl:\d+: the journal .* must be as it was"):
        ask()
    assert bytes_of(project) == before


def test_deep_lines_and_odd_files(tmp_path: Path) -> None:
    project = lying(tmp_path)
    journal = project / ".gossamer" / "journal.jsonl"
    journal.write_text("[" * 100_000 + "\n")
    with pytest.raises(DataError, match="must be as it was written"):
        TaughtProject(project)
    journal.unlink()
    journal.mkdir()
    with pytest.raises(DataError, match="must be readable"):
        TaughtProject(project)


def test_what_cannot_be_kept_is_not_taught(tmp_path: Path) -> None:
    project = TaughtProject(make_project(tmp_path))
    before = bytes_of(tmp_path)
    hello = message("hi there", "greet")
    for who in ("\udcff", "a\nb", "", "x" * 201):
        with pytest.raises(DataError, match="who teaches"):
            project.teach(hello, who=who)
    for senders in (["\ud800"], [5]):
        with pytest.raises(DataError, match="senders must be texts"):
            project.teach(hello, who="me", senders=senders)  # type: ignore[arg-type]
    for other in ({"kind": "message", "text": "hi", "intent": "greet"}, "hi", None):
        with pytest.raises(DataError, match="must be a correction"):
            project.teach(other, who="me")  # type: ignore[arg-type]
        with pytest.raises(DataError, match="must be a correction"):
            project.preview(other)  # type: ignore[arg-type]
    for value in (float("nan"), float("inf"), {1: 2}, (1, 2), b"x", "\ud800", 10**5000):
        steps: list[dict[str, object]] = [{"intent": "greet"}, {"slot_was_set": {"daytime": value}}]
        with pytest.raises(DataError, match="its JSON can carry"):
            project.teach(story("a story", *steps), who="me")
    assert bytes_of(tmp_path) == before
    assert project.taught() == []


def test_numbers_that_python_does_not_print() -> None:
    for odd in ({"start": 10**5000}, {"start": 0, "value": 10**5000}):
        entity = {"end": 2, "entity": "city", **odd}
        with pytest.raises(DataError, match="an entity must"):
            correction_of({"kind": "message", "text": "hi", "intent": "a", "entities": [entity]})


def test_dismissing_writes_nothing_outside(tmp_path: Path) -> None:
    kept, outside = tmp_path / ".gossamer", tmp_path / "outside"
    kept.mkdir()
    for name in ("dismissed.json", "dismissed.lock"):
        outside.write_text('{"key": "00", "hashes": []}')
        (kept / name).unlink(missing_ok=True)
        (kept / name).symlink_to(outside)
        with pytest.raises(DataError, match="link"):
            Dismissed(kept).add("hello")
        assert outside.read_text() == '{"key": "00", "hashes": []}'
        (kept / name).unlink()
    kept.rename(outside.with_name("elsewhere"))
    kept.symlink_to(outside.with_name("elsewhere"))
    with pytest.raises(DataError, match="link"):
        Dismissed(kept).add("hello")
