"""Against a tiny server that answers, hangs, breaks off or talks rubbish; see also
`test_rasa_sdk.py`."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from talking import Script, domain_of, entity, names, says, talk
from tiny_server import Handler, TinyServer, answers, sends

from gossamer.data.endpoints import ActionEndpoint
from gossamer.dialogue.actions.action import ActionRejected, ActionReply
from gossamer.dialogue.actions.action_server import ActionServer, ActionServerError
from gossamer.dialogue.actions.server_calls import Failure
from gossamer.dialogue.history.events import ActionExecuted, ActiveLoop, SlotSet
from gossamer.dialogue.history.tracker import Tracker

DOMAIN = domain_of("""
intents: [greet]
slots:
  city: {type: text, mappings: [{type: custom}]}
responses:
  utter_greet: [{text: Hello}]
forms:
  city_form: {required_slots: [city]}
actions: [action_a, validate_city_form, {action_b: {send_domain: true}}]
""")


class Server(TinyServer):
    """An action server."""

    def client(self, **options: Any) -> ActionServer:
        limits = {key: options.pop(key) for key in ("max_answer_bytes",) if key in options}
        return ActionServer(ActionEndpoint(url=self.url, **{"timeout": 5.0, **options}), **limits)


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.close()


def run(
    client: ActionServer, name: str = "action_a", tracker: Tracker | None = None
) -> ActionReply:
    return client.run(name, Tracker(DOMAIN.slots) if tracker is None else tracker, DOMAIN)


def failure_of(client: ActionServer) -> ActionServerError:
    with pytest.raises(ActionServerError) as caught:
        run(client)
    assert caught.value.action == "action_a"
    assert "the action 'action_a': " in str(caught.value)
    return caught.value


# -- what is sent --------------------------------------------------------------------------------


def test_what_is_sent(server: Server) -> None:
    greeting = says("greet", entity("city", "Rome"), text="hi")
    tracker = Tracker(
        DOMAIN.slots,
        "ann",
        [
            ActionExecuted(name="action_listen"),
            greeting,
            SlotSet(name="city", value="Rome"),
            ActionExecuted(name="city_form"),
            ActiveLoop(name="city_form"),
        ],
    )
    run(server.client(), tracker=tracker)
    ((path, headers, call),) = server.calls
    assert path == "/webhook"
    assert headers["Content-Type"] == "application/json"
    assert call["next_action"] == "action_a"
    assert call["sender_id"] == "ann"
    assert call["version"].startswith("3.6.")
    assert call["domain"] == json.loads(json.dumps(DOMAIN.content))
    assert call["domain"]["actions"]
    state = call["tracker"]
    assert state["slots"] == {**dict.fromkeys(tracker.slots), "city": "Rome"}
    assert state["latest_message"]["text"] == "hi"
    assert state["latest_message"]["intent"] == {"name": "greet", "confidence": 0.9}
    assert state["latest_message"]["entities"] == [{"entity": "city", "value": "Rome"}]
    assert [event["event"] for event in state["events"]] == [
        "action",
        "user",
        "slot",
        "action",
        "active_loop",
    ]
    assert state["active_loop"]["name"] == "city_form"
    assert state["active_loop"]["rejected"] is False
    assert state["active_loop"]["trigger_message"]["text"] == "hi"
    assert state["latest_action_name"] == "city_form"
    assert state["latest_action"] == {"action_name": "city_form"}
    assert (state["paused"], state["followup_action"]) == (False, None)


def test_before_any_message(server: Server) -> None:
    run(server.client())
    state = server.calls[0][2]["tracker"]
    assert state["latest_message"]["intent"] == {"name": None, "confidence": 0.0}
    assert (state["events"], state["active_loop"]) == ([], {})


def test_who_calls(server: Server) -> None:
    client = ActionServer(
        ActionEndpoint(
            url=f"{server.url}?a=1",
            headers={"X-Key": "k"},
            params={"shop": "ä b"},
            token="s3cret",
            basic_auth=("ann", "päss"),
        )
    )
    run(client)
    ((path, headers, _),) = server.calls
    assert path == "/webhook?a=1&shop=%C3%A4+b&token=s3cret"
    assert headers["X-Key"] == "k"
    assert headers["Authorization"] == "Basic YW5uOnDDpHNz"


@pytest.mark.parametrize(
    ("name", "has_domain"),
    [("action_a", False), ("action_b", True), ("validate_city_form", True)],
)
def test_selective_domain(server: Server, name: str, has_domain: bool) -> None:
    run(server.client(is_domain_selective=True), name)
    assert ("domain" in server.calls[0][2]) is has_domain


# -- what comes back -----------------------------------------------------------------------------


def test_events_and_responses(server: Server) -> None:
    server.answer = answers(
        {
            "events": [{"event": "slot", "timestamp": None, "name": "city", "value": "Rome"}],
            "responses": [{"text": "Fine", "buttons": []}],
        }
    )
    reply = run(server.client())
    assert list(reply.events) == [SlotSet(name="city", value="Rome")]
    assert list(reply.responses) == [{"text": "Fine", "buttons": []}]


@pytest.mark.parametrize("content", [{}, {"events": None, "responses": None}, {"more": 1}])
def test_nothing_comes_back(server: Server, content: Any) -> None:
    server.answer = answers(content)
    reply = run(server.client())
    assert (list(reply.events), list(reply.responses)) == ([], [])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"error": "not now", "action_name": "action_a"}, "not now"),
        ({"action_name": "action_a"}, "the action 'action_a' would not run"),
        ({"error": "", "action_name": "action_a"}, "the action 'action_a' would not run"),
    ],
)
def test_rejection(server: Server, content: Any, reason: str) -> None:
    server.answer = answers(content, 400)
    with pytest.raises(ActionRejected, match=reason):
        run(server.client())


@pytest.mark.parametrize(
    ("content", "status", "failure", "says"),
    [
        ({"error": "x", "action_name": "action_a"}, 404, Failure.UNKNOWN_ACTION, "must have this"),
        (b"<html>Not found</html>", 404, Failure.STATUS, "Not found.*'/webhook' at the end"),
        ({"error": "Invalid body request"}, 400, Failure.STATUS, "not 400.*Invalid body"),
        (b"\xff{", 400, Failure.STATUS, "not 400"),
        ({"error": "division by zero"}, 500, Failure.STATUS, "not 500.*division by zero"),
        (b"", 503, Failure.STATUS, "not 503"),
        (b"", 302, Failure.STATUS, "not 302"),
        (b"", 204, Failure.STATUS, "not 204"),
        (b"", 200, Failure.BAD_ANSWER, "must be JSON"),
        (b"rubbish", 200, Failure.BAD_ANSWER, "must be JSON.*rubbish"),
        (b'{"events": [', 200, Failure.BAD_ANSWER, "must be JSON"),
        (b"\xff\xfe", 200, Failure.BAD_ANSWER, "must be JSON"),
        (b"[" * 100_000, 200, Failure.BAD_ANSWER, "must be JSON"),
        (None, 200, Failure.BAD_ANSWER, "must be a JSON object"),
        ([], 200, Failure.BAD_ANSWER, "must be a JSON object"),
        ({"events": {"a": 1}}, 200, Failure.BAD_ANSWER, "events must be a list"),
        ({"events": "slot"}, 200, Failure.BAD_ANSWER, "events must be a list"),
        ({"events": [1]}, 200, Failure.BAD_ANSWER, "an event must be a mapping"),
        ({"events": [{"event": "dance"}]}, 200, Failure.BAD_ANSWER, "known type.*dance"),
        ({"events": [{"event": "slot"}]}, 200, Failure.BAD_ANSWER, "valid name"),
        ({"events": [{"event": "slot", "name": 3}]}, 200, Failure.BAD_ANSWER, "valid name"),
        ({"responses": {"text": "x"}}, 200, Failure.BAD_ANSWER, "'responses' .* list of objects"),
        ({"responses": ["x"]}, 200, Failure.BAD_ANSWER, "'responses' .* list of objects"),
        ({"responses": [{"buttons": "x"}]}, 200, Failure.BAD_ANSWER, "'buttons'"),
        ({"responses": [{"buttons": ["x"]}]}, 200, Failure.BAD_ANSWER, "'buttons'"),
        ({"responses": [{"quick_replies": [1]}]}, 200, Failure.BAD_ANSWER, "'quick_replies'"),
        (b'{"responses": [{"custom": NaN}]}', 200, Failure.BAD_ANSWER, "must be JSON"),
        (b'{"responses": [{"custom": -1e999}]}', 200, Failure.BAD_ANSWER, "must be JSON"),
        (
            {"events": [{"event": "user", "parse_data": {"intent": {"confidence": "high"}}}]},
            200,
            Failure.BAD_ANSWER,
            "valid confidence",
        ),
    ],
)
def test_answers_that_are_none(
    server: Server, content: Any, status: int, failure: Failure, says: str
) -> None:
    server.answer = answers(content, status)
    error = failure_of(server.client())
    assert error.failure is failure
    with pytest.raises(ActionServerError, match=says):
        run(server.client())


def test_an_answer_that_is_too_long(server: Server) -> None:
    server.answer = answers(b" " * 2000 + b"{}")
    assert failure_of(server.client(max_answer_bytes=1000)).failure is Failure.TOO_LARGE
    assert run(server.client(max_answer_bytes=2002)) == ActionReply(events=[], responses=[])


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"rubbish\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n{}",
    ],
)
def test_a_connection_that_breaks_off(server: Server, raw: bytes) -> None:
    server.answer = sends(raw)
    error = failure_of(server.client())
    assert error.failure is Failure.BROKEN_OFF
    assert server.url in str(error)


def test_an_answer_that_breaks_off(server: Server) -> None:
    server.answer = sends(b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"events": []')
    assert failure_of(server.client()).failure is Failure.BAD_ANSWER


def test_nobody_is_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/webhook"
    error = failure_of(ActionServer(ActionEndpoint(url=url, timeout=5.0, token="s3cret")))
    assert error.failure is Failure.UNREACHABLE
    assert url in str(error) and "s3cret" not in str(error)


def test_a_host_that_does_not_exist() -> None:
    client = ActionServer(ActionEndpoint(url=f"http://{'a' * 70}.invalid/webhook", timeout=5.0))
    assert failure_of(client).failure is Failure.UNREACHABLE


def test_https_where_there_is_none(server: Server) -> None:
    url = server.url.replace("http:", "https:")
    error = failure_of(ActionServer(ActionEndpoint(url=url, timeout=5.0)))
    assert error.failure is Failure.UNREACHABLE


def drips(*, head: bytes, piece: bytes) -> Callable[[Server], Handler]:
    """Sends a piece every now and then, for ever, and never ends."""

    def on(server: Server) -> Handler:
        def answer(handler: BaseHTTPRequestHandler) -> None:
            handler.wfile.write(head)
            while not server.is_over.wait(0.02):
                try:
                    handler.wfile.write(piece)
                except OSError:
                    return

        return answer

    return on


@pytest.mark.parametrize(
    "dripping",
    [
        drips(head=b"", piece=b""),
        drips(head=b"HTTP/1.1 200 OK\r\n", piece=b"X"),
        drips(head=b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", piece=b" "),
        drips(head=b"HTTP/1.1 200 OK\r\n\r\n", piece=b" "),
    ],
    ids=["silent", "slow head", "slow body", "endless body"],
)
def test_a_server_that_takes_too_long(server: Server, dripping: Any) -> None:
    server.answer = dripping(server)
    started = time.monotonic()
    error = failure_of(server.client(timeout=0.3))
    assert error.failure is Failure.TIMEOUT
    assert "within 0.3 s" in str(error)
    assert time.monotonic() - started < 3.0


@pytest.mark.parametrize("value", [object(), {1}, float("nan")])
def test_a_conversation_that_is_no_json(server: Server, value: Any) -> None:
    tracker = Tracker(DOMAIN.slots, events=[SlotSet(name="city", value=value)])
    with pytest.raises(ActionServerError, match="must be JSON values") as caught:
        run(server.client(), tracker=tracker)
    assert caught.value.failure is Failure.UNSENDABLE
    assert server.calls == []


# -- in a conversation ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [answers(b"", 500), answers(b"rubbish"), sends(b""), answers({"events": [{"event": "x"}]})],
)
def test_the_conversation_goes_on(server: Server, answer: Handler) -> None:
    server.answer = answer
    script = Script(DOMAIN, "action_a", "utter_greet")
    turn = talk(DOMAIN, script, custom=server.client()).handle("greet")
    assert [message.text for message in turn.messages] == ["Hello"]
    (problem,) = turn.problems
    assert isinstance(problem.error, ActionServerError)
    assert names(turn.events)[4:6] == ["action action_a", "action utter_greet"]


def test_a_rejection_in_a_conversation(server: Server) -> None:
    server.answer = answers({"error": "no", "action_name": "action_a"}, 400)
    turn = talk(DOMAIN, Script(DOMAIN, "action_a"), custom=server.client()).handle("greet")
    assert names(turn.events)[4:] == [
        "action_execution_rejected action_a",
        "action action_listen",
    ]
