"""Events of conversations reach the event broker."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from gossamer.data.errors import InputError
from gossamer.serve.server import Server
from gossamer.serve.settings import ServerSettings
from gossamer.serve.store.leases import Lease

STORE = "tracker_store:\n  type: InMemory\n"


def settings(folder: Path, model: Path) -> ServerSettings:
    path = folder / "endpoints.yml"
    events = folder / "events.jsonl"
    path.write_text(f"{STORE}event_broker:\n  type: file\n  path: {events}\n", "utf-8")
    return ServerSettings(model=model, endpoints=path, random_seed=1)


def test_what_is_stored_is_published_in_order(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(settings(tmp_path, tiny_model))
    server.models.swap(server.load(tiny_model))
    for text in ("hello", "bye"):
        asyncio.run(server.handle(text, "a", channel="rest", message_id=text))
    asyncio.run(server.handle("bye", "a", channel="rest", message_id="bye"))  # once more

    def append(self: Lease, *_: Any, **__: Any) -> None:
        raise RuntimeError("the database is gone")

    with monkeypatch.context() as patched:
        patched.setattr(Lease, "append", append)
        with pytest.raises(RuntimeError, match="gone"):
            asyncio.run(server.handle("hello", "a", channel="rest"))
    stored = server.store.events("a")
    server.close()
    lines = (tmp_path / "events.jsonl").read_text("utf-8").splitlines()
    published = [json.loads(line) for line in lines]
    assert published == [{"sender_id": "a", **event} for event in stored]
    assert [e["text"] for e in published if e["event"] == "user"] == ["hello", "bye"]


def test_a_broker_that_cannot_be_is_an_error_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "endpoints.yml"
    path.write_text("event_broker:\n  type: file\n  path: nowhere/events.jsonl\n", "utf-8")
    with pytest.raises(InputError, match="a folder that exists"):
        Server(ServerSettings(endpoints=path))
