from __future__ import annotations

import dataclasses
import threading
import time
from typing import Any

import numpy as np
import pytest
from talking import (
    SMALL_TALK,
    Actions,
    Clock,
    Rules,
    Script,
    domain_of,
    entity,
    event,
    names,
    parse_word,
    prediction_of,
    talk,
    understood,
)

from gossamer.data.domain.domain import ACTION_LISTEN
from gossamer.data.errors import DataError
from gossamer.dialogue.actions.action import ActionError, ActionReply
from gossamer.dialogue.history.events import (
    ActionExecuted,
    UserUttered,
)
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.runtime.conversations import Conversations
from gossamer.nlu.pipeline.messages import EntityPrediction, IntentPrediction, Parse

DOMAIN = domain_of(SMALL_TALK)
SESSION = ["action action_session_start", "session_started", "action action_listen"]


def test_a_turn() -> None:
    script = Script(DOMAIN, prediction_of(DOMAIN, "utter_greet", confidence=0.75))
    turn = talk(DOMAIN, script, clock=Clock(5.0)).handle("  greet  ")
    assert names(turn.events) == [
        *SESSION,
        "user greet",
        "action utter_greet",
        "bot Hello",
        "action action_listen",
    ]
    assert [message.text for message in turn.messages] == ["Hello"]
    assert {event.timestamp for event in turn.events} == {5.0}
    assert not turn.is_cut_short and turn.problems == ()
    heard = turn.events[3]
    assert isinstance(heard, UserUttered)
    assert (heard.text, heard.confidence, heard.input_channel) == ("greet", 0.9, "cmdline")
    said = next(e for e in turn.events if names([e]) == ["action utter_greet"])
    assert isinstance(said, ActionExecuted)
    assert (said.policy, said.confidence) == ("Script", 0.75)


@pytest.mark.parametrize(("other", "noted"), [(0.4, {"disagreement": 0.4}), (0.05, {})])
def test_policies_that_disagree_are_noted(other: float, noted: dict[str, float]) -> None:
    first = prediction_of(DOMAIN, "utter_greet", confidence=0.75)
    second = prediction_of(DOMAIN, "utter_bye", policy="Other", confidence=other)
    both = dataclasses.replace(first, all=(*first.all, *second.all))
    turn = talk(DOMAIN, Script(DOMAIN, both)).handle("greet")
    said = next(e for e in turn.events if names([e]) == ["action utter_greet"])
    assert said.metadata == noted


def test_why_each_action_was_chosen() -> None:
    turn = talk(DOMAIN, Script(DOMAIN, "utter_greet")).handle("greet")
    session, greeting, listening = turn.actions
    assert [action.name for action in turn.actions] == [
        "action_session_start",
        "utter_greet",
        ACTION_LISTEN,
    ]
    assert session.prediction is None
    assert greeting.reason() == "utter_greet: Script, 1.00"
    assert greeting.prediction is not None
    assert [each.policy for each in greeting.prediction.all] == ["Script"]
    assert names(greeting.events) == ["action utter_greet", "bot Hello"]
    assert names(listening.events) == ["action action_listen"]


def test_the_same_seed_says_the_same() -> None:
    def said(seed: int) -> list[str | None]:
        conversations = Conversations(
            DOMAIN,
            Rules(
                DOMAIN,
                lambda t: "utter_bye" if t.latest_action_name == ACTION_LISTEN else ACTION_LISTEN,
            ),
            parse_word,
            random_seed=seed,
        )
        return [conversations.handle("bye").messages[0].text for _ in range(20)]

    assert said(1) == said(1) != said(2)


def test_people_have_conversations_of_their_own() -> None:
    conversations = talk(DOMAIN, Script(DOMAIN))
    conversations.handle(understood("Rome", "inform", entity("city", "Rome")), "ann")
    conversations.handle("greet", "bob")
    assert conversations.tracker("ann").slots["city"] == "Rome"
    assert conversations.tracker("bob").slots["city"] is None
    assert conversations.tracker("new").events == ()


# -- messages ------------------------------------------------------------------------------------


def test_a_parse_is_understood() -> None:
    parse = Parse(
        text="to Rome",
        intent=IntentPrediction(name="inform", confidence=0.5),
        entities=[EntityPrediction(start=3, end=7, entity="city", value="Rome", extractor="x")],
    )
    conversations = talk(DOMAIN, Script(DOMAIN, "utter_city"), parse=lambda text: parse)
    assert [m.text for m in conversations.handle("to Rome").messages] == ["Rome"]


def test_a_message_that_is_understood_already() -> None:
    def never(text: str) -> Any:
        raise AssertionError

    conversations = talk(DOMAIN, Script(DOMAIN, "utter_city"), parse=never)
    message = understood("Rome", "inform", entity("city", "Rome"), response_selector={"a": 1})
    turn = conversations.handle(message, channel="web", message_id="m1", metadata={"k": 1})
    assert [m.text for m in turn.messages] == ["Rome"]
    heard = conversations.tracker().latest_message
    assert heard is not None
    assert heard.parse_data["response_selector"] == {"a": 1}
    assert (heard.input_channel, heard.message_id, heard.metadata) == ("web", "m1", {"k": 1})


