from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gossamer.data import (
    DEFAULT_PIPELINE,
    ComponentConfig,
    ConfigError,
    ProjectConfig,
    config_from_dict,
    config_to_dict,
    dump_config,
    read_config,
)

Write = Callable[[str, str], Path]
CONFIG = """\
recipe: default.v1
assistant_id: 2024
language: no
importers:
- name: RasaFileImporter
pipeline:
- name: WhitespaceTokenizer
- name: DIETClassifier
  epochs: 5
  learning_rate: 1e-3
  batch_size: [64, 256]
  hidden_layers_sizes: {text: [], label: []}
  token_pattern: null
policies:
- priority: 2
  name: TEDPolicy
"""


def test_everything(write: Write) -> None:
    path = write("config.yml", CONFIG)
    config = read_config(path)
    assert config == ProjectConfig(
        language="no",
        assistant_id="2024",
        pipeline=(
            ComponentConfig(name="WhitespaceTokenizer", options={}),
            ComponentConfig(
                name="DIETClassifier",
                options={
                    "epochs": 5,
                    "learning_rate": 0.001,
                    "batch_size": [64, 256],
                    "hidden_layers_sizes": {"text": [], "label": []},
                    "token_pattern": None,
                },
            ),
        ),
        policies=(ComponentConfig(name="TEDPolicy", options={"priority": 2}),),
        others={"importers": [{"name": "RasaFileImporter"}]},
    )
    assert str(config.pipeline[1].where) == f"{path}:8"


def test_storing_and_writing(write: Write) -> None:
    config = read_config(write("config.yml", CONFIG))
    assert config_from_dict(json.loads(json.dumps(config_to_dict(config)))) == config
    assert read_config(write("again.yml", dump_config(config))) == config
    assert config_from_dict(config_to_dict(ProjectConfig())) == ProjectConfig()


@pytest.mark.parametrize("text", ["", "language: en\n", "pipeline:\n", "pipeline: []\n"])
def test_no_pipeline_means_the_default_one(write: Write, text: str) -> None:
    path = write("config.yml", text)
    with pytest.warns(UserWarning, match=r"config\.yml: no pipeline; the default.*DIETClassifier"):
        config = read_config(path)
    assert config.pipeline == DEFAULT_PIPELINE
    assert [part.name for part in DEFAULT_PIPELINE] == [
        "WhitespaceTokenizer",
        "RegexFeaturizer",
        "LexicalSyntacticFeaturizer",
        "CountVectorsFeaturizer",
        "CountVectorsFeaturizer",
        "DIETClassifier",
        "EntitySynonymMapper",
        "FallbackClassifier",
    ]
    assert DEFAULT_PIPELINE[4].options == {"analyzer": "char_wb", "min_ngram": 1, "max_ngram": 4}
    assert DEFAULT_PIPELINE[5].options == {}
    assert DEFAULT_PIPELINE[7].options == {"threshold": 0.3, "ambiguity_threshold": 0.1}


def test_rasas_defaults_are_asked_of_every_part() -> None:
    config = ProjectConfig(
        language="en",
        pipeline=(
            ComponentConfig(name="WhitespaceTokenizer"),
            ComponentConfig(name="CountVectorsFeaturizer", options={"rasa_defaults": False}),
            ComponentConfig(name="DIETClassifier", options={"epochs": 5}),
        ),
        policies=(ComponentConfig(name="TEDPolicy"),),
        others={"version": "3.1"},
    )
    assert config.with_rasa_defaults() == ProjectConfig(
        language="en",
        pipeline=(
            ComponentConfig(name="WhitespaceTokenizer", options={"rasa_defaults": True}),
            ComponentConfig(name="CountVectorsFeaturizer", options={"rasa_defaults": False}),
            ComponentConfig(name="DIETClassifier", options={"epochs": 5, "rasa_defaults": True}),
        ),
        policies=(ComponentConfig(name="TEDPolicy", options={"rasa_defaults": True}),),
        others={"version": "3.1"},
    )


