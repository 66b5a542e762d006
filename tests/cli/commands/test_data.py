from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gossamer.data import read_stories, read_test_stories, read_training_data

Run = Callable[..., Any]


def test_split(run: Run, project: Path) -> None:
    result = run("data", "split", "nlu", "--random-seed", "1")
    assert result.exit_code == 0, result.stderr
    train = read_training_data(project / "train_test_split" / "training_data.yml")
    test = read_training_data(project / "train_test_split" / "test_data.yml")
    assert (len(train.examples), len(test.examples)) == (8, 2)
    assert train.intents == test.intents == ["greet", "travel"]
    assert result.stdout.splitlines() == [
        "train_test_split/training_data.yml: 8 examples",
        "train_test_split/test_data.yml: 2 examples",
    ]


def test_split_by_a_fraction_that_is_none(run: Run, project: Path) -> None:
    result = run("data", "split", "nlu", "--training-fraction", "1.5")
    assert result.exit_code == 1
    assert "training_fraction must be above 0 and below 1 (got 1.5)" in result.stderr
    assert not (project / "train_test_split").exists()


def test_validate_good_data(run: Run, project: Path) -> None:
    result = run("data", "validate", "--config", "config.yml", "--fail-on-warnings")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "10 examples, 2 intents, 1 entity type: 0 errors, 0 warnings\n"


def test_validate_names_the_place_of_an_error(run: Run, project: Path) -> None:
    with (project / "data" / "nlu.yml").open("a", encoding="utf-8") as file:
        file.write("- intent: other\n  examples: |\n    - hello\n    - well\n")
    result = run("data", "validate")
    assert result.exit_code == 1
    assert "nlu.yml:" in result.stdout
    assert ": error: " in result.stdout
    assert "1 error, 0 warnings" in result.stdout


def test_warnings_fail_only_when_asked(run: Run, project: Path) -> None:
    with (project / "data" / "nlu.yml").open("a", encoding="utf-8") as file:
        file.write("- intent: lonely\n  examples: |\n    - once\n")
    result = run("data", "validate")
    assert result.exit_code == 0
    assert "warning: " in result.stdout
    assert run("data", "validate", "--fail-on-warnings").exit_code == 1


def test_warnings_of_the_readers_count(run: Run, project: Path) -> None:
    (project / "config.yml").write_text("language: en\n", encoding="utf-8")
    result = run("data", "validate", "--config", "config.yml", "--fail-on-warnings")
    assert result.exit_code == 1
    assert "warning: config.yml: no pipeline" in result.stdout


def test_validate_checks_the_components(run: Run, project: Path) -> None:
    (project / "config.yml").write_text("pipeline:\n- name: Telepathy\n", encoding="utf-8")
    result = run("data", "validate", "--config", "config.yml")
    assert result.exit_code == 1
    assert "config.yml:2: error: a pipeline component must be one" in result.stdout
    assert "Telepathy" in result.stdout
    assert "10 examples, 2 intents, 1 entity type: 1 error, 0 warnings" in result.stdout


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("out/nlu.json", []),
        ("out/nlu.md", []),
        ("out/nlu.yml", []),
        ("nlu.txt.yaml", ["--format", "yaml"]),
    ],
)
def test_converted_data_are_the_same(
    run: Run, project: Path, name: str, options: list[str]
) -> None:
    result = run("data", "convert", "nlu", "--data", "data", "--out", name, *options)
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"{name}: 10 examples\n"
    before, after = read_training_data(project / "data"), read_training_data(project / name)
    assert set(after.examples) == set(before.examples)


def test_what_a_format_cannot_carry_is_an_error(run: Run, project: Path) -> None:
    result = run("data", "convert", "nlu", "--out", "out.csv")
    assert result.exit_code == 1
    assert "entities" in result.stderr
    assert not (project / "out.csv").exists()


def test_an_unknown_ending_needs_a_format(run: Run, project: Path) -> None:
    result = run("data", "convert", "nlu", "--out", "nlu.txt")
    assert result.exit_code == 2
    assert "--format" in result.stderr


@pytest.mark.parametrize("out", ["data/nlu.yml", "data/more/nlu.json"])
def test_data_are_not_converted_into_their_own_folder(run: Run, project: Path, out: str) -> None:
    before = (project / "data" / "nlu.yml").read_text()
    result = run("data", "convert", "nlu", "--nlu", "data", "--out", out)
    assert result.exit_code == 1
    assert "must not go where they were read from" in result.stderr
    assert (project / "data" / "nlu.yml").read_text() == before
    assert [path.name for path in (project / "data").iterdir()] == ["nlu.yml"]


