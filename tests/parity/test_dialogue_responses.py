"""Which variations of a response may be said, and variables in them, against Rasa's."""

from __future__ import annotations

import random
from typing import Any

import pytest
from rasa_dialogue import recorded

from gossamer.data.domain.responses import SlotEquals, Variation
from gossamer.dialogue.actions.responses import (
    MESSAGE_PARTS,
    ResponseGenerator,
    interpolated,
    suitable,
)

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

CONTENT: dict[str, Any] = recorded("responses")
ARGUMENTS = {"given": "argument", "city": "Oslo"}

# Where we depart, on purpose. A condition that asks for nothing is none (Rasa never says such a
# variation); lone braces and empty ones are words (Rasa fails, or says all slots); doubled braces
# may stand beside variables, as may "0[" (a trace of how Rasa fills them in).
EMPTY_CONDITION = 10
DEPARTURES = {
    "a { b": "a { b",
    "a } b": "a } b",
    "{}": "{}",
    "{{city}} and {city}": "{city} and Rome",
    "0[ {city}": "0[ Rome",
}


def variation(content: dict[str, Any]) -> Variation:
    return Variation(
        text=content["text"],
        channel=content.get("channel"),
        conditions=tuple(
            SlotEquals(slot=part["name"], value=part["value"])
            for part in content.get("condition", [])
        ),
    )


@pytest.mark.parametrize("number", range(len(CONTENT["choices"])))
def test_candidates(number: int) -> None:
    case = CONTENT["choices"][number]
    numbers = [index for index in case["variations"] if index != EMPTY_CONDITION]
    found = suitable(
        [variation(CONTENT["variations"][index]) for index in numbers],
        case["slots"],
        case["channel"],
    )
    texts = [CONTENT["variations"][index]["text"] for index in case["candidates"]]
    assert [part.text for part in found] == texts


@pytest.mark.parametrize("case", CONTENT["texts"], ids=lambda case: repr(case["text"]))
def test_texts(case: dict[str, Any]) -> None:
    found = interpolated(case["text"], CONTENT["slots"], "utter")
    if case["text"] in DEPARTURES:
        assert found == DEPARTURES[case["text"]]
        assert case["filled"] != {"text": found}
        return
    assert {"text": found} == case["filled"]
    found = interpolated(case["text"], {**CONTENT["slots"], **ARGUMENTS}, "utter")
    assert {"text": found} == case["with_arguments"]


@pytest.mark.parametrize("number", range(len(CONTENT["responses"])))
def test_responses(number: int) -> None:
    case = CONTENT["responses"][number]
    content = dict(case["response"])
    lists: dict[str, Any] = {
        name: tuple(content.pop(name, ())) for name in ("buttons", "quick_replies", "elements")
    }
    others = {name: content.pop(name) for name in ("id",) if name in content}
    said = ResponseGenerator(
        {"utter": [Variation(**content, **lists, others=others)]}, random.Random(0)
    ).generate("utter", CONTENT["slots"], "rest")
    assert said is not None
    found = {"text": said.text, **said.data}
    expected = case["filled"]
    assert {name: part for name, part in found.items() if part is not None} == {
        name: part for name, part in expected.items() if name in ("text", *MESSAGE_PARTS)
    }
    assert said.metadata["utter_action"] == "utter"
    for name in ("id", "metadata"):
        assert said.metadata.get(name) == expected.get(name)
