"""Conversations over HTTP, with the paths, JSON and status codes of Rasa 3.6.21."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from servers import Running, StartServer

from gossamer.data.stories.yaml import parse_story_yaml
from gossamer.serve.store.errors import StoreError

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

TRACKER_KEYS = {
    *("sender_id", "slots", "latest_message", "latest_event_time", "followup_action", "paused"),
    *("events", "latest_input_channel", "active_loop", "latest_action", "latest_action_name"),
}
ERROR_KEYS = {"version", "status", "message", "reason", "details", "help", "code"}


def of(sender_id: str, path: str) -> str:
    return f"/conversations/{quote(sender_id, safe='')}/{path}"


def names(events: list[dict[str, Any]]) -> list[str]:
    return [event.get("name") or event["event"] for event in events]


def test_a_conversation_that_is_not_there_is_shown_as_begun(shared_server: Running) -> None:
    answer = shared_server.client.get(of("new", "tracker"))
    assert answer.status_code == 200
    state = answer.json()
    assert state.keys() == TRACKER_KEYS
    assert names(state["events"]) == ["action_session_start", "session_started", "action_listen"]
    assert "new" not in shared_server.client.get("/conversations").json()["conversations"]
    for method, path in (("GET", "story"), ("POST", "predict")):
        assert shared_server.client.request(method, of("new", path)).status_code == 404
    assert shared_server.client.post(of("new", "execute"), json={"name": "a"}).status_code == 404


@pytest.mark.parametrize(
    "sender_id",
    [
        *("anna", "a/b", "Ünï 日本 🚂", "a%2Fb", "x/tracker", "'; --", "a?b#c"),
        *("\x01", "\u2028", "." * 255),
    ],
)
def test_any_id(shared_server: Running, sender_id: str) -> None:
    client = shared_server.client
    turn = client.post(of(sender_id, "turns"), json={"text": "hello"})
    assert turn.status_code == 200, turn.text
    assert client.get(of(sender_id, "tracker")).json()["sender_id"] == sender_id
    (story,) = parse_story_yaml(client.get(of(sender_id, "story")).text, Path("x")).stories
    assert story.name == (sender_id if sender_id.strip() else ascii(sender_id))
    assert client.delete(of(sender_id, "")[:-1]).status_code == 204
    assert client.delete(of(sender_id, "")[:-1]).status_code == 404


@pytest.mark.parametrize("raw", ["", "%00", "a%00b", "%ff", "%ed%a0%80", "a" * 256])
def test_no_id(shared_server: Running, raw: str) -> None:
    answer = shared_server.client.get(f"/conversations/{raw}/tracker")
    assert answer.status_code == 400
    assert answer.json().keys() == ERROR_KEYS


def test_a_turn_with_all_that_happened(shared_server: Running) -> None:
    client = shared_server.client
    body = {"text": "hello", "message_id": "m1", "metadata": {"from": "test"}}
    turn = client.post(of("turns", "turns"), json=body).json()
    assert [message["text"] for message in turn["messages"]] == ["Hello! Where to?"]
    assert turn["parse"]["intent"]["name"] == "greet"
    assert [action["name"] for action in turn["actions"]] == [
        *("action_session_start", "utter_greet", "action_listen"),
    ]
    start, greet, _ = turn["actions"]
    assert (start["policy"], start["predictions"]) == (None, [])
    assert greet["policy"] == "RulePolicy"
    assert greet["confidence"] == 1.0
    memory, rules = greet["predictions"]
    assert (memory["policy"], rules["policy"]) == ("MemoizationPolicy", "RulePolicy")
    assert rules["scores"]["utter_greet"] == 1.0
    assert len(rules["scores"]) == 10
    assert rules["reason"] == {"rules": ["greet"]}
    again = client.post(of("turns", "turns"), json=body).json()
    assert again["messages"] == turn["messages"]
    assert (again["parse"], again["actions"], again["events"]) == (None, [], [])
    turn = client.post(of("turns", "turns"), json={"text": "I want to go to Rome"}).json()
    assert turn["slots"]["city"] == "Rome"
    tracker = client.get(of("turns", "tracker"), params={"include_events": "all"}).json()
    assert sum(event["event"] == "user" for event in tracker["events"]) == 2


def test_an_action_that_fails_says_why(shared_server: Running) -> None:
    client = shared_server.client
    client.post(of("fails", "turns"), json={"text": "hello"})
    answer = client.post(of("fails", "trigger_intent"), json={"name": "look_up"})
    assert answer.status_code == 200, "the conversation goes on"
    turn = client.post(of("fails2", "turns"), json={"text": "hello"}).json()
    assert [action["problem"] for action in turn["actions"]] == [None] * 3


def test_messages_are_noted(shared_server: Running) -> None:
    path = of("messages", "messages")
    post = shared_server.client.post
    answer = post(path, json={"text": "to Rome", "sender": "user"})
    assert answer.status_code == 200
    assert answer.json()["slots"]["city"] == "Rome"
    assert answer.json()["latest_action_name"] == "action_listen"
    parsed = {"intent": {"name": "bye", "confidence": 0.5}, "entities": []}
    answer = post(path, json={"text": "x", "sender": "user", "parse_data": parsed})
    assert answer.json()["latest_message"]["intent"]["name"] == "bye"
    bad = post(path, json={"text": "x", "sender": "bot"})
    assert (bad.status_code, bad.json()["details"]) == (400, {"parameter": "sender", "in": "body"})
    bodies: list[Any] = [{}, {"sender": "user"}, {"text": 1, "sender": "user"}, [], None, "x"]
    for body in bodies:
        assert post(path, json=body).status_code == 400, body
    parses: list[Any] = [{"intent": 1}, {"entities": 1}, {"entities": [1]}, {"intent_ranking": 1}]
    for parse in parses:
        body = {"text": "x", "sender": "user", "parse_data": parse}
        assert post(path, json=body).status_code == 400, body


def test_events_are_added_and_replaced(shared_server: Running) -> None:
    client, path = shared_server.client, of("events", "tracker/events")
    slot = {"event": "slot", "name": "city", "value": "Oslo"}
    state = client.post(path, json=slot).json()
    assert state.keys() == TRACKER_KEYS
    assert state["slots"]["city"] == "Oslo"
    assert names(state["events"])[:3] == [
        "action_session_start",
        "session_started",
        "action_listen",
    ]
    assert state["latest_event_time"] is not None
    state = client.post(path, json=[slot | {"value": "Rome"}, {"event": "restart"}]).json()
    assert state["events"] == []
    assert len(client.get(of("events", "tracker?include_events=ALL")).json()["events"]) == 6
    assert client.get(of("events", "tracker?include_events=NONE")).json()["events"] is None
    state = client.put(path, json=[slot | {"timestamp": 5.0}]).json()
    assert [event["timestamp"] for event in state["events"]] == [5.0]
    assert client.get(of("events", "tracker?until=4")).json()["slots"]["city"] is None
    assert client.get(of("events", "tracker?until=5")).json()["slots"]["city"] == "Oslo"
    started = [{"event": "action", "name": "action_session_start"}, {"event": "session_started"}]
    state = client.post(of("events2", "tracker/events"), json=started).json()
    assert names(state["events"]) == ["action_session_start", "session_started"]


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"{", b"1", b"[]", b"{}", b"[1]", b'{"event": "nope"}', b'{"event": 1}', b"\xff"),
        *(b'{"event": "slot"}', b'{"event": "slot", "name": 1, "value": 1}'),
        *(b'{"event": "slot", "name": "a", "value": NaN}', b'{"event": "restart", "x": 1e999}'),
        *(b'{"event": "slot", "name": "a", "value": "\\ud800"}', b"[" * 300 + b"]" * 300),
        b'{"event": "user", "text": "a", "parse_data": 1}',
        b'{"event": "bot", "text": "a", "data": {"buttons": [1]}}',
    ],
)
def test_what_is_no_event(shared_server: Running, content: bytes) -> None:
    for method, path in (
        ("POST", of("no events", "tracker/events")),
        ("PUT", of("no events", "tracker/events")),
        ("POST", "/model/predict"),
    ):
        answer = shared_server.client.request(method, path, content=content)
        assert answer.status_code == 400, answer.text
        assert answer.json().keys() == ERROR_KEYS


def test_actions_and_intents_from_outside(shared_server: Running) -> None:
    client = shared_server.client
    client.post(of("acts", "messages"), json={"text": "hello", "sender": "user"})
    acted = client.post(of("acts", "execute"), json={"name": "utter_bye", "policy": "me"})
    assert [message["text"] for message in acted.json()["messages"]] == ["Bye!"]
    assert acted.json()["tracker"]["events"][-2]["policy"] == "me"
    for entities in ({"city": "Rome"}, [{"entity": "city", "value": "Rome"}], None, []):
        body = {"name": "book", "entities": entities}
        acted = client.post(of("acts2", "trigger_intent"), json=body)
        assert acted.status_code == 200
        client.delete("/conversations/acts2")
    body = {"name": "book", "entities": {"city": "Rome"}}
    acted = client.post(of("acts2", "trigger_intent?output_channel=latest"), json=body)
    assert [message["text"] for message in acted.json()["messages"]] == ["Booked: Rome."]
    refused: list[tuple[str, Any, int]] = [
        ("execute", {"name": "nope"}, 404),
        ("execute", {}, 400),
        ("execute", {"name": ""}, 400),
        ("trigger_intent", {"name": "nope"}, 404),
        ("trigger_intent", {}, 400),
        ("trigger_intent", {"name": "book", "entities": [1]}, 400),
        ("trigger_intent", {"name": "book", "entities": [{"value": 1}]}, 400),
    ]
    for path, content, status in refused:
        assert client.post(of("acts", path), json=content).status_code == status, (path, content)


def test_predictions(shared_server: Running) -> None:
    client = shared_server.client
    client.post(of("predict", "messages"), json={"text": "hello", "sender": "user"})
    stored = client.post(of("predict", "predict")).json()
    events = [
        {"event": "action", "name": "action_listen"},
        {"event": "user", "text": "hello", "parse_data": {"intent": {"name": "greet"}}},
    ]
    given = client.post("/model/predict?include_events=NONE", json=events).json()
    for answer in (stored, given):
        assert answer["scores"][0] == {"action": "utter_greet", "score": 1.0}
        assert answer["policy"] == "RulePolicy"
        assert answer["confidence"] == 1.0
        assert answer["tracker"].keys() == TRACKER_KEYS
    assert given["tracker"]["events"] is None


def test_parameters_that_cannot_be_used(shared_server: Running) -> None:
    for path, name in (
        ("tracker?include_events=x", "include_events"),
        ("tracker?until=x", "until"),
        ("tracker?until=nan", "until"),
        ("story?all_sessions=x", "all_sessions"),
    ):
        answer = shared_server.client.get(of("parameters", path))
        assert answer.status_code == 400
        assert answer.json()["details"] == {"parameter": name, "in": "query"}
    assert shared_server.client.get("/conversations?limit=0").status_code == 400


def test_conversations_are_listed(start_server: StartServer) -> None:
    client = start_server(enable_api=True).client
    for name in "cab":
        client.post(of(name, "turns"), json={"text": "hello"})

    def page(**parameters: Any) -> list[str]:
        found: list[str] = client.get("/conversations", params=parameters).json()["conversations"]
        return found

    assert page() == ["a", "b", "c"]
    assert page(limit=2) == ["a", "b"]
    assert page(limit=2, after="b") == ["c"]


def test_the_database_is_gone(start_server: StartServer, monkeypatch: pytest.MonkeyPatch) -> None:
    running = start_server(enable_api=True)

    def fails(*_: object, **__: object) -> None:
        raise StoreError("no database at postgres://secret@10.0.0.1")

    monkeypatch.setattr(running.server.store, "lease", fails)
    monkeypatch.setattr(running.server.store, "events", fails)
    answers: list[httpx.Response] = [
        running.client.post(of("a", "turns"), json={"text": "hello"}),
        running.client.get(of("a", "tracker")),
        running.client.post("/webhooks/rest/webhook", json={"sender": "a", "message": "hello"}),
    ]
    for answer in answers:
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert "secret" not in answer.text


def test_free_json_has_the_limit_of_nesting_too(shared_server: Running) -> None:
    nested = '{"a": ' * 40 + "1" + "}" * 40
    body = f'{{"text": "hello", "sender": "user", "parse_data": {nested}}}'
    answer = shared_server.client.post("/conversations/deep/messages", content=body)
    assert answer.status_code == 400
    assert "nested" in answer.json()["message"]
