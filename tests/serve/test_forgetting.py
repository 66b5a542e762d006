"""What is kept of one person, and its deletion: over HTTP, and beside a server that runs."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from servers import Running, StartServer

from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.runtime.turn import Turn
from gossamer.dialogue.runtime.turn_runner import TurnRunner
from gossamer.serve.brokers.file_broker import FileBroker, blot_out, lines_of
from gossamer.serve.forgetting import forget, kept_of
from gossamer.serve.server import Server
from gossamer.serve.settings import ServerSettings
from gossamer.serve.store import ConversationStore, LeaseLost

REMINDER = {
    "event": "reminder",
    "intent": "EXTERNAL_call",
    "name": "call",
    "date_time": "2040-01-01T00:00:00+00:00",
}


def test_export(shared_server: Running) -> None:
    client = shared_server.client
    path = "/conversations/forget%2Fme"
    assert client.get(f"{path}/export").status_code == 404
    client.post(f"{path}/turns", json={"text": "hello"})
    client.post(f"{path}/tracker/events", json=REMINDER)
    found = client.get(f"{path}/export").json()
    events = client.get(f"{path}/tracker", params={"include_events": "ALL"}).json()["events"]
    assert found["sender_id"] == "forget/me"
    assert found["events"] == events
    assert [each["name"] for each in found["reminders"]] == ["call"]
    assert found["reminders"][0]["date_time"] == "2040-01-01T00:00:00Z"
    assert client.delete(path).status_code == 204
    assert client.get(f"{path}/export").status_code == 404


def test_export_needs_no_model(start_server: StartServer) -> None:
    client = start_server(enable_api=True).client
    client.post("/conversations/a/turns", json={"text": "hello"})
    assert client.delete("/model").status_code == 204
    assert len(client.get("/conversations/a/export").json()["events"]) > 3


def test_nothing_of_a_deleted_conversation_is_in_memory(tiny_model: Path, in_memory: Path) -> None:
    server = Server(ServerSettings(model=tiny_model, endpoints=in_memory, random_seed=1))
    told: list[str] = []
    server.on_delete = lambda: told.append("deleted")
    server.models.swap(server.load(tiny_model))
    asyncio.run(server.handle("hello", "anna", channel="rest"))
    assert server.conversations._cache.get("anna") is not None
    assert asyncio.run(server.delete("anna")) > 0
    assert server.conversations._cache.get("anna") is None
    assert told == ["deleted"]
    server.close()


def test_a_turn_that_runs_does_not_bring_it_back(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program deletes the conversation while a server runs a turn of it."""
    monkeypatch.chdir(tmp_path)
    server = Server(ServerSettings(model=tiny_model, random_seed=1))
    server.models.swap(server.load(tiny_model))
    asyncio.run(server.handle("hello", "anna", channel="rest"))
    other = ConversationStore.open("sqlite:///conversations.db")

    def turn(runner: TurnRunner, tracker: Tracker) -> tuple[Tracker, Turn]:
        forget(other, "anna")
        return runner.handle(tracker, "hello", channel="rest")

    with pytest.raises(LeaseLost):
        asyncio.run(server.turn("anna", turn))
    assert not kept_of(other, "anna").is_anything
    other.close()
    server.close()


@pytest.mark.parametrize("sender", ["anna", 'Ünï "日本" 🚂', "a\\b"])
def test_events_in_a_brokers_file(tmp_path: Path, sender: str) -> None:
    path = tmp_path / "events.jsonl"
    assert lines_of(path, sender) == []
    assert blot_out(path, sender) == 0
    broker = FileBroker(path)
    for number in range(3):
        broker.publish(sender, {"event": "user", "text": f"secret {number}"})
        broker.publish(sender + "2", {"event": "user", "text": f"hello {number}"})
    by_hand = {"event": "user", "text": "secret", "sender_id": sender}  # another order of keys
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(by_hand, ensure_ascii=False) + "\n")
        file.write(json.dumps({"sender_id": sender})[:-1] + ', "text": "sec\n')  # cut off
        file.write(f'{{"event": "user", "text": {json.dumps(sender)}}}\nno JSON "sender_id"\n')
    size = path.stat().st_size
    assert blot_out(path, sender) == 5
    broker.publish(sender + "2", {"event": "user", "text": "later"})
    content = path.read_bytes()
    assert b"sec" not in content
    assert content.find(b"later") > size
    lines = content.splitlines()
    events = [json.loads(line) for line in lines if line.startswith(b"{")]
    assert [event["event"] for event in events].count("forgotten") == 5
    assert [event.get("text") for event in events if event.get("sender_id")] == [
        *("hello 0", "hello 1", "hello 2", "later")
    ]
    assert lines_of(path, sender) == []
