"""Projects of Rasa 1 and 2, written as Rasa 3: what is read from them is the same as before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gossamer.data import (
    DataError,
    InputError,
    read_config,
    read_domain,
    read_stories,
    read_training_data,
)
from gossamer.data.migration.config import migrate_config
from gossamer.data.migration.project import (
    Migration,
    migrate_domain,
    migrate_in_place,
    migrate_project,
    refuse_to_replace,
)

Write = Callable[[str, str], Path]

DOMAIN = """\
# of the year 2020
intents:
- greet: {triggers: utter_greet}
- bye: {triggers: utter_bye, use_entities: []}
- inform
entities: [city]
slots:
  city: {type: text}
  day: {type: unfeaturized}
  note: {type: text}
forms:
  trip_form:
    day: [{type: from_text}]
templates:
  utter_greet: [Hello]
  utter_bye: [Bye]
"""
CONFIG = """\
language: en
pipeline:
- name: WhitespaceTokenizer
- name: CountVectorsFeaturizer
- name: DIETClassifier
  weight_sparsity: 0.8
  epochs: 5
policies:
- name: MappingPolicy
- name: FormPolicy
- name: EmbeddingPolicy
  max_history: 4
  embed_dim: 20
- name: TwoStageFallbackPolicy
  nlu_threshold: 0.5
"""


MARKDOWN = "<!-- x -->\n## intent:inform\n- to [Rome](city)\n- [NYC](city:New York)\n"
YAML = """\
version: "2.0"
# kept
nlu:
- intent: greet
  examples: "- hi"
