from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., Any]


def test_one_text_is_one_indented_object(run: Run, model: Path, fake: Any) -> None:
    result = run("parse", "fly to Rome")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith('{\n  "text": "fly to Rome"')
    assert "\n    [0, 3],\n" in result.stdout  # the offsets of a token share a line
    parsed = json.loads(result.stdout)
    assert set(parsed) == {"text", "intent", "entities", "text_tokens", "intent_ranking"}
    assert parsed["intent"] == {"name": "travel", "confidence": 0.9}
    assert parsed["entities"] == [
        {
            "entity": "city",
            "start": 7,
            "end": 11,
            "confidence_entity": 0.875,
            "value": "Rome",
            "extractor": "DIETClassifier",
        }
    ]


def test_several_texts_are_one_object_a_line(run: Run, model: Path, fake: Any) -> None:
    lines = run("parse", "hi", "grüß dich", "--model", "models").stdout.splitlines()
    assert [json.loads(line)["text"] for line in lines] == ["hi", "grüß dich"]
    assert "grüß" in lines[1]


def test_lines_from_a_pipe_keep_their_order_and_number(run: Run, model: Path, fake: Any) -> None:
    result = run("parse", "--batch-size", "2", input="hi\r\n\nfly to Rome\n")
    texts = [json.loads(line)["text"] for line in result.stdout.splitlines()]
    assert texts == ["hi", "", "fly to Rome"]
    assert [call["parse_many"] for call in fake.calls] == [["hi", ""], ["fly to Rome"]]


def test_an_empty_pipe_gives_nothing(run: Run, model: Path, fake: Any) -> None:
    result = run("parse", input="")
    assert (result.exit_code, result.stdout) == (0, "")


def test_characters_that_the_terminal_lacks_are_escaped(run: Run, model: Path, fake: Any) -> None:
    result = run("parse", "grüß", "half \ud800")
    first, second = result.stdout.splitlines()
    assert json.loads(first)["text"] == "grüß"
    assert "\\ud800" in second


def test_a_terminal_without_text_is_wrong_usage(
    run: Run, model: Path, fake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gossamer.cli.commands.parse._stdin_is_terminal", lambda: True)
    result = run("parse")
    assert result.exit_code == 2
    assert "give a TEXT" in result.stderr


def test_no_model(run: Run, project: Path, fake: Any) -> None:
    result = run("parse", "hi")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: the model must exist (got 'models')")
