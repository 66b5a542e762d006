"""A project that trains in a moment, runs in this process, and rows that nobody trained."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gossamer.starter
from gossamer.study import Backend, Method, Run, StudyData, Task, read_study_data
from gossamer.study.executors.executor import Failure

STARTER = Path(gossamer.starter.__file__).parent

TRAIN = """\
version: "3.1"
nlu:
- intent: greet
  examples: |
    - hi
    - hello there
    - good morning
- intent: bye
  examples: |
    - bye
    - see you soon
    - good night
- intent: travel
  examples: |
    - to [Rome](city)
    - a train to [Oslo](city) please
    - take me to [Rome](city)
    - fly to [Lima](city)
"""

TEST = """\
version: "3.1"
nlu:
- intent: greet
  examples: |
    - hello
- intent: bye
  examples: |
    - good bye
- intent: travel
  examples: |
    - fly to [Oslo](city)
    - a train to [Lima](city)
"""

CONFIG = """\
language: en
pipeline:
- name: WhitespaceTokenizer
- name: CountVectorsFeaturizer
- name: DIETClassifier
  number_of_attention_heads: 2
  number_of_transformer_layers: 1
  dense_dimension: {text: 16, label: 8}
  concat_dimension: {text: 16, label: 8}
  embedding_dimension: 8
  batch_size: 4
  constrain_similarities: true
- name: FallbackClassifier
policies:
- name: RulePolicy
- name: TEDPolicy
  number_of_attention_heads: 2
  encoding_dimension: 8
  dense_dimension: 8
  embedding_dimension: 8
  constrain_similarities: true
  max_history: 3
"""


def write_project(folder: Path) -> Path:
    """Write `config.yml`, `nlu.yml` and `test.yml`."""
    for name, text in (("config.yml", CONFIG), ("nlu.yml", TRAIN), ("test.yml", TEST)):
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def read_project(folder: Path, task: str = "intent") -> StudyData:
    if task == Task.DIALOGUE:
        return read_study_data(
            task,
            folder / "config.yml",
            STARTER / "data" / "stories.yml",
            STARTER / "tests" / "test_stories.yml",
            domain=STARTER / "domain.yml",
        )
    return read_study_data(task, folder / "config.yml", folder / "nlu.yml", folder / "test.yml")


def run_here(
    function: Callable[[Any, Any], Any],
    shared: Any,
    tasks: Mapping[str, Any],
    *,
    backend: Backend,
    on_start: Callable[[str], None],
    on_result: Callable[[str, Any], None],
    on_failure: Callable[[str, Failure], None],
) -> None:
    """As `run_all`, one after the other in this process."""
    for key, task in tasks.items():
        on_start(key)
        try:
            result = function(shared, task)
        except Exception as error:
            on_failure(key, Failure.of(error))
        else:
            on_result(key, result)


def quick_row(data: StudyData, run: Run) -> dict[str, Any]:
    """A row as `perform` gives it, for which nothing is trained."""
    return {
        **row(**run.to_dict(), f1=0.5 + run.density / 10 + run.seed / 1000),
        "key": run.key(data.digest),
        "data": {**data.names, "digest": data.digest, "n_train": 10, "n_test": 4},
    }


def row(
    *,
    f1: float,
    sparse_weights: int = 1000,
    weights: int = 5000,
    seconds: float = 1.0,
    losses: Sequence[float | None] = (2.0, 1.0),
    **settings: Any,
) -> dict[str, Any]:
    """A row with the settings of a run, as they come back from the disk."""
    usual: dict[str, Any] = {
        "task": "intent",
        "density": 0.2,
        "size": 16,
        "seed": 0,
        "epochs": 2,
    }
    run = Run(**usual | settings)
    content = {
        "key": run.key("d"),
        **run.to_dict(),
        "data": {"config": "config.yml", "digest": "d", "n_train": 10, "n_test": 4},
        "f1": f1,
        "scores": {"intent accuracy": f1 - 0.01},
        "sparse_weights": sparse_weights,
        "sparse_biases": 10,
        "weights": weights,
        "train_seconds": seconds,
        "cpu_seconds": seconds,
        "warm_cpu_seconds": seconds,
        "test_seconds": 0.1,
        "peak_memory_mib": 300.0,
        "losses": list(losses),
        "threads": 1,
        "versions": {"python": "3.11"},
        "commit": "abc",
        "machine": "a machine",
        "finished": "2025-01-02T03:04:05Z",
    }
    back: dict[str, Any] = json.loads(json.dumps(content))
    return back


def texts_of(analysis: Any) -> list[str]:
    """Every text that an analysis shows outside of its figures."""
    found = [*analysis.findings, *(picture.caption for picture in analysis.pictures)]
    for table in analysis.tables:
        found += [table.title, *table.columns, *(cell for line in table.rows for cell in line)]
    return found


def column(table: Any, name: str) -> list[str]:
    place = list(table.columns).index(name)
    return [line[place] for line in table.rows]


REWIRED = tuple(method for method in Method if method is not Method.FIXED)
