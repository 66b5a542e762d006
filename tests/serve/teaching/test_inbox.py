"""The inbox over HTTP: from stored conversations, and what is done with what is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from servers import Running

from gossamer.dialogue.history.tracker import Tracker
from gossamer.serve.store import ConversationStore
from gossamer.serve.teaching import stored
from gossamer.serve.teaching.stored import newest_trackers


def texts(running: Running) -> list[str]:
    return [each["text"] for each in running.client.get("/teach/inbox").json()["groups"]]


def say(running: Running, sender: str, *said: str) -> None:
    for text in said:
        answer = running.client.post(f"/conversations/{sender}/turns", json={"text": text})
        assert answer.status_code == 200


def test_accepted_dismissed_and_forgotten(
    teaching: Running, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "_SECONDS", 0.0)
    client = teaching.client
    assert client.get("/teach/inbox").json() == {"groups": [], "n_messages": 0}
    say(teaching, "anna", "hello", "bonjour all", "farewell friends", "no idea what", "/greet")
    say(teaching, "ben", "bonjour all", "something else again")
    inbox = client.get("/teach/inbox").json()
    assert inbox["n_messages"] == 6, "all that was typed"
    by_text = {group["text"]: group for group in inbox["groups"]}
    assert {*by_text} == {
        *("bonjour all", "farewell friends", "no idea what", "something else again")
    }, "what is known is left out"
    group = by_text["bonjour all"]
    assert group["n"] == 2
    assert {each["sender_id"] for each in group["messages"]} == {"anna", "ben"}
    assert all(reason["kind"] and reason["text"] for reason in group["reasons"])
    assert len(client.get("/teach/inbox", params={"limit": 1}).json()["groups"]) == 1

    taught = client.post("/teach/inbox/accept", json={"text": "farewell friends"}).json()
    assert taught["correction"]["intent"] == "bye"
    assert taught["senders"] == ["anna"]
    assert "    - farewell friends\n" in (project / "data" / "nlu.yml").read_text("utf-8")
    nothing = client.post("/teach/inbox/accept", json={"text": "no idea what"})
    assert nothing.status_code == 400
    assert "must have an intent" in nothing.json()["message"]

    assert client.post("/teach/inbox/dismiss", json={"text": "no idea what"}).status_code == 200
    assert {*texts(teaching)} == {"bonjour all", "something else again"}
    kept = b"".join(path.read_bytes() for path in (project / ".gossamer").iterdir())
    assert b"no idea what" not in kept
    client.post("/teach/inbox/restore", json={"text": "no idea what"})
    assert "no idea what" in texts(teaching)

    monkeypatch.setattr(stored, "_SECONDS", 1_000.0)
    assert "something else again" in texts(teaching)
    assert client.delete("/conversations/ben").status_code == 204
    left = client.get("/teach/inbox").json()
    assert "something else again" not in str(left)
    assert {each["sender_id"] for group in left["groups"] for each in group["messages"]} == {"anna"}


def test_the_newest_messages_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "_PAGE", 7)
    store = ConversationStore.open("sqlite://")

    def turn(text: str) -> list[dict[str, Any]]:
        return [
            {"event": "user", "text": text, "parse_data": {"intent": {"name": "greet"}}},
            {"event": "slot", "name": "not of the domain", "value": 1},
            {"event": "action", "name": "utter_greet", "policy": "P", "confidence": 0.5},
            {"event": "action", "name": "action_listen"},
        ]

    for number in range(20):
        with store.lease(f"sender {number % 3}") as lease:
            lease.append(turn(f"text {number}"))

    def read(n_messages: int) -> dict[str, list[str]]:
        trackers = newest_trackers(store, lambda sender: Tracker((), sender), n_messages)
        return {
            tracker.sender_id: [each.text for each in stored.stored_messages([tracker])]
            for tracker in trackers
        }

    assert read(4) == {
        "sender 1": ["text 16", "text 19"],
        "sender 0": ["text 18"],
        "sender 2": ["text 17"],
    }
    assert sum(map(len, read(100).values())) == 20
    store.close()
