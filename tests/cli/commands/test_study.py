"""`gossamer study`: what is asked for reaches the study, and what came out is told."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import small_study
from rich.console import Console
from terminals import Terminal

import gossamer
from gossamer.cli.commands.study import SUMMARIES, study_bar
from gossamer.study import STUDIES, Progress, Run, StudyData, StudyFolder
from gossamer.study import runner as running
from gossamer.study.executors import executor as parallel

Command = Callable[..., Any]

SMALL = ("--densities", "0.2", "--sizes", "16", "--seeds", "0,1", "--epochs", "1")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The small project, made the current folder."""
    monkeypatch.chdir(small_study.write_project(tmp_path))
    return tmp_path


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """Nothing is trained; gives the runs that were asked for."""
    asked: list[Run] = []

    def perform(data: StudyData, run: Run) -> dict[str, Any]:
        asked.append(run)
        return small_study.quick_row(data, run)

    monkeypatch.setattr(running, "run_all", small_study.run_here)
    monkeypatch.setattr(running, "perform", perform)
    return asked


@pytest.fixture
def study(run: Command, folder: Path, runs: list[Run]) -> Command:
    """Runs `gossamer study` on the small project."""

    def call(name: str, *arguments: object) -> Any:
        given = ("--train", "nlu.yml", "--test", "test.yml")
        return run("study", name, *given, *arguments)

    return call


@pytest.mark.parametrize("name", [*SUMMARIES, "report"])
def test_help(run: Command, name: str) -> None:
    result = run("study", name, "--help")
    assert result.exit_code == 0
    text = " ".join(result.stdout.split())
    if name in SUMMARIES:
        assert SUMMARIES[name] in text
        for option in ("--densities", "--sizes", "--seeds", "--option", "--backend", "--holdout"):
            assert option in text


def test_summaries_are_those_of_the_studies() -> None:
    assert {name: study.summary for name, study in STUDIES.items()} == SUMMARIES


def test_all_studies_are_listed(run: Command) -> None:
    text = run("study", "--help").stdout
    assert all(name in text for name in (*SUMMARIES, "report"))
    assert run("study").exit_code == 2


