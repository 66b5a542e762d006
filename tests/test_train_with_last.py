"""Training with a last model in Python, with networks that learn."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from gossamer.assistant import Assistant
from gossamer.data.project import Project, read_project
from gossamer.nlu.pipeline.reuse import Change

CONFIG = """
pipeline:
- name: WhitespaceTokenizer
- {name: CountVectorsFeaturizer, max_ngram: 1}
- {name: DIETClassifier, epochs: 2, number_of_transformer_layers: 1}
- {name: ResponseSelector, epochs: 2}
policies:
- {name: TEDPolicy, epochs: 2}
"""
NLU = """
nlu:
- intent: greet
  examples: |
    - hello
    - hi there
- intent: order
  examples: |
    - two [red](colour) roses
- intent: faq/price
  examples: |
    - what does it cost
- intent: faq/hours
  examples: |
    - when are you open
"""
STORIES = """
stories:
- story: order
  steps:
  - intent: order
  - action: utter_order
"""
DOMAIN = """
intents: [greet, order, faq]
entities: [colour]
responses:
  utter_order: [{text: With pleasure.}]
  utter_faq/price: [{text: Two crowns.}]
  utter_faq/hours: [{text: From nine.}]
"""
TEXTS = ["hello", "two red roses", "what does it cost", "when"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project, and the model `last.gossamer`."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "data").mkdir()
    (folder / "config.yml").write_text(CONFIG)
    (folder / "data" / "nlu.yml").write_text(NLU)
    (folder / "data" / "stories.yml").write_text(STORIES)
    (folder / "domain.yml").write_text(DOMAIN)
    Assistant.train_project(project(folder), augmentation_factor=0).save(folder / "last.gossamer")
    return folder


def project(folder: Path) -> Project:
    return read_project(folder / "config.yml", folder / "data", folder / "domain.yml")


def retrained(
    project: Project, last: Assistant | Path | None
) -> tuple[Assistant, dict[str, tuple[str, ...]]]:
    changes: list[Change] = []
    assistant = Assistant.train_project(
        project, augmentation_factor=0, last=last, on_change=changes.append
    )
    return assistant, {change.part: change.reasons for change in changes if change.is_trained}


def test_parts_that_stay_say_what_they_said(folder: Path, tmp_path: Path) -> None:
    before = Assistant.load(folder / "last.gossamer")
    again, reasons = retrained(project(folder), folder / "last.gossamer")
    assert reasons == {}
    assert again.parse_many(TEXTS) == before.parse_many(TEXTS)
    saved = again.save(tmp_path / "again.gossamer")
    assert Assistant.load(saved).parse_many(TEXTS) == before.parse_many(TEXTS)
    assert retrained(project(folder), before)[1] == {}
    assert retrained(project(folder), saved)[1] == {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # networks of so few epochs may not listen
        said = [
            assistant.conversations(random_seed=1).handle("/order").messages
            for assistant in (before, again)
        ]
    assert said[0] == said[1]


def test_one_network_is_trained_on_what_the_others_give(folder: Path) -> None:
    """DIET alone is trained, on features of what was not: as if all had been."""
    changed = project(folder)
    pipeline = [
        dataclasses.replace(part, options={**part.options, "random_seed": 3, "epochs": 3})
        if part.name == "DIETClassifier"
        else part
        for part in changed.config.pipeline
    ]
    config = dataclasses.replace(changed.config, pipeline=tuple(pipeline))
    changed = dataclasses.replace(changed, config=config)
    partly, reasons = retrained(changed, folder / "last.gossamer")
    assert reasons == {"DIETClassifier": ("options",)}
    wholly, _ = retrained(changed, None)
    for text in TEXTS:
        assert partly.parse(text).intent_ranking == wholly.parse(text).intent_ranking
    before = Assistant.load(folder / "last.gossamer")
    assert partly.parse(TEXTS[2]).response_selector == before.parse(TEXTS[2]).response_selector


def test_a_response_is_new_and_its_selector_is_not_trained(folder: Path) -> None:
    (folder / "other.yml").write_text(DOMAIN.replace("Two crowns", "Three crowns"))
    changed = read_project(folder / "config.yml", folder / "data", folder / "other.yml")
    again, reasons = retrained(changed, folder / "last.gossamer")
    assert reasons == {}
    assert again.pipeline.components[3].responses["faq/price"] == ({"text": "Three crowns."},)  # type: ignore[attr-defined]


def test_a_file_that_cannot_be_used_is_no_error(folder: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.gossamer"
    damaged.write_bytes((folder / "last.gossamer").read_bytes()[:-9])
    for path in (damaged, tmp_path / "missing.gossamer"):
        with pytest.warns(UserWarning, match="all is trained, as the last model cannot be used"):
            _, reasons = retrained(project(folder), path)
        assert set(reasons.values()) == {("it is new",)}


def test_what_is_not_trained_needs_no_pytorch(folder: Path) -> None:
    code = (
        "import sys; from gossamer.assistant import Assistant\n"
        "from gossamer.data.project import read_project\n"
        "a = Assistant.train_project(read_project(), augmentation_factor=0, last='last.gossamer')\n"
        "print(a.parse('hello').text, {'torch', 'scipy', 'sklearn'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["hello", "set()"], done.stderr
