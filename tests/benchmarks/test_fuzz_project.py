"""The fuzz of projects: a few of its damaged projects, and proof that it finds what is wrong."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import fuzz_project
import pytest
from fuzz_project import inspect, starter_files, write_files
from support import project_mutations

from gossamer.checks import check, read_parts
from gossamer.data.project import Project

N_PROJECTS = 20


@pytest.fixture
def starter(tmp_path: Path) -> Path:
    """The undamaged starter, in a folder."""
    folder = tmp_path / "project"
    write_files(starter_files(), folder)
    return folder


def read(folder: Path) -> Project:
    parts = read_parts(folder / "config.yml", [folder / "data"], [folder / "domain.yml"])
    return check(parts).require_sound()


@pytest.mark.long
def test_damaged_projects_end_well(tmp_path: Path, seed: int) -> None:
    files = starter_files()
    outcomes = [
        fuzz_project._one(files, seed + number, False, tmp_path) for number in range(N_PROJECTS)
    ]
    assert [outcome for outcome in outcomes if not outcome.is_good] == []


def test_the_starter_is_clean(starter: Path, tmp_path: Path) -> None:
    assert inspect(starter, trains=False, out=tmp_path / "model") == ("clean", "")


def test_mistakes_follow_the_seed(seed: int) -> None:
    files = starter_files()
    found = [project_mutations.mutate(files, seed + number) for number in range(50)]
    assert found == [project_mutations.mutate(files, seed + number) for number in range(50)]
    assert len({mutation.described for mutation in found}) > 40
    assert dict(files) == dict(starter_files())


def test_a_lost_text_is_found(starter: Path) -> None:
    project = read(starter)
    assert fuzz_project._missing_texts(starter, project) == []
    assert project.nlu is not None
    first = project.nlu.examples[0].text
    kept = tuple(each for each in project.nlu.examples if each.text != first)
    nlu = dataclasses.replace(project.nlu, examples=kept)
    lost = dataclasses.replace(project, nlu=nlu)
    assert fuzz_project._missing_texts(starter, lost) == [first]


def test_a_crash_is_an_outcome(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RecursionError("too deep")

    monkeypatch.setattr("gossamer.checks.check", fail)
    outcome = fuzz_project._one(starter_files(), 1, False, tmp_path)
    assert (outcome.verdict, outcome.is_good) == ("crash", False)
    assert outcome.detail.startswith("RecursionError: too deep")
