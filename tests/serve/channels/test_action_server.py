"""Custom actions of a server that people talk with: the Rasa SDK's, and one that answers the same.

The environment variable GOSSAMER_RASA_SDK_PYTHON names a Python that has the Rasa SDK; without one,
its tests are skipped.
"""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tiny_server import TinyServer, answers

PYTHON = os.environ.get("GOSSAMER_RASA_SDK_PYTHON")

CONFIG = """\
language: en
pipeline:
- name: WhitespaceTokenizer
- name: KeywordIntentClassifier
policies:
- name: RulePolicy
"""

INTENTS = ("slots", "order", "twice", "later", "wake", "refuse", "crash", "size")

DOMAIN = f"""\
version: "3.1"
intents: [{", ".join(INTENTS)}]
actions:
- action_slots
- action_first
- action_second
- action_later
- action_woken
- action_refuse
- action_crash
- validate_order_form
slots:
  seen:
    type: float
    mappings:
    - type: custom
  size:
    type: text
    mappings:
    - type: from_text
      conditions:
      - active_loop: order_form
        requested_slot: size
forms:
  order_form:
    required_slots: [size]
responses:
  utter_seen:
  - text: "Seen {{seen}}, {{more}}."
  utter_ask_size:
  - text: "Which size?"
  utter_ordered:
  - text: "Ordered: {{size}}."
  utter_default:
  - text: "I cannot."
session_config:
  session_expiration_time: 60
  carry_over_slots_to_new_session: true
"""

SIMPLE = {
    "slots": "action_slots",
    "twice": "action_first",
    "later": "action_later",
    "wake": "action_woken",
    "refuse": "action_refuse",
    "crash": "action_crash",
}

FORM_RULES = """\
- rule: order
  steps:
  - intent: order
  - action: order_form
  - active_loop: order_form
- rule: ordered
  condition:
  - active_loop: order_form
  steps:
  - action: order_form
  - active_loop: null
  - slot_was_set:
    - requested_slot: null
  - action: utter_ordered
"""

ACTIONS = """\
from datetime import datetime, timedelta, timezone

from rasa_sdk import Action, FormValidationAction
from rasa_sdk.events import FollowupAction, ReminderScheduled, SlotSet
from rasa_sdk.interfaces import ActionExecutionRejection


def action(name, run):
    def run_it(self, dispatcher, tracker, domain):
        return run(dispatcher, tracker, domain)

    return type(name, (Action,), {"name": lambda self: name, "run": run_it})


def slots(dispatcher, tracker, domain):
    seen = (tracker.get_slot("seen") or 0) + 1
    dispatcher.utter_message(text="One.", buttons=[{"title": "More", "payload": "/slots"}])
    dispatcher.utter_message(response="utter_seen", more="and more")
    dispatcher.utter_message(image="http://localhost/i.png", json_message={"k": 1})
    return [SlotSet("seen", seen)]


def first(dispatcher, tracker, domain):
    dispatcher.utter_message(text="First.")
    return [FollowupAction("action_second")]


def second(dispatcher, tracker, domain):
    dispatcher.utter_message(text="Second.")
    return [FollowupAction("action_listen")]


def later(dispatcher, tracker, domain):
    due = datetime.now(timezone.utc) + timedelta(seconds=0.2)
    return [ReminderScheduled("wake", due, name="alarm", kill_on_user_message=False)]


def woken(dispatcher, tracker, domain):
    dispatcher.utter_message(text="Time!")
    return []


def refuse(dispatcher, tracker, domain):
    raise ActionExecutionRejection("action_refuse", "not now")


def crash(dispatcher, tracker, domain):
    dispatcher.utter_message(text="This is never said.")
    raise RuntimeError("secret")


Slots = action("action_slots", slots)
First = action("action_first", first)
Second = action("action_second", second)
Later = action("action_later", later)
Woken = action("action_woken", woken)
Refuse = action("action_refuse", refuse)
Crash = action("action_crash", crash)


class ValidateOrderForm(FormValidationAction):
    def name(self):
        return "validate_order_form"

    def validate_size(self, value, dispatcher, tracker, domain):
        if value in ("small", "large"):
            return {"size": value.upper()}
        dispatcher.utter_message(text="Small or large.")
        return {"size": None}
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose every intent is the word itself, and leads to an action of the server."""
    from gossamer.assistant import Assistant
    from gossamer.data import read_project

    folder = tmp_path_factory.mktemp("acting")
    data = folder / "data"
    data.mkdir()
    (folder / "config.yml").write_text(CONFIG, "utf-8")
    (folder / "domain.yml").write_text(DOMAIN, "utf-8")
    nlu = "".join(f"- intent: {name}\n  examples: |\n    - {name} now\n" for name in INTENTS)
    (data / "nlu.yml").write_text(f'version: "3.1"\nnlu:\n{nlu}', "utf-8")
    rules = "".join(
        f"- rule: {intent}\n  steps:\n  - intent: {intent}\n  - action: {action}\n"
        for intent, action in SIMPLE.items()
    )
    (data / "rules.yml").write_text(f'version: "3.1"\nrules:\n{rules}{FORM_RULES}', "utf-8")
    project = read_project(folder / "config.yml", data, folder / "domain.yml")
    return Assistant.train_project(project, random_seed=1).save(folder / "acting.gossamer")


