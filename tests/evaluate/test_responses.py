"""Response selection, scored as Rasa scores it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gossamer.data.nlu.examples import Example
from gossamer.evaluate import evaluate_parses, evaluate_responses, report_text, write_reports
from gossamer.nlu.pipeline.messages import Parse
from gossamer.nlu.pipeline.response_selection import RankedResponse, ResponseSelection


def selected(text: str, **picked: tuple[str, float]) -> Parse:
    """A parse in which selectors, by name, have picked keys."""
    return Parse(
        text=text,
        response_selector={
            name: ResponseSelection(
                ranking=(RankedResponse(intent_response_key=key, confidence=confidence),),
                responses=({"text": key},),
            )
            for name, (key, confidence) in picked.items()
        },
    )


EXAMPLES = [
    Example(text="a", intent="faq/price"),
    Example(text="b", intent="faq/hours"),
    Example(text="c", intent="chat/name"),
    Example(text="d", intent="chat/name"),
    Example(text="e", intent="greet"),
    Example(text="f"),
]
PARSES = [
    selected("a", faq=("faq/price", 0.9), default=("chat/name", 0.8)),
    selected("b", faq=("faq/price", 0.7), chat=("chat/name", 0.9)),
    selected("c", faq=("faq/price", 0.9), default=("chat/name", 0.6)),
    selected("d", faq=("faq/price", 0.9)),
    selected("e", default=("faq/price", 0.9)),
    selected("f", default=("faq/price", 0.9)),
]


def test_the_selector_of_the_intent_counts_and_else_the_default_one() -> None:
    found = evaluate_responses(EXAMPLES, PARSES)
    assert [(o.target, o.prediction, o.confidence) for o in found.outcomes] == [
        ("faq/price", "faq/price", 0.9),
        ("faq/hours", "faq/price", 0.7),
        ("chat/name", "chat/name", 0.6),
        ("chat/name", None, 0.0),
    ]
    assert found.scores.accuracy == 0.5
    assert found.scores.report["faq/hours"]["confused_with"] == {"faq/price": 1}
    # price: 1 of 2 predictions, 1 of 1; name: 1 of 1, 1 of 2; hours: none.
    assert found.scores.f1 == pytest.approx((2 / 3 + 2 * 2 / 3) / 4)


def test_files_of_rasa(tmp_path: Path) -> None:
    evaluation = evaluate_parses(EXAMPLES, PARSES)
    written = {path.name for path in write_reports(evaluation, tmp_path, successes=True)}
    prefix = "response_selection_"
    assert {name for name in written if name.startswith(prefix)} == {
        f"{prefix}report.json", f"{prefix}errors.json", f"{prefix}successes.json",
        f"{prefix}confusion_matrix.png", f"{prefix}histogram.png",
    }  # fmt: skip
    assert json.loads((tmp_path / f"{prefix}errors.json").read_text()) == [
        {
            "text": text,
            "intent_response_key_target": target,
            "intent_response_key_prediction": {"name": name, "confidence": confidence},
        }
        for text, target, name, confidence in (
            ("b", "faq/hours", "faq/price", 0.7),
            ("d", "chat/name", None, 0.0),
        )
    ]
    assert evaluation.headline()["response accuracy"] == 0.5
    text = report_text(evaluation)
    assert "Responses (4 examples, 3 keys)" in text
    assert "faq/hours" in text


@pytest.mark.parametrize(
    ("examples", "parses", "reason"),
    [
        (EXAMPLES[:1], PARSES[:1], "the data have 1 response key; at least two are needed"),
        (EXAMPLES[:2], [Parse(text="a"), Parse(text="b")], "the model selected no responses"),
        (EXAMPLES[4:], PARSES[4:], None),
    ],
)
def test_responses_are_not_always_evaluated(
    examples: list[Example], parses: list[Parse], reason: str | None, tmp_path: Path
) -> None:
    evaluation = evaluate_parses(examples, parses)
    assert (evaluation.responses, evaluation.no_responses_because) == (None, reason)
    assert ("Responses not evaluated" in report_text(evaluation)) == (reason is not None)
    written = write_reports(evaluation, tmp_path, plots=False)
    assert not any("response" in path.name for path in written)
