from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gossamer.data.config import config_from_dict
from gossamer.data.nlu.examples import Example, TrainingData
from gossamer.evaluate import (
    NLUEvaluation,
    advise_fallback,
    cross_validate,
    evaluate_nlu,
    evaluate_parses,
    pipeline_fallback_threshold,
    summary_text,
    write_reports,
)
from gossamer.nlu.pipeline.messages import NO_INTENT, IntentPrediction, Parse
from gossamer.nlu.pipeline.pipeline import Pipeline


def _evaluation(
    right: Sequence[float], wrong: Sequence[float], *, n_silent: int = 0, own: float | None = None
) -> NLUEvaluation:
    """Right and wrong answers with these confidences, then messages without an answer."""
    answers = [("a", c) for c in right] + [("b", c) for c in wrong]
    intents = [IntentPrediction(name=name, confidence=c) for name, c in answers]
    intents += [NO_INTENT] * n_silent
    examples = [Example(text=str(i), intent="a") for i in range(len(intents))]
    # A second intent, without which intents are not evaluated; it is answered rightly.
    examples[0] = Example(text="0", intent="b")
    intents[0] = IntentPrediction(name="b", confidence=intents[0].confidence)
    parses = [
        Parse(text=example.text, intent=intent)
        for example, intent in zip(examples, intents, strict=True)
    ]
    return evaluate_parses(examples, parses, fallback_threshold=own)


# 20 right at 0.9; wrong: 9 at 0.2, one at 0.6, one at 0.95; one message without an intent.
WELL_PARTED = {"right": [0.9] * 20, "wrong": [0.2] * 9 + [0.6, 0.95], "n_silent": 1}


def _rows(text: str) -> dict[str, list[str]]:
    lines = [line.strip() for line in text.splitlines()]
    begin = next(i for i, line in enumerate(lines) if line.startswith("FallbackClassifier: "))
    table = lines[begin + 4 : lines.index("", begin + 4)]
    return {name: cells.split() for name, cells in ((row[:14].strip(), row[14:]) for row in table)}


def test_the_table_by_hand() -> None:
    text = summary_text(_evaluation(**WELL_PARTED, own=0.2))  # type: ignore[arg-type]
    assert _rows(text) == {
        # 31 of 32 have an intent, 11 of them a wrong one.
        "no threshold": ["0", "96.9%", "35.5%", "11", "0"],
        "own": ["0.2", "96.9%", "35.5%", "11", "0"],
        # Between 0.6 and 0.9: 20 right ones and a wrong one.
        "suggested": ["0.8", "65.6%", "4.8%", "1", "0"],
        "error ≤ 5%": ["0.8", "65.6%", "4.8%", "1", "0"],
        "error ≤ 2%": ["not", "reached"],
        "error ≤ 1%": ["not", "reached"],
    }
    assert "Suggested: the fewest wrong answers given plus right ones withheld." in text
    assert "Examples that the model was trained on tell nothing about thresholds." in text
    assert "no FallbackClassifier" not in text


def test_the_table_fits_a_narrow_terminal() -> None:
    text = summary_text(_evaluation(**WELL_PARTED, own=0.123456))  # type: ignore[arg-type]
    start = text.index("FallbackClassifier:")
    assert max(len(line) for line in text[start:].splitlines()) <= 80


@pytest.mark.parametrize(("n_wrong", "is_enough"), [(9, False), (10, True)])
def test_few_errors_suggest_nothing(n_wrong: int, is_enough: bool) -> None:
    evaluation = _evaluation([0.9] * 30, [0.2] * n_wrong)
    text = summary_text(evaluation)
    assert ("suggested" in _rows(text)) == is_enough
    assert ("error ≤ 1%" in _rows(text)) == is_enough
    missing = "No threshold is suggested: too few errors to tell (9, at least 10 are needed)."
    assert (missing in text) != is_enough
    assert "The model has no FallbackClassifier." in text
    assert set(_rows(text)) >= {"no threshold"}


@pytest.mark.parametrize(("n_right", "is_enough"), [(9, False), (10, True)])
def test_a_model_that_is_mostly_wrong_gets_no_suggestion(n_right: int, is_enough: bool) -> None:
    # Surer when right: nothing but the right ones would be answered.
    evaluation = _evaluation([0.9] * n_right, [0.5] * 100)
    assert evaluation.intents is not None
    advice = advise_fallback(evaluation.intents)
    assert advice is not None
    assert (advice.suggested is not None) == is_enough
    assert ("mostly wrong at every confidence" in summary_text(evaluation)) != is_enough


def test_nothing_is_answered_at_all(tmp_path: Path) -> None:
    # All fall back, and the ranking holds nothing else.
    fallback = IntentPrediction(name="nlu_fallback", confidence=0.4)
    examples = [Example(text="x", intent="a"), Example(text="y", intent="b")]
    parses = [
        Parse(text=example.text, intent=fallback, intent_ranking=[fallback]) for example in examples
    ]
    evaluation = evaluate_parses(examples, parses, fallback_threshold=0.4)
    rows = _rows(summary_text(evaluation))
    assert rows["own"] == ["0.4", "0.0%", "-", "0", "0"]
    names = {path.name for path in write_reports(evaluation, tmp_path)}
    assert "intent_confidence_report.json" in names
    assert "intent_risk_coverage.png" not in names


