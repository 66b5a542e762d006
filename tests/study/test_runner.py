"""A study goes on where it was, whatever ended it, and mixes nothing."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_study import read_project, write_project

import gossamer
from gossamer.data.errors import ConfigError, InputError
from gossamer.study import (
    STUDIES,
    Grid,
    InputLayer,
    Method,
    Progress,
    RowStore,
    Run,
    StudyData,
    StudyFolder,
    perform,
    read_study_data,
    run_study,
)
from gossamer.study import runner as running

pytestmark = pytest.mark.slow

GRID = Grid(densities=(1.0, 0.2), sizes=(16,), seeds=(0, 1), epochs=(1,))


def keys(folder: Path) -> list[str]:
    lines = (folder / "rows.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["key"] for line in lines]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix != ".lock"}


def test_the_second_time_nothing_is_trained(
    intents: StudyData, quick: list[str], tmp_path: Path
) -> None:
    first = run_study("density", intents, tmp_path / "out", grid=GRID)
    assert (first.n_new, first.failures, first.n_torn) == (4, {}, 0)
    assert keys(tmp_path / "out") == quick
    assert {path.name for path in first.reports} == {"README.md", "report.html", "density.png"}
    before = contents(tmp_path / "out")
    second = run_study("density", intents, tmp_path / "out", grid=GRID)
    assert second.n_new == 0
    assert len(quick) == 4
    assert contents(tmp_path / "out") == before


def test_more_seeds_are_added(intents: StudyData, quick: list[str], tmp_path: Path) -> None:
    run_study("density", intents, tmp_path, grid=GRID)
    before = (tmp_path / "rows.jsonl").read_bytes()
    more = dataclasses.replace(GRID, seeds=(0, 1, 2))
    assert run_study("density", intents, tmp_path, grid=more).n_new == 2
    assert (tmp_path / "rows.jsonl").read_bytes().startswith(before)
    assert len(set(keys(tmp_path))) == len(keys(tmp_path)) == 6
    fewer = dataclasses.replace(GRID, seeds=(2,))
    assert run_study("density", intents, tmp_path, grid=fewer).n_new == 0


def test_without_a_grid_it_is_the_studys_own(
    intents: StudyData, quick: list[str], tmp_path: Path
) -> None:
    assert run_study("density", intents, tmp_path).n_new == 4 * 6 * 3


def test_progress(intents: StudyData, quick: list[str], tmp_path: Path) -> None:
    one = dataclasses.replace(GRID, seeds=(0,))
    run_study("density", intents, tmp_path, grid=one)
    told: list[Progress] = []
    run_study("density", intents, tmp_path, grid=GRID, on_progress=told.append)
    assert [(each.n_done, each.n_running) for each in told] == [
        (2, 0),
        (2, 1),
        (3, 0),
        (3, 1),
        (4, 0),
    ]
    assert {(each.n_all, each.n_before, each.n_failed) for each in told} == {(4, 2, 0)}


def test_a_torn_last_line_is_set_aside_and_done_again(
    intents: StudyData, quick: list[str], tmp_path: Path
) -> None:
    run_study("density", intents, tmp_path, grid=GRID)
    path = tmp_path / "rows.jsonl"
    whole = path.read_bytes()
    torn = whole[:-30]
    path.write_bytes(torn)
    result = run_study("density", intents, tmp_path, grid=GRID)
    assert (result.n_new, result.n_torn) == (1, 1)
    assert path.read_bytes() == whole
    last = torn.splitlines()[-1]
    assert (tmp_path / "rows.jsonl.torn").read_bytes() == last + b"\n"


def test_failing_runs_are_told_and_tried_again(
    intents: StudyData, quick: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    whole: Any = vars(running)["perform"]

    def fails(data: StudyData, run: Run) -> dict[str, Any]:
        if run.density == 0.2 and run.seed == 0:
            raise RuntimeError("no power")
        row: dict[str, Any] = whole(data, run)
        return row

    monkeypatch.setattr(running, "perform", fails)
    told: list[Progress] = []
    result = run_study("density", intents, tmp_path, grid=GRID, on_progress=told.append)
    assert result.n_new == 3
    assert told[-1] == Progress(n_all=4, n_before=0, n_done=3, n_running=0, n_failed=1)
    ((run, failure),) = result.failures.items()
    assert run == "density 0.2, size 16, seed 0, 1 epochs, blocked"
    assert (failure.type, failure.message) == ("RuntimeError", "no power")
    assert result.reports
    monkeypatch.setattr(running, "perform", whole)
    again = run_study("density", intents, tmp_path, grid=GRID)
    assert (again.n_new, again.failures) == (1, {})


def test_where_all_runs_fail_there_is_no_report(
    intents: StudyData, here: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fails(data: StudyData, run: Run) -> dict[str, Any]:
        raise MemoryError

    monkeypatch.setattr(running, "perform", fails)
    result = run_study("density", intents, tmp_path, grid=GRID)
    assert len(result.failures) == 4
    assert result.reports == []
    assert not (tmp_path / "report.html").exists()


def test_a_run_is_described_by_all_that_varies(
    intents: StudyData, here: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fails(data: StudyData, run: Run) -> dict[str, Any]:
        raise MemoryError

    monkeypatch.setattr(running, "perform", fails)
    grid = dataclasses.replace(
        GRID,
        densities=(0.2,),
        seeds=(0,),
        methods=(Method.FIXED, Method.SET),
        input_layers=(InputLayer.NONE,),
        options={"drop_rate": 0.1},
    )
    study = STUDIES["methods"]
    assert list(run_study(study, intents, tmp_path, grid=grid).failures) == [
        "density 0.2, size 16, seed 0, 1 epochs, blocked, input layer none, drop_rate 0.1",
        "density 0.2, size 16, seed 0, 1 epochs, uniform, set, input layer none, drop_rate 0.1",
    ]


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"epochs": (2,)}, "epochs"),
        ({"topologies": ("uniform",)}, "topology"),
        ({"input_layers": (InputLayer.NONE,)}, "input_layer"),
        ({"options": {"drop_rate": 0.0}}, "options"),
    ],
)
def test_other_settings_are_refused_before_anything_is_trained(
    intents: StudyData, quick: list[str], tmp_path: Path, changes: dict[str, Any], name: str
) -> None:
    run_study("density", intents, tmp_path, grid=GRID, command="first")
    before = contents(tmp_path)
    quick.clear()
    grid = dataclasses.replace(GRID, **changes)
    with pytest.raises(InputError, match=f"must agree in {name}") as error:
        run_study("density", intents, tmp_path, grid=grid, command="second", title="other")
    assert "another --out" in str(error.value)
    assert quick == []
    assert contents(tmp_path) == before  # the refused command is not told as one of the study's


def test_two_settings_at_once_are_refused_in_a_new_folder_too(
    intents: StudyData, quick: list[str], tmp_path: Path
) -> None:
    grid = dataclasses.replace(GRID, epochs=(1, 2))
    with pytest.raises(InputError, match="must agree in epochs"):
        run_study("density", intents, tmp_path / "out", grid=grid)
    assert quick == []
    assert not (tmp_path / "out" / "study.json").exists()


def test_other_data_are_refused(
    intents: StudyData, quick: list[str], tmp_path: Path, small_project: Path
) -> None:
    run_study("density", intents, tmp_path, grid=GRID)
    before = contents(tmp_path)
    other = read_study_data(
        "intent", small_project / "config.yml", small_project / "nlu.yml", holdout=0.3
    )
    with pytest.raises(InputError, match="must agree in data"):
        run_study("density", other, tmp_path, grid=GRID)
    assert len(quick) == 4
    assert contents(tmp_path) == before


def test_the_same_data_elsewhere_are_the_same(
    intents: StudyData, quick: list[str], tmp_path: Path
) -> None:
    run_study("density", intents, tmp_path / "out", grid=GRID)
    moved = read_project(write_project(tmp_path))
    assert run_study("density", moved, tmp_path / "out", grid=GRID).n_new == 0


def test_another_kind_of_study_is_refused(
    intents: StudyData, quick: list[str], tmp_path: Path
) -> None:
    run_study("density", intents, tmp_path, grid=GRID)
    before = contents(tmp_path)
    quick.clear()
    with pytest.raises(InputError, match=r"one kind of study \(got 'time, where density is'\)"):
        run_study("time", intents, tmp_path, grid=dataclasses.replace(GRID, epochs=(1, 2)))
    assert quick == []
    assert contents(tmp_path) == before


def test_another_task_is_refused(
    intents: StudyData, read: Callable[[str], StudyData], quick: list[str], tmp_path: Path
) -> None:
    run_study("density", intents, tmp_path, grid=GRID)
    with pytest.raises(InputError, match="must agree in task"):
        run_study("density", read("entity"), tmp_path, grid=GRID)
    with pytest.raises(InputError, match=r"input-layer must be done on .* \(got 'dialogue'\)"):
        run_study("input-layer", read("dialogue"), tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_settings_that_no_run_can_use_are_refused_first(
    intents: StudyData, quick: list[str], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="number_of_attention_heads"):
        run_study("density", intents, tmp_path / "out", grid=dataclasses.replace(GRID, sizes=(7,)))
    with pytest.raises(InputError, match=r"got 'densty'.*'density'"):
        run_study("densty", intents, tmp_path / "out", grid=GRID)
    with pytest.raises(InputError, match=r"must have options\.learning_rate"):
        run_study("convergence", intents, tmp_path / "out", grid=GRID)
    assert quick == []


def test_one_study_at_a_time_writes_to_a_folder(
    intents: StudyData, quick: list[str], tmp_path: Path
) -> None:
    with (
        RowStore(tmp_path / "rows.jsonl").locked(),
        pytest.raises(InputError, match="one study at a time"),
    ):
        run_study("density", intents, tmp_path, grid=GRID)
    assert quick == []


def test_a_folder_that_cannot_be_one(intents: StudyData, quick: list[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError):
        run_study("density", intents, tmp_path / "file", grid=GRID)
    assert quick == []


def test_what_the_page_is_told(intents: StudyData, quick: list[str], tmp_path: Path) -> None:
    run_study("density", intents, tmp_path, grid=GRID, title="A", command="c 1", notes=["n 1"])
    run_study("density", intents, tmp_path, grid=GRID, command="c 2", notes=["n 1", "n 2"])
    about = StudyFolder(tmp_path).about()
    assert (about.study, about.title) == ("density", "A")
    assert about.commands == ("c 1", "c 2")
    assert about.notes == ("n 1", "n 2")
    run_study("density", intents, tmp_path, grid=GRID, title="B")
    assert StudyFolder(tmp_path).about().title == "B"


@pytest.mark.long
@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs process groups")
def test_a_killed_study_goes_on_where_it_was(
    small_project: Path, intents: StudyData, here: None, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    program = [
        *(sys.executable, "-m", "gossamer.cli", "study", "density"),
        *("--config", str(small_project / "config.yml")),
        *("--train", str(small_project / "nlu.yml"), "--test", str(small_project / "test.yml")),
        *("--densities", "0.2", "--sizes", "16", "--seeds", "0,1,2,3,4", "--epochs", "8"),
        *("--jobs", "1", "--threads", "1", "--out", str(out)),
    ]
    source = str(Path(gossamer.__file__).parents[1])
    process = subprocess.Popen(
        program,
        env=os.environ | {"PYTHONPATH": source},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        end = time.monotonic() + 120
        rows = out / "rows.jsonl"
        while not rows.exists() or rows.read_bytes().count(b"\n") < 2:
            assert process.poll() is None, "the study ended before it could be killed"
            assert time.monotonic() < end, "the study did not begin"
            time.sleep(0.005)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    done = RowStore(rows).rows()
    assert 2 <= len(done) < 5
    before = rows.read_bytes()
    grid = Grid(densities=(0.2,), sizes=(16,), seeds=tuple(range(5)), epochs=(8,))
    result = run_study("density", intents, out, grid=grid)
    assert result.n_new == 5 - len(done)
    assert result.failures == {}
    assert rows.read_bytes().startswith(before[: before.rfind(b"\n") + 1])
    found = RowStore(rows).rows()
    assert sorted(row["seed"] for row in found) == [0, 1, 2, 3, 4]
    assert len(keys(out)) == len(set(keys(out))) == 5
    # A run is the same whoever does it.
    first = found[0]
    again = trained_here(intents, first)
    assert (again["f1"], again["losses"]) == (first["f1"], first["losses"])


def trained_here(data: StudyData, row: dict[str, Any]) -> dict[str, Any]:
    settings = {field.name: row[field.name] for field in dataclasses.fields(Run)}
    found = perform(data, Run(**settings))
    assert found["key"] == row["key"]
    return found
