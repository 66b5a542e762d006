"""Looks into the model that answers, over HTTP: worked out once, and asked for again meanwhile."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from servers import Running

from gossamer.serve.teaching import looks
from gossamer.teach.look import TestedMessages as Tested

TESTS = """
nlu:
- intent: greet
  examples: |
    - hello there
- intent: bye
  examples: |
    - good bye
"""


def look(running: Running, name: str, **query: str) -> dict[str, Any]:
    """A look, once it is there."""
    for _ in range(600):
        answer = running.client.get(f"/teach/look/{name}", params=query)
        assert answer.status_code == 200, answer.text
        content: dict[str, Any] = answer.json()
        if content["state"] != "running":
            return content
        assert content["text"]
        time.sleep(0.05)
    raise AssertionError("it is not worked out")


def test_layers_of_a_model_without_any(teaching: Running) -> None:
    found = look(teaching, "layers")
    assert found["state"] == "none"
    assert found["model"].endswith(".gossamer")


def test_confusion_and_coverage_are_of_the_test_messages(teaching: Running, project: Path) -> None:
    (project / "tests").mkdir(exist_ok=True)
    (project / "tests" / "nlu_test.yml").write_text(TESTS, "utf-8")
    confusion = look(teaching, "confusion")
    assert confusion["tested_on"] == {
        "kind": "test",
        "n_messages": 2,
        "text": "2 messages of tests/",
    }
    assert sum(cell["n"] for cell in confusion["cells"]) == 2
    assert confusion["cells"][0]["messages"][0]["where"].startswith("tests/nlu_test.yml, line ")
    coverage = look(teaching, "coverage")
    assert coverage["n_messages"] == 2
    # What is asked again after a file has changed is worked out anew.
    (project / "tests" / "nlu_test.yml").write_text(TESTS + "    - see you\n", "utf-8")
    assert look(teaching, "coverage")["n_messages"] == 3


def test_bad_test_data_are_told_without_paths(teaching: Running, project: Path) -> None:
    (project / "tests").mkdir(exist_ok=True)
    (project / "tests" / "nlu_test.yml").write_text("nlu:\n- intent: [", "utf-8")
    found = look(teaching, "confusion")
    assert found["state"] == "failed"
    assert "nlu_test.yml" in found["error"]
    assert str(project) not in found["error"]
    (project / "tests" / "nlu_test.yml").write_text(TESTS, "utf-8")
    assert look(teaching, "confusion")["state"] == "done"


def test_what_takes_long_is_running_and_worked_out_once(
    teaching: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on, calls = threading.Event(), []
    ask = Tested.of

    def slow(*given: Any, **named: Any) -> Tested:
        calls.append(given)
        given[-1](0.5)
        assert goes_on.wait(30)
        return ask(*given, **named)

    monkeypatch.setattr(looks, "_PATIENCE", 0.05)
    monkeypatch.setattr(Tested, "of", slow)
    get = teaching.client.get
    first = get("/teach/look/confusion").json()
    assert (first["state"], first["fraction"]) == ("running", 0.5)
    assert get("/teach/look/coverage").json()["state"] == "running"
    goes_on.set()
    assert look(teaching, "confusion")["state"] == "done"
    assert len(calls) == 1, "confusion and coverage share it"


@pytest.mark.long
@pytest.mark.slow
def test_a_learning_curve_is_made_in_a_process_of_its_own(teaching: Running) -> None:
    found = look(teaching, "learning-curve", intent="greet")
    assert found["state"] in ("done", "none")
    assert found["text"]


def test_an_unknown_intent_is_refused(teaching: Running) -> None:
    answer = teaching.client.get("/teach/look/learning-curve", params={"intent": "no such"})
    assert answer.status_code == 400
    assert "intent" in answer.json()["message"]