def test_the_default_pipeline_as_rasa_has_it() -> None:
    ours, rasas = DEFAULT_PIPELINE, ProjectConfig().with_rasa_defaults().pipeline
    assert [part.name for part in rasas] == [part.name for part in ours]
    more = {"DIETClassifier": {"epochs": 100, "constrain_similarities": True}}
    for part, as_rasa in zip(ours, rasas, strict=True):
        expected = {"rasa_defaults": True, **part.options, **more.get(part.name, {})}
        assert as_rasa.options == expected
    # A pipeline that the file itself names has the defaults of its components.
    written = ProjectConfig(pipeline=(ComponentConfig(name="DIETClassifier"),))
    (diet,) = written.with_rasa_defaults().pipeline
    assert diet.options == {"rasa_defaults": True}


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("- a\n", 1, "must be a mapping with the key 'pipeline'"),
        ("language: en\npipeline: supervised_embeddings\n", 2, "templates of Rasa 1 are gone"),
        ("pipeline:\n  name: A\n", 2, "'pipeline' must be a list"),
        ("pipeline:\n- WhitespaceTokenizer\n", 2, "Try: - name: WhitespaceTokenizer"),
        ("pipeline:\n- [a]\n", 2, "must be a mapping with the key 'name'"),
        ("pipeline:\n- name: A\n- epochs: 5\n", 3, "an item of 'pipeline' needs a name"),
        ("pipeline:\n- name:\n", 2, "needs a name"),
        ("pipeline:\n- name: 5\n", 2, "needs a name"),
        ("pipeline:\n- name: A\n  3: 4\n", 3, "name of an option must be a text"),
        ("pipeline:\n- name: A\npolicies:\n- b\n", 4, "an item of 'policies'"),
        ("recipe: graph.v1\n", 1, "recipe must be default.v1"),
        ("language: [en]\n", 1, "'language' must be a text"),
        ("pipeline:\n- name: A\n  epochs: 1\n  epochs: 2\n", 4, "once in a mapping"),
        ("pipeline:\n- name: [\n", 3, "well-formed"),
    ],
)
def test_errors_name_the_line(write: Write, text: str, line: int, said: str) -> None:
    path = write("config.yml", text)
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert said in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="must be a file"):
        read_config(tmp_path / "config.yml")
    (tmp_path / "config.yml").write_bytes(b"language: \xff")
    with pytest.raises(ConfigError, match=r"config\.yml:1: a file must be UTF-8"):
        read_config(tmp_path / "config.yml")


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"pipeline": {}},
        {"pipeline": [{"epochs": 1}]},
        {"pipeline": [{"name": "A"}], "recipe": 3},
    ],
)
def test_stored_configurations_are_checked(content: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        config_from_dict(content)


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("pipelin", "'pipeline', or one of"),
        ("polices", "'policies', or one of"),
        ("Pipeline", "'pipeline', or one of"),
        ("colour", "removing it, or one of recipe, assistant_id, language, pipeline"),
        ("3", "removing it"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(
    write: Write, key: str, near: str
) -> None:
    path = write("config.yml", f"language: en\n{key}:\n- name: WhitespaceTokenizer\n")
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    assert str(caught.value).startswith(
        f"{path}:2: a key of the configuration must be one that Gossamer or Rasa knows "
        f"(got '{key}')"
    )
    assert f"Try: {near}" in str(caught.value)


def test_all_faults_are_told_at_once(write: Write) -> None:
    path = write(
        "config.yml",
        "recipe: graph.v1\nlanguage: [en]\npolices: []\npipeline:\n- name: A\n- b\n- 3: 4\n",
    )
    with pytest.raises(ConfigError, match=r"^5 faults must be put right:\n- ") as caught:
        read_config(path)
    places = [fault.where.line for fault in caught.value.faults if fault.where is not None]
    assert places == [3, 1, 2, 6, 7]


def test_keys_of_rasa_are_kept(write: Write) -> None:
    text = (
        'version: "3.1"\nimporters: []\nimports: [a]\ncore_target: x\nnlu_target: y\n'
        "train_schema: {}\npredict_schema: {}\nspaces: []\npipeline:\n- name: A\n"
    )
    assert len(read_config(write("config.yml", text)).others) == 8