@pytest.mark.parametrize(
    "message",
    [
        {"text": "x", "intent": "greet", "entities": []},
        {"text": "x", "intent": {"name": "greet"}, "entities": {"city": "Rome"}},
        {"text": "x", "intent": {"name": "greet"}, "entities": [{"value": 1}]},
        {"text": ["x"], "intent": {"name": "greet"}, "entities": []},
    ],
)
def test_a_message_of_another_shape(message: dict[str, Any]) -> None:
    conversations = talk(DOMAIN, Script(DOMAIN))
    conversations.handle("greet")
    before = conversations.tracker().events
    with pytest.raises(DataError):
        conversations.handle(message)
    assert conversations.tracker().events == before


def test_an_empty_message() -> None:
    turn = talk(DOMAIN, Script(DOMAIN)).handle("  ")
    assert "user" in names(turn.events)


def test_names_that_the_domain_does_not_have() -> None:
    conversations = talk(DOMAIN, Script(DOMAIN))
    with pytest.warns(UserWarning) as caught:
        conversations.handle(understood("x", "unheard", entity("thing", 1)))
    told = [str(warning.message) for warning in caught]
    assert len(told) == 2
    assert "the intent 'unheard', which the domain does not have" in told[0]
    assert "the entity 'thing', which the domain does not have" in told[1]


@pytest.mark.parametrize("fails", ["parse", "predict"])
def test_a_turn_changes_all_or_nothing(fails: str) -> None:
    script = Script(DOMAIN)
    conversations = talk(DOMAIN, script)
    conversations.handle("greet")
    before = conversations.tracker().events

    def broken(_: Any) -> Any:
        raise RuntimeError("broken")

    if fails == "parse":
        conversations.turns._parse = broken
    else:
        script.predict = broken  # type: ignore[method-assign,assignment]
    with pytest.raises(RuntimeError, match="broken"):
        conversations.handle("greet")
    assert conversations.tracker().events == before


# -- sessions ------------------------------------------------------------------------------------


def test_a_session_expires() -> None:
    domain = domain_of(SMALL_TALK + "session_config: {session_expiration_time: 2}")
    clock = Clock()
    conversations = talk(domain, Script(domain), clock=clock)
    conversations.handle(understood("Rome", "inform", entity("city", "Rome")))
    clock.now += 120
    assert "session_started" not in names(conversations.handle("greet").events)
    clock.now += 121
    turn = conversations.handle("greet")
    assert names(turn.events)[:4] == [*SESSION[:2], "slot city=Rome", SESSION[2]]
    assert conversations.tracker().slots["city"] == "Rome"


FORM = domain_of("""
intents: [order, inform]
session_config: {session_expiration_time: 60}
slots:
  a: {type: text, mappings: [{type: from_text, conditions: [{active_loop: f, requested_slot: a}]}]}
  b: {type: text, mappings: [{type: from_text, conditions: [{active_loop: f, requested_slot: b}]}]}
  c: {type: text, mappings: [{type: from_text, conditions: [{active_loop: f, requested_slot: c}]}]}
  d: {type: text, mappings: [{type: from_text, conditions: [{active_loop: f, requested_slot: d}]}]}
forms:
  f: {required_slots: [a, b, c, d]}
responses:
  utter_ask_a: [{text: a?}]
  utter_ask_b: [{text: b?}]
  utter_ask_c: [{text: c?}]
  utter_ask_d: [{text: d?}]
""")
ORDER = ["f", ACTION_LISTEN]


def test_a_session_does_not_expire_while_a_form_is_answered() -> None:
    clock = Clock()
    conversations = talk(FORM, Script(FORM, *ORDER * 4), clock=clock)
    for text in ("order", "inform 1", "inform 2", "inform 3"):
        turn = conversations.handle(text)
        clock.now += 25 * 60
    assert "session_started" not in names(turn.events)
    assert [message.text for message in turn.messages] == ["d?"]


def test_a_message_that_was_taken_back_keeps_a_session_open() -> None:
    domain = domain_of(SMALL_TALK + "session_config: {session_expiration_time: 60}")
    clock = Clock()
    rewinding = Script(domain, ACTION_LISTEN, "action_default_fallback")
    conversations = talk(domain, rewinding, clock=clock)
    for text in ("greet", "bye", "greet"):
        turn = conversations.handle(text)
        clock.now += 40 * 60
    assert "session_started" not in names(turn.events)


def test_a_form_that_starts_again_in_a_new_session_asks_again() -> None:
    clock = Clock()
    conversations = talk(FORM, Script(FORM, *ORDER * 3), clock=clock)
    conversations.handle("order")
    conversations.handle("inform 1")
    clock.now += 61 * 60
    assert [message.text for message in conversations.handle("order").messages] == ["b?"]
    slots = conversations.tracker().slots
    assert (slots["a"], slots["b"], slots["requested_slot"]) == ("inform 1", None, "b")


