from __future__ import annotations

from typing import Any

import pytest

from gossamer.data.entities import Entity
from gossamer.data.errors import DataError
from gossamer.dialogue.history import events as e
from gossamer.dialogue.history.event_json import event_from_dict, events_from_dicts
from gossamer.dialogue.history.events import Event
from gossamer.nlu.pipeline.parse import IntentPrediction, Parse

ALL = [
    e.UserUttered(
        text="to Rome",
        intent="travel",
        confidence=0.75,
        entities=(Entity(entity="city", value="Rome", role="to"),),
        input_channel="cmdline",
        message_id="7",
    ),
    e.UserUttered(),
    e.BotUttered(text="Hello", data={"buttons": [{"title": "Yes", "payload": "/affirm"}]}),
    e.ActionExecuted(name="utter_greet", policy="TEDPolicy", confidence=0.5, hide_rule_turn=True),
    e.ActionExecuted(action_text="Hello"),
    e.SlotSet(name="city", value=["Rome", {"x": 1}, None]),
    e.AllSlotsReset(),
    e.ActiveLoop(name="form"),
    e.ActiveLoop(name=None),
    e.LoopInterrupted(is_interrupted=False),
    e.ActionExecutionRejected(name="form", policy="RulePolicy", confidence=1.0),
    e.FollowupAction(name="utter_greet"),
    e.SessionStarted(timestamp=12.5),
    e.Restarted(metadata={"why": "asked"}),
    e.UserUtteranceReverted(),
    e.ActionReverted(),
    e.ConversationPaused(),
    e.ConversationResumed(),
    e.UserFeaturization(use_text=True),
    e.EntitiesAdded(entities=(Entity(entity="city", value="Rome"),)),
    e.ReminderScheduled(intent="remind", date_time="2030-01-01T00:00:00", name="one"),
    e.ReminderCancelled(name="one"),
    e.StoryExported(path="x"),
    e.AgentUttered(text="Hi"),
]


@pytest.mark.parametrize("event", ALL, ids=lambda event: event.type_name)
def test_json_and_back(event: Event) -> None:
    again = event_from_dict(event.to_dict())
    assert again == event
    assert again.to_dict() == event.to_dict()


def test_a_message_of_a_parse() -> None:
    city = Entity(start=3, end=7, entity="city", value="Rome", extractor="x", confidence=0.5)
    travel = IntentPrediction(name="travel", confidence=0.75)
    parse = Parse(text="to Rome", intent=travel, intent_ranking=[travel], entities=[city])
    said = e.UserUttered.of(parse, message_id="7")
    assert (said.text, said.intent, said.confidence) == ("to Rome", "travel", 0.75)
    assert (said.entities, said.message_id) == ((city,), "7")
    assert said.parse_data == parse.to_dict()
    read = event_from_dict(said.to_dict())
    assert isinstance(read, e.UserUttered)
    assert read == said
    assert read.parse is not None and read.parse.intent_ranking == [travel]


def test_json_of_another_program_is_kept() -> None:
    parse_data = {
        "text": "to Rome",
        "intent": {"name": "travel", "confidence": 0.75, "id": 3},
        "entities": [{"entity": "city", "value": "Rome", "confidence": 0.5}],
        "commands": [1],
    }
    content = {"event": "user", "text": "to Rome", "parse_data": parse_data}
    assert event_from_dict(content).to_dict()["parse_data"] == parse_data


def test_times_and_what_is_attached_do_not_count() -> None:
    assert e.SlotSet(name="a", value=1, timestamp=1.0) == e.SlotSet(
        name="a", value=1, timestamp=2.0, metadata={"x": 1}
    )


def test_legacy_names() -> None:
    assert event_from_dict({"event": "form", "name": "f"}) == e.ActiveLoop(name="f")
    assert event_from_dict({"event": "form_validation", "validate": False}) == e.LoopInterrupted()


def test_further_keys_are_passed_over() -> None:
    assert event_from_dict({"event": "restart", "new": 1}) == e.Restarted()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "must be a mapping"),
        ({"name": "x"}, "must be a mapping"),
        ({"event": "slots", "name": "x"}, "known type"),
        ({"event": "slot"}, "valid name"),
        ({"event": "slot", "name": 3}, "valid name"),
        ({"event": "followup", "name": None}, "valid name"),
        ({"event": "entities", "entities": "x"}, "valid entities"),
        ({"event": "user", "parse_data": [1]}, "mapping as parse_data"),
        ({"event": "user", "parse_data": {"intent": "greet"}}, "intent"),
        ({"event": "user", "parse_data": {"entities": [{"value": 1}]}}, "entity"),
        ({"event": "user", "parse_data": {"intent": {"confidence": "high"}}}, "valid confidence"),
        ({"event": "user", "parse_data": {"intent": {"confidence": [1]}}}, "valid confidence"),
        ({"event": "user", "parse_data": {"intent_ranking": True}}, "intent_ranking must be"),
        ({"event": "user", "parse_data": {"intent_ranking": [1, 2]}}, "intent_ranking must be"),
        ({"event": "entities", "entities": [{"value": "Rome"}]}, "an entity must be"),
        ({"event": "form_validation", "timestamp": "noon"}, "valid timestamp"),
        ({"event": "bot", "text": 5}, "valid text"),
        ({"event": "bot", "data": {"buttons": ["Yes"]}}, "buttons of a message must be a list"),
        ({"event": "bot", "data": {"quick_replies": 3}}, "quick_replies of a message must be"),
    ],
)
def test_bad_events(content: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        event_from_dict(content)


@pytest.mark.parametrize("contents", [None, "abc", {"event": "restart"}, 3])
def test_events_must_be_a_list(contents: Any) -> None:
    with pytest.raises(DataError, match="must be a list"):
        events_from_dicts(contents)
