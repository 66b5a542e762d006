"""The channel `rest` over sockets."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

PATH = "/webhooks/rest/webhook"

Settings = Callable[..., dict[str, Any]]


def lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def refuses_to_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be stored any more."""
    from gossamer.serve.store.leases import Lease

    def append(self: Lease, *_: Any, **__: Any) -> None:
        raise RuntimeError("the disk at /secret/place is full")

    monkeypatch.setattr(Lease, "append", append)


def test_a_sender_may_be_a_number_or_be_left_out(shared_server: Any) -> None:
    for sender, name in ((7.0, None), (71, "71"), ("r 1", "r 1"), (None, "default")):
        answer = shared_server.client.post(PATH, json={"sender": sender, "message": "bye"})
        if name is None:
            assert answer.status_code == 400
        else:
            assert answer.json() == [{"recipient_id": name, "text": "Bye!"}]
    answer = shared_server.client.post(PATH, json={"message": "bye"})
    assert answer.json() == [{"recipient_id": "default", "text": "Bye!"}]


def test_a_stream_has_the_same_messages_as_lines(shared_server: Any) -> None:
    message = {"sender": "r 2", "message": "hello", "message_id": "m1"}
    answer = shared_server.client.post(f"{PATH}?stream=true", json=message)
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert lines(answer.text) == shared_server.client.post(PATH, json=message).json()
    repeated = shared_server.client.post(f"{PATH}?stream=True", json=message)
    assert lines(repeated.text) == lines(answer.text)


def test_a_stream_begins_before_the_turn_ends(
    start_server: Any, settings: Settings, does: Callable[..., None]
) -> None:
    running = start_server(**settings())
    was_read = threading.Event()

    def wait() -> None:
        does(says=[{"text": "and this"}])
        assert was_read.wait(20.0)

    does(
        {"event": "followup", "name": "action_look_up"},
        says=[{"text": "found"}],
        then=lambda: does(says=[{"text": "and this"}], then=wait),
    )
    request = {"sender": "r 3", "message": "look it up"}
    with running.client.stream("POST", f"{PATH}?stream=true", json=request) as answer:
        found = answer.iter_lines()
        assert json.loads(next(found)) == {"recipient_id": "r 3", "text": "found"}
        assert running.server.store.events("r 3") == []  # the turn goes on
        was_read.set()
        assert [json.loads(line)["text"] for line in found] == ["and this"]


def test_a_turn_that_is_not_stored_ends_a_stream_with_an_error(
    shared_server: Any, refuses_to_store: None
) -> None:
    message = {"sender": "r 4", "message": "hello"}
    answer = shared_server.client.post(f"{PATH}?stream=true", json=message)
    *said, last = lines(answer.text)
    assert [part["text"] for part in said] == ["Hello! Where to?"]
    assert list(last) == ["error"]
    assert last["error"]["code"] == 500
    assert last["error"]["status"] == "failure"
    assert "/secret/place" not in answer.text


def test_a_turn_that_fails_before_anything_is_said_is_an_error(shared_server: Any) -> None:
    message = {"sender": "r 5", "message": "x" * 20_000}
    for query in ("", "?stream=true"):
        answer = shared_server.client.post(f"{PATH}{query}", json=message)
        assert answer.status_code == 400
        assert answer.json()["reason"] == "BadRequest"


def test_a_turn_goes_on_when_the_client_of_a_stream_goes_away(
    start_server: Any, settings: Settings, does: Callable[..., None]
) -> None:
    running = start_server(**settings())
    went_away = threading.Event()
    does(
        {"event": "followup", "name": "action_look_up"},
        says=[{"text": "found"}],
        then=lambda: does(says=[{"text": "more"}], then=lambda: went_away.wait(20.0)),
    )
    request = {"sender": "r 6", "message": "look it up"}
    with running.client.stream("POST", f"{PATH}?stream=true", json=request) as answer:
        next(answer.iter_lines())
    went_away.set()
    again = running.client.post(PATH, json={"sender": "r 6", "message": "bye"})
    assert [part["text"] for part in again.json()] == ["Bye!"]
    events = running.server.store.events("r 6")
    assert [e["text"] for e in events if e["event"] == "bot"] == ["found", "more", "Bye!"]


def test_the_input_channel_can_be_another(shared_server: Any) -> None:
    message = {"sender": "r 7", "message": "bye", "input_channel": "phone", "metadata": {"a": 1}}
    shared_server.client.post(PATH, json=message)
    events = shared_server.server.store.events("r 7")
    user = next(event for event in events if event["event"] == "user")
    assert user["input_channel"] == "phone"
    assert user["metadata"]["a"] == 1


def test_it_says_that_it_is_there(shared_server: Any) -> None:
    assert shared_server.client.get("/webhooks/rest/").json() == {"status": "ok"}
