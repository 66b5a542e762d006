from __future__ import annotations

import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from gossamer.data.errors import InputError
from gossamer.data.nlu.examples import Example
from gossamer.evaluate import evaluate_parses, plots, report_text, summary_text, write_reports
from gossamer.evaluate.plots import confusion_matrix_png, histogram_png
from gossamer.nlu.pipeline.messages import Parse

Travel = tuple[list[Example], list[Parse]]


def _size_of_png(raw: bytes) -> tuple[int, int]:
    head = raw[:24]
    assert head.startswith(b"\x89PNG")
    width, height = struct.unpack(">II", head[16:24])
    return width, height


def test_file_names_are_those_of_rasa(travel: Travel, tmp_path: Path) -> None:
    written = write_reports(evaluate_parses(*travel), tmp_path / "new" / "out", successes=True)
    assert {path.name for path in written} == {
        "intent_report.json",
        "intent_confidence_report.json",
        "intent_errors.json",
        "intent_successes.json",
        "intent_confusion_matrix.png",
        "intent_histogram.png",
        "intent_risk_coverage.png",
        "DIETClassifier_report.json",
        "DIETClassifier_errors.json",
        "DIETClassifier_successes.json",
        "DIETClassifier_confusion_matrix.png",
        "DIETClassifier_histogram.png",
        "RegexEntityExtractor_report.json",
        "RegexEntityExtractor_errors.json",
        "RegexEntityExtractor_successes.json",
        "RegexEntityExtractor_confusion_matrix.png",
        "entity_span_report.json",
        "report.txt",
    }
    assert {path.name for path in (tmp_path / "new" / "out").iterdir()} == {
        path.name for path in written
    }


def test_flags_leave_files_out(travel: Travel, tmp_path: Path) -> None:
    write_reports(evaluate_parses(*travel), tmp_path, errors=False, plots=False)
    assert {path.name for path in tmp_path.iterdir()} == {
        "intent_report.json",
        "intent_confidence_report.json",
        "DIETClassifier_report.json",
        "RegexEntityExtractor_report.json",
        "entity_span_report.json",
        "report.txt",
    }


def test_contents(travel: Travel, tmp_path: Path) -> None:
    write_reports(evaluate_parses(*travel), tmp_path, successes=True, plots=False)

    def read(name: str) -> object:
        return json.loads((tmp_path / name).read_text(encoding="utf-8"))

    report = read("intent_report.json")
    assert isinstance(report, dict)
    assert report["accuracy"] == 0.8
    assert report["bye"]["confused_with"] == {"greet": 1}
    assert read("intent_errors.json") == [
        {
            "text": "bye",
            "intent": "bye",
            "intent_prediction": {"name": "greet", "confidence": 0.6},
        }
    ]
    errors = read("DIETClassifier_errors.json")
    assert isinstance(errors, list)
    assert errors[1] == {
        "text": "a train to Rome",
        "entities": [{"start": 11, "end": 15, "entity": "city", "value": "Rome", "role": "to"}],
        "predicted_entities": [
            {
                "entity": "city",
                "start": 11,
                "end": 15,
                "confidence_entity": 0.8,
                "role": "from",
                "value": "Rome",
                "extractor": "DIETClassifier",
            }
        ],
    }
    entities = read("DIETClassifier_report.json")
    assert isinstance(entities, dict)
    assert {"micro avg", "macro avg", "weighted avg", "city.from", "city.to"} <= set(entities)
    spans = read("entity_span_report.json")
    assert isinstance(spans, dict)
    assert spans["micro avg"]["support"] == 3


def test_text_names_both_ways_of_counting(travel: Travel) -> None:
    evaluation = evaluate_parses(*travel)
    summary = summary_text(evaluation)
    assert "Intents (5 examples, 3 intents)" in summary
    assert "0.8000" in summary
    assert "Entities per token, as Rasa counts" in summary
    assert "strict spans" in summary
    assert "all together" in summary
    assert "\x1b" not in summary
    report = report_text(evaluation)
    assert "greet (1)" in report
    assert "city.to" in report
    assert all(line == line.rstrip() for line in report.splitlines())


def test_text_says_why_intents_are_missing() -> None:
    parse = Parse(text="x")
    text = summary_text(evaluate_parses([Example(text="x", intent="a")], [parse]))
    assert "Intents not evaluated: the data have 1 intents" in text


def test_markup_in_names_is_not_taken_for_style() -> None:
    examples = [Example(text="x", intent="[red]"), Example(text="y", intent="[/b]")]
    parses = [Parse(text="x"), Parse(text="y")]
    for parse, example in zip(parses, examples, strict=True):
        from gossamer.nlu.pipeline.messages import IntentPrediction

        parse.intent = IntentPrediction(name=example.intent, confidence=1.0)
    text = report_text(evaluate_parses(examples, parses))
    assert "[red]" in text
    assert "[/b]" in text


def test_a_file_in_place_of_the_folder_is_an_input_error(travel: Travel, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(InputError, match="a place that can be written"):
        write_reports(evaluate_parses(*travel), tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.slow
@pytest.mark.long
def test_a_full_disk_leaves_the_reports_of_the_run_before(
    travel: Travel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = write_reports(evaluate_parses(*travel), tmp_path)
    for path in written:
        path.write_text("old")
    real, n_calls = os.fsync, 0

    def full(handle: int) -> None:
        nonlocal n_calls
        n_calls += 1
        if n_calls == len(written):
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=r"No space left.*Try: freeing space"):
        write_reports(evaluate_parses(*travel), tmp_path)
    assert {path.read_text() for path in tmp_path.iterdir()} == {"old"}
    assert set(tmp_path.iterdir()) == set(written)


@pytest.mark.slow
@pytest.mark.parametrize("n_labels", [1, 3, 70])
def test_the_matrix_grows_with_its_labels(n_labels: int) -> None:
    labels = ["" if i == 0 else f"label_{i}_$x" for i in range(n_labels)]
    matrix = confusion_matrix_png(np.eye(n_labels, dtype=np.int64) * 120, labels, title="T")
    width, height = _size_of_png(matrix)
    # At least 30 pixels a cell, so that three digits can be read.
    assert min(width, height) >= 30 * n_labels
    assert max(width, height) < 8000


def test_the_matrix_says_the_recall_of_each_row() -> None:
    counts = np.array([[3, 1, 0], [0, 0, 0], [2, 0, 0]], dtype=np.int64)
    assert plots._recalls(counts) == ["0.75", "-", "0.00"]


def test_an_empty_matrix_and_an_empty_histogram_can_be_drawn() -> None:
    matrix = np.zeros((2, 2), dtype=np.int64)
    assert _size_of_png(confusion_matrix_png(matrix, ["a", "b"], title="T"))
    histogram = histogram_png([], [1.0000001], title="T", what="examples")
    assert _size_of_png(histogram) == (960, 720)


def test_drawing_leaves_matplotlib_as_it_was() -> None:
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    histogram_png([0.5], [], title="T", what="examples")
    assert plt.get_fignums() == before
