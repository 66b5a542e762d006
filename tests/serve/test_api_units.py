"""Parts of the HTTP API without a server."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from servers import CONFIG, DOMAIN, NLU, STORIES

from gossamer.checks import read_parts
from gossamer.data.domain.slots import Slot, SlotType
from gossamer.data.errors import DataError
from gossamer.data.stories.yaml import parse_story_yaml
from gossamer.dialogue.history.event_json import events_from_dicts
from gossamer.dialogue.history.tracker import Tracker
from gossamer.serve.errors import ServeError
from gossamer.serve.faults import FolderNames
from gossamer.serve.models.folder import model_in_folder
from gossamer.serve.routes.callbacks import check_callback
from gossamer.serve.routes.stories import story_text
from gossamer.serve.settings import ServerSettings
from gossamer.serve.training.body import split_body
from gossamer.serve.training.task import Kind, Result, Task

WHOLE = 'version: "3.1"\n' + "".join(
    part.replace('version: "3.1"\n', "") for part in (CONFIG, NLU, STORIES, DOMAIN)
)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_body_is_taken_apart(tmp_path: Path, ending: str) -> None:
    files = split_body(WHOLE.replace("\n", ending), tmp_path)
    parts = read_parts(files.config, [files.data], files.domain, wants_all=True)
    assert parts.findings == ()
    assert parts.config is not None
    assert parts.nlu is not None
    assert parts.stories is not None
    assert parts.domain is not None
    assert [part.name for part in parts.config.policies] == ["MemoizationPolicy", "RulePolicy"]
    assert len(parts.nlu.examples) == 8
    assert [story.name for story in parts.stories.stories] == ["book"]
    (story,) = parts.stories.stories
    assert story.where is not None
    lines = WHOLE.split("\n")
    assert lines[(story.where.line or 0) - 1] == "- story: book"


def test_a_line_of_a_text_is_no_line_of_yaml(tmp_path: Path) -> None:
    """U+2028 breaks lines for Python, not for YAML 1.2."""
    odd = WHOLE.replace("  - intent: greet\n", '  - intent: "gr\u2028eet"\n')
    files = split_body(odd, tmp_path)
    assert files.domain is not None
    assert files.domain.read_text("utf-8").strip().startswith('version: "3.1"')
    assert files.domain.read_text("utf-8").strip().endswith("slots_to_new_session: true")
    parts = read_parts(files.config, [files.data], files.domain, wants_all=True)
    assert parts.stories is not None
    (step, _) = parts.stories.rules[0].steps
    assert getattr(step, "intent", None) == "gr\u2028eet"


def test_a_body_in_braces(tmp_path: Path) -> None:
    text = '{"pipeline": [{"name": "WhitespaceTokenizer"}], "nlu": [], "intents": ["a"]}'
    files = split_body(text, tmp_path)
    assert "WhitespaceTokenizer" in files.config.read_text("utf-8")
    assert files.data.read_text("utf-8") == '{"nlu": []}'
    assert files.domain is not None


@pytest.mark.parametrize("text", ["", "a", "- a", "x: [", "a: 1\na: 2", "\0"])
def test_no_body(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError):
        split_body(text, tmp_path)


def test_tasks_and_results_are_files(tmp_path: Path) -> None:
    task = Task(kind=Kind.CROSS_VALIDATE, folds=3)
    task.write(tmp_path)
    assert Task.read(tmp_path) == task
    assert Result.read(tmp_path) is None
    Result(answer={"f1": float("nan")}).write(tmp_path)
    result = Result.read(tmp_path)
    assert result is not None
    assert result.answer == {"f1": None}, "NaN has no JSON"


def test_paths_are_left_out(tmp_path: Path) -> None:
    names = FolderNames(ServerSettings(model=tmp_path / "models"))
    for told, expected in {
        f"{tmp_path}/models/a.gossamer is bad": "a.gossamer is bad",
        f"got '{tmp_path}/models/a.gossamer'": "got 'a.gossamer'",
        "in /usr/lib/python3/dist.py, line 1": "in dist.py, line 1",
        f"the folder {tmp_path}/models": "the folder ",
        "/greet and /book{...} are no paths": "/greet and /book{...} are no paths",
        "http://example.org/usr/x": "http://example.org/usr/x",
    }.items():
        assert names.left_out_of(told) == expected


def test_models_of_the_folder_alone(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.gossamer", "sub/b.gossamer", "../outside.gossamer", "c.txt"):
        (folder / name).write_text("")
    (folder / "link.gossamer").symlink_to(tmp_path / "outside.gossamer")
    (folder / "inside.gossamer").symlink_to(folder / "a.gossamer")
    (folder / "loop.gossamer").symlink_to(folder / "loop.gossamer")

    def found(name: str) -> str | None:
        try:
            return str(model_in_folder(folder / "a.gossamer", name).relative_to(folder))
        except ServeError as error:
            assert error.status == 400
            assert str(tmp_path) not in error.message
            return None

    assert found("a.gossamer") == "a.gossamer"
    assert found("sub/b.gossamer") == "sub/b.gossamer"
    assert found("sub/../a.gossamer") == "a.gossamer"
    assert found("inside.gossamer") == "a.gossamer"
    assert found(str(folder / "a.gossamer")) == "a.gossamer"
    os.utime(folder / "a.gossamer", (2e9, 2e9))
    assert found("") == "a.gossamer"
    for name in (
        *("../outside.gossamer", "link.gossamer", "loop.gossamer", "c.txt", "none.gossamer"),
        *("a.gossamer\0", "sub", "..", "/", "/etc/passwd", str(tmp_path / "outside.gossamer")),
        *("x" * 5000, "\ud800"),
    ):
        assert found(name) is None, name


@pytest.mark.parametrize(
    "url",
    [
        "",
        "ftp://a/b",
        "file:///etc/passwd",
        "http://",
        "//a",
        "http://a\n/b",
        "http://[",
        "http://a:0",
    ],
)
def test_bad_callbacks(url: str) -> None:
    with pytest.raises(ServeError):
        check_callback(url)


def test_good_callbacks() -> None:
    check_callback("http://127.0.0.1:80/x?y=1")
    check_callback("https://example.org")


def tracker_of(*events: dict[str, Any]) -> Tracker:
    return Tracker([Slot(name="city", type=SlotType.TEXT)], "anna", events_from_dicts(list(events)))


def said(text: str, intent: str, *entities: dict[str, Any]) -> dict[str, Any]:
    parse = {"text": text, "intent": {"name": intent}, "entities": list(entities)}
    return {"event": "user", "text": text, "parse_data": parse}


LISTEN: dict[str, Any] = {"event": "action", "name": "action_listen"}
ROME: dict[str, Any] = {"entity": "city", "value": "Rome", "start": 3, "end": 7}


def test_a_conversation_as_a_story() -> None:
    tracker = tracker_of(
        {"event": "action", "name": "action_session_start"},
        {"event": "session_started"},
        LISTEN,
        said("to Rome", "book", ROME),
        {"event": "slot", "name": "city", "value": "Rome"},
        {"event": "action", "name": "book_form"},
        {"event": "active_loop", "name": "book_form"},
        {"event": "bot", "text": "?"},
        LISTEN,
        said("/stop", "stop"),
        {"event": "active_loop", "name": None},
        {"event": "action", "action_text": "Well then."},
        LISTEN,
    )
    assert story_text(tracker).split("\n") == [
        'version: "3.1"',
        "stories:",
        "- story: anna",
        "  steps:",
        "  - intent: book",
        '    user: "to [Rome](city)"',
        "  - slot_was_set:",
        "    - city: Rome",
        "  - action: book_form",
        "  - active_loop: book_form",
        "  - intent: stop",
        '    user: "/stop"',
        "  - active_loop: null",
        "  - bot: Well then.",
        "",
    ]


def test_each_session_a_story() -> None:
    start: tuple[dict[str, Any], ...] = (
        {"event": "action", "name": "action_session_start"},
        {"event": "session_started"},
    )
    tracker = tracker_of(*start, LISTEN, said("a", "a"), LISTEN, *start, LISTEN, said("b", "b"))
    both = parse_story_yaml(story_text(tracker, all_sessions=True), Path("x"))
    assert [story.name for story in both.stories] == ["anna, story 1", "anna, story 2"]
    (last,) = parse_story_yaml(story_text(tracker), Path("x")).stories
    assert last.name == "anna"


def test_what_yaml_cannot_carry_is_left_out() -> None:
    overlapping: dict[str, Any] = {"entity": "place", "value": "Rom", "start": 3, "end": 6}
    tracker = tracker_of(LISTEN, said("to Rome", "book", ROME, overlapping), LISTEN)
    (story,) = parse_story_yaml(story_text(tracker), Path("x")).stories
    (step,) = story.steps
    assert getattr(step, "intent", None) == "book"
    assert story_text(tracker_of(LISTEN)) == 'version: "3.1"\nstories: []\n'