def test_the_list_of_commands_does_not_load_what_trains() -> None:
    program = (
        "import sys, gossamer.cli.commands.study; print([m for m in ('torch', 'gossamer.study') "
        "if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": str(Path(gossamer.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.slow
def test_a_study(
    study: Command, runs: list[Run], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["anything", "study", "density", "--title", "My study"])
    result = study("density", *SMALL, "--title", "My study", "--note", "n 1", "--note", "n 2")
    assert result.exit_code == 0, result.stderr
    assert [(run.seed, run.size, run.density, run.epochs) for run in runs] == [
        (0, 16, 0.2, 1),
        (1, 16, 0.2, 1),
    ]
    findings = StudyFolder("study").document().findings
    told = " ".join(result.stdout.split())
    assert all(f"- {finding}" in told for finding in findings)
    assert "2 rows (2 new) in study/rows.jsonl, the report is study/report.html" in told
    about = StudyFolder("study").about()
    assert (about.title, about.notes) == ("My study", ("n 1", "n 2"))
    assert about.commands == ("gossamer study density --title 'My study'",)
    assert "\r" not in result.stdout  # no bar where there is no terminal
    again = study("density", *SMALL)
    assert "2 rows (0 new)" in " ".join(again.stdout.split())
    assert len(runs) == 2


def test_the_command_is_told_as_it_was_given(
    study: Command, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["/bin/gossamer", "study", "density", "--title", "a b"])
    study("density", *SMALL)
    assert StudyFolder("study").about().commands == ("gossamer study density --title 'a b'",)


def test_sizes_of_single_densities(study: Command, runs: list[Run]) -> None:
    given = ("--densities", "1.0,0.2,0.1,0.05", "--sizes", "8,16", "--sizes", "32", "--sizes")
    rest = (
        "0.2:64",
        "--sizes",
        "0.2:128",
        "--sizes",
        "0.1,0.05:4",
        "--seeds",
        "0",
        "--epochs",
        "1",
    )
    result = study("density", *given, *rest)
    assert result.exit_code == 0, result.stderr
    assert {(run.density, run.size) for run in runs} == {
        *((1.0, size) for size in (8, 16, 32)),
        *((0.2, size) for size in (64, 128)),
        (0.1, 4),
        (0.05, 4),
    }


def test_options(study: Command, runs: list[Run]) -> None:
    given = ("drop_rate=0.5", "hidden_layers_sizes={text: [8]}", "BILOU_flag=false")
    result = study("density", *SMALL, *(part for option in given for part in ("--option", option)))
    assert result.exit_code == 0, result.stderr
    assert dict(runs[0].options) == {
        "drop_rate": 0.5,
        "hidden_layers_sizes": {"text": [8]},
        "BILOU_flag": False,
    }


@pytest.mark.slow
def test_axes(study: Command, runs: list[Run]) -> None:
    result = study(
        "structure",
        *("--densities", "0.2", "--sizes", "16", "--seeds", "0", "--epochs", "1"),
        *("--topology", "uniform,blocked", "--max-group-size", "4,8"),
    )
    assert result.exit_code == 0, result.stderr
    assert [(run.topology.value, run.options.get("max_group_size")) for run in runs] == [
        ("uniform", None),
        ("blocked", 4),
        ("blocked", 8),
    ]
    runs.clear()
    small = ("--densities", "0.2", "--sizes", "16", "--seeds", "0", "--epochs", "1")
    result = study(
        "methods", *small, "--topology", "uniform", "--method", "fixed,rigl", "--out", "m"
    )
    assert result.exit_code == 0, result.stderr
    assert [run.method.value for run in runs] == ["fixed", "rigl"]
    runs.clear()
    result = study("input-layer", *small, "--input-layer", "none,learned", "--out", "i")
    assert result.exit_code == 0, result.stderr
    assert [run.input_layer.value for run in runs] == ["none", "learned"]


@pytest.mark.long
def test_one_axis_leaves_the_studys_others(study: Command, runs: list[Run]) -> None:
    small = ("--densities", "0.2", "--seeds", "0", "--epochs", "1")
    result = study("convergence", *small, "--max-group-size", "4")
    assert result.exit_code == 0, result.stderr
    # Its widths for this density, and its learning rates.
    assert {run.size for run in runs} == {64, 128}
    rates = (0.0003, 0.001, 0.003, 0.01, 0.03)
    assert tuple(dict.fromkeys(run.options["learning_rate"] for run in runs)) == rates
    assert len(runs) == 2 * len(rates)
    assert {run.options["max_group_size"] for run in runs} == {4}
    runs.clear()
    result = study("structure", *small, "--sizes", "16", "--learning-rate", "0.1", "--out", "s")
    assert result.exit_code == 0, result.stderr
    assert {run.options["learning_rate"] for run in runs} == {0.1}
    assert {run.options.get("max_group_size") for run in runs} == {None, 4, 8, 16}


@pytest.mark.long
def test_a_density_the_study_has_no_widths_for(study: Command, runs: list[Run]) -> None:
    result = study("convergence", "--densities", "0.5", "--seeds", "0", "--epochs", "1")
    assert result.exit_code == 0, result.stderr
    assert {(run.density, run.size) for run in runs} == {(0.5, 128)}


def test_a_share_held_out(run: Command, folder: Path, runs: list[Run]) -> None:
    result = run("study", "density", "--train", "nlu.yml", "--holdout", "0.3", *SMALL)
    assert result.exit_code == 0, result.stderr
    row = json.loads(Path("study/rows.jsonl").read_text().splitlines()[0])
    assert row["data"]["holdout"] == [0.3, 0]


def test_dialogue(run: Command, folder: Path, runs: list[Run]) -> None:
    starter = small_study.STARTER
    result = run(
        *("study", "density", "--task", "dialogue", "--domain", starter / "domain.yml"),
        *("--train", starter / "data" / "stories.yml"),
        *("--test", starter / "tests" / "test_stories.yml", *SMALL),
    )
    assert result.exit_code == 0, result.stderr
    assert [run.task.value for run in runs] == ["dialogue", "dialogue"]


@pytest.mark.parametrize(
    ("given", "option", "message"),
    [
        (("--densities", "0.2,x"), "--densities", "must be numbers"),
        (("--densities", ","), "--densities", "at least one value"),
        (("--sizes", "8.5"), "--sizes", "must be whole numbers"),
        (("--sizes", "0.2:"), "--sizes", "at least one value"),
        (("--sizes", "x:8"), "--sizes", "must be numbers"),
        (("--seeds", "1;2"), "--seeds", "must be whole numbers"),
        (("--epochs", "many"), "--epochs", "must be whole numbers"),
        (("--task", "intents"), "--task", "intent, entity, dialogue"),
        (("--topology", "random"), "--topology", "uniform, fan_in"),
        (("--method", "fixed,prune"), "--method", "one-shot"),
        (("--input-layer", "hash"), "--input-layer", "hashed"),
        (("--learning-rate", "fast"), "--learning-rate", "must be numbers"),
        (("--max-group-size", "1.5"), "--max-group-size", "must be whole numbers"),
        (("--backend", "threads"), "--backend", "processes, ray"),
        (("--jobs", "0"), "--jobs", "Invalid value"),
        (("--threads", "0"), "--threads", "Invalid value"),
        (("--holdout", "x"), "--holdout", "Invalid value"),
        (("--option", "drop_rate"), "--option", "NAME=VALUE"),
        (("--option", "=1"), "--option", "NAME=VALUE"),
        (("--option", "a=[1"), "--option", "must be a number"),
        (("--option", "a=2020-01-01"), "--option", "must be a number"),
        (("--option", "a=.nan"), "--option", "must be a number"),
        (("--option", "a=1", "--option", "a=2"), "--option", "a once"),
    ],
)
def test_called_wrongly(
    study: Command, runs: list[Run], given: tuple[str, ...], option: str, message: str
) -> None:
    result = study("density", *given)
    assert result.exit_code == 2
    told = " ".join(re.sub("[│╭╮╰╯─]", " ", result.stderr).split())
    assert option in told
    assert message in told
    assert runs == []
    assert not Path("study").exists()


def test_tasks_a_study_does_not_have(study: Command) -> None:
    result = study("input-layer", "--task", "dialogue")
    assert result.exit_code == 2
    assert "--task" in result.stderr


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (("--densities", "1.5"), "a density must lie between 0 and 1 (got 1.5)"),
        (("--seeds", "-1"), "a seed must be 0 or more"),
        (("--epochs", "0"), "at least one epoch"),
        (("--sizes", "0.7:8"), "one of the densities"),
        (("--sizes", "7"), "number_of_attention_heads"),
        (("--option", "drop_rat=0.1"), "drop_rat"),
        (("--option", "epochs=3"), "must not be given as well"),
        (("--learning-rate", "nan"), "learning_rate"),
        (("--learning-rate", "0.1,0.2"), "must agree in options"),
        (("--holdout", "0.2"), "(got 'both')"),
        (("--config", "nowhere.yml"), "nowhere.yml"),
        (("--topology", "fan_in,uniform"), "must agree in topology"),
        (("--address", "host:1"), "backend ray"),
    ],
)
def test_what_cannot_be_used_is_told_in_a_line(
    study: Command, runs: list[Run], given: tuple[str, ...], message: str
) -> None:
    result = study("density", *given)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.stderr
    assert runs == []


def test_another_kind_of_study_in_the_folder(study: Command) -> None:
    assert study("density", *SMALL).exit_code == 0
    result = study("time", *SMALL)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: study: a folder holds one kind of study")


@pytest.mark.long
def test_a_failing_run(study: Command, runs: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    whole: Any = vars(running)["perform"]

    def fails(data: StudyData, run: Run) -> dict[str, Any]:
        if run.seed == 1:
            raise RuntimeError("no [bold] power")
        row: dict[str, Any] = whole(data, run)
        return row

    monkeypatch.setattr(running, "perform", fails)
    result = study("density", *SMALL)
    assert result.exit_code == 1
    assert result.stderr.splitlines() == [
        "Failed: density 0.2, size 16, seed 1, 1 epochs, blocked: RuntimeError: no [bold] power",
        "1 run failed; the same command tries again.",
    ]
    assert "1 rows (1 new)" in " ".join(result.stdout.split())
    monkeypatch.setattr(running, "perform", whole)
    result = study("density", *SMALL)
    assert result.exit_code == 0
    assert "2 rows (1 new)" in " ".join(result.stdout.split())


@pytest.mark.slow
def test_a_torn_row_is_told(study: Command) -> None:
    study("density", *SMALL)
    rows = Path("study/rows.jsonl")
    rows.write_bytes(rows.read_bytes()[:-9])
    result = study("density", *SMALL)
    assert result.exit_code == 0
    told = " ".join(result.stdout.split())
    assert (
        "1 unfinished row was set aside in study/rows.jsonl.torn: its run was done again." in told
    )


def test_where_runs_are_done(study: Command, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    asked: list[parallel.Backend] = []

    def run_all(*arguments: Any, backend: parallel.Backend, **options: Any) -> None:
        asked.append(backend)

    monkeypatch.setattr(running, "run_all", run_all)
    result = study("density", *SMALL, "--jobs", "3", "--threads", "2")
    assert result.exit_code == 0
    assert result.stdout == ""  # no row, no report
    study("density", *SMALL, "--backend", "ray", "--address", "auto")
    assert asked == [
        parallel.Backend(jobs=3, threads=2),
        parallel.Backend(kind="ray", address="auto"),
    ]


@pytest.mark.long
@pytest.mark.slow
def test_reports_are_made_anew(study: Command, run: Command, folder: Path) -> None:
    study("density", *SMALL, "--out", "one")
    study("time", *SMALL, "--out", "two")
    before = Path("one/README.md").read_bytes()
    Path("one/README.md").unlink()
    result = run("study", "report", "one", "two", "--index", "index.md")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == [
        "3 files in one",
        "3 files in two",
        "index.md lists them",
    ]
    assert Path("one/README.md").read_bytes() == before
    assert "(two/README.md)" in Path("index.md").read_text(encoding="utf-8")


def test_reports_of_what_is_no_study(run: Command, folder: Path) -> None:
    result = run("study", "report", "nowhere")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: nowhere/study.json: a study's folder must hold")
    assert run("study", "report").exit_code == 2


def test_the_bar_is_drawn_on_a_terminal_only() -> None:
    with study_bar(Console(file=io.StringIO()), "density") as listener:
        assert listener is None
    screen = io.StringIO()
    with study_bar(Console(file=screen, force_terminal=True, width=120), "density") as listener:
        assert listener is not None
        listener(Progress(n_all=9, n_before=2, n_done=4, n_running=2, n_failed=1))
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen.getvalue())
    assert "5/9" in text
    assert "2 running, 2 left, 1 failed" in text
    assert "density" in text


@pytest.mark.long
def test_on_a_terminal(terminal: Callable[..., Terminal], folder: Path) -> None:
    given = ("--densities", "0.2", "--sizes", "8", "--seeds", "0", "--epochs", "1", "--jobs", "1")
    shown = terminal("study", "density", "--train", "nlu.yml", "--test", "test.yml", *given)
    shown.wait_for("1 running, 0 left")
    shown.wait_for("1/1")
    shown.wait_for(r"1 rows \(1 new\)")
    assert shown.end() == 0
    assert Path("study/report.html").is_file()
