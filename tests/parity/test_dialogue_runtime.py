"""Which slots a message fills, and what becomes of a response, against Rasa's."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

import pytest
from rasa_dialogue import HERE, event, recorded, short

from gossamer.data import Domain, read_domain
from gossamer.data.domain_responses import variations_from
from gossamer.dialogue.actions import ActionContext, ActionReply
from gossamer.dialogue.events import BotUttered
from gossamer.dialogue.find import action_finder
from gossamer.dialogue.responses import ResponseGenerator, suitable
from gossamer.dialogue.slot_filling import VALIDATE_SLOT_MAPPINGS, extract_slots
from gossamer.dialogue.tracker import Tracker

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

FILLING = read_domain(HERE / "dialogue" / "filling_domain.yml")
RESPONSES = recorded("responses")
VARIATIONS = RESPONSES["variations"]


class Recorded:
    """Runs custom actions: what each returns is given, who saw which slots is kept."""

    def __init__(self, events: dict[str, list[dict[str, Any]]]) -> None:
        self.events = events
        self.calls: list[Any] = []

    def run(self, name: str, tracker: Tracker, domain: Domain) -> ActionReply:
        filled = {slot: value for slot, value in tracker.slots.items() if value is not None}
        self.calls.append([name, filled])
        return ActionReply(events=[event(part) for part in self.events.get(name, [])])


@pytest.mark.parametrize("case", recorded("filling"), ids=lambda case: case["name"])
def test_filling(case: dict[str, Any]) -> None:
    custom = Recorded(case.get("custom", {}))
    domain = FILLING
    if VALIDATE_SLOT_MAPPINGS in custom.events:
        actions = (*FILLING.actions, VALIDATE_SLOT_MAPPINGS)
        domain = dataclasses.replace(FILLING, actions=actions)
    context = ActionContext(
        domain=domain,
        responses=ResponseGenerator({}),
        find=action_finder(domain),
        now=lambda: 0.0,
        channel="rest",
        custom=custom,
    )
    tracker = Tracker(domain.slots, events=[event(part) for part in case["conversation"]])
    found = extract_slots(tracker, context)
    assert [as_recorded(each) for each in found] == case["events"]
    if "calls" in case:
        assert custom.calls == case["calls"]
    assert context.problems == []


def as_recorded(happened: Any) -> dict[str, Any]:
    if isinstance(happened, BotUttered):
        return {"event": "bot", "text": happened.text, "data": dict(happened.data)}
    return short(happened)


@pytest.mark.parametrize("case", RESPONSES["choices"], ids=str)
def test_candidates(case: dict[str, Any]) -> None:
    given = variations_from("utter", [VARIATIONS[i] for i in case["variations"]])
    numbers = dict(zip(map(id, given), case["variations"], strict=True))
    found = suitable(given, case["slots"], case["channel"])
    if case["channel"] == "rest" and not any(variation.conditions for variation in found):
        # One with an empty list of conditions: Rasa never says it.
        found = [variation for variation in found if numbers[id(variation)] != 10]
    assert [numbers[id(variation)] for variation in found] == case["candidates"]


# Text: what we say of it with the slots, with arguments beside them, without any. Where there are
# slots, Rasa fails on lone braces, puts all slots in place of {}, and fills in nothing beside
# doubled braces or "0["; where there are none, it leaves every text as it is.
OUR_TEXTS = {
    "{{city}}": ("{city}", "{city}", "{city}"),
    "{{unknown}}": ("{unknown}", "{unknown}", "{unknown}"),
    "{{city}} and {city}": ("{city} and Rome", "{city} and Oslo", "{{city}} and {city}"),
    "a { b": ("a { b", "a { b", "a { b"),
    "a } b": ("a } b", "a } b", "a } b"),
    "{}": ("{}", "{}", "{}"),
    "0[ {city}": ("0[ Rome", "0[ Oslo", "0[ {city}"),
}


def message(raw: dict[str, Any], slots: dict[str, Any], **arguments: Any) -> BotUttered:
    generator = ResponseGenerator({"utter": variations_from("utter", [raw])}, random.Random(0))
    said = generator.generate("utter", slots, "rest", arguments)
    assert said is not None
    return said


@pytest.mark.parametrize("case", RESPONSES["texts"], ids=lambda case: case["text"])
def test_texts(case: dict[str, Any]) -> None:
    raw = {"text": case["text"]}
    found = [
        message(raw, RESPONSES["slots"]).text,
        message(raw, RESPONSES["slots"], given="argument", city="Oslo").text,
        message(raw, {}).text,
    ]
    expected = [case[key].get("text") for key in ("filled", "with_arguments", "without_slots")]
    if case["text"] in OUR_TEXTS:
        ours = list(OUR_TEXTS[case["text"]])
        assert ours != expected, "no departure any more"
        expected = ours
    assert found == expected


@pytest.mark.parametrize("case", RESPONSES["responses"], ids=str)
def test_whole_responses(case: dict[str, Any]) -> None:
    said = message(case["response"], RESPONSES["slots"])
    metadata = {key: part for key, part in said.metadata.items() if key != "utter_action"}
    text = {} if said.text is None else {"text": said.text}
    assert {**text, **said.data, **metadata} == case["filled"]
