"""Train, test and talk with a small assistant: keywords, memory and rules."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from terminals import Terminal

from gossamer.assistant import Assistant
from gossamer.data import read_project

Run = Callable[..., Any]

CONFIG = """\
language: en
pipeline:
- name: WhitespaceTokenizer
- name: KeywordIntentClassifier
- name: RegexEntityExtractor
policies:
- name: MemoizationPolicy
- name: RulePolicy
"""

NLU = """\
version: "3.1"
nlu:
- intent: greet
  examples: |
    - hi
    - hello
- intent: order
  examples: |
    - tea please
    - I want
- intent: inform
  examples: |
    - small
    - large
- intent: joke
  examples: |
    - tell a joke
    - be funny
- lookup: size
  examples: |
    - small
    - large
- intent: sized
  examples: |
    - a [small](size) one
    - a [large](size) one
"""

DOMAIN = """\
version: "3.1"
intents: [greet, order, inform, joke, sized]
entities: [size]
slots:
  size:
    type: text
    mappings:
    - type: from_entity
      entity: size
forms:
  order_form:
    required_slots: [size]
responses:
  utter_greet:
  - text: Good day.
  utter_ask_size:
  - text: Which size?
    buttons:
    - title: Small
      payload: '/inform{"size": "small"}'
    - title: Large
      payload: '/inform{"size": "large"}'
  utter_served:
  - text: A {size} tea.
  - text: A very large tea.
    condition:
    - type: slot
      name: size
      value: large
  utter_joke:
  - text: I only know teas.
  utter_default:
  - text: Pardon?
actions:
- action_count
"""

RULES = """\
version: "3.1"
rules:
- rule: greet
  steps:
  - intent: greet
  - action: utter_greet
- rule: joke
  steps:
  - intent: joke
  - action: utter_joke
- rule: order
  steps:
  - intent: order
  - action: order_form
  - active_loop: order_form
- rule: ordered
  condition:
  - active_loop: order_form
  steps:
  - action: order_form
  - active_loop: null
  - action: utter_served
stories:
- story: counts
  steps:
  - intent: sized
  - action: action_count
"""

TESTS = """\
version: "3.1"
stories:
- story: right
  steps:
  - user: hello
    intent: greet
  - action: utter_greet
- story: wrong
  steps:
  - user: be funny
    intent: joke
  - action: utter_greet
