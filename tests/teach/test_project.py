"""A taught project: what is kept, undone, refused, and what others may do at the same time."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from small_projects import DOMAIN, NLU, bytes_of, make_project, message, story

from gossamer.data.errors import DataError
from gossamer.data.nlu.reading import read_training_data
from gossamer.data.stories.reading import read_stories
from gossamer.teach import StoryCorrection, TaughtProject, correction_json

GREETING = story("a greeting", {"intent": "greet"}, {"action": "utter_greet"})


def test_what_was_taught_is_remembered(tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    project = TaughtProject(folder)
    assert project.taught() == []
    assert not (folder / ".gossamer").exists()
    first = project.teach(message("hi there", "greet"), who="Ada")
    second = project.teach(GREETING, who="Ben")
    assert (first.id, first.who, second.id, second.who) == (1, "Ada", 2, "Ben")
    assert first.when <= second.when
    again = TaughtProject(folder)
    assert again.taught() == [first, second]
    undone = again.undo(1, who="Cleo")
    assert (undone.is_undone, undone.undone_by, undone.patch) == (True, "Cleo", first.patch)
    assert project.taught() == [undone, second]
    told = undone.to_json()
    assert told["correction"] == correction_json(first.correction)
    assert told["diff"] == first.patch.diff()
    assert told["files"][0]["n_added"] == 1
    assert json.loads(json.dumps(told)) == told


def test_stories_go_to_a_file_of_their_own(tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    before = bytes_of(folder)
    project = TaughtProject(folder)
    second = story(
        "another: one",
        {"intent": "greet", "entities": [{"entity": "daytime", "value": "noon"}]},
        {"slot_was_set": {"daytime": "noon"}},
        {"intent": "bye", "user": "at noon", "entities": [
            {"start": 3, "end": 7, "entity": "daytime"}]},
        {"action": "daytime_form"},
        {"active_loop": "daytime_form"},
        {"active_loop": None},
        {"bot": "two\nlines"},
    )  # fmt: skip
    for correction in (GREETING, second):
        assert project.preview(correction) == project.teach(correction, who="me").patch
    meant = tuple(c.story for c in (GREETING, second) if isinstance(c, StoryCorrection))
    assert read_stories(folder / "data/taught_stories.yml").stories == meant
    assert {name for name in bytes_of(folder) if name not in before} == {"data/taught_stories.yml"}
    with pytest.raises(DataError, match="there is this story already"):
        project.teach(second, who="me")
    for number in (1, 2):
        project.undo(number, who="me")
    assert bytes_of(folder) == before


@pytest.mark.parametrize(
    ("content", "is_good"),
    [
        ("", True),
        ("stories: []\n", True),
        ("# mine\nrules: []", True),
        ("stories: # mine\n- story: x\n  steps:\n  - intent: greet\n# end", True),
        ("stories: [{story: x, steps: [{intent: greet}]}]\n", False),
    ],
)
@pytest.mark.filterwarnings("ignore:.*is empty")
def test_a_file_of_taught_stories_that_was_edited(
    tmp_path: Path, content: str, is_good: bool
) -> None:
    folder = make_project(tmp_path, others={"data/taught_stories.yml": content})
    project = TaughtProject(folder)
    if not is_good:
        with pytest.raises(DataError, match="must be able to go into the list"):
            project.teach(GREETING, who="me")
        return
    project.teach(GREETING, who="me")
    assert read_stories(folder / "data").stories[-1].name == "a greeting"
    project.undo(1, who="me")
    assert bytes_of(folder)["data/taught_stories.yml"].decode() == content


@pytest.mark.parametrize(
    ("steps", "says"),
    [
        ([{"intent": "grete"}, {"action": "utter_greet"}], "no intent 'grete'"),
        ([{"intent": "greet"}, {"action": "utter_x"}], "no action 'utter_x'"),
        ([{"intent": "greet"}, {"slot_was_set": {"x": 1}}], "no slot 'x'"),
        ([{"intent": "greet"}, {"active_loop": "x"}], "no loop 'x'"),
        ([{"intent": "greet", "entities": [{"entity": "x"}]}], "no entity 'x'"),
    ],
)
def test_a_story_must_fit_the_domain(
    tmp_path: Path, steps: list[dict[str, object]], says: str
) -> None:
    with pytest.raises(DataError, match=f"must fit the domain.*{says}"):
        TaughtProject(make_project(tmp_path)).teach(story("s", *steps), who="me")


def test_stories_need_a_domain_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a story needs a domain"):
        TaughtProject(make_project(tmp_path / "a", domain=None)).preview(GREETING)
    project = TaughtProject(make_project(tmp_path / "b"), data="data/nlu.yml")
    with pytest.raises(DataError, match="must be a folder for stories"):
        project.preview(GREETING)


def test_undoing_the_first_example_of_an_intent_keeps_the_second(tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    before = bytes_of(folder)
    project = TaughtProject(folder)
    project.teach(message("to Rome", "inform", city="Rome"), who="me")
    project.teach(message("to Bonn", "inform", city="Bonn"), who="me")
    project.teach(message("hi Oslo", "greet", city="Oslo"), who="me")
    after = bytes_of(folder)
    project.undo(1, who="me")
    assert bytes_of(folder)["data/nlu.yml"] == after["data/nlu.yml"].replace(
        b"    - to [Rome](city)\n", b""
    )
    assert bytes_of(folder)["domain.yml"] == after["domain.yml"]
    project.undo(2, who="me")
    assert b"inform" not in b"".join(bytes_of(folder).values())
    assert b"- city\n" in bytes_of(folder)["domain.yml"]
    project.undo(3, who="me")
    assert bytes_of(folder) == before


@pytest.mark.parametrize("order", [(1, 2, 3, 4, 5), (1, 3, 2, 4, 5), (3, 5, 1, 4, 2)])
def test_undoing_in_any_order(tmp_path: Path, order: tuple[int, ...]) -> None:
    """A text moves twice, and the block that it was moved from was taught as well."""
    folder = make_project(tmp_path)
    before = bytes_of(folder)
    project = TaughtProject(folder)
    for text, intent in (("x", "bye"), ("y", "bye"), ("z", "faq/one"), ("x", "faq/one")):
        project.teach(message(text, intent), who="me")
    project.teach(message("x", "new", letter={"text": "x", "role": "r"}), who="me")
    for number in order:
        project.undo(number, who="me")
    assert bytes_of(folder) == before


def test_undoing_a_text_that_was_taught_twice(tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    before = bytes_of(folder)
    project = TaughtProject(folder)
    project.teach(message("hello", "bye"), who="me")
    project.teach(message("hello", "greet"), who="me")
    project.undo(1, who="me")
    assert bytes_of(folder) == before
    project.undo(2, who="me")
    assert bytes_of(folder) == before


def test_what_a_later_story_needs_is_not_undone(tmp_path: Path) -> None:
    project = TaughtProject(make_project(tmp_path))
    project.teach(message("to Rome", "inform"), who="me")
    project.teach(story("s", {"intent": "inform"}, {"action": "utter_greet"}), who="me")
    before = bytes_of(project.folder)
    with pytest.raises(DataError, match="undoing number 2 first"):
        project.undo(1, who="me")
    assert bytes_of(project.folder) == before
    project.undo(2, who="me")
    project.undo(1, who="me")


@pytest.mark.parametrize(
    ("edit", "is_found"),
    [
        (lambda text: "# mine\n" + text.replace("- see you", "- see you\n    - ciao"), True),
        (lambda text: text.replace("    - hello\n", "").replace("- see", "- I see"), True),
        (lambda text: text.replace("    - hi there\n", "    - ho\n    - hi there\n"), True),
        (lambda text: text.replace("- hi there", "- hi [there](daytime)"), False),
        (lambda text: text.replace("    - hi there\n", ""), False),
        (lambda text: text.replace("intent: greet", "intent: bye2"), False),
        (lambda text: text + "  broken: [", False),
    ],
)
@pytest.mark.filterwarnings("ignore:.*not read")
def test_undo_after_edits_by_hand(
    tmp_path: Path, edit: Callable[[str], str], is_found: bool
) -> None:
    folder = make_project(tmp_path)
    project = TaughtProject(folder)
    project.teach(message("hi there", "greet"), who="me")
    path = folder / "data/nlu.yml"
    edited = edit(path.read_text())
    path.write_text(edited)
    if is_found:
        assert project.undo(1, who="me").is_undone
        assert path.read_text() == edited.replace("    - hi there\n", "")
    else:
        with pytest.raises(DataError, match=r"was edited since|well-formed"):
            project.undo(1, who="me")
        assert path.read_text() == edited
        assert not project.taught()[0].is_undone


def test_a_moved_example_comes_back_between_its_old_neighbours(tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    project = TaughtProject(folder)
    project.teach(message("hello", "bye"), who="me")
    path = folder / "data/nlu.yml"
    path.write_text("# mine\n" + path.read_text())
    project.undo(1, who="me")
    assert path.read_text() == "# mine\n" + NLU


@pytest.mark.parametrize("number", [0, 2, -1])
def test_only_what_was_taught_is_undone(tmp_path: Path, number: int) -> None:
    project = TaughtProject(make_project(tmp_path))
    project.teach(GREETING, who="me")
    with pytest.raises(DataError, match="must have been taught, and not be undone yet"):
        project.undo(number, who="me")
    project.undo(1, who="me")
    with pytest.raises(DataError, match="not be undone yet"):
        project.undo(1, who="me")


@pytest.mark.parametrize("who", ["", "  ", "x" * 201, None])
def test_who_teaches_must_be_named(tmp_path: Path, who: str) -> None:
    project = TaughtProject(make_project(tmp_path))
    with pytest.raises(DataError, match="who teaches must be named"):
        project.teach(GREETING, who=who)


def test_a_project_must_be_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a project must be a folder"):
        TaughtProject(tmp_path / "none")


@pytest.mark.parametrize("linked", ["data", "data/nlu.yml", "domain.yml", ".gossamer"])
def test_nothing_outside_the_project_is_changed(tmp_path: Path, linked: str) -> None:
    folder = make_project(tmp_path / "project")
    outside = tmp_path / "outside"
    inside = folder / linked
    if linked == ".gossamer":
        outside.mkdir()
    else:
        shutil.move(inside, outside)
    inside.symlink_to(outside)
    before = bytes_of(tmp_path)
    with pytest.raises(DataError, match=r"outside the project|in the project itself"):
        TaughtProject(folder).teach(message("to Rome", "inform"), who="me")
    assert bytes_of(tmp_path) == before
    assert linked != ".gossamer" or not list(outside.iterdir())


def test_a_link_inside_the_project_stays_one(tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    shutil.move(folder / "data/nlu.yml", folder / "real.yml")
    (folder / "data/nlu.yml").symlink_to("../real.yml")
    patch = TaughtProject(folder).teach(message("hi there", "greet"), who="me").patch
    assert [change.path for change in patch.files] == ["real.yml"]
    assert (folder / "data/nlu.yml").is_symlink()
    assert "hi there" in (folder / "real.yml").read_text()


def test_a_project_that_is_a_link(tmp_path: Path) -> None:
    folder = make_project(tmp_path / "project")
    (tmp_path / "link").symlink_to(folder)
    TaughtProject(tmp_path / "link").teach(message("hi there", "greet"), who="me")
    assert b"hi there" in bytes_of(folder)["data/nlu.yml"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
@pytest.mark.parametrize("path", ["data/nlu.yml", "data", "."])
def test_what_may_not_be_written(tmp_path: Path, path: str) -> None:
    folder = make_project(tmp_path)
    before = bytes_of(folder)
    (folder / path).chmod(0o555)
    try:
        with pytest.raises(DataError, match="place that can be written"):
            TaughtProject(folder).teach(message("hi there", "greet"), who="me")
    finally:
        (folder / path).chmod(0o755)
    assert bytes_of(folder) == before
    assert TaughtProject(folder).taught() == []


@pytest.mark.parametrize("call", range(1, 7))
def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int) -> None:
    """Whichever write fails: nothing changes, or all, and what was taught before stays."""
    folder = make_project(tmp_path)
    project = TaughtProject(folder)
    project.teach(message("first", "greet"), who="me")
    before = bytes_of(folder)
    write, n_calls = os.write, 0

    def full(handle: int, content: bytes) -> int:
        nonlocal n_calls
        n_calls += 1
        if n_calls >= call:
            write(handle, content[:3])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(handle, content)

    monkeypatch.setattr(os, "write", full)
    try:
        project.teach(message("to Rome", "inform", city="Rome"), who="me")
    except DataError as error:
        assert "No space left" in str(error)
        monkeypatch.undo()
        assert bytes_of(folder) == before
        assert [each.id for each in TaughtProject(folder).taught()] == [1]
    monkeypatch.undo()
    project = TaughtProject(folder)
    assert len(project.taught()) == 1 + (bytes_of(folder) != before)
    assert project.teach(message("second", "bye"), who="me").id == len(project.taught())
    assert not list(folder.rglob("*.part"))


@pytest.mark.parametrize("n_renamed", [0, 1, 2])
def test_renaming_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_renamed: int) -> None:
    """Files that could not all be put in place are finished by the next one who teaches."""
    folder = make_project(tmp_path)
    before = bytes_of(folder)
    replace, n_calls = Path.replace, 0

    def failing(path: Path, target: Path) -> Path:
        nonlocal n_calls
        n_calls += 1
        if n_calls > n_renamed:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", failing)
    project = TaughtProject(folder)
    correction = message("to Rome", "inform", city="Rome")
    if n_renamed < 2:
        with pytest.raises(DataError, match="Input/output error"):
            project.teach(correction, who="me")
    else:
        project.teach(correction, who="me")
    monkeypatch.undo()
    project = TaughtProject(folder)
    assert [each.correction for each in project.taught()] == [correction] * bool(n_renamed)
    after = bytes_of(folder)
    is_there = [b"Rome" in after["data/nlu.yml"], b"city" in after["domain.yml"]]
    assert is_there == [bool(n_renamed)] * 2
    if not n_renamed:
        assert after == before


def test_an_unfinished_correction_whose_file_was_edited_is_given_up(tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    project = TaughtProject(folder)
    project.teach(message("hi there", "greet"), who="me")
    journal = folder / ".gossamer/journal.jsonl"
    records = journal.read_text().splitlines(keepends=True)
    journal.write_text(records[0])  # as if the process had been killed here
    (folder / "data/nlu.yml").write_text(NLU.replace("hello", "good day"))
    project = TaughtProject(folder)
    assert [each.is_undone for each in project.taught()] == [True]
    assert (folder / "data/nlu.yml").read_text() == NLU.replace("hello", "good day")
    journal.write_text(records[0])
    edited = NLU.replace("hello", "good day\n    - hi there")
    (folder / "data/nlu.yml").write_text(edited)
    assert [each.is_undone for each in TaughtProject(folder).taught()] == [False]
    assert (folder / "data/nlu.yml").read_text() == edited


def test_of_an_unfinished_correction_that_is_given_up_nothing_stays(tmp_path: Path) -> None:
    """One of its two files was edited; the other may have been written or not."""
    for is_written in (False, True):
        folder = make_project(tmp_path / str(is_written))
        domain = folder / "domain.yml"
        before = domain.read_text()
        TaughtProject(folder).teach(message("to Rome", "inform", city="Rome"), who="me")
        journal = folder / ".gossamer/journal.jsonl"
        journal.write_text(journal.read_text().splitlines(keepends=True)[0])  # killed here
        if not is_written:
            domain.write_text(before)
        edited = NLU.replace("hello", "good day")
        (folder / "data/nlu.yml").write_text(edited)
        assert [each.is_undone for each in TaughtProject(folder).taught()] == [True]
        assert (folder / "data/nlu.yml").read_text() == edited
        assert domain.read_text() == before


@pytest.mark.parametrize("cut", [1, 20, -2])
def test_half_a_record_was_never_acknowledged(tmp_path: Path, cut: int) -> None:
    folder = make_project(tmp_path)
    TaughtProject(folder).teach(message("hi there", "greet"), who="me")
    journal = folder / ".gossamer/journal.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole + whole.splitlines(keepends=True)[0][:cut])
    project = TaughtProject(folder)
    assert [each.id for each in project.taught()] == [1]
    assert project.teach(message("ciao", "bye"), who="me").id == 2
    assert [each.id for each in TaughtProject(folder).taught()] == [1, 2]


@pytest.mark.parametrize("line", ["{}", "[]", "x", '{"record": "other"}'])
def test_a_journal_that_was_edited(tmp_path: Path, line: str) -> None:
    folder = make_project(tmp_path)
    TaughtProject(folder).teach(message("hi there", "greet"), who="me")
    with (folder / ".gossamer/journal.jsonl").open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(DataError, match=r"journal.jsonl:3: the journal .* as it was written"):
        TaughtProject(folder)


def test_a_file_that_is_saved_in_between_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An editor knows no lock: a file that changes while a patch is made is read again."""
    folder = make_project(tmp_path)
    project = TaughtProject(folder)
    path = folder / "data/nlu.yml"
    fsync, n_calls = os.fsync, 0

    def saving(handle: int) -> None:
        nonlocal n_calls
        n_calls += 1
        if n_calls == 1:
            path.write_text(NLU.replace("- hello", "- hello\n    - good day"))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", saving)
    project.teach(message("hi there", "greet"), who="me")
    text = path.read_text()
    assert "- good day\n" in text
    assert "- hi there\n" in text


