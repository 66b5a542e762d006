"""Reminders: an intent is triggered in a conversation when its time has come."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gossamer.dialogue.history.events import BotUttered
from gossamer.dialogue.runtime.turn import Turn
from gossamer.serve.reminders import AT_A_TIME, Reminders
from gossamer.serve.server import Server
from gossamer.serve.settings import Limits, ServerSettings
from gossamer.serve.store import conversations
from gossamer.serve.store.leases import Lease
from gossamer.serve.store.reminders import Reminder


class Noting:
    """A channel that notes what is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str | None]] = []
        self.fault: Exception | None = None

    async def send(self, recipient_id: str, messages: Sequence[BotUttered]) -> bool:
        if self.fault is not None:
            raise self.fault
        self.sent += [(recipient_id, message.text) for message in messages]
        return True


@pytest.fixture
def channel() -> Noting:
    return Noting()


@pytest.fixture
def server(tiny_model: Path, in_memory: Path, channel: Noting) -> Iterator[Server]:
    """A server without HTTP, whose one channel is `channel`."""
    limits = Limits(closing_seconds=1)
    settings = ServerSettings(model=tiny_model, endpoints=in_memory, random_seed=1, limits=limits)
    made = Server(settings)
    made.models.swap(made.load(tiny_model))
    made.channels = {"noting": channel}
    yield made
    made.close()


def reminder(name: str | None = "r", *, seconds: float = -1.0, **more: Any) -> dict[str, Any]:
    due = datetime.fromtimestamp(time.time() + seconds, UTC).isoformat()
    event = {"event": "reminder", "name": name, "intent": "bye", "date_time": due}
    return event | {"entities": None, "kill_on_user_msg": False} | more


def say(server: Server, sender: str, text: str, channel: str = "noting") -> None:
    asyncio.run(server.handle(text, sender, channel=channel))


def remind(server: Server, sender: str, *events: dict[str, Any]) -> None:
    with server.store.lease(sender) as lease:
        lease.append(events)


def fire(server: Server, *, until: Callable[[], bool] = lambda: True, n_servers: int = 1) -> None:
    """Fire what is due, with servers that share the store, until this holds."""

    async def firing() -> None:
        async with asyncio.timeout(20.0), asyncio.TaskGroup() as group:
            for _ in range(n_servers):
                group.create_task(one())

    async def one() -> None:
        async with Reminders(server, every=0.01).firing():
            await asyncio.sleep(0.05)
            while not until():
                await asyncio.sleep(0.01)

    asyncio.run(firing())


def test_a_reminder_is_fired_once_through_the_last_channel(server: Server, channel: Noting) -> None:
    say(server, "a", "hello")
    remind(server, "a", reminder())
    fire(server, until=lambda: bool(channel.sent), n_servers=3)
    assert channel.sent == [("a", "Bye!")]
    user = [e for e in server.store.events("a") if e["event"] == "user"][-1]
    assert user["text"] == "EXTERNAL: bye"
    assert user["input_channel"] == "noting"
    assert user["metadata"]["is_external"] is True


def test_many_are_fired_each_once(server: Server, channel: Noting) -> None:
    for sender in "abc":
        say(server, sender, "hello")
        remind(server, sender, *(reminder(f"r{number}") for number in range(8)))
    fire(server, until=lambda: len(channel.sent) >= 24, n_servers=2)
    assert sorted(channel.sent) == sorted([(sender, "Bye!") for sender in "abc"] * 8)


def test_one_that_hangs_stops_neither_the_others_nor_the_end(
    server: Server, channel: Noting
) -> None:
    say(server, "a", "hello")
    say(server, "b", "hello")
    remind(server, "a", reminder("hangs", seconds=-5.0))
    remind(server, "b", *(reminder(f"r{number}") for number in range(AT_A_TIME)))
    with server.store.lease("a"):  # as another server's turn that does not end
        fire(server, until=lambda: len(channel.sent) == AT_A_TIME)
        assert channel.sent == [("b", "Bye!")] * AT_A_TIME
        assert [each.name for each in server.store.reminders("a")] == ["hangs"]


@pytest.mark.parametrize("n_due", [3, AT_A_TIME + 4])
def test_so_many_are_fired_at_a_time_each_once(
    server: Server, monkeypatch: pytest.MonkeyPatch, n_due: int
) -> None:
    begun: list[int] = []

    async def turn(sender_id: str, work: object, *, reminder: Reminder) -> Turn:
        begun.append(reminder.id)
        await asyncio.sleep(60.0)
        return Turn()

    for number in range(n_due):
        remind(server, f"sender {number}", reminder())
    monkeypatch.setattr(server, "turn", turn)
    monkeypatch.setattr(conversations, "CLAIM_SECONDS", 0.0)  # each is claimed again and again
    fire(server, until=lambda: len(begun) >= min(n_due, AT_A_TIME))
    assert len(begun) == len({*begun}) == min(n_due, AT_A_TIME)


