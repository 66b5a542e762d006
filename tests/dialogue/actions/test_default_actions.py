from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from talking import Actions, context_of, domain_of, event, names, says, understood

from gossamer.data.domain.domain import ACTION_LISTEN, DEFAULT_ACTIONS, RULE_SNIPPET_ACTION, Domain
from gossamer.dialogue.actions.action import ActionContext, ActionError, ActionReply
from gossamer.dialogue.actions.default_actions import (
    RetrievalAction,
    SessionStartAction,
    TextAction,
)
from gossamer.dialogue.actions.forms import FormAction
from gossamer.dialogue.actions.registry import action_finder
from gossamer.dialogue.actions.remote_action import RemoteAction
from gossamer.dialogue.history.events import (
    ActionExecuted,
    AllSlotsReset,
    Event,
    Restarted,
    SlotSet,
    UserUttered,
)
from gossamer.dialogue.history.tracker import Tracker
from gossamer.nlu.pipeline.parse import Parse

DOMAIN = domain_of("""
intents: [greet, faq]
slots:
  city: {type: text, initial_value: Rome, mappings: [{type: custom}]}
  note: {type: any, mappings: [{type: custom}]}
responses:
  utter_greet: [{text: "Hello from {city}"}]
  utter_web: [{text: Web, channel: web}]
  utter_faq/price: [{text: Nothing}]
  utter_faq/time: [{text: Soon, condition: [{type: slot, name: city, value: Oslo}]}]
actions: [action_own, utter_faq, utter_missing, utter_topics]
forms:
  trip_form: {required_slots: [city]}
e2e_actions: ["Very well."]
""")
SAYING = domain_of("""
responses:
  utter_restart: [{text: Anew}]
  utter_back: [{text: Back}]
  utter_default: [{text: Sorry}]
  utter_ask_rephrase: [{text: Pardon}]
""")


def run(
    name: str,
    events: Sequence[Event] = (),
    *,
    domain: Domain = DOMAIN,
    custom: Any = None,
) -> tuple[list[str], ActionContext]:
    tracker = Tracker(domain.slots, events=events)
    context = context_of(domain, custom)
    return names(context.run(name, tracker)), context


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("action_listen", []),
        ("action_unlikely_intent", []),
        ("action_restart", ["restart"]),
        ("action_back", ["rewind", "rewind"]),
        ("action_default_fallback", ["rewind"]),
        ("action_default_ask_rephrase", []),
        ("action_deactivate_loop", ["active_loop", "slot requested_slot=None"]),
        ("action_session_start", ["session_started", "action action_listen"]),
        ("action_extract_slots", []),
        ("utter_greet", ["bot Hello from Rome"]),
        ("Very well.", ["bot Very well."]),
    ],
)
def test_what_each_does(name: str, expected: list[str]) -> None:
    found, context = run(name)
    assert found == expected
    assert context.problems == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("action_restart", ["bot Anew", "restart"]),
        ("action_back", ["bot Back", "rewind", "rewind"]),
        ("action_default_fallback", ["bot Sorry", "rewind"]),
        ("action_default_ask_rephrase", ["bot Pardon"]),
        ("action_deactivate_loop", ["active_loop"]),  # a domain without forms
    ],
)
def test_what_they_say(name: str, expected: list[str]) -> None:
    assert run(name, domain=SAYING)[0] == expected


def test_every_default_action_is_there() -> None:
    find = action_finder(domain_of("intents: [greet]"))
    for name in DEFAULT_ACTIONS:
        if name != RULE_SNIPPET_ACTION:  # a placeholder of rules, never run
            assert not isinstance(find(name), RemoteAction)
            assert find(name).name == name


def test_which_action_a_name_means() -> None:
    domain = domain_of("""
forms:
  one_form: {required_slots: []}
  two_form: {required_slots: []}
responses:
  utter_faq/a: [{text: A}]
actions: [action_restart, two_form, action_own, utter_faq]
e2e_actions: [Fine.]
""")
    find = action_finder(domain)
    kinds = {
        "action_restart": RemoteAction,  # declared, so it is the server's
        "one_form": FormAction,
        "two_form": RemoteAction,
        "action_own": RemoteAction,
        "utter_faq": RetrievalAction,
        "Fine.": TextAction,
    }
    assert {name: type(find(name)) for name in kinds} == kinds
    with pytest.raises(ActionError, match=r"must be in the domain .*'action_else'"):
        find("action_else")


def test_sessions_carry_slots_over_as_they_are() -> None:
    events = [
        SlotSet(name="note", value=1),
        AllSlotsReset(),
        SlotSet(name="city", value="Oslo"),
        SlotSet(name="city", value="Bonn"),
    ]
    expected = ["session_started", "slot city=Bonn", "action action_listen"]
    assert run("action_session_start", events)[0] == expected


