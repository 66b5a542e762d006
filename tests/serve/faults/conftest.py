"""Servers in processes of their own, to be killed, stopped and cut off; an action server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from action_stub import ActionStub
from postgres import PostgresServer
from server_processes import ServerProcesses, Starter

CONFIG = """\
language: en
pipeline:
- name: WhitespaceTokenizer
- name: KeywordIntentClassifier
- name: RegexEntityExtractor
policies:
- name: RulePolicy
"""
NLU = """\
version: "3.1"
nlu:
- intent: greet
  examples: |
    - hello
- intent: number
  examples: |
    - number [7](n)
- lookup: n
  examples: |
    - 7
- intent: look_up
  examples: |
    - find
"""
STORIES = """\
version: "3.1"
rules:
- rule: number
  steps:
  - intent: number
  - action: utter_number
- rule: look up
  steps:
  - intent: look_up
  - action: action_look_up
- rule: greet
  steps:
  - intent: greet
  - action: utter_greet
"""
DOMAIN = """\
version: "3.1"
intents: [number, look_up, greet]
entities: [n]
actions: [action_look_up]
slots:
  n:
    type: text
    influence_conversation: false
    mappings:
    - type: from_entity
      entity: n
responses:
  utter_number:
  - text: "Number {n}."
  utter_greet:
  - text: "GREETING"
"""


def trained(folder: Path, greeting: str) -> Path:
    """A model that repeats numbers, looks things up, and greets with this text."""
    from gossamer.assistant import Assistant
    from gossamer.data import read_project

    (folder / "data").mkdir(parents=True)
    (folder / "config.yml").write_text(CONFIG, "utf-8")
    (folder / "domain.yml").write_text(DOMAIN.replace("GREETING", greeting), "utf-8")
    (folder / "data" / "nlu.yml").write_text(NLU, "utf-8")
    (folder / "data" / "stories.yml").write_text(STORIES, "utf-8")
    project = read_project(folder / "config.yml", folder / "data", folder / "domain.yml")
    path = folder / "model.gossamer"
    return Assistant.train_project(project, augmentation_factor=0, random_seed=1).save(path)


@pytest.fixture(scope="session")
def faults_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model of most tests here."""
    return trained(tmp_path_factory.mktemp("faults") / "first", "one")


@pytest.fixture(scope="session")
def other_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that greets otherwise."""
    return trained(tmp_path_factory.mktemp("faults") / "second", "two")


@pytest.fixture(scope="session")
def starter(faults_model: Path) -> Iterator[Starter]:
    """What starts servers quickly."""
    with Starter(faults_model) as starter:
        yield starter


@pytest.fixture
def servers(starter: Starter, faults_model: Path, tmp_path: Path) -> Iterator[ServerProcesses]:
    """Starts servers, which end with the test."""
    with ServerProcesses(starter, faults_model, tmp_path) as servers:
        yield servers


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database that several processes can use."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'conversations.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
def action_server() -> Iterator[ActionStub]:
    """An action server whose answers can be held back."""
    with ActionStub() as stub:
        yield stub
