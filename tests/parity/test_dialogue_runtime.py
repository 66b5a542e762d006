"""Slot filling and responses against Rasa's."""

from __future__ import annotations

import dataclasses
import random
import warnings
from collections.abc import Mapping
from typing import Any

import pytest
from rasa_dialogue import HERE, event, plain, recorded, short

from gossamer.data import read_domain
from gossamer.data.domain.domain import Domain
from gossamer.data.domain.responses import SlotEquals, Variation
from gossamer.dialogue.actions.action import ActionContext, ActionReply
from gossamer.dialogue.actions.registry import action_finder
from gossamer.dialogue.actions.responses import ResponseGenerator, interpolated, suitable
from gossamer.dialogue.actions.slot_filling import VALIDATE_SLOT_MAPPINGS, extract_slots
from gossamer.dialogue.history.tracker import Tracker

FILLING: list[dict[str, Any]] = recorded("filling")
RESPONSES: dict[str, Any] = recorded("responses")

# Where Rasa fails, puts all slots into the text, or fills in nothing.
DEPARTURES = {
    "a { b": "a { b",
    "a } b": "a } b",
    "{}": "{}",
    "{{city}} and {city}": "{city} and Rome",
    "0[ {city}": "0[ Rome",
}
EMPTY_CONDITION = 10
"""The variation with an empty list of conditions, which Rasa never says."""


class Recorded:
    """Runs custom actions as they were recorded."""

    def __init__(self, events: Mapping[str, list[dict[str, Any]]]) -> None:
        self.events = events
        self.calls: list[list[Any]] = []

    def run(self, name: str, tracker: Tracker, domain: Domain) -> ActionReply:
        set_slots = {slot: value for slot, value in tracker.slots.items() if value is not None}
        self.calls.append([name, set_slots])
        return ActionReply(events=[event(part) for part in self.events.get(name, [])])


@pytest.fixture(scope="module")
def domain() -> Domain:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return read_domain(HERE / "dialogue" / "filling_domain.yml")


@pytest.mark.parametrize("case", FILLING, ids=lambda case: case["name"].replace(" ", "_"))
@pytest.mark.filterwarnings("ignore")
def test_slot_filling(case: dict[str, Any], domain: Domain) -> None:
    custom = Recorded(case.get("custom", {}))
    if VALIDATE_SLOT_MAPPINGS in custom.events:
        domain = dataclasses.replace(domain, actions=(*domain.actions, VALIDATE_SLOT_MAPPINGS))
    tracker = Tracker(domain.slots, events=[event(part) for part in case["conversation"]])
    context = ActionContext(
        domain=domain,
        responses=ResponseGenerator(domain.responses),
        find=action_finder(domain),
        now=lambda: 0.0,
        channel="rest",
        custom=custom,
    )
    n_events = len(tracker.events)
    found = [short(part) for part in extract_slots(tracker, context)]
    expected = [
        {key: value for key, value in part.items() if key in ("event", "name", "value")}
        for part in case["events"]
    ]
    assert plain(found) == plain(expected)
    if "calls" in case:
        assert plain(custom.calls) == plain(case["calls"])
    assert len(tracker.events) == n_events
    assert context.problems == []


def test_enough_of_slot_filling_is_recorded() -> None:
    assert len(FILLING) >= 50
    assert sum(bool(case["events"]) for case in FILLING) >= 40


def variation(content: Mapping[str, Any]) -> Variation:
    parts = dict(content)
    conditions = parts.pop("condition", ())
    known = {field.name for field in dataclasses.fields(Variation)}
    given: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in parts.items()
        if key in known
    }
    return Variation(
        conditions=tuple(SlotEquals(slot=c["name"], value=c["value"]) for c in conditions),
        others={key: value for key, value in parts.items() if key not in known},
        **given,
    )


@pytest.mark.parametrize("case", RESPONSES["choices"], ids=str)
def test_choice_of_variations(case: dict[str, Any]) -> None:
    numbers = [number for number in case["variations"] if number != EMPTY_CONDITION]
    given = {number: variation(RESPONSES["variations"][number]) for number in numbers}
    found = suitable(list(given.values()), case["slots"], case["channel"])
    assert found == [given[number] for number in case["candidates"]]


def test_an_empty_list_of_conditions_is_none() -> None:
    empty = variation(RESPONSES["variations"][EMPTY_CONDITION])
    assert suitable([empty], {}, "rest") == [empty]


def filled(text: str, values: Mapping[str, Any]) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found: str = interpolated(text, values, "utter")
        return found


@pytest.mark.parametrize("case", RESPONSES["texts"], ids=lambda case: ascii(case["text"]))
def test_variables(case: dict[str, Any]) -> None:
    text, slots = case["text"], RESPONSES["slots"]
    if text in DEPARTURES:
        assert filled(text, slots) == DEPARTURES[text] != case["filled"].get("text")
        return
    assert filled(text, slots) == case["filled"]["text"]
    arguments = {"given": "argument", "city": "Oslo"}
    assert filled(text, {**slots, **arguments}) == case["with_arguments"]["text"]
    if "{{" not in text:  # Rasa's actions always fill in, so braces are halved then too
        assert filled(text, {}) == case["without_slots"]["text"]


@pytest.mark.parametrize("case", RESPONSES["responses"], ids=str)
@pytest.mark.filterwarnings("ignore")
def test_all_parts(case: dict[str, Any]) -> None:
    generator = ResponseGenerator({"utter": [variation(case["response"])]}, random.Random(0))
    found = generator.generate("utter", RESPONSES["slots"], "rest")
    assert found is not None
    expected = dict(case["filled"])
    assert found.text == expected.pop("text", None)
    of_variation = {"id", "metadata"} & expected.keys()
    assert found.metadata == {"utter_action": "utter"} | {
        key: expected.pop(key) for key in of_variation
    }
    assert found.data == expected
