"""Custom actions on a server of the Rasa SDK.

The environment variable GOSSAMER_RASA_SDK_PYTHON names a Python that has it; without one, these
tests are skipped.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from talking import Rules, Script, domain_of, entity, names, talk, understood

from gossamer.data.domain.domain import ACTION_LISTEN
from gossamer.data.endpoints import ActionEndpoint
from gossamer.dialogue.actions.action import ActionRejected
from gossamer.dialogue.actions.action_server import ActionServer, ActionServerError
from gossamer.dialogue.actions.server_calls import Failure
from gossamer.dialogue.history.events import (
    ActionExecuted,
    ActionExecutionRejected,
    ActionReverted,
    ActiveLoop,
    AgentUttered,
    AllSlotsReset,
    BotUttered,
    ConversationPaused,
    ConversationResumed,
    Event,
    FollowupAction,
    LoopInterrupted,
    ReminderCancelled,
    ReminderScheduled,
    Restarted,
    SessionStarted,
    SlotSet,
    StoryExported,
    UserUtteranceReverted,
    UserUttered,
)
from gossamer.dialogue.history.tracker import Tracker

PYTHON = os.environ.get("GOSSAMER_RASA_SDK_PYTHON")

pytestmark = pytest.mark.skipif(
    PYTHON is None, reason="GOSSAMER_RASA_SDK_PYTHON names no Python with the Rasa SDK"
)

ACTIONS = """\
import time
from datetime import datetime, timezone

from rasa_sdk import Action, FormValidationAction
from rasa_sdk.events import (
    ActionExecuted, ActionExecutionRejected, ActionReverted, ActiveLoop, AgentUttered,
    AllSlotsReset, BotUttered, ConversationPaused, ConversationResumed, FollowupAction,
    LoopInterrupted, ReminderCancelled, ReminderScheduled, Restarted, SessionStarted, SlotSet,
    StoryExported, UserUtteranceReverted, UserUttered,
)
from rasa_sdk.forms import ValidationAction
from rasa_sdk.interfaces import ActionExecutionRejection


class Named(Action):
    action = "action_named"

    def name(self):
        return self.action


class Look(Named):
    action = "action_look"

    def run(self, dispatcher, tracker, domain):
        dispatcher.utter_message(
            text="{} said {} about {}, {} actions".format(
                tracker.sender_id,
                tracker.latest_message["text"],
                tracker.get_slot("city"),
                len(domain.get("actions", [])),
            )
        )
        found = next(tracker.get_latest_entity_values("city"), None)
        return [SlotSet("seen", [tracker.get_intent_of_latest_message(), found])]


class Say(Named):
    action = "action_say"

    def run(self, dispatcher, tracker, domain):
        dispatcher.utter_message(response="utter_weather", weather="fine")
        dispatcher.utter_message(
            text="Pick", buttons=[{"title": "A", "payload": "/a"}], image="a.png"
        )
        dispatcher.utter_message(json_message={"map": [1, 2]})
        return []


class Everything(Named):
    action = "action_everything"

    def run(self, dispatcher, tracker, domain):
        when = datetime(2030, 1, 1, tzinfo=timezone.utc)
        return [
            SlotSet("city", "Rome"),
            BotUttered("Hi", {"image": "a.png"}),
            UserUttered("hello", {"intent": {"name": "greet", "confidence": 1.0}, "entities": []}),
            ActionExecuted("action_x", "Policy", 0.5),
            ActiveLoop("trip_form"),
            LoopInterrupted(True),
            ActionExecutionRejected("trip_form"),
            ActiveLoop(None),
            FollowupAction("action_listen"),
            ReminderScheduled("greet", when, name="r", kill_on_user_message=False),
            ReminderCancelled("r"),
            StoryExported(),
            AgentUttered("I am human"),
            ActionReverted(),
            UserUtteranceReverted(),
            AllSlotsReset(),
            ConversationPaused(),
            ConversationResumed(),
            SessionStarted(),
            Restarted(),
        ]


class Reject(Named):
    action = "action_reject"

    def run(self, dispatcher, tracker, domain):
        raise ActionExecutionRejection("action_reject", "not today")


class Fail(Named):
    action = "action_fail"

    def run(self, dispatcher, tracker, domain):
        raise ValueError("on purpose")


