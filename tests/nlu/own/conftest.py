"""A project with a component and a policy of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

FILES = {
    "config.yml": """\
language: en
pipeline:
- name: WhitespaceTokenizer
- name: KeywordIntentClassifier
- name: my_parts.sentiment.Sentiment
  threshold: 0.2
policies:
- name: RulePolicy
- name: my_parts.night.NightPolicy
  from_hour: 22
""",
    "my_parts/__init__.py": "",
    "my_parts/sentiment.py": '''\
from gossamer.parts import Component, ComponentOptions, ComponentState, Entity


class Sentiment(Component):
    """Finds praise; knows the words of thanks from training."""

    provides = {"entities"}

    class Options(ComponentOptions):
        threshold: float = 0.5

    words: list[str] = []

    def train(self, data, batch, *, on_epoch=None):
        said = [example.text for example in data.examples if example.intent == "thank"]
        self.words = sorted({word for text in said for word in text.split()})

    def process(self, batch):
        for parse in batch.parses:
            words = parse.text.split()
            if sum(word in self.words for word in words) / len(words) >= self.options.threshold:
                found = Entity(
                    entity="sentiment", value="positive", start=0, end=len(parse.text),
                    extractor=self.alias,
                )
                parse.entities.append(found)

    def state(self):
        return ComponentState(json={"words": self.words})

    def restore(self, state):
        self.words = list(state.json["words"])
''',
    "my_parts/night.py": """\
from gossamer.parts import Policy, PolicyOptions

HOUR = 23


class NightPolicy(Policy):
    class Options(PolicyOptions):
        priority: int = 5
        from_hour: int = 22

    def predict(self, tracker, rule_only):
        if HOUR < self.options.from_hour:
            return self.nothing()
        said = tracker.latest_action_name == "utter_closed"
        return self.prefer("action_listen" if said else "utter_closed")
""",
    "domain.yml": """\
intents: [greet, thank]
entities: [sentiment]
responses:
  utter_greet: [{text: Good day.}]
  utter_closed: [{text: We are closed.}]
""",
    "data/nlu.yml": """\
nlu:
- intent: greet
  examples: |
    - hello
    - good morning
- intent: thank
  examples: |
    - thanks
    - many thanks
""",
    "data/rules.yml": """\
rules:
- rule: greet
  steps:
  - intent: greet
  - action: utter_greet
""",
}


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return write(tmp_path / "shop", FILES)


@pytest.fixture(autouse=True)
def modules(tmp_path: Path) -> Iterator[None]:
    """Modules of a test's folder are forgotten afterwards, and `sys.path` is as it was."""
    before = [*sys.path]
    yield
    assert sys.path == before
    for name, module in [*sys.modules.items()]:
        paths = getattr(module, "__path__", ())  # of torch.classes something else
        places = [getattr(module, "__file__", None), *(paths if isinstance(paths, list) else ())]
        if any(place is not None and str(place).startswith(str(tmp_path)) for place in places):
            del sys.modules[name]