def test_a_slot_that_was_set_to_nothing_is_carried_over() -> None:
    found, _ = run("action_session_start", [SlotSet(name="city", value=None)])
    assert found == ["session_started", "slot city=None", "action action_listen"]


def test_what_a_form_asked_for_is_not_carried_over() -> None:
    asked = [SlotSet(name="city", value="Oslo"), SlotSet(name="requested_slot", value="note")]
    found, _ = run("action_session_start", asked)
    assert found == ["session_started", "slot city=Oslo", "action action_listen"]


def test_sessions_without_carrying_over() -> None:
    domain = domain_of("""
slots:
  city: {type: text, mappings: [{type: custom}]}
session_config: {session_expiration_time: 1, carry_over_slots_to_new_session: false}
""")
    tracker = Tracker(domain.slots, events=[SlotSet(name="city", value="Oslo")])
    found = SessionStartAction("action_session_start").run(tracker, context_of(domain))
    assert names(found) == ["session_started", "action action_listen"]


def test_no_slot_survives_a_restart() -> None:
    events = [SlotSet(name="city", value="Oslo"), Restarted()]
    assert run("action_session_start", events)[0] == ["session_started", "action action_listen"]


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("utter_web", "must have a variation that fits"),
        ("utter_missing", "must be in the domain"),
    ],
)
def test_a_response_that_cannot_be_said_is_noted(name: str, fault: str) -> None:
    found, context = run(name)
    assert found == []
    assert fault in str(context.problems[0])


# -- responses of a selector ---------------------------------------------------------------------


def asked(selector: Any) -> list[Event]:
    return [UserUttered.of(Parse.from_dict(understood("how", "faq", response_selector=selector)))]


def selected(key: str, *texts: str) -> dict[str, Any]:
    responses = [{"text": text} for text in texts]
    return {"response": {"responses": responses, "utter_action": f"utter_{key}"}, "ranking": []}


@pytest.mark.parametrize("selector", ["faq", "default"])
def test_the_selected_response_is_said(selector: str) -> None:
    found, context = run("utter_faq", asked({selector: selected("faq/price")}))
    assert (found, context.problems) == (["bot Nothing"], [])


def test_the_selector_of_the_intent_goes_first() -> None:
    both = {"default": selected("faq/time"), "faq": selected("faq/price")}
    assert run("utter_faq", asked(both))[0] == ["bot Nothing"]


def test_a_response_that_the_domain_does_not_have_is_said_as_selected() -> None:
    found = run("utter_faq", asked({"faq": selected("faq/place", "Here in {city}")}))[0]
    assert found == ["bot Here in Rome"]
    # So is one of an intent of which the domain has no response at all.
    topics = asked({"default": selected("topics/art", "Art")})
    assert run("utter_topics", topics)[0] == ["bot Art"]


@pytest.mark.parametrize(
    ("selector", "fault"),
    [
        ({}, "must have a response selector"),
        (None, "must have a response selector"),
        ({"faq": None}, "must have a response selector"),
        ({"faq": {"response": {"responses": []}}}, "must have a response selector"),
        ({"faq": selected("faq/time")}, "must have a variation that fits"),
        ({"faq": selected("faq/nothing")}, "must be in the domain"),
    ],
)
def test_nothing_that_can_be_said(selector: Any, fault: str) -> None:
    found, context = run("utter_faq", asked(selector))
    assert found == []
    assert fault in str(context.problems[0])


def test_another_intents_selection_is_not_said() -> None:
    found, context = run("utter_missing", asked({"default": selected("faq/price")}))
    assert found == []
    assert "must be in the domain" in str(context.problems[0])


def test_before_any_message() -> None:
    assert run("utter_faq")[0] == []


# -- asking what was meant -----------------------------------------------------------------------


def ranked(*intents: str) -> list[Event]:
    ranking = [{"name": name, "confidence": 0.3} for name in intents]
    message = UserUttered.of(Parse.from_dict(understood("hm", intents[0], intent_ranking=ranking)))
    return [message]


@pytest.mark.parametrize(
    ("intents", "asked_for"), [(("nlu_fallback", "greet", "faq"), "greet"), (("greet",), "greet")]
)
def test_asking_for_affirmation(intents: tuple[str, ...], asked_for: str) -> None:
    tracker = Tracker(DOMAIN.slots, events=ranked(*intents))
    (message,) = context_of(DOMAIN).run("action_default_ask_affirmation", tracker)
    assert message.to_dict()["text"] == f"Did you mean '{asked_for}'?"
    assert message.to_dict()["data"] == {
        "buttons": [
            {"title": "Yes", "payload": f"/{asked_for}"},
            {"title": "No", "payload": "/out_of_scope"},
        ]
    }


