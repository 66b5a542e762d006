"""What a model confuses, and how sure it is: from parses that are made up."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from gossamer.assistant import Assistant
from gossamer.data.nlu.examples import Example, TrainingData
from gossamer.nlu.pipeline.messages import IntentPrediction
from gossamer.nlu.pipeline.parse import Parse
from gossamer.teach.look import TestedMessages, confusion_of, coverage_of

TESTS = """
nlu:
- intent: greet
  examples: |
    - hi
    - hello
    - good day
- intent: bye
  examples: |
    - bye
"""
SAID = {
    "hi": [("greet", 0.9)],
    "hello": [("bye", 0.8), ("greet", 0.2)],
    "good day": [("nlu_fallback", 0.7), ("greet", 0.4)],
    "bye": [("bye", 0.6)],
}


class Answers:
    """Says what was made up."""

    def __init__(self, said: dict[str, list[tuple[str, float]]]) -> None:
        self.said = said

    def parse_many(self, texts: Sequence[str]) -> list[Parse]:
        """The parses."""
        return [self.parse(text) for text in texts]

    def parse(self, text: str) -> Parse:
        """The parse."""
        ranking = [IntentPrediction(name=name, confidence=sure) for name, sure in self.said[text]]
        return Parse(text=text, intent=ranking[0], intent_ranking=ranking)


def asked_about(folder: Path, *, training: TrainingData | None = None) -> TestedMessages:
    """Those of the tests in a folder."""
    assistant = cast("Assistant", Answers(SAID))
    return TestedMessages.of(assistant, folder / "tests", lambda: training or TrainingData())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project's folder with test messages."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "nlu_test.yml").write_text(TESTS)
    return tmp_path.resolve()


def test_cells_have_their_messages(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)  # as `gossamer run --teach` names it: "."
    found = confusion_of(asked_about(folder), Path())
    assert found["intents"] == ["bye", "greet"]
    assert found["n_right"] == 3
    cells = {(cell["expected"], cell["predicted"]): cell for cell in found["cells"]}
    assert {pair: cell["n"] for pair, cell in cells.items()} == {
        ("bye", "bye"): 1,
        ("greet", "bye"): 1,
        ("greet", "greet"): 2,
    }
    wrong = cells["greet", "bye"]["messages"][0]
    assert (wrong["text"], wrong["confidence"]) == ("hello", 0.8)
    assert wrong["where"] == "tests/nlu_test.yml, line 6"
    assert wrong["parse"]["intent"]["name"] == "bye"
    right = [message["text"] for message in cells["greet", "greet"]["messages"]]
    assert right == ["good day", "hi"]  # the least sure first; the fallback is undone
    assert json.loads(json.dumps(found)) == found


def test_what_was_tested_on_is_said(folder: Path) -> None:
    told = confusion_of(asked_about(folder), folder)["tested_on"]
    assert told == {"kind": "test", "n_messages": 4, "text": "4 messages of tests/"}


def test_training_messages_where_there_are_no_tests(tmp_path: Path) -> None:
    data = TrainingData(examples=(Example(text="hi", intent="greet"), Example(text="bye")))
    found = confusion_of(asked_about(tmp_path, training=data), tmp_path)
    assert found["tested_on"] == {
        "kind": "training",
        "n_messages": 1,
        "text": "1 message of the training data",
    }
    assert found["cells"][0]["messages"][0]["where"] is None


def test_nothing_to_test_on(tmp_path: Path) -> None:
    tested = asked_about(tmp_path)
    assert confusion_of(tested, tmp_path)["state"] == "none"
    assert coverage_of(tested)["state"] == "none"


def test_coverage_has_a_curve_and_says_why_nothing_is_suggested(folder: Path) -> None:
    found = coverage_of(asked_about(folder))
    assert found["n_messages"] == 4
    assert found["everything"]["n_wrong"] == 1
    assert found["suggested"] is None
    assert "too few errors" in found["no_suggestion_because"]
    assert found["curve"]["threshold"] == sorted(found["curve"]["threshold"])


def test_long_curves_are_thinned(tmp_path: Path) -> None:
    examples = tuple(Example(text=f"text {n}", intent="ab"[n % 3 == 0]) for n in range(900))
    said = {each.text: [("a", 0.001 * n)] for n, each in enumerate(examples)}
    assistant = cast("Assistant", Answers(said))
    data = TrainingData(examples=examples)
    shares: list[float] = []
    tested = TestedMessages.of(assistant, tmp_path / "tests", lambda: data, shares.append)
    found = coverage_of(tested)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert [len(values) for values in found["curve"].values()] == [200, 200, 200]
    assert found["curve"]["threshold"][0] == 0.0
    assert found["curve"]["threshold"][-1] == pytest.approx(0.899)
    assert found["suggested"] is not None
