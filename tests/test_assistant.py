from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import gossamer
from gossamer.assistant import Assistant
from gossamer.checks import check, read_parts
from gossamer.data import ComponentConfig, ProjectConfig
from gossamer.data.errors import ConfigError, DataError, InputError, ModelFileError
from gossamer.data.nlu.examples import TrainingData
from gossamer.nlu.estimator.estimator import DIETClassifier
from gossamer.nlu.pipeline.component import EpochReport
from gossamer.nn.storage import load_model, save_model

CONFIG = """\
recipe: default.v1
language: en
assistant_id: tiny
pipeline:
- name: WhitespaceTokenizer
- name: CountVectorsFeaturizer
- name: DIETClassifier
  epochs: 2
  transformer_size: 16
  number_of_attention_heads: 2
  random_seed: 1
- name: FallbackClassifier
  threshold: 0.01
policies:
- name: MemoizationPolicy
"""
NLU = """\
version: "3.1"
nlu:
- intent: greet
  examples: |
    - hello
    - hi there
- intent: travel
  examples: |
    - fly to [Rome](city)
    - a train to [Oslo](city)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "config.yml").write_text(CONFIG)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "nlu.yml").write_text(NLU)
    return tmp_path


def test_train_from_paths(project: Path) -> None:
    told: list[EpochReport] = []
    nlu = project / "data" / "nlu.yml"
    data: list[str | Path | list[str | Path]] = [nlu, str(project / "data"), [nlu, str(nlu)]]
    results = []
    for each in data:
        told.clear()
        assistant = Assistant.train(project / "config.yml", each, on_epoch=told.append)
        assert assistant.intents == ["greet", "travel"]
        assert [(r.epoch, r.n_epochs) for r in told] == [(1, 2), (2, 2)]
        results.append(assistant.parse("fly to Rome"))
    assert results[0] == results[1] == results[2]
    assert str(project / "config.yml") == str(assistant.config.where)


def test_save_and_load(project: Path) -> None:
    assistant = Assistant.train(str(project / "config.yml"), project / "data")
    path = assistant.save(str(project / "models" / "tiny.gossamer"))
    assert path == project / "models" / "tiny.gossamer"
    loaded = Assistant.load(str(path))
    texts = ["hello", "", "fly to Oslo", "🙂", "/greet"]
    assert loaded.parse_many(texts) == assistant.parse_many(texts)
    assert loaded.intents == assistant.intents
    assert loaded.trained_at == assistant.trained_at
    assert loaded.config == assistant.config
    assert loaded.config.assistant_id == "tiny"
    assert [p.name for p in loaded.config.policies] == ["MemoizationPolicy"]
    again = loaded.save(project / "again.gossamer")
    first, second = load_model(path), load_model(again)
    assert first.content == second.content
    assert all((first.arrays[name] == second.arrays[name]).all() for name in first.arrays)


def test_a_model_says_from_when_its_data_are(tmp_path: Path) -> None:
    """What is written while it trains, it does not know."""
    files = {
        "config.yml": "pipeline:\n- name: WhitespaceTokenizer\n- name: KeywordIntentClassifier\n",
        "nlu.yml": "nlu:\n- intent: a\n  examples: '- hello'\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    before = datetime.now(UTC)
    parts = read_parts(tmp_path / "config.yml", [tmp_path / "nlu.yml"], None, dialogue=False)
    read = datetime.now(UTC)
    time.sleep(0.02)
    trained = Assistant.train_checked(check(parts))
    moment = datetime.fromisoformat(trained.trained_at)
    assert before - timedelta(milliseconds=1) <= moment <= read


def test_what_is_stored(travel_assistant: Assistant, tmp_path: Path) -> None:
    content, arrays = load_model(travel_assistant.save(tmp_path / "m"))
    assert set(content) == {"kind", "gossamer_version", "trained_at", "config", "pipeline"}
    assert content["gossamer_version"] == gossamer.__version__
    trained_at = datetime.fromisoformat(content["trained_at"])
    assert trained_at.tzinfo == UTC and trained_at <= datetime.now(UTC)
    names = [part["name"] for part in content["pipeline"]]
    assert names[0] == "WhitespaceTokenizer" and "DIETClassifier" in names
    number = names.index("DIETClassifier")
    assert all(name.split(".")[0].isdigit() for name in arrays)
    assert any(name.startswith(f"{number}.network.") for name in arrays)


def test_training_leaves_the_model_as_small_as_its_connections(
    travel_assistant: Assistant, tmp_path: Path
) -> None:
    _, arrays = load_model(travel_assistant.save(tmp_path / "m"))
    stored = sum(array.nbytes for array in arrays.values())
    assert (tmp_path / "m").stat().st_size < stored + 60_000


def test_parse_many_keeps_the_order(travel_assistant: Assistant, travel_data: TrainingData) -> None:
    texts = [e.text for e in travel_data.examples] + ["", "hello", "  "]
    whole = travel_assistant.parse_many(texts)
    assert [parse.text for parse in whole] == texts
    for batch_size in (1, 3, 100):
        parts = travel_assistant.parse_many(texts, batch_size=batch_size)
        assert [p.intent.name for p in parts] == [p.intent.name for p in whole]
        assert [[e.value for e in p.entities] for p in parts] == [
            [e.value for e in p.entities] for p in whole
        ]
    assert travel_assistant.parse_many([]) == []
    assert travel_assistant.parse(texts[0]).text == texts[0]


def test_one_text_where_many_are_meant(travel_assistant: Assistant) -> None:
    for text in ("hello", ""):
        with pytest.raises(TypeError, match=r"must be a list of strings.*Try: \[text\]"):
            travel_assistant.parse_many(text)


def test_random_seed_overrides_the_configuration(
    tiny_config: Callable[..., ProjectConfig], travel_data: TrainingData
) -> None:
    def confidence(config_seed: int | None, **options: Any) -> float:
        config = tiny_config({"random_seed": config_seed, "epochs": 1})
        assistant = Assistant.train(config, travel_data, **options)
        seeds = [
            part.options["random_seed"]
            for part in assistant.config.pipeline
            if "random_seed" in part.options
        ]
        assert seeds == [options.get("random_seed", config_seed)]
        return assistant.parse("fly to Rome").intent.confidence

    assert confidence(1) == confidence(2, random_seed=1) == confidence(None, random_seed=1)
    assert confidence(1) != confidence(1, random_seed=0)


@pytest.mark.slow
def test_loading_runs_nothing_and_needs_no_project(project: Path) -> None:
    path = Assistant.train(project / "config.yml", project / "data").save(project / "m")
    (project / "config.yml").unlink()
    code = (
        "import sys; from gossamer.assistant import Assistant\n"
        f"print(Assistant.load({str(path)!r}).parse('hello').intent.name)\n"
        "assert 'gossamer.cli' not in sys.modules and 'typer' not in sys.modules\n"
    )
    found = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        env=dict(os.environ),
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.strip() in ("greet", "travel")


def test_another_kind_of_file(tmp_path: Path) -> None:
    model = DIETClassifier(epochs=0, transformer_size=16).fit(["a", "b"], ["x", "y"])
    with pytest.raises(ModelFileError, match=r"must be an assistant \(got 'DIETClassifier'\)"):
        Assistant.load(model.save(tmp_path / "m"))
    with pytest.raises(ModelFileError, match=r"must exist.*gossamer train nlu"):
        Assistant.load(tmp_path / "absent")


@pytest.mark.parametrize("part", ["pipeline", "config", "trained_at"])
@pytest.mark.parametrize("value", [None, 3, [{}]])
def test_a_model_file_made_by_another_hand(
    travel_assistant: Assistant, tmp_path: Path, part: str, value: Any
) -> None:
    """Its checksum is right, its content is not."""
    content, arrays = load_model(travel_assistant.save(tmp_path / "m"))
    if value is None:
        content.pop(part)
    else:
        content[part] = value
    save_model(tmp_path / "m", content, arrays)
    with pytest.raises(ModelFileError):
        Assistant.load(tmp_path / "m")


def test_a_stored_component_of_another_version(travel_assistant: Assistant, tmp_path: Path) -> None:
    for change in ({"name": "NewComponent"}, {"options": {"new_option": 1}}):
        content, arrays = load_model(travel_assistant.save(tmp_path / "m"))
        content["pipeline"][0].update(change)
        save_model(tmp_path / "m", content, arrays)
        with pytest.raises(ModelFileError, match="one that this version can build"):
            Assistant.load(tmp_path / "m")


def test_errors_in_the_project_name_the_place(project: Path) -> None:
    config, nlu = project / "config.yml", project / "data" / "nlu.yml"
    config.write_text(CONFIG.replace("epochs: 2", "epoch: 2"))
    with pytest.raises(ConfigError, match=r"config.yml:7: .*no option 'epoch'.*'epochs'"):
        Assistant.train(config, nlu)
    config.write_text(CONFIG.replace("DIETClassifier", "DIETClasifier"))
    with pytest.raises(ConfigError, match=r"config.yml:7: .*DIETClassifier"):
        Assistant.train(config, nlu)
    config.write_text(CONFIG)
    with pytest.raises(InputError, match=re.escape(str(project / "absent.yml"))):
        Assistant.train(config, project / "absent.yml")
    with pytest.raises(DataError):
        Assistant.train(config, TrainingData())


def test_a_component_unknown_to_the_seed_override(
    tiny_config: Callable[..., ProjectConfig], travel_data: TrainingData
) -> None:
    config = tiny_config()
    config = dataclasses.replace(config, pipeline=(ComponentConfig(name="Nothing"),))
    with pytest.raises(ConfigError, match="one that Gossamer has"):
        Assistant.train(config, travel_data, random_seed=1)
