from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gossamer.cli.understood import describe
from gossamer.nlu.pipeline.messages import EntityPrediction, IntentPrediction, Parse

Run = Callable[..., Any]


def test_texts_are_answered_until_stop(run: Run, model: Path, fake: Any) -> None:
    result = run("shell", "nlu", input="hi\n\nfly to Rome\n/stop\nnever\n")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines() == [
        "  intent  greet  0.900",
        "  intent  travel  0.900",
        "  text    fly to Rome",
        "  entity  city = Rome  DIETClassifier  0.875",
    ]


def test_the_end_of_input_ends(run: Run, model: Path, fake: Any) -> None:
    result = run("shell", "nlu", input="hi")
    assert result.exit_code == 0
    assert "greet" in result.stdout


def test_json(run: Run, model: Path, fake: Any) -> None:
    result = run("shell", "nlu", "--json", input="hi\n")
    assert json.loads(result.stdout)["intent"]["name"] == "greet"


def test_entities_are_marked_where_they_stand() -> None:
    text = "[b]Rome[/b] to Oslo"
    parse = Parse(
        text=text,
        intent=IntentPrediction(name=None, confidence=0.0),
        entities=[
            EntityPrediction(
                start=3, end=7, entity="city", value="Rome", extractor="X", role="from", group="1"
            )
        ],
    )
    shown = describe(parse)
    # Brackets in a text are not taken for style.
    assert shown.plain.splitlines() == [
        "  intent  none  0.000",
        f"  text    {text}",
        "  entity  city = Rome  role from  group 1  X",
    ]
    marked = [shown.plain[s.start : s.end] for s in shown.spans if "underline" in str(s.style)]
    assert marked == ["Rome"]