"""


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in {
        "config.yml": CONFIG,
        "domain.yml": DOMAIN,
        "data/nlu.yml": NLU,
        "data/rules.yml": RULES,
        "tests/test_stories.yml": TESTS,
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def trained(small: Path) -> Path:
    path = small / "models" / "small.gossamer"
    path.parent.mkdir()
    return Assistant.train_project(read_project()).save(path)


def test_train_tells_what_there_is(run: Run, small: Path) -> None:
    result = run("train")
    assert result.exit_code == 0, result.stderr
    first, second = result.stdout.splitlines()
    assert first == (
        "Training on 10 examples, 5 intents, 1 entity types, 1 stories, 4 rules, 20 actions."
    )
    assert "The model is models/2" in second


def test_train_core_and_nlu_alone(run: Run, small: Path) -> None:
    assert run("train", "core", "--fixed-model-name", "core").exit_code == 0
    assert run("train", "nlu", "--fixed-model-name", "nlu").exit_code == 0
    talked = run("shell", "--model", "models/core.gossamer", input="/greet\n")
    assert talked.exit_code == 0, talked.stderr
    assert talked.stdout == "Good day.\n"
    refused = run("shell", "--model", "models/nlu.gossamer", input="/greet\n")
    assert refused.exit_code == 1
    assert "holds no conversation" in refused.stderr
    parsed = run("parse", "hi", "--model", "models/core.gossamer")
    assert parsed.exit_code == 1
    assert "trained on stories only" in parsed.stderr


def test_what_looks_like_the_name_of_an_emoji_is_printed_as_it_is(run: Run, small: Path) -> None:
    domain = small / "domain.yml"
    domain.write_text(domain.read_text().replace("Good day.", '"The codes: :key:A1:100:"'))
    assert run("train", "core", "--fixed-model-name", "core").exit_code == 0
    talked = run("shell", "--model", "models/core.gossamer", input="/greet\n")
    assert talked.stdout == "The codes: :key:A1:100:\n"


def test_a_contradiction_is_told_before_training(run: Run, small: Path) -> None:
    more = small / "data" / "more.yml"
    more.write_text(
        "rules:\n- rule: rude\n  steps:\n  - intent: greet\n  - action: utter_joke\n",
        encoding="utf-8",
    )
    result = run("train")
    assert result.exit_code == 1
    assert "rules.yml" in result.stderr
    assert "more.yml" in result.stderr
    assert not list((small / "models").glob("*"))


def test_core_is_tested(run: Run, trained: Path) -> None:
    result = run("test", "core", "--no-plot")
    assert result.exit_code == 0, result.stderr
    report = json.loads(Path("results/story_report.json").read_text())
    assert report["conversation_accuracy"]["correct"] == 1
    assert report["conversation_accuracy"]["total"] == 2
    failed = Path("results/failed_test_stories.yml").read_text()
    assert "wrong" in failed
    assert "# predicted: utter_joke" in failed


def test_end_to_end(run: Run, trained: Path) -> None:
    assert run("test", "core", "--no-plot", "--e2e").exit_code == 0


def test_the_whole_is_tested(run: Run, trained: Path) -> None:
    result = run("test", "--no-plot")
    assert result.exit_code == 0, result.stderr
    assert {"story_report.json", "report.txt"} <= {path.name for path in Path("results").iterdir()}


def test_configurations_are_compared(run: Run, small: Path) -> None:
    result = run(
        *("test", "core", "--compare", "--config", "config.yml", "--runs", "2"),
        *("--percentages", "0", "--random-seed", "1", "--train", "data"),
    )
    assert result.exit_code == 0, result.stderr
    results = json.loads(Path("results/results.json").read_text())
    assert results == {"config.yml": [[1], [1]]}
    assert Path("results/core_model_comparison_graph.png").exists()


def test_all_policies_are_looked_at_before_any_is_trained(run: Run, small: Path) -> None:
    Path("wrong.yml").write_text("policies:\n- name: TEDPolice\n")
    result = run("test", "core", "--compare", "--config", "config.yml", "wrong.yml")
    assert result.exit_code == 1
    assert "wrong.yml:2" in result.stderr
    assert not Path("results").exists()


def test_validate_finds_all_at_once(run: Run, small: Path) -> None:
    result = run("data", "validate")
    assert result.exit_code == 0, result.stdout
    (small / "data" / "more.yml").write_text(
        "stories:\n- story: odd\n  steps:\n  - intent: grete\n  - action: utter_gret\n",
        encoding="utf-8",
    )
    result = run("data", "validate")
    assert result.exit_code == 1
    assert "grete" in result.stdout
    assert "utter_gret" in result.stdout


def test_validate_names_both_places_of_a_contradiction(run: Run, small: Path) -> None:
    (small / "data" / "more.yml").write_text(
        "stories:\n- story: rude\n  steps:\n  - intent: greet\n  - action: utter_joke\n",
        encoding="utf-8",
    )
    result = run("data", "validate")
    assert result.exit_code == 1
    (line,) = [line for line in result.stdout.splitlines() if "error" in line and "rude" in line]
    assert "rules.yml:3" in line
    assert "more.yml:2" in line


@pytest.mark.slow
def test_a_conversation_in_a_terminal(
    terminal: Callable[..., Terminal], trained: Path, small: Path
) -> None:
    shell = terminal("shell")
    assert "small.gossamer is ready" in shell.wait_for("> ")
    shell.type("hello\n")
    assert "Good day." in shell.wait_for(r"\n> ")
    shell.type("I want\n")
    shown = shell.wait_for(r"\n> ")
    assert "Which size?" in shown
    assert "2: Large" in shown
    shell.type("tell a joke\n")
    shown = shell.wait_for(r"\n> ")
    assert "I only know teas." in shown
    assert "Which size?" in shown
    shell.type(":why\n")
    shell.wait_for(r"shows why\s+> ")
    shell.type("2\n")
    shown = shell.wait_for(r"\n> ")
    assert "A very large tea." in shown
    assert "did utter_served: RulePolicy, 1.00" in shown
    shell.type(":save talk.json\n")
    shell.wait_for("events in talk.json")
    shell.type(":slots\n")
    shell.wait_for('size = "large"')
    shell.type(":nonsense\n")
    shell.wait_for("must be a command")
    shell.type("/stop\n")
    assert shell.end() == 0
    again = terminal("shell", "--load", "talk.json")
    again.wait_for("> ")
    again.type(":slots\n")
    again.wait_for(r'size = "large"\s+> ')
    again.type("\x04")
    assert again.end() == 0


def test_an_action_without_a_server_does_not_end_the_talk(run: Run, trained: Path) -> None:
    result = run("shell", input="/sized\nhi\n")
    assert result.exit_code == 0
    assert "must have an action server" in result.stderr
    assert "Good day." in result.stdout


def test_a_scripted_talk_is_echoed(run: Run, trained: Path) -> None:
    result = run("shell", "--echo", input="hi\n\n")
    assert result.stdout == "> hi\nGood day.\n> \n"


def test_an_nlg_server_that_is_not_there(run: Run, trained: Path) -> None:
    Path("endpoints.yml").write_text(
        "nlg:\n  url: http://127.0.0.1:9/nlg\ntracker_store:\n  type: redis\n", encoding="utf-8"
    )
    result = run("shell", input="hi\n")
    assert result.exit_code == 0
    assert "an NLG server must be running at http://127.0.0.1:9/nlg" in result.stderr
    assert "Good day." not in result.stdout
    assert "tracker_store" not in result.stderr


def test_endpoints_that_are_wrong(run: Run, trained: Path) -> None:
    Path("endpoints.yml").write_text("action_endpoint:\n  url: nowhere\n", encoding="utf-8")
    result = run("shell", input="hi\n")
    assert result.exit_code == 1
    assert "endpoints.yml:2" in result.stderr
