from __future__ import annotations

import errno
import io
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from gossamer.cli.progress import epoch_bars
from gossamer.nlu.pipeline.component import EpochReport

Run = Callable[..., Any]


def test_start_and_end_are_plain_lines(run: Run, project: Path, fake: Any) -> None:
    result = run("train", "nlu")
    assert result.exit_code == 0, result.stderr
    first, second = result.stdout.splitlines()
    assert first == "Training on 10 examples, 2 intents, 1 entity types."
    assert re.fullmatch(r"Trained in \d+\.\d s\. The model is models/nlu-.*\.gossamer", second)
    assert fake.calls[0]["on_epoch"] is None
    (model,) = (project / "models").iterdir()
    assert model.read_text() == "a model"


def test_quiet_prints_the_path_alone(run: Run, project: Path, fake: Any) -> None:
    result = run("train", "nlu", "--quiet", "--out", "here", "--fixed-model-name", "mine")
    assert result.stdout == "here/mine.gossamer\n"


def test_options_reach_training(run: Run, project: Path, fake: Any) -> None:
    more = project / "more.csv"
    more.write_text("text,intent\ngood bye,bye\n", encoding="utf-8")
    with (project / "config.yml").open("a", encoding="utf-8") as file:
        file.write("- name: CountVectorsFeaturizer\n- name: DIETClassifier\n  epochs: 1\n")
    result = run("train", "nlu", "-u", "data", "-u", more, "--random-seed", "7")
    assert result.exit_code == 0, result.stderr
    (call,) = fake.calls
    assert call["config"].pipeline[-1].options == {"epochs": 1, "random_seed": 7}
    assert call["data"].intents == ["bye", "greet", "travel"]
    assert [c.name for c in call["config"].pipeline[:2]] == [
        "WhitespaceTokenizer",
        "KeywordIntentClassifier",
    ]


def test_rasas_defaults_reach_training(run: Run, project: Path, fake: Any) -> None:
    with (project / "config.yml").open("a", encoding="utf-8") as file:
        file.write("- name: CountVectorsFeaturizer\n  rasa_defaults: false\n")
    assert run("train", "nlu", "--rasa-defaults").exit_code == 0
    assert run("train", "--rasa-defaults").exit_code == 0
    for call in fake.calls:
        assert [part.options for part in call["config"].pipeline] == [
            {"rasa_defaults": True},
            {"rasa_defaults": True},
            {"rasa_defaults": False},
        ]
    assert len(fake.calls) == 2


@pytest.mark.parametrize("value", ["1", "'true'", "null", "[true]"])
def test_rasa_defaults_is_true_or_false(run: Run, project: Path, fake: Any, value: str) -> None:
    with (project / "config.yml").open("a", encoding="utf-8") as file:
        file.write(f"- name: CountVectorsFeaturizer\n  rasa_defaults: {value}\n")
    result = run("train", "nlu")
    assert result.exit_code == 1
    said = "option 'rasa_defaults' of CountVectorsFeaturizer: must be true or false"
    assert said in " ".join(result.stderr.split())
    assert fake.calls == []


def test_threads_are_set(
    run: Run, project: Path, fake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    seen: list[int] = []
    monkeypatch.setattr(torch, "set_num_threads", seen.append)
    assert run("train", "nlu").exit_code == 0
    assert run("train", "nlu", "--num-threads", "1").exit_code == 0
    assert seen == [1]


def test_wrong_input_is_found_before_training(run: Run, project: Path, fake: Any) -> None:
    assert run("train", "nlu", "--fixed-model-name", "a/b").exit_code == 1
    assert run("train", "nlu", "--nlu", "missing").exit_code == 1
    assert run("train", "nlu", "--config", "missing.yml").exit_code == 1
    assert fake.calls == []
    assert not (project / "models").exists()


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a/b", "a plain file name"),
        ("a\0b", "a plain file name"),
        ("..", "a plain file name"),
        ("x" * 250, "File name too long"),
        ("é" * 125, "File name too long"),
        ("taken", "Is a directory"),
    ],
    ids=repr,
)
def test_a_name_that_the_file_system_refuses(
    run: Run, project: Path, fake: Any, name: str, told: str
) -> None:
    if name == "taken":
        (project / "models" / "taken.gossamer").mkdir(parents=True)
    result = run("train", "nlu", "--fixed-model-name", name)
    assert result.exit_code == 1
    assert told in result.stderr and result.stderr.count("\n") == 1
    assert fake.calls == []
    assert run("train", "nlu", "--fixed-model-name", "x" * 200).exit_code == 0


