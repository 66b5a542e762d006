"""`gossamer interactive`, with answers from a pipe and a small model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gossamer.assistant import Assistant
from gossamer.data import read_project
from gossamer.data.model_files import latest_model
from gossamer.data.nlu.reading import read_training_data
from gossamer.data.stories.reading import read_stories

Run = Callable[..., Any]


def typed(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)


def taught(text: str) -> list[tuple[str | None, list[tuple[str, str]]]]:
    examples = read_training_data("data").examples
    return [
        (each.intent, [(entity.entity, entity.value) for entity in each.entities])
        for each in examples
        if each.text == text
    ]


def test_a_talk_that_is_right(run: Run, talking: Path) -> None:
    before = {path: path.read_bytes() for path in talking.rglob("*.yml")}
    result = run("interactive", input=typed("hello", "", "y", "", "/stop"))
    assert result.exit_code == 0
    assert result.stderr == ""
    assert result.stdout.splitlines() == [
        "  intent  greet  1.000",
        "  next: utter_greet  RulePolicy 1.00",
        "Good day.",
        "  1: Travel (/travel)",
        "  next: action_listen  RulePolicy 1.00",
        "Taught: nothing.",
    ]
    assert {path: path.read_bytes() for path in talking.rglob("*.yml")} == before


def test_all_is_corrected(run: Run, talking: Path) -> None:
    result = run(
        "interactive",
        "--teacher",
        "Ann",
        input=typed(
            "hello Bonn",  # understood as greet
            *("n", "travel", "hello [Bonn](city)"),
            *("n", "utter_travel"),
            *("n", "action_listen"),
            ":end",
        ),
    )
    assert result.exit_code == 0, result.stderr
    assert taught("hello Bonn") == [("travel", [("city", "Bonn")])]
    assert "  +    - hello [Bonn](city)" in result.stdout.splitlines()
    assert '  slot city = "Bonn"' in result.stdout.splitlines()
    assert "Off we go." in result.stdout
    assert result.stdout.splitlines()[-2:] == [
        "Taught: 1 message and 1 story.",
        "gossamer train trains with it.",
    ]
    (story,) = read_stories("data").stories
    assert [getattr(step, "name", None) for step in story.steps] == [None, "city", "utter_travel"]
    read_project()


def test_mistakes_are_asked_again(run: Run, talking: Path) -> None:
    result = run(
        "interactive",
        input=typed(
            *("hello you", "maybe", "n"),
            *("99", "a/b/c", "travle", "n", "travel"),
            *("hello", "hello [you](", "[hello]{you", "hello [you](city)"),
            *("n", "utter_trvael", "utter_travel"),
            ":nonsense",
            ":set",
            ":fork 7",
        ),
    )
    assert result.exit_code == 0, result.stderr
    for told in (
        "Please answer y or n.",
        "a retrieval intent must be",
        "without its annotations it must be the same text (got 'hello')",
        "the domain must have the action (got 'utter_trvael'). Try: utter_travel",
        "must be a command (got ':nonsense')",
        ":set needs a slot and a value",
        "a fork must name a message from 1 to 1",
    ):
        assert told in result.stderr
    assert taught("hello you") == [("travel", [("city", "you")])]
    assert "the last turn has not ended, and is in no story" in result.stdout


def test_undo_restart_and_fork(run: Run, talking: Path) -> None:
    before = {path: path.read_bytes() for path in talking.rglob("*.yml")}
    result = run(
        "interactive",
        input=typed(
            *("hello you", "y", ":undo", "n", "travel", "", ":undo", ":undo"),
            *("hello", "y", "y", "y", "1"),  # the button
            *("n", "utter_travel", "n", "action_listen", ":fork", ":fork 2", "n"),
            *(":slots", ":restart", "hello", ":undo", ":undo", ":end"),
        ),
    )
    assert result.exit_code == 0, result.stderr
    assert "number 2" in result.stdout
    assert "goes on from before '/travel'" in result.stdout
    assert "Taught: nothing." in result.stdout
    assert {path: path.read_bytes() for path in talking.rglob("*.yml")} == before


def test_the_end_of_input_writes_what_was_said(run: Run, talking: Path) -> None:
    result = run("interactive", input=typed("/travel", "n", "utter_travel", "n", "action_listen"))
    assert result.exit_code == 0, result.stderr
    (story,) = read_stories("data").stories
    assert [getattr(step, "name", None) for step in story.steps] == [None, "utter_travel"]
    assert "Taught: 1 story." in result.stdout


def test_a_story_that_was_right_is_written_when_asked(run: Run, talking: Path) -> None:
    result = run("interactive", input=typed("hello", "", "", "", ":story greeting", ":story"))
    assert result.exit_code == 0, result.stderr
    assert "greeting" in [story.name for story in read_stories("data").stories]


def test_what_must_be_there(run: Run, project: Path, talking_model: bytes) -> None:
    result = run("interactive", "--data", "nowhere")
    assert result.exit_code == 1
    assert "must hold a project to teach" in result.stderr
    result = run("interactive")
    assert result.exit_code == 1
    assert "the model must exist" in result.stderr
    small = project / "models" / "nlu.gossamer"
    small.parent.mkdir()
    Assistant.train(project / "config.yml", project / "data").save(small)
    result = run("interactive")
    assert result.exit_code == 1
    assert "holds no conversation" in result.stderr
    assert result.stderr.count("\n") == 1
    result = run("interactive", "--teacher", "a\nb")
    assert "a teacher's name" in result.stderr


def test_nothing_to_read(run: Run, talking: Path) -> None:
    result = run("interactive", input="")
    assert result.exit_code == 1
    assert "needs a terminal, or lines to read" in result.stderr


@pytest.mark.slow
def test_what_is_taught_is_trained_and_put_in_service(run: Run, talking: Path) -> None:
    result = run("interactive", "--train", input=typed("good evening", "travel", ""))
    assert result.exit_code == 0, result.stderr
    assert "Right of 1 taught: 0, now 1" in result.stdout
    assert "better: good evening  (travel)" in result.stdout
    model = latest_model(Path("models"))
    assert f"The model is {model}" in result.stdout
    assert Assistant.load(model).parse("good evening").intent.name == "travel"


def test_answers_that_are_too_long_or_no_json(run: Run, talking: Path) -> None:
    digits = "9" * 5_000
    talk = [
        *(f":fork {digits}", ":set city NaN", ":set city 1e999", f":set city {'[' * 100_000}"),
        *(':set city "\\ud800"', ":set city 17", ":slots"),
        *("hello", "n", digits, "/stop"),
    ]
    result = run("interactive", input="".join(f"{line}\n" for line in talk))
    assert result.exit_code == 0, (result.stderr, result.exception)
    assert "a fork must name a message" in result.stderr
    assert "Please give a number from 1 to" in result.stderr
    assert 'slot city = "NaN"' in result.stdout
    assert 'slot city = "1e999"' in result.stdout
    assert "city = 17" in result.stdout