# -- two action servers that do the same ---------------------------------------------------------


def said(**parts: Any) -> dict[str, Any]:
    """A message as the Rasa SDK 3.6 writes it."""
    empty: dict[str, Any] = {"text": None, "buttons": [], "elements": [], "custom": {}}
    return empty | {"template": None, "response": None, "image": None, "attachment": None} | parts


def event(kind: str, **parts: Any) -> dict[str, Any]:
    return {"event": kind, "timestamp": None} | parts


def as_the_sdk(call: dict[str, Any]) -> tuple[Any, int]:
    """What the Rasa SDK's server answers to a call, with the actions above."""
    slots = call["tracker"]["slots"]
    events: list[Any] = []
    messages: list[Any] = []
    match call["next_action"]:
        case "action_slots":
            messages = [
                said(text="One.", buttons=[{"title": "More", "payload": "/slots"}]),
                said(response="utter_seen", template="utter_seen", more="and more"),
                said(image="http://localhost/i.png", custom={"k": 1}),
            ]
            events = [event("slot", name="seen", value=(slots["seen"] or 0) + 1)]
        case "action_first":
            messages = [said(text="First.")]
            events = [event("followup", name="action_second")]
        case "action_second":
            messages = [said(text="Second.")]
            events = [event("followup", name="action_listen")]
        case "action_later":
            due = (datetime.now(UTC) + timedelta(seconds=0.2)).isoformat()
            more = {"intent": "wake", "entities": None, "date_time": due, "name": "alarm"}
            events = [event("reminder", kill_on_user_msg=False, **more)]
        case "action_woken":
            messages = [said(text="Time!")]
        case "action_refuse":
            return {"error": "not now", "action_name": "action_refuse"}, 400
        case "action_crash":
            return "500 Internal Server Error", 500
        case "validate_order_form":
            value = slots["size"]
            is_good = value in ("small", "large")
            messages = [] if is_good or value is None else [said(text="Small or large.")]
            events = [event("slot", name="size", value=value.upper() if is_good else None)]
            events = [] if value is None else events
    return {"events": events, "responses": messages}, 200


@pytest.fixture
def stub() -> Iterator[str]:
    """The address of a server that answers as the Rasa SDK's does."""
    server = TinyServer()

    def act(handler: Any) -> None:
        answers(*as_the_sdk(server.calls[-1][2]))(handler)

    server.answer = act
    yield server.url
    server.close()