STORIES = """\
stories:
- story: hello
  steps:
  - intent: greet
  - action: utter_greet
- story: away
  steps:
  - intent: travel
  - action: utter_travel
rules:
- rule: greet
  steps:
  - intent: greet
  - action: utter_greet
"""
DOMAIN = """\
intents: [greet, travel]
entities: [city]
responses:
  utter_greet:
  - text: hello
  utter_travel:
  - text: away
"""


@pytest.fixture
def dialogue(project: Path) -> Path:
    """The project with stories and a domain."""
    (project / "data" / "stories.yml").write_text(STORIES, encoding="utf-8")
    (project / "domain.yml").write_text(DOMAIN, encoding="utf-8")
    return project


def test_split_stories(run: Run, dialogue: Path) -> None:
    result = run("data", "split", "stories", "data", "--random-seed", "1", "--fraction", "0.5")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == [
        "train_test_split/training_stories.yml: 1 story, 1 rule",
        "train_test_split/test_stories.yml: 1 story",
    ]
    parts = read_stories(dialogue / "train_test_split")
    assert set(parts.stories) == set(read_stories(dialogue / "data").stories)
    assert len(read_test_stories(dialogue / "train_test_split").stories) == 1
    result = run("data", "split", "stories", "--training-fraction", "0", "--out", "other")
    assert (result.exit_code, (dialogue / "other").exists()) == (1, False)
    assert "fraction must be above 0 and below 1 (got 0.0)" in result.stderr


def test_validate_a_whole_project(run: Run, dialogue: Path) -> None:
    summary = "10 examples, 2 intents, 1 entity type, 2 stories, 1 rule, 15 actions: "
    for options in ([], ["--domain", "domain.yml", "--stories", "data", "--nlu", "data/nlu.yml"]):
        result = run("data", "validate", "--fail-on-warnings", *options)
        assert (result.exit_code, result.stderr) == (0, ""), result.stdout
        assert result.stdout == f"{summary}0 errors, 0 warnings\n"


def test_validate_shows_what_is_wrong_in_every_part(run: Run, dialogue: Path) -> None:
    (dialogue / "data" / "stories.yml").write_text(STORIES.replace("utter_travel", "utter_travl"))
    (dialogue / "domain.yml").write_text(DOMAIN.replace("travel]", "leave]"))
    result = run("data", "validate")
    assert result.exit_code == 1
    for said in (
        "stories.yml:9: error: story 'away': the domain has no action 'utter_travl'; did you mean "
        "'utter_travel'?",
        "the domain has no intent 'travel', which has examples",
        "domain.yml:1: warning: intent 'leave' of the domain has no examples",
        "no story or rule says response 'utter_travel'",
    ):
        assert said in result.stdout
    assert "15 actions: 3 errors, 2 warnings" in result.stdout


def test_validate_goes_on_when_a_part_cannot_be_read(run: Run, dialogue: Path) -> None:
    (dialogue / "domain.yml").write_text("intents: [\n")
    with (dialogue / "data" / "stories.yml").open("a", encoding="utf-8") as file:
        file.write("- rule: none\n")
    with (dialogue / "data" / "nlu.yml").open("a", encoding="utf-8") as file:
        file.write("- intent: other\n  examples: |\n    - hello\n    - well\n")
    result = run("data", "validate")
    assert result.exit_code == 1
    assert "data/stories.yml:15: error: a rule needs steps" in result.stdout
    assert "domain.yml:2: error: " in result.stdout
    assert "12 examples, 3 intents, 1 entity type: 3 errors, 0 warnings" in result.stdout


def test_validate_stories_alone(run: Run, dialogue: Path) -> None:
    (dialogue / "data").rename(dialogue / "elsewhere")
    result = run("data", "validate", "--stories", "elsewhere/stories.yml")
    assert result.exit_code == 0, result.stdout
    assert "2 stories, 1 rule, 15 actions: 0 errors, 0 warnings" in result.stdout
    result = run("data", "validate")
    assert result.exit_code == 1
    assert result.stdout.count("data: error: a path of training data must exist") == 1
    assert "1 error, 0 warnings" in result.stdout


