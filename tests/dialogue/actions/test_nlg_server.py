"""Against a tiny server that answers, hangs, breaks off or talks rubbish."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from talking import Actions, Script, domain_of, names, says, talk
from tiny_server import Handler, TinyServer, answers, sends

from gossamer.data.endpoints import NlgEndpoint
from gossamer.dialogue.actions.action import ActionReply
from gossamer.dialogue.actions.nlg_server import NlgServer, NlgServerError
from gossamer.dialogue.actions.server_calls import Failure
from gossamer.dialogue.history.events import BotUttered, SlotSet
from gossamer.dialogue.history.tracker import Tracker

DOMAIN = domain_of("""
intents: [greet]
slots:
  city: {type: text, mappings: [{type: custom}]}
responses:
  utter_greet:
  - {text: Hello, id: plain}
  - {text: Hello there, id: webbed, channel: web}
  utter_ask_city: [{text: Which city?}]
  utter_restart: [{text: Again}]
forms:
  city_form: {required_slots: [city]}
actions: [action_a]
""")


@pytest.fixture
def server() -> Iterator[TinyServer]:
    made = TinyServer()
    made.answer = answers({"text": "Good day"})
    yield made
    made.close()


def client_of(server: TinyServer, **options: Any) -> NlgServer:
    limits = {key: options.pop(key) for key in ("max_answer_bytes",) if key in options}
    return NlgServer(NlgEndpoint(url=server.url, **{"timeout": 5.0, **options}), **limits)


def said_by(client: NlgServer, channel: str = "rest", **arguments: Any) -> BotUttered:
    tracker = Tracker(
        DOMAIN.slots, "ann", [says("greet", text="hi"), SlotSet(name="city", value=1)]
    )
    return client.generate("utter_greet", tracker, channel, DOMAIN, arguments)


@pytest.mark.parametrize(("channel", "response_id"), [("rest", "plain"), ("web", "webbed")])
def test_what_is_sent(server: TinyServer, channel: str, response_id: str) -> None:
    said_by(client_of(server, token="s3cret"), channel, day="Monday")
    ((path, headers, call),) = server.calls
    assert path == "/webhook?token=s3cret"
    assert headers["Content-Type"] == "application/json"
    assert {key: call[key] for key in call if key != "tracker"} == {
        "response": "utter_greet",
        "id": response_id,
        "arguments": {"day": "Monday"},
        "channel": {"name": channel},
    }
    assert call["tracker"]["sender_id"] == "ann"
    assert call["tracker"]["slots"]["city"] == 1
    assert [event["event"] for event in call["tracker"]["events"]] == ["user", "slot"]


def test_a_response_that_the_domain_does_not_have(server: TinyServer) -> None:
    client_of(server).generate("utter_new", Tracker(DOMAIN.slots), "rest", DOMAIN, {})
    assert server.calls[0][2]["id"] is None


@pytest.mark.parametrize(
    ("content", "text", "data", "more"),
    [
        ({"text": "Hi {city}"}, "Hi {city}", {}, {}),  # it is said as it is
        (
            {"text": "Hi", "buttons": [], "image": None, "elements": [], "attachments": [],
             "custom": {}},
            "Hi",
            {},
            {},
        ),
        (
            {"text": "Hi", "buttons": [{"title": "Yes", "payload": "/yes"}], "image": "http://x/i"},
            "Hi",
            {"buttons": [{"title": "Yes", "payload": "/yes"}], "image": "http://x/i"},
            {},
        ),
        ({"custom": {"a": 1}}, None, {"custom": {"a": 1}}, {}),
        ({"text": "", "image": "http://x/i"}, None, {"image": "http://x/i"}, {}),
        ({"text": "Hi", "attachments": [{"a": 1}]}, "Hi", {"attachment": [{"a": 1}]}, {}),
        (
            {"text": "Hi", "attachment": {"b": 2}, "attachments": [{"a": 1}]},
            "Hi",
            {"attachment": {"b": 2}},
            {},
        ),
        ({"text": "Hi", "mood": "fine", "id": "7"}, "Hi", {}, {"mood": "fine", "id": "7"}),
    ],
)  # fmt: skip
def test_what_comes_back(
    server: TinyServer,
    content: Any,
    text: str | None,
    data: dict[str, Any],
    more: dict[str, Any],
) -> None:
    server.answer = answers(content)
    said = said_by(client_of(server))
    assert (said.text, dict(said.data)) == (text, data)
    assert said.metadata == {"utter_action": "utter_greet", **more}


@pytest.mark.parametrize(
    ("answer", "failure", "fault"),
    [
        (answers(b"", 500), Failure.STATUS, "not 500.*look at the log of the NLG server"),
        (answers(b"<html>", 404), Failure.STATUS, "not 404.*the whole path"),
        (answers(b"", 204), Failure.BAD_ANSWER, "must be JSON"),
        (answers(b"{"), Failure.BAD_ANSWER, "must be JSON"),
        (answers(b'{"text": NaN}'), Failure.BAD_ANSWER, "must be JSON"),
        (answers(None), Failure.BAD_ANSWER, "must be a JSON object"),
        (answers("Hello"), Failure.BAD_ANSWER, "must be a JSON object"),
        (answers({}), Failure.BAD_ANSWER, "something to say"),
        (answers({"text": ""}), Failure.BAD_ANSWER, "something to say"),
        (answers({"text": 3}), Failure.BAD_ANSWER, "'text' in the answer must be a text"),
        (answers({"image": {"a": 1}}), Failure.BAD_ANSWER, "'image' in the answer must be a text"),
        (answers({"buttons": "x"}), Failure.BAD_ANSWER, "'buttons' .* must be a list of objects"),
        (answers({"elements": [1]}), Failure.BAD_ANSWER, "'elements' .* must be a list of objects"),
        (answers({"text": "x" * 2000}), Failure.TOO_LARGE, "not be longer than 1000 bytes"),
        (sends(b"rubbish\r\n\r\n"), Failure.BROKEN_OFF, "NLG server at .* must answer in HTTP"),
    ],
)
def test_answers_that_are_none(
    server: TinyServer, answer: Handler, failure: Failure, fault: str
) -> None:
    server.answer = answer
    with pytest.raises(NlgServerError, match=f"the response 'utter_greet': .*{fault}") as caught:
        said_by(client_of(server, max_answer_bytes=1000))
    assert caught.value.failure is failure


def test_a_server_that_takes_too_long(server: TinyServer) -> None:

    def hangs(_: BaseHTTPRequestHandler) -> None:
        server.is_over.wait()

    server.answer = hangs
    with pytest.raises(NlgServerError, match=r"within 0.2 s.*'timeout' under nlg") as caught:
        said_by(client_of(server, timeout=0.2))
    assert caught.value.failure is Failure.TIMEOUT


def test_nobody_is_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/nlg"
    with pytest.raises(NlgServerError, match="an NLG server must be running at") as caught:
        said_by(NlgServer(NlgEndpoint(url=url, token="s3cret")))
    assert caught.value.failure is Failure.UNREACHABLE
    assert "s3cret" not in str(caught.value)


# -- in a conversation ---------------------------------------------------------------------------


def test_it_speaks_in_place_of_the_domain(server: TinyServer) -> None:
    reply = ActionReply(responses=[{"response": "utter_greet", "day": "Monday"}, {"text": "own"}])
    script = Script(DOMAIN, "utter_greet", "action_a")
    turn = talk(DOMAIN, script, custom=Actions(action_a=reply), nlg=client_of(server)).handle(
        "greet"
    )
    assert [message.text for message in turn.messages] == ["Good day", "Good day", "own"]
    assert turn.problems == ()
    assert [call["arguments"] for _, _, call in server.calls] == [{}, {"day": "Monday"}]


def test_the_conversation_goes_on(server: TinyServer) -> None:
    server.answer = answers(b"", 500)
    reply = ActionReply(
        responses=[{"response": "utter_greet"}, {"text": "own"}],
        events=[SlotSet(name="city", value="Rome")],
    )
    script = Script(DOMAIN, "utter_greet", "action_a")
    turn = talk(DOMAIN, script, custom=Actions(action_a=reply), nlg=client_of(server)).handle(
        "greet"
    )
    assert [message.text for message in turn.messages] == ["own"]
    assert [problem.action for problem in turn.problems] == ["utter_greet", "action_a"]
    assert all(isinstance(problem.error, NlgServerError) for problem in turn.problems)
    assert names(turn.events)[4:] == [
        "action utter_greet",
        "action action_a",
        "bot own",
        "slot city=Rome",
        "action action_listen",
    ]


@pytest.mark.parametrize(
    ("action", "happens"),
    [("city_form", "active_loop city_form"), ("action_restart", "restart")],
)
def test_the_rest_of_an_action_happens(server: TinyServer, action: str, happens: str) -> None:
    server.answer = answers(b"", 500)
    turn = talk(DOMAIN, Script(DOMAIN, action), nlg=client_of(server)).handle("greet")
    assert happens in names(turn.events)
    assert isinstance(turn.problems[0].error, NlgServerError)