def test_threads_that_teach_at_once(tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    project = TaughtProject(folder)

    def teach(name: str) -> None:
        for number in range(3):
            project.teach(message(f"{name} {number}", "greet"), who=name)

    threads = [threading.Thread(target=teach, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    known = [each.correction for each in project.taught()]
    assert len(known) == 6
    examples = read_training_data(folder / "data").examples
    assert len(examples) == 6 + 3


@pytest.mark.skipif(shutil.which("git") is None, reason="needs git")
def test_git_applies_the_diff(tmp_path: Path) -> None:
    """Of moved and added lines, of new files, and of files without a line end."""
    text = NLU.replace("- hello\n", "- hello\n" + "".join(f"    - {i}\n" for i in range(20)))
    folder = make_project(tmp_path / "a", text[:-1])
    other = make_project(tmp_path / "b", text[:-1])
    project = TaughtProject(folder)
    for correction in (
        message("hello", "bye"),
        message("7 up", "bye"),
        message("7", "greet", number="7"),
        message("new", "inform", city={"text": "new", "role": "to"}),
        GREETING,
    ):
        diff = project.teach(correction, who="me").patch.diff()
        subprocess.run(
            ["git", "apply", "--unsafe-paths", "-"], cwd=other, input=diff.encode(), check=True
        )
        assert bytes_of(other) == bytes_of(folder)


def test_description(tmp_path: Path) -> None:
    others = {
        "tests/test_stories.yml": "stories:\n- story: s\n  steps:\n  - intent: greet\n",
        "tests/nlu.yml": "nlu:\n- intent: greet\n  examples: |\n    - x\n",
    }
    domain = DOMAIN.replace("- bye", "- bye\n- idle").replace(
        "- daytime\n", "- daytime:\n    roles: [from]\n", 1
    )
    project = TaughtProject(make_project(tmp_path, domain=domain, others=others))
    told = project.description()
    assert dict(told.intents) == {"bye": 1, "greet": 2, "idle": 0}
    (entity,) = told.entities
    assert (entity.name, entity.n_mentions, entity.roles) == ("daytime", 1, ("from",))
    assert entity.values == ("morning",)
    assert "utter_greet" in told.actions
    assert told.responses == ("utter_greet",)
    assert told.forms == ("daytime_form",)
    assert [(slot.name, slot.type) for slot in told.slots][:1] == [("daytime", "text")]
    assert (told.out_of_scope, told.has_out_of_scope) == ("out_of_scope", False)
    assert (told.has_test_messages, told.has_test_stories) == (True, True)
    assert json.loads(json.dumps(told.to_json())) == told.to_json()


@pytest.mark.parametrize(
    ("intents", "outside"),
    [
        (["greet"], "out_of_scope"),
        (["greet", "OutOfScope"], "OutOfScope"),
        (["oos", "greet"], "oos"),
        (["out-of-scope"], "out-of-scope"),
        (["out_of_scope/other", "out_of_scope/french"], "out_of_scope/other"),
        (["out_of_scope/french", "out_of_scope/other"], "out_of_scope/other"),
        (["outing", "oost", "scope"], "out_of_scope"),
    ],
)
def test_the_intent_of_what_is_out_of_scope(
    tmp_path: Path, intents: list[str], outside: str
) -> None:
    items = "".join(
        f"- intent: {name}\n  examples: |\n    - text {number}\n"
        for number, name in enumerate(intents)
    )
    project = TaughtProject(make_project(tmp_path, f"nlu:\n{items}", None))
    assert project.description().out_of_scope == outside
