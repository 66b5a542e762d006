"""Custom actions of a module, run in this process."""

from __future__ import annotations

import asyncio
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from talking import Script, domain_of, talk

from gossamer.data.endpoints import ActionsModule, read_endpoints
from gossamer.data.errors import ConfigError
from gossamer.dialogue.actions.action import ActionError, ActionRejected
from gossamer.dialogue.actions.actions_here import ActionsHere
from gossamer.dialogue.history.events import SlotSet
from gossamer.dialogue.history.tracker import Tracker
from gossamer.nlu.own.failures import OwnPartError

DOMAIN = domain_of("""
intents: [greet]
slots:
  city: {type: text, mappings: [{type: custom}]}
responses:
  utter_weather: [{text: "It is {weather}."}]
actions: [action_weather, action_later, action_no, action_fail, action_strange, action_set]
""")

ACTIONS = """\
from gossamer.parts import ActionRejected, CustomAction, SlotSet


class Weather(CustomAction):
    def name(self):
        return "action_weather"

    def run(self, dispatcher, tracker, domain):
        dispatcher.utter_message(response="utter_weather", weather="fine")
        tracker.slots["city"] = "changed"
        return [SlotSet(name="city", value=tracker.latest_message.text)]


class Better(Weather):
    pass
"""
MORE = """\
from gossamer.parts import ActionRejected, CustomAction


class Later(CustomAction):
    def name(self):
        return "action_later"

    async def run(self, dispatcher, tracker, domain):
        return [{"event": "slot", "name": "city", "value": "Rome"}]


class No(CustomAction):
    def name(self):
        return "action_no"

    def run(self, dispatcher, tracker, domain):
        raise ActionRejected("action_no", "not today")


class Fail(CustomAction):
    def name(self):
        return "action_fail"

    def run(self, dispatcher, tracker, domain):
        dispatcher.utter_message("half a result")
        raise ValueError("on purpose")


class Strange(CustomAction):
    def name(self):
        return "action_strange"

    def run(self, dispatcher, tracker, domain):
        return "city"


class Set(CustomAction):
    def name(self):
        return "action_set"

    def run(self, dispatcher, tracker, domain):
        return [{"event": "slot", "name": "city", "value": {1, 2}}]
"""


@pytest.fixture
def actions(tmp_path: Path) -> Iterator[ActionsHere]:
    (tmp_path / "own_actions" / "more").mkdir(parents=True)
    (tmp_path / "own_actions" / "__init__.py").write_text("")
    (tmp_path / "own_actions" / "weather.py").write_text(ACTIONS)
    (tmp_path / "own_actions" / "more" / "__init__.py").write_text(MORE)
    text = "action_endpoint:\n  actions_module: own_actions\n"
    (tmp_path / "endpoints.yml").write_text(text)
    endpoint = read_endpoints(tmp_path / "endpoints.yml").action
    assert endpoint == ActionsModule(module="own_actions")
    yield ActionsHere(endpoint)
    forget("own_actions")


def forget(name: str) -> None:
    for module in [*sys.modules]:
        if module.partition(".")[0] == name:
            del sys.modules[module]


def test_what_an_action_says_and_sets(actions: ActionsHere) -> None:
    assert len(actions.names) == 6
    turn = talk(DOMAIN, Script(DOMAIN, "action_weather"), custom=actions).handle("greet")
    assert turn.problems == ()
    assert [message.text for message in turn.messages] == ["It is fine."]
    assert [event for event in turn.events if isinstance(event, SlotSet)] == [
        SlotSet(name="city", value="greet")
    ]


def test_an_action_may_be_async(actions: ActionsHere) -> None:
    tracker = Tracker(DOMAIN.slots)
    reply = actions.run("action_later", tracker, DOMAIN)
    assert reply.events == [SlotSet(name="city", value="Rome")]

    async def within_a_loop() -> Any:
        return actions.run("action_later", tracker, DOMAIN)

    assert asyncio.run(within_a_loop()) == reply


def test_the_conversation_goes_on_when_an_action_fails(actions: ActionsHere) -> None:
    conversations = talk(DOMAIN, Script(DOMAIN, "action_fail", "utter_weather"), custom=actions)
    with pytest.warns(UserWarning, match="variable"):
        turn = conversations.handle("greet")
    assert [message.text for message in turn.messages] == ["It is {weather}."]
    (problem,) = turn.problems
    assert str(problem) == (
        "action_fail: own_actions.more.Fail failed in run: ValueError: on purpose "
        "(own_actions/more/__init__.py, line 26). Try: in Python, turn.problems: the __cause__ of "
        "the error has the traceback"
    )
    assert isinstance(problem.error.__cause__, ValueError)


