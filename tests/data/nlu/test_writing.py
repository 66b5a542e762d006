from __future__ import annotations

import os
from pathlib import Path

import pytest

from gossamer.data import (
    DataError,
    DataFormat,
    Entity,
    Example,
    InputError,
    LookupTable,
    Synonym,
    TrainingData,
    read_training_data,
    write_training_data,
)
from gossamer.data.text.text_files import write_text

FULL = TrainingData(
    examples=(
        Example(
            text="to\tRome",
            intent="book",
            entities=(Entity(start=3, end=7, entity="city", value="Roma", role="to"),),
        ),
    ),
    synonyms=(Synonym(text="the city", value="Rome"),),
    lookups=(LookupTable(name="city", elements=("Bonn",)),),
)
PLAIN = TrainingData(examples=(Example(text='a, "b"', intent="x"), Example(text="c", intent="y")))


@pytest.mark.parametrize("format", ["yaml", "json", "md", DataFormat.YAML])
def test_formats(tmp_path: Path, format: str) -> None:
    path = tmp_path / "deep" / "down" / "data"
    assert write_training_data(FULL, path, format) == [path]
    assert read_training_data(path) == FULL


def test_csv(tmp_path: Path) -> None:
    write_training_data(PLAIN, tmp_path / "a.csv", "csv")
    assert (tmp_path / "a.csv").read_text() == 'text,intent\n"a, ""b""",x\nc,y\n'
    assert read_training_data(tmp_path) == PLAIN


@pytest.mark.parametrize(
    ("data", "format", "said"),
    [
        (FULL, "csv", "CSV cannot carry entities, synonyms, lookup tables. Try: the format yaml"),
        (TrainingData(examples=(Example(text="x"),)), "csv", "examples without an intent"),
        (TrainingData(examples=(Example(text="x"),)), "md", "examples without an intent"),
        (TrainingData(examples=(Example(text="x", intent="a", metadata=1),)), "md", "metadata"),
        (TrainingData(responses={"utter_a": ()}), "md", "responses"),
        (TrainingData(responses={"utter_a": ()}), "json", "responses"),
        (
            TrainingData(examples=(Example(text="x", intent="a", intent_metadata=1),)),
            "json",
            "metadata of intents",
        ),
        (
            TrainingData(examples=(Example(text="x", intent="a", metadata=object()),)),
            "json",
            "must be able to carry all values",
        ),
        (
            TrainingData(examples=(Example(text="x", intent="a", metadata={1: 2}),)),
            "json",
            "must be able to carry an example",
        ),
        (TrainingData(lookups=FULL.lookups * 2), "md", "two lookup tables of one name"),
        (TrainingData(examples=(Example(text=" x", intent="a"),)), "md", "carry an example"),
        (TrainingData(examples=(Example(text="x\\n", intent="a"),)), "md", "carry an example"),
        (TrainingData(examples=(Example(text="<!-- x -->y", intent="a"),)), "md", "an example"),
        (TrainingData(synonyms=(Synonym(text="x", value=" y"),)), "md", "carry a synonym"),
        (TrainingData(examples=(Example(text="a\r\nb", intent="a"),)), "csv", "carry an example"),
    ],
)
def test_losses_are_refused_and_nothing_is_written(
    tmp_path: Path, data: TrainingData, format: str, said: str
) -> None:
    with pytest.raises(DataError, match=said):
        write_training_data(data, tmp_path / "a", format)
    assert not list(tmp_path.iterdir())


def test_unknown_formats_and_folders(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must be one of yaml, json, md, csv"):
        write_training_data(PLAIN, tmp_path / "a", "toml")
    with pytest.raises(DataError, match=r"Is a directory.*Try: another name"):
        write_training_data(PLAIN, tmp_path)


def test_json_carries_tables_of_one_name_and_missing_intents(tmp_path: Path) -> None:
    data = TrainingData(examples=(Example(text="[x](y)"),), lookups=FULL.lookups * 2)
    write_training_data(data, tmp_path / "a.json", "json")
    assert read_training_data(tmp_path) == data


def test_a_crash_leaves_the_old_file_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.yml"
    write_text(path, "old")

    def fail(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(DataError, match="no space left"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["a.yml"]


def test_modes_and_links_are_kept(tmp_path: Path) -> None:
    target = tmp_path / "target.yml"
    target.write_text("old")
    target.chmod(0o640)
    link = tmp_path / "link.yml"
    link.symlink_to(target)
    write_text(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o640


def test_half_a_surrogate_pair_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="surrogate"):
        write_text(tmp_path / "a", "\ud800")
