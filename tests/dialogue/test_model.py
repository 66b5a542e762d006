from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small import DOMAIN, SPOKEN, STORIES, greeted

from gossamer.assistant import Assistant
from gossamer.data import ComponentConfig, Example, ProjectConfig, TrainingData
from gossamer.data.errors import ConfigError, DataError, InputError, ModelFileError
from gossamer.data.project import Project, joined, read_project
from gossamer.data.stories.steps import ActionStep, Rule, StoryData, UserStep
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.policies.registry import check_policies, policies_from_config

POLICIES = (
    ComponentConfig(name="MemoizationPolicy", options={"max_history": 3}),
    ComponentConfig(name="rasa.core.policies.rule_policy.RulePolicy"),
    ComponentConfig(name="TEDPolicy", options={"epochs": 2, "random_seed": 1}),
)
PIPELINE = (
    ComponentConfig(name="WhitespaceTokenizer"),
    ComponentConfig(name="CountVectorsFeaturizer"),
    ComponentConfig(name="KeywordIntentClassifier"),
)
NLU = TrainingData(
    examples=(Example(text="hello", intent="greet"), Example(text="good bye", intent="bye"))
)


def project(**parts: object) -> Project:
    whole = {
        "config": ProjectConfig(pipeline=PIPELINE, policies=POLICIES),
        "stories": STORIES,
        "domain": DOMAIN,
        "nlu": NLU,
        **parts,
    }
    return joined(Project(**whole))  # type: ignore[arg-type]


def test_saved_and_loaded_it_chooses_the_same(tmp_path: Path) -> None:
    assistant = Assistant.train_project(project(), augmentation_factor=2)
    loaded = Assistant.load(assistant.save(tmp_path / "m.gossamer"))
    assert loaded.require_dialogue().domain == DOMAIN
    tracker = Tracker(DOMAIN.slots, events=greeted())
    first, second = (
        model.require_dialogue().ensemble.predict(tracker) for model in (assistant, loaded)
    )
    assert first.action == second.action == "utter_greet"
    for one, other in zip(first.all, second.all, strict=True):
        np.testing.assert_array_equal(one.scores, other.scores)
    assert [p.policy for p in first.all] == ["MemoizationPolicy", "RulePolicy", "TEDPolicy"]
    (message,) = loaded.conversations(random_seed=0).handle("hello").messages or (None,)
    assert message is None or message.text is not None


def test_texts_of_stories_are_actions_and_words() -> None:
    whole = project(stories=SPOKEN)
    assert whole.domain is not None
    assert whole.nlu is not None
    assert whole.domain.action_texts == ("Here is your tea", "Until then")
    assert "some green tea please" in [e.text for e in whole.nlu.examples]
    assert whole.nlu.intents == ["bye", "greet"]


def test_a_seed_reaches_the_policies() -> None:
    assistant = Assistant.train_project(project(), random_seed=9, augmentation_factor=0)
    ted = assistant.require_dialogue().ensemble.policies[-1]
    assert ted.options.random_seed == 9


def test_without_nlu_or_without_stories() -> None:
    core = Assistant.train_project(project(nlu=None), augmentation_factor=0)
    assert not core.understands_texts
    with pytest.raises(InputError, match="trained on stories only"):
        core.parse("hello")
    nlu = Assistant.train_project(project(stories=StoryData(), domain=None))
    with pytest.raises(InputError, match="holds no conversation"):
        nlu.conversations()
    with pytest.raises(InputError, match="needs examples, stories or rules"):
        Assistant.train_project(project(nlu=None, stories=StoryData(), domain=None))


def test_damaged_models_are_refused(tmp_path: Path) -> None:
    assistant = Assistant.train_project(project(nlu=None), augmentation_factor=0)
    content, arrays = assistant.require_dialogue().to_parts()
    kind = type(assistant.require_dialogue())
    assert kind.from_parts(content, arrays).domain == DOMAIN
    damages: list[dict[str, Any]] = [
        {"domain": {}},
        {"policies": [{"name": "NoPolicy", "options": {}, "alias": "x", "state": {}}]},
        {"policies": [{"name": "MemoizationPolicy"}]},
    ]
    for damage in damages:
        with pytest.raises(ModelFileError):
            kind.from_parts({**content, **damage}, arrays)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("FormPolicy", "still there.*RulePolicy"),
        ("EmbeddingPolicy", "TEDPolicy"),
        ("TEDPolcy", "'TEDPolicy'"),
    ],
)
def test_unknown_policies(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        policies_from_config([ComponentConfig(name=name)])


def test_default_policies() -> None:
    assert [policy.name for policy in policies_from_config(())] == [
        "MemoizationPolicy",
        "RulePolicy",
        "TEDPolicy",
    ]


def test_policies_must_fit(recwarn: pytest.WarningsRecorder) -> None:
    rules = StoryData(
        rules=(Rule(name="r", steps=(UserStep(intent="greet"), ActionStep(name="utter_greet"))),)
    )
    twice = policies_from_config([POLICIES[0], POLICIES[0]])
    check_policies(twice, DOMAIN, rules)
    told = " ".join(str(w.message) for w in recwarn)
    assert "same priority" in told
    assert "1 rules are not learnt" in told


def test_a_project_is_read(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "config.yml").write_text("policies:\n- name: MemoizationPolicy\n")
    (tmp_path / "domain.yml").write_text(
        "intents: [greet]\nresponses:\n  utter_greet: [{text: hi}]\n"
    )
    (tmp_path / "data" / "stories.yml").write_text(
        "stories:\n- story: s\n  steps:\n  - intent: greet\n  - action: utter_greet\n"
    )
    paths = (tmp_path / "config.yml", tmp_path / "data", tmp_path / "domain.yml")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        whole = read_project(*paths)
    assert whole.nlu is None
    assert whole.has_dialogue
    assert read_project(*paths, nlu=False).stories == whole.stories
    with (
        pytest.warns(UserWarning, match="no pipeline"),
        pytest.raises(DataError, match="NLU data"),
    ):
        read_project(*paths, dialogue=False)
