"""The accuracy benchmark: which runs are done, what a row says, tables and figures."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import accuracy
import pytest
from accuracy import ABLATION, make_parser, row_key, run_tasks, tasks_of, to_do
from accuracy_parts import runs as accuracy_runs
from accuracy_parts.features import features_table
from accuracy_parts.report import PAGE, load_in_words, write_report
from accuracy_parts.runs import Task, check_task, config_of, run_once
from accuracy_parts.summary import grouped
from accuracy_parts.targets import targets

from gossamer.data.errors import InputError
from gossamer.nlu.diet.options import DIETOptions
from gossamer.study.results.rows import RowStore

TRAIN = """
version: "3.1"
nlu:
- intent: greet
  examples: |
    - hello there
    - hi [Ann](person)
    - good morning [Bob](person)
    - hello [Eve](person)
    - hi there
- intent: travel
  examples: |
    - a ticket to [Oslo](city)
    - from [Rome](city) to [Oslo](city) please
    - to [Bern](city) please
    - a ticket to [Rome](city)
    - a seat to [Oslo](city)
"""
SMALL = {
    "epochs": 1,
    "transformer_size": 32,
    "number_of_attention_heads": 2,
    "embedding_dimension": 8,
    "dense_dimension": {"text": 32, "label": 8},
    "hidden_layers_sizes": {"text": [], "label": []},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with a tiny Sara, whose test file is not there."""
    (tmp_path / "sara/split").mkdir(parents=True)
    (tmp_path / "sara/split/train.yml").write_text(TRAIN)
    return tmp_path


def task(folder: Path | str = "nowhere", contestant: str = "svm", **changes: Any) -> Task:
    settings: dict[str, Any] = {"data": "sara", "part": "dev", "seed": 1} | changes
    return Task(contestant=contestant, data_folder=str(folder), **settings)


def asked(*words: str, folder: Path) -> argparse.Namespace:
    return make_parser().parse_args([*words, "--data-folder", str(folder)])


def test_ours_is_the_default_pipeline_with_a_density_and_nothing_else() -> None:
    steps = config_of(task(contestant="ours-5"))["pipeline"]
    assert [step["name"] for step in steps] == [
        "WhitespaceTokenizer",
        "RegexFeaturizer",
        "LexicalSyntacticFeaturizer",
        "CountVectorsFeaturizer",
        "CountVectorsFeaturizer",
        "DIETClassifier",
    ]
    assert steps[-1] == {"name": "DIETClassifier", "connection_density": 0.05}
    changed = config_of(task(contestant="ours-100", options={"epochs": 3}))["pipeline"][-1]
    assert changed == {"name": "DIETClassifier", "connection_density": 1.0, "epochs": 3}


def test_rasas_defaults_go_to_every_component() -> None:
    steps = config_of(task(contestant="rasa-20"))["pipeline"]
    assert all(step["rasa_defaults"] is True for step in steps)
    assert steps[-1] == {
        "name": "DIETClassifier",
        "rasa_defaults": True,
        "epochs": 100,
        "constrain_similarities": True,
        "connection_density": 0.2,
    }
    ours = config_of(task(contestant="ours-20"))["pipeline"]
    assert not any("rasa_defaults" in step for step in ours)


@pytest.mark.parametrize("contestant", ["bert", "ours", "ours-0", "ours-101", "ours-x", "rasa-nan"])
def test_an_unknown_contestant_is_refused_before_any_run(folder: Path, contestant: str) -> None:
    with pytest.raises(InputError, match="a contestant must be"):
        check_task(task(folder, contestant))


def test_missing_files_and_wrong_options_are_found_before_any_run(folder: Path) -> None:
    check_task(task(folder))
    with pytest.raises(InputError, match=r"test\.yml"):
        check_task(task(folder, part="test"))
    with pytest.raises(InputError, match="epoch"):
        check_task(task(folder, "ours-20", options={"epoch": 3}))
    with pytest.raises(InputError, match="one of the benchmark's"):
        tasks_of(asked("--data", "sarah", folder=folder))