@pytest.mark.parametrize("minutes", [0, 10])
def test_sessions_that_do_not_expire_yet(minutes: int) -> None:
    domain = domain_of(SMALL_TALK + f"session_config: {{session_expiration_time: {minutes}}}")
    clock = Clock()
    conversations = talk(domain, Script(domain), clock=clock)
    conversations.handle("greet")
    clock.now += 599
    assert "session_started" not in names(conversations.handle("greet").events)


def test_beginning_a_session() -> None:
    conversations = talk(DOMAIN, Script(DOMAIN))
    assert names(conversations.begin().events) == SESSION
    assert conversations.begin().events == ()
    assert "session_started" not in names(conversations.handle("greet").events)


def test_metadata_of_the_first_message_goes_into_its_slot() -> None:
    conversations = talk(DOMAIN, Script(DOMAIN))
    turn = conversations.handle("greet", metadata={"shop": 1})
    assert names(turn.events)[:4] == [
        "slot session_started_metadata={'shop': 1}",
        *SESSION[:2],
        "slot session_started_metadata={'shop': 1}",
    ]
    conversations.handle("greet", metadata={"shop": 2})
    assert conversations.tracker().slots["session_started_metadata"] == {"shop": 1}


CUSTOM_SESSION = domain_of(SMALL_TALK.replace("action_a,", "action_session_start, action_a,"))


def test_a_session_of_the_action_server() -> None:
    custom = Actions(
        action_session_start=ActionReply(
            events=[event("session_started"), event("action", name="action_listen")],
            responses=[{"text": "Welcome"}],
        )
    )
    conversations = talk(CUSTOM_SESSION, Script(CUSTOM_SESSION), custom=custom)
    assert [m.text for m in conversations.begin().messages] == ["Welcome"]


def test_a_session_that_fails_on_the_action_server_begins_all_the_same() -> None:
    custom = Actions(action_session_start=ActionError("broken"))
    conversations = talk(CUSTOM_SESSION, Script(CUSTOM_SESSION), custom=custom)
    turn = conversations.handle("greet")
    assert names(turn.events)[:3] == SESSION
    assert [str(problem) for problem in turn.problems] == ["action_session_start: broken"]


# -- restart and back ----------------------------------------------------------------------------


def test_restart() -> None:
    script = Script(DOMAIN, ACTION_LISTEN, "action_restart")
    conversations = talk(DOMAIN, script)
    conversations.handle(understood("Rome", "inform", entity("city", "Rome")))
    turn = conversations.handle("restart")
    assert names(turn.events) == [
        "user restart",
        "action action_restart",
        "restart",
        *SESSION,
    ]
    tracker = conversations.tracker()
    assert tracker.slots["city"] is None
    assert names(tracker.applied_events()) == ["action action_listen"]
    assert "session_started" not in names(conversations.handle("greet").events)


def test_back() -> None:
    script = Script(DOMAIN, "utter_greet", ACTION_LISTEN, ACTION_LISTEN, "action_back")
    conversations = talk(DOMAIN, script)
    conversations.handle("greet")
    conversations.handle(understood("Rome", "inform", entity("city", "Rome")))
    assert conversations.tracker().slots["city"] == "Rome"
    conversations.handle("back")
    tracker = conversations.tracker()
    assert tracker.slots["city"] is None
    assert tracker.latest_message is not None and tracker.latest_message.intent == "greet"


def test_back_further_than_the_beginning() -> None:
    script = Script(DOMAIN, "action_back", "utter_greet")
    conversations = talk(DOMAIN, script)
    conversations.handle("back")
    assert names(conversations.tracker().applied_events()) == ["action action_listen"]
    assert [m.text for m in conversations.handle("greet").messages] == ["Hello"]


# -- several at a time ---------------------------------------------------------------------------


def test_messages_of_one_person_are_handled_one_after_the_other() -> None:
    busy = []

    def slow(tracker: Tracker) -> ActionReply:
        busy.append(tracker.sender_id)
        assert busy.count(tracker.sender_id) == 1
        time.sleep(0.02)
        busy.remove(tracker.sender_id)
        return ActionReply()

    def rule(tracker: Tracker) -> str:
        return "action_a" if tracker.latest_action_name == ACTION_LISTEN else ACTION_LISTEN

    conversations = talk(DOMAIN, Rules(DOMAIN, rule), custom=Actions(action_a=slow))
    turns: list[Any] = []
    threads = [
        threading.Thread(target=lambda who=who: turns.append(conversations.handle("greet", who)))
        for who in ("ann", "bob")
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(turns) == 8
    assert [problem for turn in turns for problem in turn.problems] == []
    for who in ("ann", "bob"):
        heard = [e for e in conversations.tracker(who).events if isinstance(e, UserUttered)]
        assert len(heard) == 4


def test_confidences_are_plain_numbers() -> None:
    chosen = prediction_of(DOMAIN, "utter_greet", confidence=float(np.float32(0.3)))
    turn = talk(DOMAIN, Script(DOMAIN, chosen)).handle("greet")
    assert all(
        type(e.confidence) is float
        for e in turn.events
        if isinstance(e, ActionExecuted) and e.confidence is not None
    )
