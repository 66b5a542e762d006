"""Candidates on disk: put in service, gone back from, cleaned away."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from gossamer.data.errors import DataError, ModelFileError
from gossamer.data.model_files import latest_model
from gossamer.teach.candidates import (
    Candidate,
    clean,
    find_candidate,
    go_back,
    models_of,
    put_in_service,
)
from gossamer.teach.candidates.store import (
    CANDIDATES,
    candidates_of,
    erase_texts,
    new_folder,
    read_result,
    write_result,
)
from gossamer.teach.candidates.task import CandidateTask
from gossamer.teach.files import journal


def model(models: Path, name: str, age: float) -> Path:
    """A file that stands for a model, changed so many seconds ago."""
    path = models / f"{name}.gossamer"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(name.encode())
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def candidate(models: Path, prefix: str = "") -> Candidate:
    folder = new_folder(models)
    made = Candidate(
        id=folder.name,
        folder=folder,
        name=f"{prefix}{folder.name}",
        when=1.0,
        base="old.gossamer",
        comparison={"summary": {"of": folder.name}},
    )
    made.path.write_bytes(made.name.encode())
    made.write()
    return made


@pytest.mark.parametrize("age", [100.0, -100.0])
@pytest.mark.parametrize("prefix", ["", "nlu-"])
def test_a_candidate_is_put_in_service(tmp_path: Path, age: float, prefix: str) -> None:
    """Also when the latest model is of a time to come."""
    old = model(tmp_path, "old", age)
    made = candidate(tmp_path, prefix)
    assert made.is_waiting
    assert latest_model(tmp_path) == old
    path = put_in_service(find_candidate(tmp_path, made.id), tmp_path)
    assert path == latest_model(tmp_path) == tmp_path / f"{made.name}.gossamer"
    assert path.read_bytes() == made.name.encode()
    assert not made.is_waiting
    new, before = models_of(tmp_path)
    assert (new.name, new.is_latest, new.comparison) == (made.name, True, made.comparison)
    assert (before.name, before.is_latest, before.comparison) == ("old", False, None)
    assert before.size == 3
    assert "path" not in new.to_json()

    assert go_back(tmp_path, "old.gossamer") == old == latest_model(tmp_path)
    assert put_in_service(made, tmp_path) == path == latest_model(tmp_path)  # once more
    assert [entry.name for entry in models_of(tmp_path)] == [made.name, "old"]


def test_what_cannot_be_put_in_service(tmp_path: Path) -> None:
    old = model(tmp_path, "old", 10)
    made = candidate(tmp_path)
    made.path.unlink()
    with pytest.raises(ModelFileError, match="must be there"):
        put_in_service(made, tmp_path)
    for name in ("none", "../old", f"{CANDIDATES}/{made.id}/{made.name}"):
        with pytest.raises(ModelFileError, match="of this name"):
            go_back(tmp_path, name)
        with pytest.raises(DataError, match="of this name"):
            find_candidate(tmp_path, name)
    assert latest_model(tmp_path) == old
    assert models_of(tmp_path / "nowhere") == []


def test_only_one_at_a_time_changes_which_model_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "_LONGEST_WAIT_SECONDS", 0.05)
    old, new = model(tmp_path, "old", 10), model(tmp_path, "new", 5)
    made = candidate(tmp_path)
    with FileLock(tmp_path / CANDIDATES / "service.lock"):
        with pytest.raises(DataError, match="nobody else"):
            go_back(tmp_path, "old")
        with pytest.raises(DataError, match="nobody else"):
            put_in_service(made, tmp_path)
    assert latest_model(tmp_path) == new and made.is_waiting
    assert go_back(tmp_path, "old") == old


def test_only_leftovers_and_old_candidates_are_removed(tmp_path: Path) -> None:
    served, *waiting = [candidate(tmp_path) for _ in range(5)]
    put_in_service(served, tmp_path)
    failed = new_folder(tmp_path)
    write_result(failed, {"state": "failed", "error": {"message": "no"}})
    killed, empty, young, alive = (new_folder(tmp_path) for _ in range(4))
    (young / "task.json").touch()
    (killed / ".gossamer-0123456789abcdef.part").write_bytes(b"half")
    (killed / "lock").touch()
    with FileLock(alive / "lock"):
        removed = clean(tmp_path, keep=3)
        kept = {folder.name for folder in candidates_of(tmp_path)}
        newest = sorted([failed.name, *(each.id for each in waiting)], reverse=True)
        assert kept == {served.id, young.name, alive.name, *newest[:3]}
        assert {folder.name for folder in removed} == {killed.name, empty.name, *newest[3:]}
    assert Candidate.read(failed) is None
    assert latest_model(tmp_path).stem == served.name
    assert Candidate.read(served.folder) == served


def test_a_damaged_result_is_none(tmp_path: Path) -> None:
    made = candidate(tmp_path)
    good: dict[str, Any] = {"state": "done", "when": 1.0, "name": made.name, "base": None}
    good["comparison"] = {"summary": {}, "better": [{"kind": "message", "text": "hello"}]}
    no = {"state": "failed", "when": 1.0, "error": {"message": "no"}}
    (made.folder / "result.json").write_text(json.dumps(good))
    assert Candidate.read(made.folder) is not None
    damaged: list[object] = [
        *({**good, "name": name} for name in ("other", f"../../{made.name}", 5, None)),
        *({**good, "comparison": each} for each in (None, 5, {}, {"summary": 5})),
        {**good, "comparison": {"summary": {}, "worse": 5}},
        {**good, "comparison": {"summary": {}, "worse": [5]}},
        {**good, "comparison": {"summary": {}, "worse": [{}]}},
        *({**good, "state": "other"}, {**good, "when": "x"}, {**good, "when": float("nan")}),
        *({**no, "error": 5}, {**no, "error": {}}, {**no, "comparison": 5}, [], 5, None),
    ]
    for text in ("", "[" * 100_000, *map(json.dumps, damaged)):
        (made.folder / "result.json").write_text(text)
        assert read_result(made.folder) is None, text[:200]
        assert Candidate.read(made.folder) is None
        erase_texts(tmp_path, {"hello"})
        assert models_of(tmp_path) == []
    assert read_result(tmp_path / "none") is None


def test_a_model_outside_is_not_moved(tmp_path: Path) -> None:
    made = candidate(tmp_path / "models")
    outside = model(tmp_path / "outside", "theirs", 10)
    result = {"state": "done", "when": 1.0, "base": None, "comparison": {"summary": {}}}
    result["name"] = f"../../../outside/{outside.stem}"
    (made.folder / "result.json").write_text(json.dumps(result))
    with pytest.raises(DataError, match="of this name"):
        put_in_service(find_candidate(tmp_path / "models", made.id), tmp_path / "models")
    assert outside.is_file()


def test_a_damaged_task(tmp_path: Path) -> None:
    for text in ("", "[]", "{}", "[" * 100_000, '{"domain": 5, "data": []}'):
        (tmp_path / "task.json").write_text(text)
        with pytest.raises(DataError, match="as it was written"):
            CandidateTask.read(tmp_path)