def test_validate_knows_whether_rules_are_restricted(run: Run, dialogue: Path) -> None:
    more = "  - intent: travel\n  - action: utter_travel\n"
    (dialogue / "data" / "stories.yml").write_text(STORIES + more)
    assert "the user speaks 2 times" in run("data", "validate").stdout
    with (dialogue / "config.yml").open("a", encoding="utf-8") as file:
        file.write("policies:\n- name: RulePolicy\n  restrict_rules: false\n")
    result = run("data", "validate", "--config", "config.yml")
    assert (result.exit_code, "0 errors, 0 warnings" in result.stdout) == (0, True)


def test_convert_stories(run: Run, dialogue: Path) -> None:
    (dialogue / "old.md").write_text("## hello\n* greet\n  - utter_greet\n  - followup{}\n")
    result = run("data", "convert", "stories", "--data", "old.md", "--out", "new/stories.yml")
    assert result.exit_code == 1
    assert "old.md:4" in result.stderr
    (dialogue / "old.md").write_text("## hello\n* greet\n  - utter_greet\n")
    result = run("data", "convert", "stories", "--data", "old.md", "--out", "new/stories.yml")
    assert (result.exit_code, result.stdout) == (0, "new/stories.yml: 1 story\n"), result.stderr
    assert read_stories("new/stories.yml") == read_stories("old.md")
    result = run("data", "convert", "stories", "--out", "data/stories.yml")
    assert result.exit_code == 1
    assert "must not go where they were read from" in result.stderr


OLD_DOMAIN = "intents: [greet]\nentities: [city]\nslots:\n  city: {type: text}\n"


def test_migrate_a_domain(run: Run, project: Path) -> None:
    (project / "domain.yml").write_text(OLD_DOMAIN, encoding="utf-8")
    result = run("data", "migrate", "-d", "domain.yml", "--out", "new.yml")
    assert (result.exit_code, result.stdout) == (0, "new.yml\n")
    assert (project / "domain.yml").read_text(encoding="utf-8") == OLD_DOMAIN
    result = run("data", "migrate")
    assert (result.exit_code, result.stdout) == (0, "original_domain.yml\ndomain.yml\n")
    assert (project / "original_domain.yml").read_text(encoding="utf-8") == OLD_DOMAIN
    assert "from_entity" in (project / "domain.yml").read_text(encoding="utf-8")
    result = run("data", "migrate", "--out", "new.yml")
    assert result.exit_code == 1


def test_migrate_a_project(run: Run, project: Path) -> None:
    (project / "domain.yml").write_text(OLD_DOMAIN, encoding="utf-8")
    assert run("data", "migrate", "--out", "data/new").exit_code == 1
    result = run("data", "migrate", "--out", "new")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.split() == ["new/config.yml", "new/domain.yml", "new/data/nlu.yml"]
    assert read_training_data(project / "new" / "data") == read_training_data(project / "data")
    result = run("data", "migrate", "--out", "new")
    assert result.exit_code == 1
    assert "must not replace another" in result.stderr


def test_migrate_a_project_without_a_domain(run: Run, project: Path) -> None:
    result = run("data", "migrate", "--out", "new")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.split() == ["new/config.yml", "new/data/nlu.yml"]
    missing = run("data", "migrate", "--domain", "other.yml", "--out", "newer")
    assert missing.exit_code == 1
    assert "other.yml" in missing.stderr


def test_augment(run: Run, project: Path) -> None:
    with (project / "data" / "nlu.yml").open("a", encoding="utf-8") as file:
        file.write("- lookup: city\n  examples: |\n    - Oslo\n    - Lima\n")
    arguments = ("data", "augment", "nlu", "--factor", "2", "--random-seed", "1", "--out", "n.yml")
    result = run(*arguments)
    assert (result.exit_code, result.stderr) == (0, "")
    new = read_training_data(project / "n.yml")
    assert result.stdout == f"n.yml: {len(new.examples)} examples\n"
    assert 5 <= len(new.examples) <= 10
    assert new.intents == ["travel"]
    assert {str(entity.value) for e in new.examples for entity in e.entities} == {"Oslo", "Lima"}
    text = (project / "n.yml").read_text(encoding="utf-8")
    assert run(*arguments).exit_code == 0
    assert (project / "n.yml").read_text(encoding="utf-8") == text
    result = run(*arguments[:-1], "n.json")
    assert result.exit_code == 2 and "ends in .yml" in result.stderr
    assert not (project / "n.json").exists()