@pytest.mark.parametrize("events", [[], ranked("nlu_fallback"), [says(None)]])
def test_nothing_to_affirm(events: list[Event]) -> None:
    found, _ = run("action_default_ask_affirmation", events, domain=SAYING)
    assert found == ["bot Pardon"]


LISTEN = ActionExecuted(name=ACTION_LISTEN)
DOUBT = [
    LISTEN,
    says("nlu_fallback", text="hm"),
    event("action", name="action_default_ask_affirmation"),
]
REPHRASE = [LISTEN, says("out_of_scope"), event("action", name="action_default_ask_rephrase")]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([*DOUBT, LISTEN, says("greet")], ["rewind"] * 2),
        ([*DOUBT, *REPHRASE, LISTEN, says("greet")], ["rewind"] * 3),
    ],
)
def test_doubts_are_taken_back(events: list[Event], expected: list[str]) -> None:
    greeted = [LISTEN, says("greet"), event("action", name="utter_greet")]
    tracker = Tracker(DOMAIN.slots, events=[*greeted, *events])
    found = context_of(DOMAIN).run("action_revert_fallback_events", tracker)
    assert names(found) == [*expected, "action action_listen", "user greet"]
    tracker.update_all(found)
    assert names(tracker.applied_events()) == [
        *names(greeted),
        "action action_listen",
        "user greet",
    ]


def test_affirmed_after_other_words() -> None:
    again = [LISTEN, says("nlu_fallback"), event("action", name="action_default_ask_affirmation")]
    tracker = Tracker(DOMAIN.slots, events=[*DOUBT, *REPHRASE, *again, LISTEN, says("greet")])
    found = context_of(DOMAIN).run("action_revert_fallback_events", tracker)
    tracker.update_all(found)
    assert names(tracker.applied_events()) == ["action action_listen", "user greet"]
    assert tracker.latest_message is not None and tracker.latest_message.confidence == 1.0


@pytest.mark.parametrize("events", [[], [LISTEN, says("greet")], [*DOUBT[:2]]])
def test_no_doubt_to_take_back(events: list[Event]) -> None:
    assert run("action_revert_fallback_events", events)[0] == []


# -- custom actions ------------------------------------------------------------------------------


def reply(*responses: dict[str, Any]) -> Actions:
    return Actions(action_own=ActionReply(events=[event("pause")], responses=responses))


def said(*responses: dict[str, Any]) -> dict[str, Any]:
    tracker = Tracker(DOMAIN.slots)
    message, pause = context_of(DOMAIN, reply(*responses)).run("action_own", tracker)
    assert pause.type_name == "pause"
    return message.to_dict()


def test_what_an_action_says_stands_before_its_events() -> None:
    found, _ = run("action_own", custom=reply({"text": "One"}, {"text": "Two"}))
    assert found == ["bot One", "bot Two", "pause"]


def test_all_parts_of_a_message() -> None:
    given = {
        "text": "Look",
        "image": "a.png",
        "attachment": {"a": 1},
        "custom": {"b": 2},
        "buttons": [{"title": "Yes", "payload": "/yes"}],
        "elements": [],
        "template": None,
        "response": None,
        "extra": "kept",
    }
    message = said(given)
    assert message["text"] == "Look"
    assert message["data"] == {
        key: given[key] for key in ("image", "attachment", "custom", "buttons")
    }
    assert message["metadata"] == {"extra": "kept"}


@pytest.mark.parametrize("key", ["response", "template"])
def test_a_named_response_is_filled_in_from_slots_and_arguments(key: str) -> None:
    assert said({key: "utter_greet"})["text"] == "Hello from Rome"
    message = said({key: "utter_greet", "city": "Oslo", "text": None})
    assert message["text"] == "Hello from Oslo"
    assert message["metadata"] == {"utter_action": "utter_greet", "city": "Oslo"}


def test_what_is_given_wins_and_buttons_are_added() -> None:
    domain = domain_of("""
responses:
  utter_pick: [{text: Pick, buttons: [{title: A, payload: /a}]}]
actions: [action_own]
""")
    custom = reply({"response": "utter_pick", "buttons": [{"title": "B"}], "image": "b.png"})
    message = context_of(domain, custom).run("action_own", Tracker(domain.slots))[0].to_dict()
    assert message["data"] == {
        "image": "b.png",
        "buttons": [{"title": "A", "payload": "/a"}, {"title": "B"}],
    }


def test_an_unknown_response_is_left_out_with_a_warning() -> None:
    with pytest.warns(UserWarning, match="'utter_none' said, which the domain does not have"):
        found, _ = run("action_own", custom=reply({"response": "utter_none"}, {"text": "Two"}))
    assert found == ["bot Two", "pause"]
