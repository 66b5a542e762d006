"""Commands as people who know Rasa type them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer.main

from gossamer.cli import app
from gossamer.cli.rasas_ways import NOT_HERE, prepared_arguments

Run = Callable[..., Any]


def prepared(line: str) -> str:
    root = typer.main.get_command(app)
    context = root.make_context("gossamer", [], resilient_parsing=True)
    return " ".join(prepared_arguments(root, context, line.split()))


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("train nlu --nlu a b --out c", "train nlu --nlu a --nlu b --out c"),
        ("train nlu -u a b", "train nlu -u a -u b"),
        ("train nlu --nlu a b --nlu c d", "train nlu --nlu a --nlu b --nlu c --nlu d"),
        ("train nlu --nlu=a --nlu b c", "train nlu --nlu=a --nlu b --nlu c"),
        ("train --data a b --quiet -d c d", "train --data a --data b --quiet -d c -d d"),
        ("train core --stories a b", "train core --stories a --stories b"),
        ("data validate --data a b -s c d", "data validate --data a --data b -s c -s d"),
        ("data convert nlu --data a b --out x", "data convert nlu --data a --data b --out x"),
        ("test core --percentages 0 25 50", "test core --percentages 0 --percentages 25 "
         "--percentages 50"),
        # the name of a command ends the values, but is a value right after the option
        ("train --data a b nlu --quiet", "train --data a --data b nlu --quiet"),
        ("train --data nlu core", "train --data nlu core"),
        # a path named like a command
        ("train --data a ./nlu", "train --data a --data ./nlu"),
        # options with one value, flags and "=" take nothing more
        ("train --out a b", "train --out a b"),
        ("train --quiet a", "train --quiet a"),
        ("train nlu --nlu=a b", "train nlu --nlu=a b"),
        # arguments without an option stay what they are
        ("parse a b --model m c", "parse a b --model m c"),
        ("data split stories a b --out c", "data split stories a b --out c"),
        ("train nlu --nlu a -- b c", "train nlu --nlu a -- b c"),
        ("--debug train nlu --nlu a b", "--debug train nlu --nlu a --nlu b"),
        ("nonsense --nlu a b", "nonsense --nlu a b"),
        ("train nlu --nlu", "train nlu --nlu"),
        ("", ""),
    ],
)  # fmt: skip
def test_several_values_after_one_option(typed: str, meant: str) -> None:
    assert prepared(typed) == meant


def test_several_files_are_read(run: Run, project: Path, fake: Any) -> None:
    for name in ("bye", "well"):
        (project / f"{name}.csv").write_text(f"text,intent\n{name} now,{name}\n")
    result = run("train", "nlu", "--nlu", "data", "bye.csv", "well.csv", "--quiet")
    assert result.exit_code == 0, result.stderr
    assert fake.calls[0]["data"].intents == ["bye", "greet", "travel", "well"]
    result = run("data", "validate", "--data", "data/nlu.yml", "bye.csv")
    assert "11 examples" in result.stdout
    result = run("train", "nlu", "--nlu", "data", "absent")
    assert (result.exit_code, "absent: a path of training data must" in result.stderr) == (1, True)
    result = run("train", "--out", "a", "b")
    assert result.exit_code == 2, "one value is not taken for several"


def test_texts_to_parse_are_not_values(run: Run, model: Path, fake: Any) -> None:
    assert run("parse", "to Rome", "hello", "--model", model).exit_code == 0
    assert {"parse_many": ["to Rome", "hello"]} in fake.calls


@pytest.mark.parametrize("words", NOT_HERE, ids=" ".join)
def test_commands_of_rasa_that_are_not_here(run: Run, words: tuple[str, ...]) -> None:
    result = run(*words, "--model", "models")
    assert result.exit_code == 2
    assert f"`gossamer {' '.join(words)}` is not" in " ".join(result.stderr.split())


def test_what_to_use_instead(run: Run) -> None:
    said = " ".join(run("evaluate").stderr.replace("│", " ").split())
    assert "is not there yet. Try: gossamer test" in said
    assert "No such command 'frobnicate'" in run("frobnicate").stderr