def test_the_ablation_changes_one_part_at_a_time(folder: Path) -> None:
    words = ("--data", "sara", "--ablation", "--seeds", "4,5", "--option", "epochs=3")
    tasks = tasks_of(asked(*words, folder=folder))
    assert [task.options for task in tasks[:2]] == [{"epochs": 3}] * 2, "first as it is"
    assert {task.contestant for task in tasks} == {"ours-20"}
    assert len(tasks) == 2 * (1 + len(ABLATION))
    for change in ABLATION:
        assert sum(task.options == {"epochs": 3, **change} for task in tasks) == 2
        ours = DIETOptions().model_dump()
        assert all(ours[name] != value for name, value in change.items()), "a change"


def test_peers_run_once_unless_examples_are_drawn(folder: Path) -> None:
    words = ("--data", "sara", "--contestants", "svm,ours-20", "--seeds", "4,5")
    runs = [(t.contestant, t.seed, t.n_examples) for t in tasks_of(asked(*words, folder=folder))]
    assert runs == [("svm", 4, None), ("ours-20", 4, None), ("ours-20", 5, None)]
    curve = tasks_of(asked(*words, "--examples", "2,all", folder=folder))
    assert [(t.contestant, t.seed, t.n_examples) for t in curve] == [
        ("svm", 4, 2),
        ("svm", 5, 2),
        ("ours-20", 4, 2),
        ("ours-20", 5, 2),
        *runs,
    ]
    unknown = tasks_of(asked("--oos", *words, folder=folder))
    assert [(t.left_out, t.contestant) for t in unknown] == [
        (intent, name) for intent in ("greet", "travel") for name in ("svm", "ours-20", "ours-20")
    ]


