"""Everything that can be wrong with a project, told at once and before the first epoch."""

from __future__ import annotations

import contextlib
import dataclasses
import warnings
from pathlib import Path
from typing import Any

import pytest

from gossamer.assistant import Assistant
from gossamer.checks import MOST_WARNINGS, Checked, Parts, check, read_parts
from gossamer.data import ComponentConfig, Project, ProjectConfig, read_project
from gossamer.data.errors import ConfigError, DataError, InputError
from gossamer.data.nlu.checks import Severity

CONFIG = """\
pipeline:
- name: WhitespaceTokenizer
- name: KeywordIntentClassifier
policies:
- name: MemoizationPolicy
- name: RulePolicy
"""
NLU = """\
nlu:
- intent: greet
  examples: |
    - hi
    - hello
- intent: bye
  examples: |
    - ciao
    - so long
"""
STORIES = """\
stories:
- story: hello
  steps:
  - intent: greet
  - action: utter_greet
rules:
- rule: bye
  steps:
  - intent: bye
  - action: utter_bye
"""
DOMAIN = """\
intents: [greet, bye]
responses:
  utter_greet: [{text: hello}]
  utter_bye: [{text: bye}]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    for name, text in (
        ("config.yml", CONFIG),
        ("domain.yml", DOMAIN),
        ("data/nlu.yml", NLU),
        ("data/stories.yml", STORIES),
    ):
        (tmp_path / name).write_text(text)
    return tmp_path


def checked(folder: Path, *, wants_all: bool = False) -> Checked:
    config, domain = folder / "config.yml", folder / "domain.yml"
    return check(read_parts(config, folder / "data", domain, wants_all=wants_all))


def told(found: Checked) -> str:
    return "\n".join(map(str, found.refusals))


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_sound_project_has_no_findings_and_is_trained_from_the_checks(folder: Path) -> None:
    found = checked(folder, wants_all=True)
    assert found.findings == ()
    assert found.dialogue is not None and found.pipeline is not None
    assistant = Assistant.train_checked(found, augmentation_factor=0)
    assert assistant.parse("hello").intent.name == "greet"
    (message,) = assistant.conversations().handle("ciao").messages
    assert message.text == "bye"


def test_all_parts_are_told_of_at_once(folder: Path) -> None:
    replace(folder / "config.yml", "policies", "polices")
    replace(folder / "domain.yml", "[greet, bye]", "[greet")
    replace(folder / "data" / "nlu.yml", "- intent: bye", "- intet: bye")
    (folder / "data" / "more.yml").write_text("stories:\n- story: none\n")
    (folder / "data" / "other.yml").write_text("nlu:\n- intent: [\n")
    found = checked(folder)
    for place in ("config.yml:4", "domain.yml:2", "nlu.yml:6", "more.yml:2", "other.yml:3"):
        assert place in told(found), place
    assert found.project is None
    with pytest.raises(InputError, match=r"^\d+ faults must be put right:\n- "):
        found.require_sound()


def test_components_policies_stories_and_rules_are_told_of_at_once(folder: Path) -> None:
    (folder / "config.yml").write_text(
        "pipeline:\n- name: MitieTokenizer\n- name: KeywordIntentClassifier\n  case: true\n"
        "- name: FallbackClassifier\n  threshold: high\n"
        "policies:\n- name: NoSuchPolicy\n- name: MemoizationPolicy\n  max_histroy: 3\n"
        "- name: RulePolicy\n"
    )
    with (folder / "data" / "stories.yml").open("a") as file:
        file.write("- rule: rude\n  steps:\n  - intent: bye\n  - action: utter_greet\n")
    lines = told(checked(folder)).splitlines()
    for place, fault in (
        ("config.yml:2", "(got 'MitieTokenizer')"),
        ("config.yml:3", "no option 'case'"),
        ("config.yml:5", "option 'threshold'"),
        ("config.yml:8", "(got 'NoSuchPolicy')"),
        ("config.yml:9", "no option 'max_histroy'"),
        ("stories.yml:11", "contradicts rule 'bye'"),
    ):
        assert any(place in line and fault in line for line in lines), (place, lines)


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"),
    [
        ("data/stories.yml", "action: utter_greet", "action: utter_gret", "no action 'utter_gret'"),
        ("data/stories.yml", "- action: utter_bye", "- action: utter_bye\n  - intent: greet", "2"),
        ("domain.yml", "responses:", "forms:\n  f:\n    required_slots: []\nresponses:", ""),
        ("config.yml", "- name: MemoizationPolicy\n- name: RulePolicy", "- name: X", "'X'"),
        ("data/nlu.yml", "- so long", "- so (long", "a valid regular expression"),
    ],
)
def test_what_training_refuses_is_found(
    folder: Path, file: str, old: str, new: str, fault: str
) -> None:
    replace(folder / file, old, new)
    found = checked(folder)
    if not fault:
        assert found.refusals == []
        replace(folder / "config.yml", "- name: RulePolicy", "- name: MemoizationPolicy")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = checked(folder)
        fault = "forms need RulePolicy"
    assert fault in told(found)
    with pytest.raises(InputError), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        Assistant.train_project(
            read_project(folder / "config.yml", folder / "data", folder / "domain.yml")
        )


def test_mistakes_that_training_can_live_with_are_warned_of(folder: Path) -> None:
    with (folder / "data" / "nlu.yml").open("a") as file:
        file.write("- intent: greet\n  examples: |\n    - ciao\n")
    found = checked(folder)
    assert found.refusals == []
    assert [str(each.where) for each in found.mistakes] == [f"{folder}/data/nlu.yml:12"]
    project = read_project(folder / "config.yml", folder / "data", folder / "domain.yml")
    with pytest.warns(UserWarning) as caught:
        Assistant.train_project(project, augmentation_factor=0)
    messages = [str(warning.message) for warning in caught]
    assert sum("'ciao' is an example of 'greet' and of 'bye'" in text for text in messages) == 1


def test_many_mistakes_are_counted(folder: Path) -> None:
    lines = "".join(f"    - word{number}\n" for number in range(MOST_WARNINGS + 5))
    with (folder / "data" / "nlu.yml").open("a") as file:
        for intent in ("greet", "bye"):
            file.write(f"- intent: {intent}\n  examples: |\n{lines}")
    found = checked(folder)
    with pytest.warns(UserWarning) as caught:
        found.warn()
    assert len(caught) == MOST_WARNINGS + 1
    assert str(caught[-1].message) == "5 more errors: gossamer data validate shows them"


def test_an_emptied_file_is_told_of(folder: Path) -> None:
    (folder / "data" / "nlu.yml").write_text("\n")
    found = checked(folder)
    assert [str(each) for each in found.mistakes] == [
        f"{folder}/data/nlu.yml: error: the file is empty"
    ]
    found = checked(folder, wants_all=True)
    assert "the pipeline needs examples to learn from, but there are none" in told(found)
    assert "gossamer train core" in told(found)
    (folder / "data" / "nlu.yml").write_text(NLU)
    (folder / "data" / "stories.yml").write_text("")
    assert "policies need stories or rules" in told(checked(folder, wants_all=True))
    assert checked(folder).refusals == []


def test_nothing_to_train_on(folder: Path) -> None:
    (folder / "data" / "stories.yml").unlink()
    (folder / "data" / "nlu.yml").write_text("")
    assert "a folder must hold at least one file of NLU data" in told(checked(folder))
    with pytest.raises(InputError, match="training needs examples, stories or rules"):
        Assistant.train_project(Project(config=ProjectConfig()))


def test_a_named_file_must_hold_something_of_a_project(folder: Path) -> None:
    config, domain = folder / "config.yml", folder / "domain.yml"
    data = [folder / "data" / "nlu.yml", folder / "data" / "stories.yml"]
    found = check(read_parts(config, data, domain))
    assert found.findings == () and found.project == read_project(config, data, domain)
    found = check(read_parts(config, [*data, config, folder / "absent.yml"], domain))
    assert "config.yml: a file of training data must hold examples, stories or rules" in told(found)
    assert told(found).count("a path of training data must exist") == 1
    with pytest.raises(DataError, match="2 faults"):
        read_project(config, [*data, config, folder / "absent.yml"], domain)


def test_stories_with_texts_need_features_before_any_epoch(folder: Path) -> None:
    replace(folder / "data" / "stories.yml", "- intent: greet", "- user: hello there")
    replace(folder / "config.yml", "MemoizationPolicy", "TEDPolicy")
    found = checked(folder)
    assert "stories with texts need features of texts (got 'hello there')" in told(found)
    without = check(
        read_parts(folder / "config.yml", folder / "data", folder / "domain.yml", nlu=False)
    )
    assert "stories with texts need an NLU pipeline" in told(without)


def test_examples_that_cannot_be_held_out_are_told_of_before_any_epoch(folder: Path) -> None:
    (folder / "config.yml").write_text(
        "pipeline:\n- name: WhitespaceTokenizer\n- name: CountVectorsFeaturizer\n"
        "- name: DIETClassifier\n  evaluate_on_number_of_examples: 30\n"
        "- name: ResponseSelector\n  evaluate_on_number_of_examples: 40\n"
    )
    with (folder / "data" / "nlu.yml").open("a") as file:
        for key in ("a", "b"):
            file.write(f"- intent: faq/{key}\n  examples: |\n    - {key}?\n    - {key}!\n")
    found = checked(folder)
    for number in (30, 40):
        said = f"evaluate_on_number_of_examples does not fit the training data (got {number})"
        assert said in told(found)


def test_seeds(folder: Path) -> None:
    parts = read_parts(folder / "config.yml", folder / "data", folder / "domain.yml")
    assert "random_seed must be 0 to" in told(check(parts, random_seed=-1))
    assert "random_seed must be 0 to" in told(check(parts, random_seed=2**63))
    assert parts.config is not None
    config = dataclasses.replace(parts.config, policies=())
    found = check(dataclasses.replace(parts, config=config), random_seed=4)
    assert found.project is not None
    assert [part.options.get("random_seed") for part in found.project.config.policies] == [
        None,
        None,
        4,
    ]


def test_rasas_defaults(folder: Path) -> None:
    parts = read_parts(folder / "config.yml", folder / "data", folder / "domain.yml")
    assert parts.config is not None
    without_policies = dataclasses.replace(parts.config, policies=())
    one_intent = pytest.warns(UserWarning, match="UnexpecTEDIntentPolicy learns nothing")
    for config in (parts.config, without_policies):
        given = dataclasses.replace(parts, config=config)
        with one_intent if config is without_policies else contextlib.nullcontext():
            found = check(given, rasa_defaults=True)
        assert found.refusals == [] and found.project is not None
        asked = found.project.config
        assert len(asked.policies) == (4 if config is without_policies else 2)
        items = (*asked.pipeline, *asked.policies)
        assert all(item.options["rasa_defaults"] is True for item in items)
        assert found.pipeline is not None and found.dialogue is not None
        built: tuple[Any, ...] = (
            *found.pipeline.components[:-1],
            *found.dialogue.ensemble.policies,
        )
        assert all(part.options.rasa_defaults for part in built)


@pytest.mark.parametrize("more", [{"random_seed": 1}, {"rasa_defaults": True}])
def test_the_default_pipeline_is_not_asked_for(folder: Path, more: dict[str, Any]) -> None:
    """Stories without examples and without a pipeline: nothing learns to understand."""
    (folder / "data/nlu.yml").unlink()
    replace(folder / "config.yml", CONFIG.partition("policies:")[0], "")
    with pytest.warns(UserWarning, match="no pipeline"):
        parts = read_parts(folder / "config.yml", folder / "data", folder / "domain.yml")
    found = check(parts, **more)
    assert found.refusals == [] and found.pipeline is None
    assert not Assistant.train_checked(found).understands_texts


def test_augmentation_must_not_be_negative(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"must not be negative \(got -1\)"):
        Assistant.train_checked(checked(folder), augmentation_factor=-1)


def test_options_that_change_nothing_are_told_once(folder: Path) -> None:
    replace(
        folder / "config.yml",
        "- name: MemoizationPolicy\n",
        "- name: MemoizationPolicy\n  max_training_samples: 3\n"
        "  featurizer:\n  - name: MaxHistoryTrackerFeaturizer\n    max_history: 2\n",
    )
    replace(folder / "config.yml", "- name: RulePolicy\n", "- name: RulePolicy\n  max_history: 3\n")
    with pytest.warns(UserWarning) as caught:
        found = checked(folder)
    assert [str(warning.message).partition(": ")[2] for warning in caught] == [
        "option 'max_training_samples' of MemoizationPolicy changes nothing: all stories count "
        "here",
        "option 'max_history' of RulePolicy changes nothing: rules see the whole conversation",
    ]
    assert found.dialogue is not None
    assert found.dialogue.ensemble.policies[0].options.max_history == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Assistant.train_checked(found)


def test_parts_of_a_project_that_was_read(folder: Path) -> None:
    project = read_project(folder / "config.yml", folder / "data", folder / "domain.yml")
    found = check(Parts.of(project))
    assert found.findings == () and found.project == project
    nlu_alone = dataclasses.replace(
        project.config, policies=(ComponentConfig(name="NoSuchPolicy"),)
    )
    assert check(Parts.of(Project(config=nlu_alone, nlu=project.nlu))).findings == ()
    assert all(each.severity is Severity.ERROR for each in checked(folder).findings)
