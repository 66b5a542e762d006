"""What was taught is taken out for the person whose words it has: files, journal, comparisons."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gossamer.data.errors import DataError
from gossamer.teach import TaughtProject, correction_of
from gossamer.teach.candidates.store import erase_texts, write_result

CONFIG = "language: en\npipeline:\n- name: WhitespaceTokenizer\n"
NLU = """\
version: "3.1"
nlu:
- intent: greet
  examples: |
    - hello
    - good morning
- intent: bye
  examples: |
    - bye
"""


@pytest.fixture
def project(tmp_path: Path) -> TaughtProject:
    (tmp_path / "data").mkdir()
    (tmp_path / "config.yml").write_text(CONFIG)
    (tmp_path / "data" / "nlu.yml").write_text(NLU)
    (tmp_path / "domain.yml").write_text("version: '3.1'\nintents: [greet, bye]\n")
    return TaughtProject(tmp_path)


def teach(project: TaughtProject, text: str, intent: str, *senders: str) -> int:
    content = {"kind": "message", "text": text, "intent": intent}
    return project.teach(correction_of(content), who="ann", senders=senders).id


def everything(project: TaughtProject) -> str:
    files = [path for path in project.folder.rglob("*") if path.is_file()]
    return "\n".join(path.read_text("utf-8") for path in files)


def test_who_wrote_it_is_recorded(project: TaughtProject) -> None:
    teach(project, "secret of anna", "greet", "ben", "anna")
    teach(project, "of nobody", "greet")
    found = TaughtProject(project.folder).taught()
    assert [each.senders for each in found] == [("anna", "ben"), ()]
    assert found[0].to_json()["senders"] == ["anna", "ben"]


@pytest.mark.parametrize("is_undone", [False, True])
def test_nothing_of_it_is_left(project: TaughtProject, is_undone: bool) -> None:
    before = teach(project, "just before", "greet")
    number = teach(project, "secret of anna", "greet", "anna")
    after = teach(project, "just after", "greet")
    moved = teach(project, "bye", "greet")
    if is_undone:
        project.undo(number, who="ann")
    assert "secret" in everything(project)
    project.erase(number, who="forget")
    assert "secret" not in everything(project)
    again = TaughtProject(project.folder)
    assert [each.id for each in again.taught()] == [before, after, moved]
    with pytest.raises(DataError, match="must have been taught"):
        again.erase(number, who="forget")
    # What was taught beside it can still be taken back, and numbers are not given twice.
    assert teach(again, "one more", "bye") == moved + 1
    for each in (moved + 1, moved, before, after):
        again.undo(each, who="ann")
    assert (project.folder / "data" / "nlu.yml").read_text() == NLU


def test_of_an_intent_that_it_brought(project: TaughtProject) -> None:
    """A later correction, which builds on it, is written anew."""
    number = teach(project, "secret of anna", "ask", "anna")
    other = teach(project, "how is that", "ask")
    project.erase(number, who="forget")
    assert "secret" not in everything(project)
    assert "- intent: ask\n  examples: |\n    - how is that\n" in everything(project)
    project.undo(other, who="ann")
    assert (project.folder / "data" / "nlu.yml").read_text() == NLU


def test_what_was_written_anew_as_an_earlier_one_was_undone(project: TaughtProject) -> None:
    first = teach(project, "how is that", "ask")
    number = teach(project, "secret of anna", "ask", "anna")
    third = teach(project, "secretly", "ask")
    project.undo(first, who="ann")
    project.erase(number, who="forget")
    assert "secret of anna" not in everything(project)
    assert "secretly" in everything(project)
    project.undo(third, who="ann")
    assert (project.folder / "data" / "nlu.yml").read_text() == NLU


def test_what_was_edited_since_stays_and_is_told(project: TaughtProject) -> None:
    number = teach(project, "secret of anna", "greet", "anna")
    path = project.folder / "data" / "nlu.yml"
    path.write_text(path.read_text().replace("secret of anna", "secret of anna and ben"))
    with pytest.raises(DataError, match="edited since"):
        project.erase(number, who="forget")
    assert [each.id for each in project.taught()] == [number]


def test_comparisons_of_candidates(tmp_path: Path) -> None:
    folder = tmp_path / "candidates" / "20250101-000000-quiet-loom"
    folder.mkdir(parents=True)
    differences = [{"text": "secret of anna"}, {"text": "hello"}]
    comparison = {"summary": {"taught": {"n": 2}}, "better": differences, "worse": []}
    write_result(folder, {"state": "done", "comparison": comparison})
    erase_texts(tmp_path, {"secret of anna"})
    left = json.loads((folder / "result.json").read_text())
    assert left == {
        "state": "done",
        "comparison": {**comparison, "better": [{"text": "hello"}]},
    }
    erase_texts(tmp_path / "nowhere", {"x"})
