"""The public reference data: all of it is read, and written back without a loss."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gossamer.data import (
    DataError,
    TrainingData,
    annotate,
    read_config,
    read_training_data,
    split_examples,
    synonym_map,
    validate,
    write_training_data,
)

pytestmark = [pytest.mark.slow, pytest.mark.shared_data]

CORPORA = ["sara/data/nlu", "sara/split/train.yml", "sara/split/test.yml", "snips"]
CORPORA += [f"nlu-evaluation/fold_{number}" for number in (1,)]


def items_of(data: TrainingData) -> int:
    return (
        len(data.examples)
        + len(data.synonyms)
        + len(data.regexes)
        + sum(len(table.elements) for table in data.lookups)
    )


def lines_of(path: Path, pattern: str) -> int:
    return len(re.findall(pattern, path.read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("name", ["train", "test"])
def test_sara_counts(shared_data: Path, name: str) -> None:
    path = shared_data / "sara" / "split" / f"{name}.yml"
    data = read_training_data(path)
    assert items_of(data) == lines_of(path, r"^    - ")
    assert {"train": 3996, "test": 999}[name] == len(data.examples)
    assert len(data.intents) == 33


def test_sara_folder(shared_data: Path) -> None:
    folder = shared_data / "sara" / "data" / "nlu"
    data = read_training_data(folder)
    n_items = sum(
        lines_of(path, r"^\s+- ")
        for path in folder.rglob("*.yml")
        if path.name not in ("responses.yml", "products.yml")
    )
    assert items_of(data) == n_items + lines_of(folder / "lookups/products.yml", r"^      - ")
    # Rasa's own split of the same files has as many unique examples.
    assert len(data.unique_examples()) == 3996 + 999
    assert len(data.responses) == lines_of(folder / "responses/responses.yml", r"^  utter_")
    # Read as a whole project: stories, rules and domain are passed over.
    assert len(read_training_data(shared_data / "sara" / "data").examples) == len(data.examples)


@pytest.mark.parametrize("name", ["snips", "atis", "nlu-evaluation/fold_1"])
def test_markdown_counts(shared_data: Path, name: str) -> None:
    for path in sorted((shared_data / name).glob("*.md")):
        data = read_training_data(path)
        assert items_of(data) == lines_of(path, r"^\s*- ")
        for example in data.examples:
            assert annotate(example).count("](") == len(example.entities)


def test_markdown_names(shared_data: Path) -> None:
    assert "fromloc.city_name" in read_training_data(shared_data / "atis").entity_types
    assert len(read_training_data(shared_data / "snips").intents) == 7
    assert len(read_training_data(shared_data / "snips").entity_types) == 39
    assert len(read_training_data(shared_data / "nlu-evaluation/fold_1").intents) == 64


@pytest.mark.slow
@pytest.mark.parametrize("name", [*CORPORA, pytest.param("atis", marks=pytest.mark.slow)])
def test_round_trips(shared_data: Path, tmp_path: Path, name: str) -> None:
    data = read_training_data(shared_data / name)
    files = write_training_data(data, tmp_path / "nlu.yml")
    assert read_training_data(files) == data


def test_other_formats(shared_data: Path, tmp_path: Path) -> None:
    data = read_training_data(shared_data / "snips" / "val.md")
    for format in ("json", "md"):
        files = write_training_data(data, tmp_path / f"a.{format}", format)
        assert read_training_data(files) == data
    with pytest.raises(DataError, match="CSV cannot carry entities"):
        write_training_data(data, tmp_path / "a.csv", "csv")


def test_workshop_stories_are_no_nlu_data(shared_data: Path) -> None:
    with pytest.raises(DataError, match="at least one file of NLU data"):
        read_training_data(shared_data / "workshop" / "train")


def test_sara_configurations(shared_data: Path) -> None:
    own = read_config(shared_data / "sara" / "config.yml")
    assert [part.name for part in own.pipeline][-1] == "FallbackClassifier"
    assert [part.name for part in own.policies] == [
        "RulePolicy",
        "AugmentedMemoizationPolicy",
        "TEDPolicy",
    ]
    split = read_config(shared_data / "sara" / "split" / "config.yml")
    assert split.assistant_id == "sara"
    assert split.pipeline[-1].options["random_seed"] == 42


def test_sara_is_split_as_rasa_splits_it(shared_data: Path) -> None:
    data = read_training_data(shared_data / "sara" / "data" / "nlu")
    training, test = split_examples(data, random_seed=42)
    assert (len(training.examples), len(test.examples)) == (3996, 999)


def test_sara_has_no_errors_and_no_synonym_conflicts(shared_data: Path) -> None:
    data = read_training_data(shared_data / "sara" / "data" / "nlu")
    assert not [f for f in validate(data) if f.severity.value == "error"]
    assert synonym_map(data)["full stack develope"] == "full stack developer"
