from __future__ import annotations

from math import inf, nan

import pytest
from pydantic import ValidationError

from gossamer.nlu.classifiers.fallback_classifier import (
    FallbackClassifier,
    FallbackClassifierOptions,
)
from gossamer.nlu.pipeline.messages import IntentPrediction, MessageBatch, Parse


def classify(*ranking: float, intent: float | None = None, **options: float) -> Parse:
    batch = MessageBatch(texts=["x"])
    parse = batch.parses[0]
    parse.intent_ranking = [
        IntentPrediction(name=f"i{number}", confidence=confidence)
        for number, confidence in enumerate(ranking)
    ]
    if ranking:
        parse.intent = parse.intent_ranking[0]
    if intent is not None:
        parse.intent = IntentPrediction(name="k", confidence=intent)
    FallbackClassifier(FallbackClassifierOptions.model_validate(options)).process(batch)
    return parse


FALLBACK = IntentPrediction(name="nlu_fallback", confidence=0.3)


@pytest.mark.parametrize("ranking", [(0.29, 0.1), (0.5, 0.45), (0.2,), ()])
def test_unclear_messages_fall_back(ranking: tuple[float, ...]) -> None:
    parse = classify(*ranking)
    assert parse.intent == FALLBACK
    assert [i.confidence for i in parse.intent_ranking] == [0.3, *ranking]
    assert parse.intent_ranking[0] == FALLBACK


@pytest.mark.parametrize("ranking", [(0.3,), (0.9, 0.1), (0.5, 0.25)])
def test_clear_messages_stay(ranking: tuple[float, ...]) -> None:
    parse = classify(*ranking)
    assert parse.intent.name == "i0"
    assert len(parse.intent_ranking) == len(ranking)


@pytest.mark.parametrize("ranking", [(nan,), (nan, nan), (nan, 0.1), (0.9, nan), (0.9, 0.1, nan)])
@pytest.mark.parametrize("least", [{}, {"threshold": -1.0, "ambiguity_threshold": 0.0}])
def test_what_is_not_a_number_is_never_clear(
    ranking: tuple[float, ...], least: dict[str, float]
) -> None:
    parse = classify(*ranking, **least)
    assert parse.intent == IntentPrediction(
        name="nlu_fallback", confidence=least.get("threshold", 0.3)
    )
    assert len(parse.intent_ranking) == len(ranking) + 1


def test_an_intent_without_ranking_and_equal_infinite_similarities_are_not_clear_either() -> None:
    assert classify(intent=nan, threshold=-1.0).intent.name == "nlu_fallback"
    assert classify(inf, inf, ambiguity_threshold=0.0).intent.name == "nlu_fallback"
    assert classify(inf, 3.0).intent.name == "i0"


def test_thresholds_including_zero() -> None:
    assert classify(0.5, threshold=0.6).intent.confidence == 0.6
    assert classify(0.0, threshold=0.0).intent.name == "i0"
    assert classify(0.5, 0.5, ambiguity_threshold=0.0).intent.name == "i0"
    assert classify(0.9, 0.5, ambiguity_threshold=0.5).intent.name == "nlu_fallback"


@pytest.mark.parametrize("threshold", [-1.0, 0.0, 0.3])
def test_a_message_without_an_intent_falls_back_whatever_the_threshold(threshold: float) -> None:
    assert classify(threshold=threshold).intent.name == "nlu_fallback"


def test_an_intent_without_ranking_counts_by_its_confidence() -> None:
    assert classify(intent=1.0).intent.name == "k"


@pytest.mark.parametrize("options", [{"threshold": 30}, {"ambiguity_threshold": -0.1}])
def test_bad_options_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValidationError, match="than or equal"):
        FallbackClassifierOptions.model_validate(options)
