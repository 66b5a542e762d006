"""A stand-in for the assistant, so that these tests are about the command line alone."""

from __future__ import annotations

import dataclasses
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from terminals import Terminal
from typer.testing import CliRunner

from gossamer.checks import Checked
from gossamer.cli import app
from gossamer.data.errors import Location, ModelFileError
from gossamer.data.nlu.examples import TrainingData
from gossamer.nlu.pipeline.component import EpochReport
from gossamer.nlu.pipeline.messages import EntityPrediction, IntentPrediction, Parse, Token

Run = Callable[..., Any]

NLU = """\
version: "3.1"
nlu:
- intent: greet
  examples: |
    - hi
    - hello
    - hello there
    - good morning
    - hey
- intent: travel
  examples: |
    - to [Rome](city)
    - fly to [Rome](city)
    - a train to [Rome](city)
    - [Rome](city) please
    - take me to [Rome](city)
"""

CONFIG = """\
language: en
pipeline:
- name: WhitespaceTokenizer
- name: KeywordIntentClassifier
"""


TALKING_CONFIG = """\
language: en
pipeline:
- name: WhitespaceTokenizer
- name: KeywordIntentClassifier
policies:
- name: MemoizationPolicy
- name: RulePolicy
"""

TALKING_DOMAIN = """\
version: "3.1"
intents: [greet, travel]
entities: [city]
slots:
  city:
    type: text
    mappings:
    - type: from_entity
      entity: city
responses:
  utter_greet:
  - text: Good day.
    buttons:
    - title: Travel
      payload: /travel
  utter_travel:
  - text: Off we go.
"""

TALKING_RULES = """\
version: "3.1"
rules:
- rule: greet
  steps:
  - intent: greet
  - action: utter_greet
"""


class FakeAssistant:
    """Knows Rome: it is a city, and who names it travels."""

    calls: list[dict[str, Any]]
    epochs = 2
    fails_with: BaseException | None = None

    @classmethod
    def train(
        cls,
        config: Any,
        data: TrainingData,
        *,
        random_seed: int | None = None,
        on_epoch: Callable[[EpochReport], None] | None = None,
    ) -> FakeAssistant:
        cls.calls.append(
            {"config": config, "data": data, "random_seed": random_seed, "on_epoch": on_epoch}
        )
        if cls.fails_with is not None:
            raise cls.fails_with
        for epoch in range(1, cls.epochs + 1):
            if on_epoch is not None:
                on_epoch(
                    EpochReport(
                        component="DIETClassifier",
                        epoch=epoch,
                        n_epochs=cls.epochs,
                        metrics={"t_loss": 1.5 / epoch, "i_acc": 0.5},
                        seconds=0.01,
                    )
                )
        return cls()

    @classmethod
    def train_checked(
        cls, checked: Checked, *, augmentation_factor: int = 50, on_change: Any, **options: Any
    ) -> FakeAssistant:
        project = checked.require_sound()
        assert project.nlu is not None
        return cls.train(project.config, project.nlu, **options)

    @classmethod
    def load(cls, path: Path, *, config: Path | None = None) -> FakeAssistant:
        if path.read_text() != "a model":
            raise ModelFileError(
                "a model file must be whole", got=path.read_text(), where=Location(path)
            )
        return cls()

    def save(self, path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("a model")
        return path

    def parse(self, text: str) -> Parse:
        return self.parse_many([text])[0]

    def parse_many(self, texts: Sequence[str], *, batch_size: int = 256) -> list[Parse]:
        self.calls.append({"parse_many": list(texts)})
        return [self._parse(text) for text in texts]

    def _parse(self, text: str) -> Parse:
        start = text.find("Rome")
        found = EntityPrediction(
            start=start,
            end=start + 4,
            entity="city",
            value="Rome",
            extractor="DIETClassifier",
            confidence=0.875,
            role="to",
        )
        intent = IntentPrediction(name="greet" if start < 0 else "travel", confidence=0.9)
        offset, tokens = 0, []
        for word in text.split():
            offset = text.index(word, offset)
            tokens.append(Token(word, offset, offset + len(word)))
            offset += len(word)
        return Parse(
            text=text,
            intent=intent,
            intent_ranking=[intent],
            entities=[] if start < 0 else [dataclasses.replace(found, role=None)],
            tokens=tokens,
        )


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakeAssistant]:
    """The assistant's stand-in, put in its place."""

    class Fresh(FakeAssistant):
        calls: list[dict[str, Any]] = []  # noqa: RUF012  (one list per test)

    module = types.ModuleType("gossamer.assistant")
    module.Assistant = Fresh  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "gossamer.assistant", module)
    return Fresh


@pytest.fixture
def run() -> Run:
    """Run a command line in this process; gives the result with `exit_code`, `stdout`, `stderr`."""

    def call(*arguments: object, **options: Any) -> Any:
        return CliRunner(env={"COLUMNS": "120", "NO_COLOR": "1"}).invoke(
            app, [str(argument) for argument in arguments], **options
        )

    return call


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with `config.yml` and `data/nlu.yml`, made the current one."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "nlu.yml").write_text(NLU, encoding="utf-8")
    (tmp_path / "config.yml").write_text(CONFIG, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def model(project: Path) -> Path:
    """A model file in the project's `models`."""
    (project / "models").mkdir()
    path = project / "models" / "nlu-20250101-000000-quiet-loom.gossamer"
    path.write_text("a model")
    return path


@pytest.fixture(scope="session")
def talking_model(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("talking")
    (folder / "data").mkdir()
    make_talking(folder)
    from gossamer.assistant import Assistant
    from gossamer.data import read_project

    project = read_project(folder / "config.yml", folder / "data", folder / "domain.yml")
    return Assistant.train_project(project).save(folder / "model.gossamer").read_bytes()


def make_talking(folder: Path) -> None:
    (folder / "data" / "nlu.yml").write_text(NLU, encoding="utf-8")
    (folder / "config.yml").write_text(TALKING_CONFIG, encoding="utf-8")
    (folder / "domain.yml").write_text(TALKING_DOMAIN, encoding="utf-8")
    (folder / "data" / "rules.yml").write_text(TALKING_RULES, encoding="utf-8")


@pytest.fixture
def talking(project: Path, talking_model: bytes) -> Path:
    """A project with a model that greets."""
    make_talking(project)
    (project / "models").mkdir()
    (project / "models" / "talking.gossamer").write_bytes(talking_model)
    return project


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    """Start a command on a pseudo-terminal."""
    opened: list[Terminal] = []

    def start(*arguments: object) -> Terminal:
        opened.append(Terminal(*map(str, arguments)))
        return opened[-1]

    yield start
    for each in opened:
        each.close()