@pytest.mark.slow
@pytest.mark.parametrize(
    "evaluation",
    [
        _evaluation(**WELL_PARTED, own=0.4),  # type: ignore[arg-type]
        _evaluation([0.9, 0.8], [], own=0.99),
        _evaluation([1.0], [1.0]),
        _evaluation([0.5], [0.9] * 30, own=0.3),
    ],
    ids=["all marks", "all right", "one confidence", "mostly wrong"],
)
def test_every_curve_can_be_drawn(evaluation: NLUEvaluation, tmp_path: Path) -> None:
    write_reports(evaluation, tmp_path)
    raw = (tmp_path / "intent_risk_coverage.png").read_bytes()
    assert raw.startswith(b"\x89PNG")


def test_the_report_holds_what_is_printed_and_drawn(tmp_path: Path) -> None:
    evaluation = _evaluation(**WELL_PARTED, own=0.97)  # type: ignore[arg-type]
    write_reports(evaluation, tmp_path, plots=False)
    text = (tmp_path / "intent_confidence_report.json").read_text(encoding="utf-8")
    report: dict[str, Any] = json.loads(text)
    assert evaluation.intents is not None
    assert report["calibration_error"] == evaluation.headline()["intent calibration error"]
    assert report["n_messages"] == 32
    assert report["suggested"] == {
        "threshold": 0.8,
        "coverage": 21 / 32,
        "error": 1 / 21,
        "n_answered": 21,
        "n_wrong": 1,
        "n_right_withheld": 0,
    }
    assert report["no_suggestion_because"] is None
    assert report["own"]["error"] is None
    assert report["own"]["n_right_withheld"] == 20
    assert [entry["target_error"] for entry in report["reaching"]] == [0.05, 0.02, 0.01]
    assert [entry["point"] is None for entry in report["reaching"]] == [False, True, True]
    assert report["curve"] == {
        "threshold": [0.2, 0.6, 0.9, 0.95],
        "coverage": [31 / 32, 22 / 32, 21 / 32, 1 / 32],
        "error": [11 / 31, 2 / 22, 1 / 21, 1.0],
    }


def test_a_model_that_diverged_is_still_reported(tmp_path: Path) -> None:
    evaluation = _evaluation([0.9, 0.8, math.nan], [0.2] * 10)
    assert evaluation.headline()["intent accuracy"] == 3 / 13
    assert "intent calibration error" not in evaluation.headline()
    text = summary_text(evaluation)
    assert "Confidences are not evaluated: some are not finite numbers." in text
    assert "FallbackClassifier" not in text
    names = {path.name for path in write_reports(evaluation, tmp_path)}
    assert {"intent_report.json", "intent_histogram.png"} <= names
    assert names.isdisjoint({"intent_confidence_report.json", "intent_risk_coverage.png"})


class _Keywords:
    """A pipeline that answers every text with intent "a"."""

    def __init__(self, *thresholds: float) -> None:
        parts: list[dict[str, Any]] = [
            {"name": "WhitespaceTokenizer"},
            {"name": "KeywordIntentClassifier"},
        ]
        parts += [{"name": "FallbackClassifier", "threshold": value} for value in thresholds]
        self.pipeline = Pipeline.from_config(config_from_dict({"pipeline": parts}))

    def parse_many(self, texts: Sequence[str], /) -> list[Parse]:
        intent = IntentPrediction(name="a", confidence=0.7)
        return [Parse(text=text, intent=intent) for text in texts]


def test_the_threshold_of_a_pipeline() -> None:
    assert pipeline_fallback_threshold(_Keywords()) is None
    assert pipeline_fallback_threshold(_Keywords(0.6)) == 0.6
    # A message falls back when either says so.
    assert pipeline_fallback_threshold(_Keywords(0.3, 0.6)) == 0.6
    assert pipeline_fallback_threshold(_Keywords(0.6, 0.3)) == 0.6
    assert pipeline_fallback_threshold(object()) is None


def test_the_threshold_of_the_tested_model_is_compared() -> None:
    data = TrainingData(
        examples=tuple(Example(text=f"{i} {n}", intent=i) for i in "ab" for n in range(4))
    )
    assert evaluate_nlu(_Keywords(0.6), data).fallback_threshold == 0.6
    assert evaluate_nlu(_Keywords(), data).fallback_threshold is None
    result = cross_validate(data, lambda *_: _Keywords(0.8), n_folds=2, random_seed=0)
    assert result.pooled.fallback_threshold == 0.8
    assert _rows(summary_text(result.pooled))["own"] == ["0.8", "0.0%", "-", "0", "4"]