@pytest.mark.parametrize("words", [["--seeds", "a"], ["--seeds", ""], ["--examples", "0"]])
def test_numbers_are_checked(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        make_parser().parse_args(words)
    assert "must be" in capsys.readouterr().err


def test_a_row_of_svm_and_crf(folder: Path) -> None:
    row = run_once(task(folder, "svm+crf"))
    assert (row["n_train"], row["n_test"], row["source"]) == (8, 2, "peer")
    for name in ("intent_accuracy", "entity_span_micro_f1", "whole_sentences", "oos_auroc"):
        assert (name in row) == (name != "oos_auroc")
    assert row["calibration_error"] is None
    assert row["threads"] == 1
    assert {"torch", "python-crfsuite"} < set(row["versions"])
    json.dumps(row, allow_nan=False)


@pytest.mark.slow
def test_a_row_of_our_network(folder: Path) -> None:
    row = run_once(task(folder, "ours-20", options=SMALL))
    assert row["source"] == accuracy_runs.package_digest()
    assert 0.0 <= row["calibration_error"] <= 1.0
    assert row["milliseconds"] > 0.0
    assert row["model_mib"] > 0.0
    assert row["n_weights"] > 0
    assert row["whole_sentences"] <= row["intent_accuracy"]
    json.dumps(row, allow_nan=False)


def test_a_row_without_an_intent(folder: Path) -> None:
    (folder / "sara/split/train.yml").write_text(
        TRAIN + "- intent: bye\n  examples: |\n    - good bye\n    - bye\n    - see you\n"
        "    - bye bye\n    - see you there\n"
    )
    row = run_once(task(folder, left_out="bye"))
    assert row["n_out_of_scope"] == 1
    assert 0.0 <= row["oos_auroc"] <= 1.0
    assert "intent_accuracy" not in row
    with pytest.raises(InputError, match="predict intents"):
        run_once(task(folder, "crf", left_out="bye"))


def test_runs_that_have_a_row_are_not_repeated() -> None:
    peer, ours = task(seed=1), task(contestant="ours-20")
    first, n_kept = to_do([peer, task(seed=2), ours], [], again=False)
    assert list(first.values()) == [peer, ours]  # the SVM takes no seed
    assert n_kept == 0
    rows = [{"key": key} for key in first]
    more = task(contestant="ours-20", seed=2)
    assert to_do([peer, ours, more], rows, again=False) == (
        {row_key(more, accuracy_runs.package_digest()): more},
        2,
    )
    repeated, _ = to_do([peer], rows, again=True)
    rows += [{"key": key} for key in repeated]
    thrice, _ = to_do([peer], rows, again=True)
    assert [str(row["key"])[-9:] for row in rows[2:]] == ["] again 1"]
    assert next(iter(thrice)).endswith(" again 2")


@pytest.mark.long
def test_rows_are_stored_and_a_failure_stops_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "sara/split/train.yml"
    path.write_text(TRAIN.replace("[", "").replace("]", ""))
    store = RowStore(folder / "rows.jsonl")
    assert run_tasks([task(folder, "crf"), task(folder)], store, workers=1, again=False) == 1
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("[1/2] sara dev crf seed 1: FAILED: InputError: a feature CRF needs")
    assert second.startswith("[2/2] sara dev svm seed 1: intents ")
    assert [row["contestant"] for row in store.rows()] == ["svm"]
    assert run_tasks([task(folder)], store, workers=1, again=False) == 0
    assert capsys.readouterr().out.startswith("1 run already in")


def test_our_rows_are_of_one_state_of_the_package() -> None:
    ours, peer = task(contestant="ours-20"), task()
    assert row_key(ours, "abc") != row_key(ours, "abd")
    assert accuracy_runs.source_of(peer) == "peer"
    assert row_key(task(data="atis"), "peer") != row_key(peer, "peer")
    assert row_key(task("elsewhere"), "peer") == row_key(peer, "peer")


def row(contestant: str, seed: int, **changes: Any) -> dict[str, Any]:
    """A row as `run_once` gives it, of a run that took place at minute `seed`."""
    return (
        task(contestant=contestant, seed=seed).settings()
        | {
            "key": f"{contestant} {seed} {sorted(changes.items())}",
            "family": "sara",
            "source": "abc",
            "finished": f"2026-01-01T00:{seed:02}:00Z",
            "commit": "0123",
            "machine": "a machine",
            "versions": {"python": "3.11"},
            "cores_used_by_others": 0.0,
            "train_seconds": 20.0,
            "milliseconds": 1.5,
            "n_weights": 1234567,
        }
        | changes
    )


ROWS = [
    row("svm", 1, intent_accuracy=0.8, source="peer"),
    row("svm+crf", 1, intent_accuracy=0.8, entity_span_micro_f1=0.7, source="peer"),
    row("ours-20", 1, intent_accuracy=0.85, entity_span_micro_f1=0.6),
    row("ours-20", 2, intent_accuracy=0.87, entity_span_micro_f1=0.6),
    row("ours-100", 2, intent_accuracy=0.9, entity_span_micro_f1=0.8),
    row("ours-20", 1, intent_accuracy=0.5, n_examples=5),
    row("ours-20", 1, oos_auroc=0.75, left_out="greet"),
    row("ours-20", 1, oos_auroc=0.85, left_out="bye"),
]


def written(rows: list[dict[str, Any]], folder: Path) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.slow
def test_the_report_holds_means_spreads_targets_and_figures(tmp_path: Path) -> None:
    paths = write_report([written(ROWS, tmp_path)], tmp_path / "report")
    names = [PAGE, "accuracy-dev.png", "curves-dev.png", "density-dev.png"]
    assert [path.name for path in paths] == names
    page = paths[0].read_text()
    for line in (
        "| linear SVM | 1 | 80.00 |  |",
        "| ours, 20% of connections | 2 | 86.00 ± 1.41 | 60.00 ± 0.00 |",
        "| ours, 20% of connections | 20.0 ± 0.0 | 1.50 |  | 1,234,567 |",
        "| Sara, intent accuracy of ours-20 | 86% | ≥ 80% | met | linear SVM |",
        "| Sara, entity span micro F1 of ours-20 | 60% | ≥ 70% | missed by 14.3% "
        "| SVM and feature CRF |",
        "| Sara | ours, 20% of connections | 50.00 | 86.00 ± 1.41 |",
        "| Sara | ours, 20% of connections | 2 | 2 | 80.00 ± 7.07 | 75.00 |",
        "| 0123 | abc | a machine | python 3.11 "
        "| ours, 100% of connections, ours, 20% of connections |",
        "![density, dev](density-dev.png)",
    ):
        assert line in page.splitlines()
    assert "## Test data" not in page
    assert write_report([tmp_path / "rows.jsonl"], tmp_path / "again")[0].read_text() == page


@pytest.mark.parametrize(
    ("loads", "said"),
    [
        ([0.0, 0.05], "good to compare: nothing else was running."),
        ([0.0, 1.26], "Other processes kept up to 1.3 cores busy"),
        ([1.26, None], "too high. Of 1 run it is not known."),
        ([None, None], "What else was running is not known"),
    ],
)
def test_the_report_says_what_else_was_running(loads: list[float | None], said: str) -> None:
    rows = [row("ours-20", n, cores_used_by_others=load) for n, load in enumerate(loads)]
    assert said in load_in_words(grouped(rows))


def test_the_last_state_of_the_package_counts() -> None:
    old = [row("ours-20", 1, intent_accuracy=0.1), row("ours-20", 2, intent_accuracy=0.1)]
    new = row("ours-20", 3, intent_accuracy=0.9, source="new")
    repeated = row("ours-20", 3, intent_accuracy=0.7, source="new", finished="2027")
    (group,) = grouped([new, *old])
    assert group.values("intent_accuracy") == [0.9]
    (group,) = grouped([repeated, new, *old])
    assert group.values("intent_accuracy") == [0.7]


def test_features_beside_the_text_by_data_set_and_all_folds() -> None:
    def run(contestant: str, data: str, seed: int, right: float, **changes: Any) -> dict[str, Any]:
        family = "nlu" if data.startswith("nlu") else data
        found = {"intent_accuracy": right, "model_mib": 5.0, "train_seconds": 10.0 + seed}
        return row(contestant, seed, data=data, family=family, **(found | changes))

    runs = [
        run("ours-20", "nlu1", 1, 0.8),
        run("ours-20", "nlu1", 2, 0.5, options={"epochs": 3}),
        run("ours-20+minilm", "nlu1", 3, 0.9),
        run("ours-20+minilm", "nlu1", 2, 0.8),
        run("ours-20+minilm", "nlu2", 4, 0.7),
        run("ours-20", "snips", 1, 0.8),  # nothing to compare with
    ]
    lines = features_table(grouped(runs)).splitlines()[2:]
    assert lines == [
        "| NLU evaluation (nlu1) | text alone | 1 | 80.0 |  |  | 11 | 1.5 | 5.0 |",
        "|  | and MiniLM | 2 | 85.0 ± 7.1 |  |  | 12 | 1.5 | 5.0 |",
        "| NLU evaluation (nlu2) | and MiniLM | 1 | 70.0 |  |  | 14 | 1.5 | 5.0 |",
        "| NLU evaluation, all 2 | text alone | 1 | 80.0 |  |  | 11 | 1.5 | 5.0 |",
        "|  | and MiniLM | 3 | 80.0 ± 10.0 |  |  | 12 | 1.5 | 5.0 |",
    ]
    assert features_table(grouped(ROWS)) == ""


def test_options_make_another_contestant_without_targets() -> None:
    changed = row("ours-20", 1, intent_accuracy=0.9, options={"epochs": 3}, threads=2)
    groups = grouped([ROWS[0], changed])
    assert [group.label for group in groups] == [
        "linear SVM",
        "ours, 20% of connections (epochs=3, 2 threads)",
    ]
    (goal,) = targets(groups, "dev", {"intent_accuracy": "intent accuracy"})
    assert goal.verdict == "not measured"


def test_a_report_needs_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="must be in a file"):
        write_report([tmp_path / "none.jsonl"], tmp_path)
    with pytest.raises(InputError, match="a row to report"):
        write_report([written([], tmp_path)], tmp_path)
    rows = written(ROWS, tmp_path)
    command = ["accuracy.py", "report", "--rows", str(rows), "--out", str(tmp_path / "out")]
    monkeypatch.setattr("sys.argv", command)
    accuracy.main()
    assert (tmp_path / "out" / PAGE).is_file()
