"""The channel `callback` over sockets."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from tiny_server import TinyServer, answers
from waiting import wait_until

from gossamer.serve.app import create_app
from gossamer.serve.channels import callback
from gossamer.serve.server import Server
from gossamer.serve.settings import ServerSettings

PATH = "/webhooks/callback/webhook"

Settings = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callback, "PAUSES", (0.0, 0.01))


def channel_of(running: Any) -> callback.CallbackChannel:
    channel = running.server.channels["callback"]
    assert isinstance(channel, callback.CallbackChannel)
    return channel


def test_answers_are_posted_in_order_with_what_the_address_needs(
    start_server: Any, settings: Settings, receiver: TinyServer
) -> None:
    credentials = f"""\
callback:
  url: {receiver.url}?a=1
  token: knock
  headers:
    X-Bot: gossamer
"""
    running = start_server(**settings(credentials))
    assert running.client.get("/webhooks/callback/").json() == {"status": "ok"}
    for message in ("hello", "bye", "hello", "bye"):
        answer = running.client.post(PATH, json={"sender": "c 1", "message": message})
        assert answer.text == "success"
    wait_until(lambda: channel_of(running).n_sent == 4)
    assert [call[2]["text"] for call in receiver.calls] == ["Hello! Where to?", "Bye!"] * 2
    path, headers, first = receiver.calls[0]
    assert path == "/webhook?a=1&token=knock"
    assert headers["X-Bot"] == "gossamer"
    assert first["recipient_id"] == "c 1"
    assert first["buttons"][0]["title"] == "Rome"


def test_an_answer_is_tried_again_and_the_next_one_waits_for_it(
    start_server: Any, settings: Settings, receiver: TinyServer
) -> None:
    n_calls = 0

    def fails_twice(handler: Any) -> None:
        nonlocal n_calls
        n_calls += 1
        answers({}, 200 if n_calls > 2 else 503)(handler)

    receiver.answer = fails_twice
    running = start_server(**settings(f"callback:\n  url: {receiver.url}\n"))
    for message in ("hello", "bye"):
        running.client.post(PATH, json={"sender": "c 2", "message": message})
    wait_until(lambda: channel_of(running).n_sent == 2)
    texts = [call[2]["text"] for call in receiver.calls]
    assert texts == ["Hello! Where to?"] * 3 + ["Bye!"]


@pytest.mark.parametrize(("status", "n_tries"), [(400, 1), (302, 1), (429, 3), (500, 3)])
def test_an_answer_that_is_not_taken_is_counted_and_logged(
    start_server: Any,
    settings: Settings,
    receiver: TinyServer,
    caplog: pytest.LogCaptureFixture,
    status: int,
    n_tries: int,
) -> None:
    receiver.answer = answers({}, status)
    running = start_server(**settings(f"callback:\n  url: {receiver.url}?key=secret\n"))
    running.client.post(PATH, json={"sender": "c 3", "message": "bye"})
    wait_until(lambda: channel_of(running).n_failed == 1)
    assert len(receiver.calls) == n_tries
    assert f"status {status}" in caplog.text
    assert "secret" not in caplog.text
    assert "Bye!" not in caplog.text


def test_nobody_at_the_address(start_server: Any, settings: Settings) -> None:
    running = start_server(**settings("callback:\n  url: http://127.0.0.1:9/\n"))
    assert running.client.post(PATH, json={"message": "bye"}).text == "success"
    wait_until(lambda: channel_of(running).n_failed == 1)


def test_what_waits_is_posted_before_the_end(
    tiny_model: Path, settings: Settings, receiver: TinyServer
) -> None:
    def slow(handler: Any) -> None:
        time.sleep(0.05)
        answers({})(handler)

    receiver.answer = slow
    credentials = settings(f"callback:\n  url: {receiver.url}\n")
    server = Server(ServerSettings(model=tiny_model, **credentials))
    server.models.swap(server.load(tiny_model))
    with TestClient(create_app(server)) as client:
        for _ in range(3):
            client.post(PATH, json={"sender": "c 4", "message": "bye"})
        n_sent = server.channels["callback"].n_sent  # type: ignore[attr-defined]
    server.close()
    assert n_sent < 3
    assert len(receiver.calls) == 3


def test_too_many_that_wait_are_refused(
    start_server: Any, settings: Settings, receiver: TinyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callback, "_MOST_WAITING", 0)
    running = start_server(**settings(f"callback:\n  url: {receiver.url}\n"))
    assert running.client.post(PATH, json={"message": "bye"}).status_code == 503
    assert running.server.store.events("default") == []
