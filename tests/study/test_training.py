"""One run, and the row it gives."""

from __future__ import annotations

import dataclasses
import json
import time
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch

from gossamer.data.errors import DataError
from gossamer.sparse.kernels.build import CompileTime, Kernel, compile_time, is_available
from gossamer.sparse.kernels.function import Function
from gossamer.study import Run, StudyData, Task, perform, training

RUN = Run(task=Task.INTENT, density=0.2, size=16, seed=0, epochs=2)

SAID: dict[str, Any] = {
    "key": str,
    "task": str,
    "density": float,
    "size": int,
    "seed": int,
    "epochs": int,
    "topology": str,
    "method": str,
    "input_layer": str,
    "options": dict,
    "data": dict,
    "f1": float,
    "scores": dict,
    "sparse_weights": int,
    "sparse_biases": int,
    "weights": int,
    "train_seconds": float,
    "compile_seconds": float,
    "cpu_seconds": float,
    "warm_cpu_seconds": float,
    "test_seconds": float,
    "peak_memory_mib": float,
    "losses": list,
    "threads": int,
    "versions": dict,
    "commit": (str, type(None)),
    "machine": str,
    "finished": str,
}


@pytest.fixture(scope="module")
def rows(read: Callable[[str], StudyData]) -> dict[Task, dict[str, Any]]:
    """A row of each task."""
    return {task: perform(read(task), dataclasses.replace(RUN, task=task, size=8)) for task in Task}


@pytest.mark.parametrize("task", list(Task))
def test_a_row_says_everything(
    rows: dict[Task, dict[str, Any]], read: Callable[[str], StudyData], task: Task
) -> None:
    row, data = rows[task], read(task)
    assert set(row) == set(SAID)
    for name, kind in SAID.items():
        assert isinstance(row[name], kind), name
    assert json.loads(json.dumps(row, allow_nan=False)) == row
    run = dataclasses.replace(RUN, task=task, size=8)
    assert row["key"] == run.key(data.digest)
    assert {name: row[name] for name in run.to_dict()} == run.to_dict()
    assert row["data"]["digest"] == data.digest
    assert (row["data"]["n_train"], row["data"]["n_test"]) == (data.n_train(), data.n_test())
    assert row["data"]["config"].endswith("config.yml")
    assert len(row["losses"]) == 2
    assert 0.0 <= row["f1"] <= 1.0
    assert 0 < row["sparse_biases"] < row["sparse_weights"] < row["weights"]
    assert row["cpu_seconds"] > 0
    assert row["warm_cpu_seconds"] > 0
    assert row["threads"] == torch.get_num_threads()
    assert set(row["versions"]) >= {"python", "gossamer", "torch", "numpy"}
    assert row["finished"].endswith("Z")


def test_scores_of_each_task(rows: dict[Task, dict[str, Any]]) -> None:
    intent, entity, dialogue = (rows[task] for task in Task)
    assert set(intent["scores"]) == {
        "intent accuracy",
        "intent weighted precision",
        "intent weighted F1",
        "intent calibration error",
    }
    assert intent["f1"] == intent["scores"]["intent weighted F1"]
    assert entity["f1"] == entity["scores"]["DIETClassifier token weighted F1"]
    assert not any(name.startswith("intent") for name in entity["scores"])
    assert dialogue["f1"] == dialogue["scores"]["action weighted F1"]
    assert set(dialogue["scores"]) == {
        "action accuracy",
        "action weighted F1",
        "conversations right",
    }


@pytest.mark.parametrize("task", list(Task))
def test_a_seed_gives_the_same_again(
    rows: dict[Task, dict[str, Any]], read: Callable[[str], StudyData], task: Task
) -> None:
    run = dataclasses.replace(RUN, task=task, size=8)
    again = perform(read(task), run)
    for name in ("key", "f1", "scores", "losses", "sparse_weights", "weights"):
        assert again[name] == rows[task][name]
    other = perform(read(task), dataclasses.replace(run, seed=1))
    assert other["losses"] != rows[task]["losses"]
    assert other["key"] != rows[task]["key"]


def test_more_training_learns_more(intents: StudyData) -> None:
    run = dataclasses.replace(RUN, epochs=30, options={"learning_rate": 0.01, "drop_rate": 0.0})
    row = perform(intents, run)
    assert row["losses"][-1] < row["losses"][0] / 2
    assert row["f1"] > 0.7


def test_data_are_left_as_they_are(intents: StudyData) -> None:
    before = repr(intents)
    perform(intents, RUN)
    assert repr(intents) == before


def test_training_leaves_the_generator_alone(intents: StudyData) -> None:
    torch.manual_seed(11)
    expected = torch.rand(4)
    torch.manual_seed(11)
    perform(intents, RUN)
    assert torch.equal(torch.rand(4), expected)


def test_a_training_that_diverges_has_a_row(intents: StudyData) -> None:
    row = perform(intents, dataclasses.replace(RUN, options={"learning_rate": 1e25}))
    assert row["losses"] == [None, None]
    json.dumps(row, allow_nan=False)


def test_warnings_are_given_once_when_data_are_read(intents: StudyData) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        perform(intents, dataclasses.replace(RUN, task=Task.ENTITY))


def test_data_of_another_task(intents: StudyData, read: Callable[[str], StudyData]) -> None:
    with pytest.raises(DataError, match="needs stories"):
        perform(intents, dataclasses.replace(RUN, task=Task.DIALOGUE))
    with pytest.raises(DataError, match="needs examples"):
        perform(read("dialogue"), RUN)


def test_test_data_without_a_text(intents: StudyData) -> None:
    assert intents.test_examples is not None
    empty = dataclasses.replace(intents.test_examples, examples=())
    nothing = dataclasses.replace(intents, test_examples=empty, digest="nothing to test on")
    with pytest.raises(DataError, match="at least one example with a text"):
        perform(nothing, RUN)


def test_compiling_kernels_counts_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([(100.0, 50.0, 2.0, 1.0), (110.0, 58.0, 6.0, 4.0)])

    def now() -> training._Clock:
        seconds, cpu, compiling, compiling_cpu = next(moments)
        monkeypatch.setattr(time, "perf_counter", lambda: seconds)
        monkeypatch.setattr(time, "process_time", lambda: cpu)
        monkeypatch.setattr(training, "compile_time", lambda: CompileTime(compiling, compiling_cpu))
        return training._Clock.now()

    before, after = now(), now()
    # 10 s on the clock and 8 s of processor time, of which compiling took 4 s and 3 s.
    assert after.since(before) == (6.0, 5.0, 4.0)


def test_compiling_is_timed() -> None:
    before = compile_time()
    if not is_available():
        pytest.skip("llvmlite is not installed")
    Kernel(Function("nothing"), "nothing", ())
    after = compile_time()
    assert after.seconds > before.seconds
    assert after.cpu_seconds >= before.cpu_seconds