@pytest.fixture
def sdk(tmp_path: Path) -> Iterator[str]:
    """The address of a server of the Rasa SDK."""
    assert PYTHON is not None
    (tmp_path / "actions.py").write_text(ACTIONS, "utf-8")
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    environment["SANIC_HOST"] = "127.0.0.1"
    process = subprocess.Popen(
        [PYTHON, "-m", "rasa_sdk", "--actions", "actions", "--port", str(port)],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        give_up = time.monotonic() + 120.0
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/health", trust_env=False)
                break
            except httpx.TransportError:
                assert process.poll() is None
                assert time.monotonic() < give_up
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/webhook"
    finally:
        process.kill()
        process.wait()


# -- people talk ---------------------------------------------------------------------------------


def credentials_of(receiver: TinyServer, folder: Path, address: str) -> tuple[Path, Path]:
    """Files of endpoints and credentials: the actions of `address`, answers to `receiver`."""
    endpoints, credentials = folder / "endpoints.yml", folder / "credentials.yml"
    store = "tracker_store:\n  type: InMemory\n"
    endpoints.write_text(f"{store}action_endpoint:\n  url: {address}\n", "utf-8")
    credentials.write_text(f"rest:\ncallback:\n  url: {receiver.url}\n", "utf-8")
    return endpoints, credentials


def talk(client: httpx.Client, receiver: TinyServer) -> None:
    """What people say, and what must be answered."""

    def say(text: str, sender: str = "ada") -> list[dict[str, Any]]:
        answer = client.post("/webhooks/rest/webhook", json={"sender": sender, "message": text})
        assert answer.status_code == 200
        parts: list[dict[str, Any]] = answer.json()
        assert {part.pop("recipient_id") for part in parts} <= {sender}
        return parts

    assert say("slots now") == [
        {"text": "One.", "buttons": [{"title": "More", "payload": "/slots"}]},
        {"text": "Seen None, and more."},
        {"custom": {"k": 1}},
        {"image": "http://localhost/i.png"},
    ]
    assert say("slots now")[1] == {"text": "Seen 1, and more."}
    assert say("twice now") == [{"text": "First."}, {"text": "Second."}]
    assert say("refuse now") == [{"text": "I cannot."}]
    assert say("crash now") == []
    assert say("order now") == [{"text": "Which size?"}]
    assert say("huge") == [{"text": "Small or large."}, {"text": "Which size?"}]
    assert say("large") == [{"text": "Ordered: LARGE."}]
    request = {"sender": "bob", "message": "later now"}
    assert client.post("/webhooks/callback/webhook", json=request).text == "success"
    give_up = time.monotonic() + 20.0
    while not receiver.calls:
        assert time.monotonic() < give_up
        time.sleep(0.02)
    assert [call[2] for call in receiver.calls] == [{"recipient_id": "bob", "text": "Time!"}]


def test_actions_of_a_server_that_answers_as_the_rasa_sdk(
    start_server: Callable[..., Any], model: Path, stub: str, receiver: TinyServer, tmp_path: Path
) -> None:
    endpoints, credentials = credentials_of(receiver, tmp_path, stub)
    running = start_server(model=model, endpoints=endpoints, credentials=credentials)
    talk(running.client, receiver)


@pytest.mark.skipif(PYTHON is None, reason="GOSSAMER_RASA_SDK_PYTHON names no such Python")
def test_actions_of_the_rasa_sdk(
    start_process: Callable[..., Any], model: Path, sdk: str, receiver: TinyServer, tmp_path: Path
) -> None:
    endpoints, credentials = credentials_of(receiver, tmp_path, sdk)
    files = ("--endpoints", str(endpoints), "--credentials", str(credentials))
    running = start_process("--model", str(model), *files)
    talk(running.client, receiver)


@pytest.mark.skipif(PYTHON is None, reason="GOSSAMER_RASA_SDK_PYTHON names no such Python")
def test_the_two_servers_answer_the_same(sdk: str) -> None:
    tracker = {
        "sender_id": "ada",
        "slots": {"seen": None, "size": None},
        "latest_message": {},
        "events": [],
        "paused": False,
        "followup_action": None,
        "active_loop": {},
        "latest_action_name": None,
        "latest_action": {},
    }
    for action in ("slots", "first", "second", "woken", "refuse"):
        call = {"next_action": f"action_{action}", "tracker": tracker, "domain": {}}
        answer = httpx.post(sdk, json=call | {"sender_id": "ada"}, trust_env=False)
        assert (answer.json(), answer.status_code) == as_the_sdk(call)