def test_a_folder_that_cannot_be_written(
    run: Run, project: Path, fake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "file").write_text("")
    for out in ("file", "file/deeper", "x" * 300, "config.yml/models"):
        result = run("train", "nlu", "--out", out)
        assert (result.exit_code, result.stderr.count("\n")) == (1, 1), result.stderr
        assert "a file must be in a place that can be written" in result.stderr
    result = run("train", "nlu", "--out", "a/b/c")
    assert result.exit_code == 0, result.stderr
    calls = len(fake.calls)
    (project / "closed").mkdir()

    # In place of the mode, which does not keep root from writing.
    def refuse(path: Path, *_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    result = run("train", "nlu", "--out", "closed/models")
    assert (result.exit_code, "Permission denied" in result.stderr) == (1, True)
    assert len(fake.calls) == calls


def test_all_that_is_wrong_is_told_at_once(run: Run, project: Path, fake: Any) -> None:
    (project / "config.yml").write_text(
        "pipeline:\n- name: Telepathy\n- name: FallbackClassifier\n  threshold: x\n"
    )
    with (project / "data" / "nlu.yml").open("a", encoding="utf-8") as file:
        file.write("- regex: r\n  examples: |\n    - (a\n")
    result = run("train", "nlu", "--fixed-model-name", "a/b", "--random-seed", "-1")
    assert result.exit_code == 1
    first, *lines = result.stderr.splitlines()
    assert first == "Error: 5 faults must be put right:"
    assert all(line.startswith("- ") for line in lines)
    for told in ("Telepathy", "threshold", "regex 'r'", "a plain file name", "random_seed must be"):
        assert sum(told in line for line in lines) == 1, told
    assert fake.calls == [] and not (project / "models").exists()


def test_what_validation_finds_is_told_first(run: Run, project: Path, fake: Any) -> None:
    with (project / "data" / "nlu.yml").open("a", encoding="utf-8") as file:
        file.write("- intent: other\n  examples: |\n    - hello\n")
    result = run("train", "nlu")
    assert result.exit_code == 0
    first, second = result.stderr.splitlines()
    assert first.startswith("Warning: data/nlu.yml:19: 'hello' is an example of 'other' and of")
    assert second == "1 warning: gossamer data validate shows them"


def _report(component: str, epoch: int) -> EpochReport:
    return EpochReport(
        component=component, epoch=epoch, n_epochs=3, metrics={"i_acc": 0.51234}, seconds=0.1
    )


def test_a_terminal_gets_one_bar_per_component() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=120, _environ={})
    with epoch_bars(console) as on_epoch:
        assert on_epoch is not None
        on_epoch(_report("DIETClassifier", 1))
        on_epoch(_report("DIETClassifier", 3))
        on_epoch(_report("Other", 2))
    file = console.file
    assert isinstance(file, io.StringIO)
    last = file.getvalue().rpartition("DIETClassifier")[2]
    assert "3/3" in last
    assert "i_acc 0.512" in last
    assert "2/3" in last


def test_nothing_is_drawn_elsewhere() -> None:
    console = Console(file=io.StringIO(), force_terminal=False)
    with epoch_bars(console) as on_epoch:
        assert on_epoch is None
    with epoch_bars(Console(force_terminal=True, file=io.StringIO()), is_shown=False) as on_epoch:
        assert on_epoch is None
