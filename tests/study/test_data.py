"""What a study reads, and how it is named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import small_study
from small_study import STARTER, read_project, write_project

import gossamer
from gossamer.data.errors import ConfigError, DataError, InputError
from gossamer.study import Method, Run, StudyData, Task, read_study_data


def run_of(task: Task, **changes: Any) -> Run:
    usual: dict[str, Any] = {"density": 0.2, "size": 16, "seed": 3, "epochs": 2}
    return Run(task=task, **usual | changes)


def test_the_pipeline_ends_with_diet(intents: StudyData) -> None:
    assert [item.name for item in intents.config.pipeline] == [
        "WhitespaceTokenizer",
        "CountVectorsFeaturizer",
        "DIETClassifier",
    ]
    assert (intents.n_train(), intents.n_test()) == (10, 4)
    assert intents.names["holdout"] is None


def test_dialogue_is_ted_alone(read: Callable[[str], StudyData]) -> None:
    data = read("dialogue")
    assert [item.name for item in data.config.policies] == ["TEDPolicy"]
    assert data.project is not None
    assert data.project.stories.rules == ()
    assert data.n_train() == len(data.project.stories.stories) > 5
    assert data.test_stories is not None
    assert data.n_test() == len(data.test_stories.stories) > 1


def test_without_ted_in_the_configuration_it_has_its_defaults(tmp_path: Path) -> None:
    write_project(tmp_path)
    config = tmp_path / "config.yml"
    config.write_text("policies:\n- name: RulePolicy\n", encoding="utf-8")
    (policy,) = read_project(tmp_path, "dialogue").config.policies
    assert (policy.name, dict(policy.options)) == ("TEDPolicy", {"rasa_defaults": True})


def test_studies_are_of_rasas_defaults(tmp_path: Path) -> None:
    write_project(tmp_path)
    pipeline = read_project(tmp_path, "intent").config.pipeline
    assert [part.options["rasa_defaults"] for part in pipeline] == [True, True, True]
    (policy,) = read_project(tmp_path, "dialogue").config.policies
    assert policy.options["rasa_defaults"] is True
    config = tmp_path / "config.yml"
    text = config.read_text("utf-8").replace("Featurizer\n", "Featurizer\n  rasa_defaults: false\n")
    config.write_text(text, encoding="utf-8")
    pipeline = read_project(tmp_path, "intent").config.pipeline
    assert [part.options["rasa_defaults"] for part in pipeline] == [True, False, True]


def test_rows_of_before_there_were_other_defaults_are_known(tmp_path: Path) -> None:
    # The digest that these files had when Rasa's defaults were the only ones.
    assert read_project(write_project(tmp_path), "intent").digest == "add46e55605e337a"


def test_the_configuration_of_a_run(read: Callable[[str], StudyData]) -> None:
    diet = read("entity").config_for(run_of(Task.ENTITY, options={"drop_rate": 0.0}))
    options = diet.pipeline[-1].options
    assert options["embedding_dimension"] == 8  # as the file says
    assert {name: options[name] for name in ("epochs", "random_seed", "transformer_size")} == {
        "epochs": 2,
        "random_seed": 3,
        "transformer_size": 16,
    }
    assert (options["connection_density"], options["topology"]) == (0.2, "blocked")
    assert (options["intent_classification"], options["entity_recognition"]) == (False, True)
    assert options["drop_rate"] == 0.0
    ted = read("dialogue").config_for(run_of(Task.DIALOGUE))
    assert ted.policies[-1].options["transformer_size"] == 16
    assert "entity_recognition" not in ted.policies[-1].options


def test_pruning_starts_dense(intents: StudyData) -> None:
    def density(method: Method) -> Any:
        config = intents.config_for(run_of(Task.INTENT, method=method, topology="uniform"))
        return config.pipeline[-1].options["connection_density"]

    assert {method: density(method) for method in Method} == {
        Method.FIXED: 0.2,
        Method.ONE_SHOT: 1.0,
        Method.GRADUAL: 1.0,
        Method.SET: 0.2,
        Method.RIGL: 0.2,
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [("connection_density", 0.5), ("epochs", 9), ("random_seed", 1), ("entity_recognition", True)],
)
def test_options_do_not_contradict_what_a_row_says(
    intents: StudyData, name: str, value: Any
) -> None:
    with pytest.raises(ConfigError, match=f"must not be given as well .*{name}"):
        intents.config_for(run_of(Task.INTENT, options={name: value}))


def test_the_digest_does_not_depend_on_where_files_lie(tmp_path: Path, intents: StudyData) -> None:
    write_project(tmp_path)
    assert read_project(tmp_path).digest == intents.digest
    # Another name, other lines, comments.
    (tmp_path / "nlu.yml").rename(tmp_path / "other.yml")
    other = tmp_path / "other.yml"
    other.write_text("# a comment\n\n" + small_study.TRAIN, encoding="utf-8")
    data = read_study_data("intent", tmp_path / "config.yml", other, tmp_path / "test.yml")
    assert data.digest == intents.digest
    assert data.names != intents.names


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("nlu.yml", "good morning", "good evening"),
        ("nlu.yml", "[Oslo](city)", "[Oslo](town)"),
        ("test.yml", "- hello", "- hallo"),
        ("config.yml", "embedding_dimension: 8", "embedding_dimension: 9"),
        ("config.yml", "language: en", "language: de"),
    ],
)
def test_the_digest_changes_with_what_is_read(
    tmp_path: Path, intents: StudyData, file: str, old: str, new: str
) -> None:
    path = write_project(tmp_path) / file
    assert old in path.read_text(encoding="utf-8")
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    assert read_project(tmp_path).digest != intents.digest


def test_what_takes_no_part_does_not_change_the_digest(tmp_path: Path, intents: StudyData) -> None:
    path = write_project(tmp_path) / "config.yml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("FallbackClassifier", "EntitySynonymMapper"), encoding="utf-8")
    assert read_project(tmp_path).digest == intents.digest


@pytest.mark.slow
def test_digests_are_the_same_in_another_process(
    small_project: Path, read: Callable[[str], StudyData]
) -> None:
    program = (
        "import json, sys, pathlib, small_study\n"
        "folder = pathlib.Path(sys.argv[1])\n"
        "tasks = ('intent', 'entity', 'dialogue')\n"
        "print(json.dumps([small_study.read_project(folder, task).digest for task in tasks]))\n"
    )
    paths = [str(Path(gossamer.__file__).parents[1]), str(Path(small_study.__file__).parent)]
    environment = os.environ | {"PYTHONHASHSEED": "12345", "PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        [sys.executable, "-c", program, str(small_project)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == [
        read(task).digest for task in ("intent", "entity", "dialogue")
    ]


def test_a_share_held_out(small_project: Path) -> None:
    def held_out(seed: int) -> StudyData:
        return read_study_data(
            "intent",
            small_project / "config.yml",
            small_project / "nlu.yml",
            holdout=0.3,
            holdout_seed=seed,
        )

    data = held_out(0)
    assert data.examples is not None
    assert data.test_examples is not None
    train = {example.text for example in data.examples.examples}
    test = {example.text for example in data.test_examples.examples}
    assert not train & test
    assert (len(train), len(test)) == (7, 3)
    assert data.names["holdout"] == [0.3, 0]
    assert data.names["test"] is None
    assert held_out(0).digest == data.digest
    assert len({held_out(seed).digest for seed in range(4)}) > 1


def test_stories_held_out(small_project: Path) -> None:
    data = read_study_data(
        "dialogue",
        small_project / "config.yml",
        STARTER / "data" / "stories.yml",
        domain=STARTER / "domain.yml",
        holdout=0.25,
    )
    assert data.project is not None
    assert data.test_stories is not None
    train = {story.name for story in data.project.stories.stories}
    test = {story.name for story in data.test_stories.stories}
    assert train
    assert test
    assert not train & test


@pytest.mark.parametrize("share", [0.0, 1.0, -0.2, 1.5, float("nan")])
def test_a_share_that_cannot_be(small_project: Path, share: float) -> None:
    with pytest.raises(InputError, match=rf"above 0 and below 1 \(got {share}\)"):
        read_study_data(
            "intent", small_project / "config.yml", small_project / "nlu.yml", holdout=share
        )


def test_test_data_or_a_share_not_both_or_neither(small_project: Path) -> None:
    config, nlu = small_project / "config.yml", small_project / "nlu.yml"
    with pytest.raises(InputError, match="got 'neither'"):
        read_study_data("intent", config, nlu)
    with pytest.raises(InputError, match="got 'both'"):
        read_study_data("intent", config, nlu, nlu, holdout=0.2)


def test_a_pipeline_without_diet(tmp_path: Path) -> None:
    write_project(tmp_path)
    (tmp_path / "config.yml").write_text(
        "pipeline:\n- name: WhitespaceTokenizer\n- name: KeywordIntentClassifier\n",
        encoding="utf-8",
    )
    with pytest.raises(ConfigError, match="needs a DIETClassifier"):
        read_project(tmp_path)


def test_an_unknown_task(small_project: Path) -> None:
    with pytest.raises(ValueError, match="slots"):
        read_project(small_project, "slots")


@pytest.mark.parametrize("part", ["train", "test"])
@pytest.mark.parametrize(
    ("task", "fault"), [("intent", "at least two intents"), ("entity", "with entities")]
)
def test_there_must_be_something_to_learn_and_to_score(
    tmp_path: Path, task: str, fault: str, part: str
) -> None:
    write_project(tmp_path)
    poor = tmp_path / "poor.yml"
    poor.write_text('version: "3.1"\nnlu:\n- intent: greet\n  examples: |\n    - hi\n    - hello\n')
    paths = {"train": tmp_path / "nlu.yml", "test": tmp_path / "test.yml"} | {part: poor}
    with pytest.raises(DataError, match=f"{fault} to {part} on"):
        read_study_data(task, tmp_path / "config.yml", paths["train"], paths["test"])
