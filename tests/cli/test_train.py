from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from gossamer.cli.progress import epoch_bars
from gossamer.nlu.component import EpochReport

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
    result = run("train", "nlu", "-u", "data", "-u", more, "--random-seed", "7")
    assert result.exit_code == 0, result.stderr
    (call,) = fake.calls
    assert call["random_seed"] == 7
    assert call["data"].intents == ["bye", "greet", "travel"]
    assert [c.name for c in call["config"].pipeline] == [
        "WhitespaceTokenizer",
        "KeywordIntentClassifier",
    ]


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