"""


def put(migration: Migration) -> None:
    for path, content in migration.files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@pytest.mark.filterwarnings("ignore:.*'triggers' of intent:UserWarning")
def test_a_project_of_rasa_1(write: Write, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    write("old/domain.yml", DOMAIN)
    write("old/config.yml", CONFIG)
    write(
        "old/data/nlu.md",
        "<!-- x -->\n## intent:inform\n- to [Rome](city)\n- [NYC](city:New York)\n",
    )
    write("old/data/deep/stories.md", '## one\n* inform{"city": "Rome"}\n  - utter_bye\n')
    write(
        "old/data/more.yml", 'version: "2.0"\n# kept\nnlu:\n- intent: greet\n  examples: "- hi"\n'
    )
    write("old/data/synonyms.md", "## synonym:Rome\n- Roma\n")
    write("old/data/places.txt", "Rome\nOslo\n")
    write("old/data/.hidden", "x")
    migration = migrate_project([old / "domain.yml"], [old / "data"], old / "config.yml", new)
    put(migration)
    names = {path.relative_to(new).as_posix() for path in migration.files}
    assert names == {
        "domain.yml", "config.yml", "data/nlu.yml", "data/deep/stories.yml", "data/more.yml",
        "data/places.txt", "data/migrated_rules.yml", "data/synonyms.yml",
    }  # fmt: skip
    assert read_training_data(old / "data").examples != ()
    # The files are read in the order of their names, which is another one for nlu.yml.
    for name in ("nlu", "more"):
        (file,) = (old / "data").glob(f"{name}.*")
        assert read_training_data(file) == read_training_data(new / "data" / f"{name}.yml")
    assert read_stories(old / "data").stories == read_stories(new / "data").stories
    assert (new / "data" / "more.yml").read_text().startswith('version: "3.1"\n# kept\n')
    before = read_domain(old / "domain.yml")
    after = read_domain(new / "domain.yml")
    assert (after.intents, after.slots, after.forms) == (before.intents, before.slots, before.forms)
    assert after.responses == before.responses
    text = (new / "domain.yml").read_text()
    assert text.startswith('version: "3.1"\n')
    assert "triggers" not in text
    config = read_config(new / "config.yml")
    assert [part.name for part in config.policies] == ["TEDPolicy", "RulePolicy"]
    assert config.policies[0].options == {"max_history": 4}
    assert config.policies[1].options == {
        "core_fallback_threshold": 0.3,
        "core_fallback_action_name": "action_default_fallback",
        "enable_fallback_prediction": True,
    }
    assert config.pipeline[2].options == {"connection_density": 0.2, "epochs": 5}
    assert config.pipeline[3].name == "FallbackClassifier"
    assert config.pipeline[3].options == {"threshold": 0.5, "ambiguity_threshold": 0.1}
    rules = read_stories(new / "data" / "migrated_rules.yml").rules
    assert [rule.name for rule in rules] == [
        "bye triggers utter_bye", "greet triggers utter_greet", "ask twice what was meant",
    ]  # fmt: skip
    told = "\n".join(migration.notes)
    for note in (
        "FormPolicy became RulePolicy", "each form needs a rule",
        "EmbeddingPolicy became TEDPolicy",
        "comments of the domain are not kept", "nlu.md: comments are not kept",
        "filled by actions alone: note",
        "weight_sparsity of DIETClassifier became connection_density",
        "migrated_rules.yml: rules for what old policies did",
    ):  # fmt: skip
        assert note in told


def test_a_domain_in_its_place(write: Write, tmp_path: Path) -> None:
    old = DOMAIN.replace("{triggers: utter_greet}", "{use_entities: []}").replace(
        "triggers: utter_bye, ", ""
    )
    path = write("domain.yml", old)
    before = read_domain(path)
    put(migrate_in_place(path))
    assert (tmp_path / "original_domain.yml").read_text() == old
    assert read_domain(path) == before
    with pytest.raises(DataError, match="must not replace another") as caught:
        migrate_in_place(path)
    assert "original_domain.yml" in str(caught.value)
    with pytest.raises(DataError, match="must be one of Rasa 1 or 2"):
        migrate_domain([path], tmp_path / "new.yml")
    with pytest.raises(DataError, match="must be one file"):
        migrate_in_place(tmp_path)


def test_a_domain_of_several_files_becomes_one(write: Write, tmp_path: Path) -> None:
    write("domain/a.yml", "intents: [greet]\nslots:\n  x: {type: text}\n")
    write("domain/b.yml", "actions: [action_x]\n")
    put(migrate_domain([tmp_path / "domain"], tmp_path / "new.yml"))
    assert read_domain(tmp_path / "new.yml") == read_domain(tmp_path / "domain")


def test_what_is_up_to_date_stays_as_it_is(write: Write, tmp_path: Path) -> None:
    domain = write("old/domain.yml", 'version: "3.1"\nintents: [a]  # first\n')
    config = write("old/config.yml", "language: en  # English\npipeline:\n- name: X\n")
    migration = migrate_project([domain], [], config, tmp_path / "new")
    assert migration.notes == ()
    assert migration.files[tmp_path / "new" / "domain.yml"] == domain.read_bytes()
    assert migration.files[tmp_path / "new" / "config.yml"] == config.read_bytes()


def test_faults_come_together_and_name_their_files(write: Write, tmp_path: Path) -> None:
    write("data/a.md", '## one\n* inform{"a": }\n  - utter_x\n')
    write("data/b.md", "## intent:y\n- hi\n")
    write("data/b.yml", "nlu:\n- intent: y\n  examples: '- ho'\n")
    with pytest.raises(InputError) as caught:
        migrate_project([], [tmp_path / "data"], None, tmp_path / "new")
    assert "a.md:2" in str(caught.value)
    assert "two files must not become one" in str(caught.value)
    with pytest.raises(DataError, match="a path of training data must exist"):
        migrate_project([], [tmp_path / "nothing"], None, tmp_path / "new")


def test_what_was_learnt_from_how_many_turns_is_kept(write: Write) -> None:
    path = write(
        "config.yml",
        "pipeline:\n- name: X\npolicies:\n- name: KerasPolicy\n  epochs: 9\n  featurizer:\n"
        "  - name: MaxHistoryTrackerFeaturizer\n    max_history: 7\n",
    )
    path.write_text(migrate_config(path).text)
    (policy,) = read_config(path).policies
    assert policy.name == "TEDPolicy"
    assert policy.options == {"epochs": 9, "max_history": 7}


FALLBACK = "policies:\n- name: FallbackPolicy\n  nlu_threshold: 0.4\n"


def test_thresholds_for_messages_are_kept_or_named(write: Write) -> None:
    own = "- name: FallbackClassifier\n  threshold: 0.2\n  ambiguity_threshold: 0.1\n"
    path = write("own.yml", f"pipeline:\n- name: X\n{own}{FALLBACK}")
    migrated = migrate_config(path)
    assert "keeps its own thresholds; the policy had threshold 0.4, ambiguity_threshold 0.1" in (
        "\n".join(migrated.notes)
    )
    assert "threshold: 0.2" in migrated.text
    path = write("none.yml", FALLBACK)
    migrated = migrate_config(path)
    assert "the default pipeline is written out" in "\n".join(migrated.notes)
    path.write_text(migrated.text)
    pipeline = read_config(path).pipeline
    assert pipeline[0].name == "WhitespaceTokenizer"
    assert [part.options for part in pipeline if part.name == "FallbackClassifier"] == [
        {"threshold": 0.4, "ambiguity_threshold": 0.1}
    ]


def test_a_pipeline_that_was_not_written_is_not_written(write: Write) -> None:
    path = write("config.yml", "policies:\n- name: FormPolicy\n")
    migrated = migrate_config(path)
    assert "RulePolicy" in migrated.text
    assert "pipeline" not in migrated.text


def test_nothing_is_replaced(write: Write, tmp_path: Path) -> None:
    one, two = write("a", ""), write("b", "")
    with pytest.raises(DataError, match="must not replace another") as caught:
        refuse_to_replace([one, tmp_path / "c", two])
    assert all(str(path) in str(caught.value) for path in (one, two))


@pytest.mark.shared_data
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("name", "data"), [("workshop", "train"), ("sara", "data")])
def test_public_projects(shared_data: Path, tmp_path: Path, name: str, data: str) -> None:
    old = shared_data / name
    domain = old / "domain.yml"
    put(migrate_project([domain], [old / data], None, tmp_path))
    assert read_domain(tmp_path / "domain.yml") == read_domain(domain)
    assert read_stories(tmp_path / "data") == read_stories(old / data)
