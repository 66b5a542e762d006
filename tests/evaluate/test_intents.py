from __future__ import annotations

from collections.abc import Callable

import pytest

from gossamer.data.nlu.examples import Example
from gossamer.evaluate import evaluate_intents
from gossamer.evaluate.intents import without_fallback
from gossamer.nlu.pipeline.messages import Parse


def test_base_intents_are_compared_and_fallbacks_undone(
    travel: tuple[list[Example], list[Parse]],
) -> None:
    evaluation = evaluate_intents(*travel)
    assert [o.target for o in evaluation.outcomes] == ["travel", "greet", "bye", "greet", "travel"]
    assert [o.prediction for o in evaluation.outcomes] == [
        "travel",
        "greet",
        "greet",
        "greet",
        "travel",
    ]
    assert evaluation.outcomes[3].confidence == 0.25
    assert evaluation.scores.accuracy == pytest.approx(0.8)
    # travel 1.0 (2), greet precision 2/3 recall 1 (2), bye 0 (1)
    assert evaluation.scores.f1 == pytest.approx((2 * 1.0 + 2 * 0.8 + 0) / 5)


def test_a_fallback_with_nothing_behind_it_stays(make_parse: Callable[..., Parse]) -> None:
    parse = make_parse("x", "nlu_fallback", 0.3)
    assert without_fallback(parse).name == "nlu_fallback"


def test_examples_without_an_intent_are_left_out(make_parse: Callable[..., Parse]) -> None:
    examples = [Example(text="x", intent="a"), Example(text="y"), Example(text="z", intent="")]
    evaluation = evaluate_intents(examples, [make_parse(t, "a") for t in "xyz"])
    assert [o.text for o in evaluation.outcomes] == ["x"]


def test_no_prediction_is_an_error_under_an_empty_name(make_parse: Callable[..., Parse]) -> None:
    examples = [Example(text="x", intent="a"), Example(text="y", intent="b")]
    evaluation = evaluate_intents(examples, [make_parse("x", "a"), make_parse("y")])
    assert evaluation.errors[0].prediction is None
    assert evaluation.scores.report["b"]["confused_with"] == {"": 1}


def test_errors_come_most_confident_first(make_parse: Callable[..., Parse]) -> None:
    examples = [Example(text=t, intent="a") for t in "xyz"] + [Example(text="w", intent="b")]
    parses = [
        make_parse("x", "b", 0.2),
        make_parse("y", "a", 0.9),
        make_parse("z", "b", 0.7),
        make_parse("w", "b", 0.5),
    ]
    evaluation = evaluate_intents(examples, parses)
    assert [o.text for o in evaluation.errors] == ["z", "x"]
    assert [o.text for o in evaluation.successes] == ["y", "w"]


def test_lengths_must_agree(make_parse: Callable[..., Parse]) -> None:
    with pytest.raises(ValueError, match=r"zip|shorter|longer"):
        evaluate_intents([Example(text="x", intent="a")], [])