class Hang(Named):
    action = "action_hang"

    def run(self, dispatcher, tracker, domain):
        time.sleep(2)
        return []


class Nothing(Named):
    action = "action_nothing"

    def run(self, dispatcher, tracker, domain):
        return None


class ValidateTrip(FormValidationAction):
    def name(self):
        return "validate_trip_form"

    async def required_slots(self, domain_slots, dispatcher, tracker, domain):
        return domain_slots + (["class"] if tracker.get_slot("city") == "Rome" else [])

    async def extract_class(self, dispatcher, tracker, domain):
        words = (tracker.latest_message.get("text") or "").split()
        return {"class": words[-1]} if "class" in words else {}

    def validate_city(self, value, dispatcher, tracker, domain):
        if value == "Atlantis":
            dispatcher.utter_message(text="No train goes there.")
            return {"city": None}
        return {"city": value.title()}


class ValidateSlots(ValidationAction):
    def validate_city(self, value, dispatcher, tracker, domain):
        return {"city": value.strip("!")}
"""

DOMAIN = """
intents: [greet, book, inform]
entities: [city]
slots:
  city: {type: text, mappings: [{type: from_entity, entity: city}]}
  day:
    type: text
    mappings:
    - type: from_text
      conditions: [{active_loop: trip_form, requested_slot: day}]
  class: {type: text, mappings: [{type: custom}]}
  seen: {type: any, mappings: [{type: custom}]}
responses:
  utter_weather: [{text: "{weather} in {city}"}]
  utter_ask_city: [{text: Where?}]
  utter_ask_day: [{text: When?}]
  utter_ask_class: [{text: Which class?}]
  utter_done: [{text: "{city}, {day}, {class}"}]
forms:
  trip_form: {required_slots: [city, day]}
actions: [action_look, action_say, action_everything, action_reject, action_fail, action_hang,
  action_nothing, action_unknown, validate_trip_form]