@pytest.mark.parametrize(
    ("name", "kind", "says"),
    [
        ("action_no", ActionRejected, "not today"),
        ("action_strange", ActionError, "must give a list of events.*got 'city'"),
        ("action_set", ActionError, "must give JSON values"),
        ("action_absent", ActionError, "there are action_fail, action_later"),
    ],
)
def test_what_cannot_be_done(
    actions: ActionsHere, name: str, kind: type[Exception], says: str
) -> None:
    with pytest.raises(kind, match=says):
        actions.run(name, Tracker(DOMAIN.slots), DOMAIN)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "must have classes made from gossamer.parts.CustomAction"),
        (ACTIONS.replace("(Weather)", "(CustomAction)"), "must have classes"),
        (f"{ACTIONS}\nclass Other(Weather): ...", "Better and own_bad.Other have the same"),
        (ACTIONS.replace('"action_weather"', "5"), r"name\(\) of own_bad.Weather must give a text"),
        (ACTIONS.replace("return [", "return [[["), r"own_bad failed in import: SyntaxError"),
        (f"{ACTIONS}\n    def __init__(self, x): ...", "Better failed in __init__: TypeError"),
    ],
)
def test_a_module_that_cannot_be_used(
    tmp_path: Path, text: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "(CustomAction):\n    pass" in text:
        text = text.replace("class Weather(CustomAction)", "class Weather")
    (tmp_path / "own_bad.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OwnPartError, match=says):
        ActionsHere(ActionsModule(module="own_bad"))
    forget("own_bad")


def test_an_address_beside_a_module(tmp_path: Path) -> None:
    path = tmp_path / "endpoints.yml"
    path.write_text("action_endpoint:\n  url: http://localhost:5055\n  actions_module: actions\n")
    with pytest.warns(UserWarning, match=r"endpoints.yml:3: .*not used: url"):
        assert read_endpoints(path).action == ActionsModule(module="actions")
    path.write_text("action_endpoint:\n  module: actions\n")
    with pytest.raises(ConfigError, match="actions_module"):
        read_endpoints(path)


# -- the Rasa SDK, or what it is made of -----------------------------------------------------------

SDK_ACTIONS = """\
from rasa_sdk import Action, ActionExecutionRejection


class Look(Action):
    def name(self):
        return "action_weather"

    async def run(self, dispatcher, tracker, domain):
        dispatcher.messages.append({"text": f"{tracker['sender_id']} {sorted(domain)[0]}"})
        return [{"event": "slot", "name": "city", "value": "Rome"}]


class No(Action):
    def name(self):
        return "action_no"

    def run(self, dispatcher, tracker, domain):
        raise ActionExecutionRejection("action_no")
"""


def test_actions_of_the_sdk_get_its_dispatcher_and_tracker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stand-in for the SDK; tests/dialogue/actions/test_rasa_sdk.py has the SDK itself."""

    class Dispatcher:
        def __init__(self) -> None:
            self.messages: list[Any] = []

    class StandIn:
        @staticmethod
        def from_dict(state: Any) -> Any:
            return state

    sdk: Any = types.ModuleType("rasa_sdk")
    executor: Any = types.ModuleType("rasa_sdk.executor")
    interfaces: Any = types.ModuleType("rasa_sdk.interfaces")
    sdk.Action = type("Action", (), {})
    sdk.ActionExecutionRejection = type("ActionExecutionRejection", (Exception,), {})
    executor.CollectingDispatcher, interfaces.Tracker = Dispatcher, StandIn
    for module in (sdk, executor, interfaces):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    (tmp_path / "own_sdk.py").write_text(SDK_ACTIONS)
    monkeypatch.chdir(tmp_path)
    actions = ActionsHere(ActionsModule(module="own_sdk"))
    reply = actions.run("action_weather", Tracker(DOMAIN.slots, "ann"), DOMAIN)
    assert (reply.responses[0]["text"], reply.events) == (
        "ann actions",
        [SlotSet(name="city", value="Rome")],
    )
    with pytest.raises(ActionRejected, match="action_no"):
        actions.run("action_no", Tracker(DOMAIN.slots), DOMAIN)
    forget("own_sdk")