def test_what_is_not_due_or_cancelled_is_not_fired(server: Server, channel: Noting) -> None:
    say(server, "a", "hello")
    remind(server, "a", reminder("late", seconds=60.0), reminder("off"))
    remind(server, "a", {"event": "cancel_reminder", "name": "off"})
    fire(server)
    assert channel.sent == []


def test_a_message_makes_one_void_that_is_not_to_outlive_it(
    server: Server, channel: Noting
) -> None:
    say(server, "a", "hello")
    remind(server, "a", reminder("frail", kill_on_user_msg=True), reminder("firm"))
    say(server, "a", "hello")
    fire(server, until=lambda: bool(channel.sent))
    assert channel.sent == [("a", "Bye!")]


def test_a_restart_makes_it_void(server: Server, channel: Noting) -> None:
    say(server, "a", "hello")
    remind(server, "a", reminder(), {"event": "restart"})
    fire(server)
    assert channel.sent == []
    assert server.store.reminders("a") == []


@pytest.mark.parametrize(
    ("entities", "city"),
    [([{"entity": "city", "value": "Oslo"}], "Oslo"), ({"city": "Rome"}, "Rome")],
)
def test_entities_are_given_as_a_list_or_by_name(
    server: Server, channel: Noting, entities: Any, city: str
) -> None:
    say(server, "a", "hello")
    remind(server, "a", reminder(intent="book", entities=entities))
    fire(server, until=lambda: not server.store.reminders("a"))
    slots = [e for e in server.store.events("a") if e["event"] == "slot"]
    assert [(e["name"], e["value"]) for e in slots][-1] == ("city", city)


@pytest.mark.parametrize("more", [{"intent": "unknown"}, {"entities": "none"}])
def test_one_that_cannot_be_fired_is_given_up(
    server: Server, channel: Noting, caplog: pytest.LogCaptureFixture, more: Any
) -> None:
    say(server, "a", "hello")
    remind(server, "a", reminder("odd", **more))
    fire(server)
    assert server.store.reminders("a") == []
    assert "'odd' is given up" in caplog.text
    assert [e["event"] for e in server.store.events("a")][-1] == "reminder"


def test_one_whose_turn_is_not_stored_stays(
    server: Server,
    channel: Noting,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    say(server, "a", "hello")
    remind(server, "a", reminder())
    claimed = server.store.claim_due(time.time(), 5)

    def claim(*_: Any) -> list[Reminder]:
        return claimed  # again and again, as when claims run out

    monkeypatch.setattr(server.store, "claim_due", claim)
    with monkeypatch.context() as patched:
        patched.setattr(Lease, "append", _fails)
        fire(server)
    assert channel.sent == []
    assert "could not be fired yet" in caplog.text
    fire(server, until=lambda: bool(channel.sent), n_servers=2)
    assert channel.sent == [("a", "Bye!")]


def _fails(self: Lease, *_: Any, **__: Any) -> None:
    raise RuntimeError("the database is gone")


def test_the_database_may_be_away(
    server: Server,
    channel: Noting,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fails(*_: Any) -> None:
        raise RuntimeError("the database is gone")

    say(server, "a", "hello")
    remind(server, "a", reminder())
    with monkeypatch.context() as patched:
        patched.setattr(server.store, "claim_due", fails)
        fire(server)
    assert "the database is gone" in caplog.text
    fire(server, until=lambda: bool(channel.sent))


def test_a_channel_that_cannot_send_is_told_of(
    server: Server, channel: Noting, caplog: pytest.LogCaptureFixture
) -> None:
    say(server, "a", "hello", channel="rest")
    say(server, "b", "hello")
    channel.fault = OSError("no line")
    remind(server, "a", reminder())
    remind(server, "b", reminder())
    fire(server, until=lambda: caplog.text.count("stored but not sent") == 2)
    for sender in "ab":
        assert server.store.events(sender)[-2]["event"] == "bot"
    fire(server)
    assert caplog.text.count("stored but not sent") == 2


def test_without_a_model_they_wait(server: Server, channel: Noting) -> None:
    say(server, "a", "hello")
    remind(server, "a", reminder())
    model = server.models.get()
    server.models.swap(None)
    fire(server)
    assert len(server.store.reminders("a")) == 1
    server.models.swap(model)
    fire(server, until=lambda: bool(channel.sent))
