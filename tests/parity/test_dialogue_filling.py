"""Which slots a message fills, against Rasa's."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from rasa_dialogue import HERE, event, plain, recorded, short

from gossamer.data import read_domain
from gossamer.data.domain.domain import Domain
from gossamer.dialogue.actions.action import ActionContext, ActionReply
from gossamer.dialogue.actions.responses import ResponseGenerator
from gossamer.dialogue.actions.slot_filling import VALIDATE_SLOT_MAPPINGS, extract_slots
from gossamer.dialogue.history.events import BotUttered, Event
from gossamer.dialogue.history.tracker import Tracker

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


class StandIn:
    """Runs custom actions: they return what was recorded.

    Attributes:
        calls: names of actions, and the slots that had a value.
    """

    def __init__(self, replies: dict[str, list[dict[str, Any]]]) -> None:
        self.replies = replies
        self.calls: list[Any] = []

    def run(self, name: str, tracker: Tracker, domain: Domain) -> ActionReply:
        slots = {slot: value for slot, value in tracker.slots.items() if value is not None}
        self.calls.append([name, slots])
        return ActionReply(events=[event(part) for part in self.replies.get(name, [])])


def as_recorded(happened: Event) -> dict[str, Any]:
    if isinstance(happened, BotUttered):
        return {"event": "bot", "text": happened.text, "data": dict(happened.data)}
    return short(happened)


@pytest.fixture(scope="module")
def domain() -> Domain:
    return read_domain(HERE / "dialogue" / "filling_domain.yml")


@pytest.mark.parametrize("case", recorded("filling"), ids=lambda case: case["name"])
def test_filled(case: dict[str, Any], domain: Domain) -> None:
    custom = case.get("custom", {})
    if VALIDATE_SLOT_MAPPINGS in custom:
        domain = dataclasses.replace(domain, actions=(*domain.actions, VALIDATE_SLOT_MAPPINGS))
    stand_in = StandIn(custom)
    context = ActionContext(
        domain=domain,
        responses=ResponseGenerator({}),
        find=lambda name: pytest.fail(f"{name} was looked up"),
        now=lambda: 0.0,
        channel="rest",
        custom=stand_in,
    )
    tracker = Tracker(domain.slots, events=[event(part) for part in case["conversation"]])
    before = tracker.events
    found = extract_slots(tracker, context)
    assert plain([as_recorded(part) for part in found]) == plain(case["events"])
    assert not context.problems
    assert tracker.events == before
    if custom:
        assert plain(stand_in.calls) == plain(case["calls"])