"""
PLAIN = domain_of(DOMAIN)


def is_up(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    assert PYTHON is not None
    folder: Path = tmp_path_factory.mktemp("sdk")
    (folder / "sdk_actions.py").write_text(ACTIONS, encoding="utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "log.txt"
    hidden = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV"}
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [PYTHON, "-m", "rasa_sdk", "--actions", "sdk_actions", "--port", str(port)],
            cwd=folder,
            env={**environment, "SANIC_HOST": "127.0.0.1"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            deadline = time.monotonic() + 60
            while not is_up(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"the server does not start:\n{log.read_text()[-2000:]}")
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/webhook"
        finally:
            process.terminate()
            process.wait(20)


@pytest.fixture
def server(url: str) -> ActionServer:
    return ActionServer(ActionEndpoint(url=url, timeout=10.0))


def test_what_an_action_sees_and_sets(server: ActionServer) -> None:
    conversations = talk(PLAIN, Script(PLAIN, "action_look"), custom=server)
    ranking = [{"name": "inform", "confidence": 0.9}]
    message = understood("to Rome", "inform", entity("city", "Rome"), intent_ranking=ranking)
    turn = conversations.handle(message, "ann")
    assert turn.problems == ()
    (said,) = turn.messages
    assert said.text == "ann said to Rome about Rome, 9 actions"
    assert conversations.tracker("ann").slots["seen"] == ["inform", "Rome"]


def test_before_any_message(server: ActionServer) -> None:
    reply = server.run("action_look", Tracker(PLAIN.slots), PLAIN)
    assert list(reply.events) == [SlotSet(name="seen", value=[None, None])]


def test_selective_domain(url: str) -> None:
    server = ActionServer(ActionEndpoint(url=url, is_domain_selective=True))
    reply = server.run("action_look", Tracker(PLAIN.slots), PLAIN)
    assert reply.responses[0]["text"].endswith(", 0 actions")


def test_what_an_action_says(server: ActionServer) -> None:
    turn = talk(PLAIN, Script(PLAIN, "action_say"), custom=server).handle("greet")
    assert turn.problems == ()
    weather, pick, custom = turn.messages
    assert weather.text == "fine in None"
    assert weather.metadata["utter_action"] == "utter_weather"
    assert (pick.text, pick.data) == (
        "Pick",
        {"buttons": [{"title": "A", "payload": "/a"}], "image": "a.png"},
    )
    assert (custom.text, custom.data) == (None, {"custom": {"map": [1, 2]}})


def test_every_event_of_the_sdk(server: ActionServer) -> None:
    reply = server.run("action_everything", Tracker(PLAIN.slots), PLAIN)
    kinds: list[type[Event]] = [
        SlotSet,
        BotUttered,
        UserUttered,
        ActionExecuted,
        ActiveLoop,
        LoopInterrupted,
        ActionExecutionRejected,
        ActiveLoop,
        FollowupAction,
        ReminderScheduled,
        ReminderCancelled,
        StoryExported,
        AgentUttered,
        ActionReverted,
        UserUtteranceReverted,
        AllSlotsReset,
        ConversationPaused,
        ConversationResumed,
        SessionStarted,
        Restarted,
    ]
    assert [type(event) for event in reply.events] == kinds
    said, heard = reply.events[1:3]
    assert isinstance(said, BotUttered) and said.data == {"image": "a.png"}
    assert isinstance(heard, UserUttered) and (heard.text, heard.intent) == ("hello", "greet")


def test_an_action_that_does_nothing(server: ActionServer) -> None:
    reply = server.run("action_nothing", Tracker(PLAIN.slots), PLAIN)
    assert (list(reply.events), list(reply.responses)) == ([], [])


def test_a_rejection(server: ActionServer) -> None:
    with pytest.raises(ActionRejected, match="not today"):
        server.run("action_reject", Tracker(PLAIN.slots), PLAIN)


@pytest.mark.parametrize(
    ("name", "failure", "says"),
    [
        ("action_unknown", Failure.UNKNOWN_ACTION, "action_unknown"),
        ("action_fail", Failure.STATUS, "not 500.*on purpose"),
    ],
)
def test_failures(server: ActionServer, name: str, failure: Failure, says: str) -> None:
    with pytest.raises(ActionServerError, match=says) as caught:
        server.run(name, Tracker(PLAIN.slots), PLAIN)
    assert caught.value.failure is failure


def test_an_action_that_takes_too_long(url: str) -> None:
    server = ActionServer(ActionEndpoint(url=url, timeout=0.3))
    with pytest.raises(ActionServerError) as caught:
        server.run("action_hang", Tracker(PLAIN.slots), PLAIN)
    assert caught.value.failure is Failure.TIMEOUT
    # Whoever comes next waits for it to end.
    assert ActionServer(ActionEndpoint(url=url)).run("action_nothing", Tracker(PLAIN.slots), PLAIN)


def rule(tracker: Tracker) -> str:
    if tracker.active_loop is None:
        if tracker.latest_action_name == "trip_form" and tracker.slots["day"]:
            return "utter_done"
        is_booking = tracker.latest_message is not None and tracker.latest_message.intent == "book"
        return (
            "trip_form"
            if tracker.latest_action_name == ACTION_LISTEN and is_booking
            else (ACTION_LISTEN)
        )
    return "trip_form" if tracker.latest_action_name == ACTION_LISTEN else ACTION_LISTEN


def parse(text: str) -> dict[str, Any]:
    cities = {"rome": "rome", "oslo": "oslo!", "Atlantis": "Atlantis"}
    found = [entity("city", cities[word]) for word in text.split() if word in cities]
    return understood(text, "book" if text == "book" else "inform", *found)


def test_a_form_with_validation_and_slots_of_its_own(server: ActionServer) -> None:
    conversations = talk(PLAIN, Rules(PLAIN, rule), parse=parse, custom=server)
    turns = [
        conversations.handle(text)
        for text in ("book", "to Atlantis", "to rome", "on Monday", "class 2")
    ]
    assert [turn.problems for turn in turns] == [()] * 5
    assert [[message.text for message in turn.messages] for turn in turns] == [
        ["Where?"],
        ["No train goes there.", "Where?"],
        ["When?"],
        ["Which class?"],
        ["Rome, on Monday, 2"],
    ]


def test_validated_slot_mappings(server: ActionServer) -> None:
    domain = domain_of(DOMAIN.replace("validate_trip_form]", "action_validate_slot_mappings]"))
    conversations = talk(domain, Script(domain), parse=parse, custom=server)
    turn = conversations.handle("to oslo")
    assert turn.problems == ()
    assert "slot city=oslo" in names(turn.events)
