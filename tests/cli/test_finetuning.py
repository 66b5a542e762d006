"""gossamer train --finetune: which model is meant, what is said, what is refused."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer.main

from gossamer.cli import app
from gossamer.cli.finetuning import NEWEST
from gossamer.cli.rasas_ways import prepared_arguments
from gossamer.data.model_files import latest_model

Run = Callable[..., Any]

CONFIG = """\
language: en
pipeline:
- name: WhitespaceTokenizer
- name: CountVectorsFeaturizer
- name: KeywordIntentClassifier
policies:
- name: MemoizationPolicy
"""
DIALOGUE = """\
version: "3.1"
intents: [greet, travel]
entities: [city]
responses:
  utter_greet:
  - text: Hello!
stories:
- story: hello
  steps:
  - intent: greet
  - action: utter_greet
"""


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("train --finetune", "train --finetune="),
        ("train --finetune --quiet", "train --finetune= --quiet"),
        ("train --finetune nlu --quiet", "train --finetune= nlu --quiet"),
        ("train nlu --finetune models", "train nlu --finetune models"),
        ("train --finetune=models", "train --finetune=models"),
    ],
)
def test_the_value_may_be_left_out(typed: str, meant: str) -> None:
    root = typer.main.get_command(app)
    context = root.make_context("gossamer", [], resilient_parsing=True)
    assert " ".join(prepared_arguments(root, context, typed.split())) == meant
    assert NEWEST == ""


@pytest.fixture
def whole(project: Path) -> Path:
    (project / "config.yml").write_text(CONFIG, "utf-8")
    domain, _, stories = DIALOGUE.partition("stories:")
    (project / "domain.yml").write_text(domain, "utf-8")
    (project / "data" / "stories.yml").write_text(f'version: "3.1"\nstories:{stories}', "utf-8")
    return project


def test_it_goes_on_and_says_with_what(whole: Path, run: Run) -> None:
    first = run("train", "--fixed-model-name", "first")
    assert first.exit_code == 0, first.output
    newer = whole / "models" / "nlu-newer.gossamer"
    shutil.copy(whole / "models" / "first.gossamer", newer)
    os.utime(newer, (2**31, 2**31))
    done = run("train", "--finetune", "--epoch-fraction", "0.2")
    assert done.exit_code == 0, done.output
    told = " ".join(done.output.split())
    assert "Going on from models/first.gossamer, for 0.2 of the epochs: CountVectors" in told
    assert "Trained anew: KeywordIntentClassifier, MemoizationPolicy." in told
    quiet = run("train", "nlu", "--finetune", newer, "--quiet")
    assert quiet.exit_code == 0, quiet.output
    assert len(quiet.stdout.splitlines()) == 1


def test_a_model_of_a_part_cannot_be_gone_on_from(whole: Path, run: Run) -> None:
    assert run("train", "nlu", "--quiet").exit_code == 0
    before = sorted((whole / "models").iterdir())
    done = run("train", "--finetune")
    assert done.exit_code == 1
    assert "training goes on with policies, but the model has none" in done.stderr
    assert run("train", "core", "--quiet").exit_code == 0
    core = latest_model(whole / "models")
    done = run("train", "nlu", "--finetune", core)
    assert done.exit_code == 1
    assert "components that understand texts, but the model has none" in done.stderr
    assert sorted((whole / "models").iterdir()) == sorted([*before, core])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--epoch-fraction", "0.2"], "--epoch-fraction must come with --finetune"),
        (["--finetune"], "the model must exist"),
        (["--finetune", "none.gossamer"], "the model must exist"),
        (["--finetune", "config.yml"], "config.yml"),
    ],
)
def test_what_is_refused(whole: Path, run: Run, arguments: list[str], told: str) -> None:
    done = run("train", *arguments)
    assert done.exit_code == 1
    assert told in done.stderr
    assert not (whole / "models").exists()


def test_a_dry_run_says_what_would_go_on(whole: Path, run: Run) -> None:
    """Once it said that there was no model."""
    assert run("train", "nlu").exit_code == 0
    said = run("train", "nlu", "--finetune", "--dry-run")
    assert (said.exit_code, "Going on from models" in said.output) == (1, True), said.output
    assert len(list((whole / "models").iterdir())) == 1
    assert run("train", "nlu", "--finetune").exit_code == 0
    said = run("train", "nlu", "--dry-run")
    assert "it is not known what the last model's has learnt from" in said.output, said.output
