from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gossamer.data import DataError

Run = Callable[..., Any]


def test_figures_and_files(run: Run, model: Path, fake: Any) -> None:
    result = run("test", "nlu", "--no-plot")
    assert result.exit_code == 0, result.stderr
    assert f"models/{model.name} on 10 examples" in result.stdout
    assert "Intents (10 examples, 2 intents)" in result.stdout
    assert "Entities per token, as Rasa counts" in result.stdout
    assert "strict spans" in result.stdout
    assert "6 reports" not in result.stdout
    assert "7 reports in results" in result.stdout
    names = {path.name for path in (model.parents[1] / "results").iterdir()}
    assert names == {
        "intent_report.json",
        "intent_confidence_report.json",
        "intent_errors.json",
        "DIETClassifier_report.json",
        "DIETClassifier_errors.json",
        "entity_span_report.json",
        "report.txt",
    }
    assert "calibration error" in result.stdout
    assert "FallbackClassifier: intents answered at a threshold and above" in result.stdout
    assert "No threshold is suggested: too few errors to tell (0, at least 10" in result.stdout
    report = json.loads((model.parents[1] / "results" / "intent_report.json").read_text())
    assert report["accuracy"] == 1.0


def test_flags(run: Run, model: Path, fake: Any) -> None:
    result = run(
        "test", "nlu", "-m", model, "-u", "data", "--out", "o", "--successes", "--no-errors"
    )
    assert result.exit_code == 0, result.stderr
    names = {path.name for path in (model.parents[1] / "o").iterdir()}
    assert "intent_successes.json" in names
    assert "DIETClassifier_successes.json" in names
    assert "intent_errors.json" not in names
    assert {
        "intent_confusion_matrix.png",
        "intent_histogram.png",
        "intent_risk_coverage.png",
    } <= names


def test_cross_validation_trains_each_fold(run: Run, project: Path, fake: Any) -> None:
    result = run(
        "test", "nlu", "--cross-validation", "--folds", "2", "--random-seed", "3", "--no-plot"
    )
    assert result.exit_code == 0, result.stderr
    trained = [call for call in fake.calls if "data" in call]
    assert [len(call["data"].examples) for call in trained] == [5, 5]
    assert {call["random_seed"] for call in trained} == {3}
    assert "Fold 2 of 2: 5 examples" in result.stdout
    assert "2 folds: mean and standard deviation" in result.stdout
    assert "1.0000 ± 0.0000" in result.stdout
    assert "intent calibration error" in result.stdout
    assert "No threshold is suggested" in result.stdout
    assert (project / "results" / "intent_report.json").is_file()


def test_cross_validation_with_rasas_defaults(run: Run, project: Path, fake: Any) -> None:
    cross = ("test", "nlu", "--cross-validation", "--folds", "2", "--no-plot")
    for more, expected in (((), {}), (("--rasa-defaults",), {"rasa_defaults": True})):
        assert run(*cross, *more).exit_code == 0
        pipeline = [call["config"] for call in fake.calls if "data" in call][-1].pipeline
        assert [part.options for part in pipeline] == [expected] * 2


def test_a_missing_model_is_told_before_anything_slow(run: Run, project: Path) -> None:
    result = run("test", "nlu")
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: the model must exist (got 'models'). Try: `gossamer train`, or another --model\n"
    )
    assert not (project / "results").exists()


def test_a_damaged_model_is_refused(run: Run, model: Path, fake: Any) -> None:
    model.write_text("a mod")
    result = run("test", "nlu", "--model", model)
    assert result.exit_code == 1
    assert "a model file must be whole (got 'a mod')" in result.stderr


def test_pipelines_are_compared(run: Run, project: Path, fake: Any) -> None:
    shutil.copy("config.yml", "other.yml")
    result = run(
        *("test", "nlu", "--config", "config.yml", "other.yml", "--runs", "2"),
        *("--percentages", "0", "50", "--random-seed", "5", "--no-plot"),
    )
    assert result.exit_code == 0, result.stderr
    trainings = [call for call in fake.calls if "data" in call]
    assert len(trainings) == 8
    assert {call["random_seed"] for call in trainings} == {5, 6}
    assert sorted(len(call["data"].examples) for call in trainings) == [4] * 4 + [8] * 4
    results = json.loads((project / "results" / "results.json").read_text())
    assert list(results) == ["config.yml", "other.yml"]
    assert [len(row) for row in results["other.yml"]] == [2, 2]
    assert not (project / "results" / "nlu_model_comparison_graph.png").exists()
    assert "Weighted F1 of intents" in result.stdout


def test_all_pipelines_are_looked_at_before_any_is_trained(
    run: Run, project: Path, fake: Any
) -> None:
    wrong = "pipeline:\n- name: WhitespaceTokeniser\n"
    Path("wrong.yml").write_text(wrong)
    Path("worse.yml").write_text(wrong)
    result = run("test", "nlu", "--config", "config.yml", "wrong.yml", "worse.yml")
    assert result.exit_code == 1
    assert "wrong.yml:2" in result.stderr
    assert "worse.yml:2" in result.stderr
    twice = run("test", "nlu", "--config", "config.yml", "config.yml")
    assert twice.exit_code == 2
    assert "each file may be given once" in " ".join(twice.stderr.split())
    assert fake.calls == []


def test_a_comparison_with_failures_ends_with_1(run: Run, project: Path, fake: Any) -> None:
    fake.fails_with = DataError("it cannot be")
    result = run(
        *("test", "nlu", "--compare", "--config", "config.yml", "--runs", "1"),
        *("--percentages", "0", "--no-plot"),
    )
    assert result.exit_code == 1
    assert "1 of 1 trainings failed" in result.stdout
    assert (project / "results" / "results.json").is_file()


def test_a_comparison_is_no_cross_validation(run: Run, project: Path, fake: Any) -> None:
    result = run("test", "nlu", "--compare", "--cross-validation")
    assert result.exit_code == 2
    assert "takes one --config and no --compare" in " ".join(result.stderr.split())
    assert fake.calls == []
