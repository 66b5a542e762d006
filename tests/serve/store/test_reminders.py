"""Reminders: written and removed with the turn, claimed by one, fired once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gossamer.data.errors import DataError
from gossamer.serve.store import ConversationStore, Reminder, ReminderGone

NOON = datetime(2020, 1, 1, 12, tzinfo=UTC).timestamp()


def reminder(name: str | None = "tea", **more: Any) -> dict[str, Any]:
    return {
        "event": "reminder",
        "name": name,
        "intent": "remind",
        "entities": None,
        "date_time": "2020-01-01T12:00:00+00:00",
        "kill_on_user_msg": True,
    } | more


def write(store: ConversationStore, *events: dict[str, Any], sender: str = "anna") -> None:
    with store.lease(sender) as lease:
        lease.append(events)


def names(store: ConversationStore, sender: str = "anna") -> list[str]:
    return [each.name for each in store.reminders(sender)]


def test_a_reminder_is_kept_with_its_turn(store: ConversationStore) -> None:
    write(store, reminder(entities=[{"entity": "cup", "value": 2}]))
    (found,) = store.reminders("anna")
    assert found == Reminder(
        id=found.id,
        sender_id="anna",
        name="tea",
        intent="remind",
        entities=[{"entity": "cup", "value": 2}],
        due=NOON,
    )
    assert store.reminders("ben") == []


def test_the_same_name_replaces(store: ConversationStore) -> None:
    write(store, reminder(), reminder("other"))
    old = store.reminders("anna")[0]
    write(store, reminder(intent="later"))
    write(store, reminder(), sender="ben")
    found = {each.name: each for each in store.reminders("anna")}
    assert sorted(found) == ["other", "tea"]
    assert found["tea"].intent == "later"
    assert found["tea"].id != old.id
    write(store, reminder(None), reminder(None))
    assert len(names(store)) == 4


def test_a_message_removes_those_that_do_not_outlive_it(store: ConversationStore) -> None:
    write(store, reminder(), reminder("stays", kill_on_user_msg=False))
    write(store, {"event": "bot", "text": "hi"})
    assert names(store) == ["tea", "stays"]
    write(store, {"event": "user", "text": "hello"})
    assert names(store) == ["stays"]
    write(store, reminder("lost"), {"event": "user", "text": "hello"}, reminder("new"))
    assert names(store) == ["stays", "new"]


@pytest.mark.parametrize(
    ("cancelled", "left"),
    [
        ({}, []),
        ({"name": "a"}, ["b", "c"]),
        ({"intent": "x"}, ["a"]),
        ({"entities": {"n": 1, "m": 2}}, ["a", "b"]),
        ({"name": "b", "intent": "x"}, ["a", "c"]),
        ({"name": "a", "intent": "x"}, ["a", "b", "c"]),
    ],
)
def test_those_that_fit_are_cancelled(cancelled: dict[str, Any], left: list[str]) -> None:
    store = ConversationStore.open("sqlite://")
    cancel = {"event": "cancel_reminder", "name": None, "intent": None, "entities": None}
    write(store, cancel | cancelled)
    write(
        store,
        reminder("a"),
        reminder("b", intent="x"),
        reminder("c", intent="x", entities={"m": 2, "n": 1}),
    )
    write(store, reminder("a"), sender="ben")
    write(store, cancel | cancelled)
    assert names(store) == left
    assert names(store, "ben") == ["a"]
    store.close()


def test_a_due_reminder_is_claimed_once_and_fired_once(store: ConversationStore) -> None:
    late = "2020-01-01T12:00:01+00:00"
    write(store, reminder("second", date_time=late), reminder("first"))
    assert store.claim_due(NOON - 1, 10) == []
    claimed = store.claim_due(NOON, 10)
    assert [each.name for each in claimed] == ["first"]
    assert [each.name for each in store.claim_due(NOON + 5, 10)] == ["second"]
    assert store.claim_due(NOON + 5, 10) == []
    with store.lease("anna") as lease:
        assert lease.is_pending(claimed[0])
        lease.append([{"event": "user", "text": "EXTERNAL: remind"}], fired=claimed[0])
    with store.lease("anna") as lease:
        assert not lease.is_pending(claimed[0])
        with pytest.raises(ReminderGone, match="'first' is not pending, nothing was written"):
            lease.append([{"event": "bot"}], fired=claimed[0])
    assert len(store.events("anna")) == 3
    assert names(store) == []  # the other one was removed by the message


def test_as_many_are_claimed_as_were_asked_for(store: ConversationStore) -> None:
    write(store, *(reminder(f"{i}") for i in range(5)))
    assert [each.name for each in store.claim_due(NOON, 2)] == ["0", "1"]
    assert [each.name for each in store.claim_due(NOON, 9)] == ["2", "3", "4"]


def test_a_claim_that_is_not_used_runs_out(
    store: ConversationStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gossamer.serve.store.conversations.CLAIM_SECONDS", -1.0)
    write(store, reminder())
    assert store.claim_due(NOON, 1) == store.claim_due(NOON, 1) != []


def test_a_replaced_reminder_is_not_fired_by_the_old_claim(store: ConversationStore) -> None:
    write(store, reminder())
    (old,) = store.claim_due(NOON, 1)
    write(store, reminder(date_time="2030-01-01T12:00:00Z"))
    with store.lease("anna") as lease, pytest.raises(ReminderGone):
        lease.append([{"event": "bot"}], fired=old)
    with store.lease("anna", wait=0.0) as lease:  # what failed to be written is released too
        assert len(lease.events()) == 2
    assert len(store.reminders("anna")) == 1


def test_replacing_the_events_leaves_their_reminders(store: ConversationStore) -> None:
    future = {"date_time": "2999-01-01T00:00:00Z"}
    write(store, reminder("gone", **future))
    with store.lease("anna") as lease:
        lease.replace(
            [
                reminder("killed", **future),
                {"event": "user", "text": "hello"},
                reminder("past"),
                reminder("kept", **future),
            ]
        )
    assert names(store) == ["kept"]
    assert store.delete("anna") == 4
    assert names(store) == []


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"date_time": "tomorrow"}, r"ISO 8601 \(got 'tomorrow'\)"),
        ({"date_time": None}, "ISO 8601"),
        ({"date_time": 5}, "ISO 8601"),
        ({"intent": None}, "must name an intent"),
        ({"name": "x" * 256}, "at most 255 characters"),
        ({"entities": object()}, "must have a JSON form"),
    ],
)
def test_an_unfit_reminder_stops_its_turn(more: dict[str, Any], message: str) -> None:
    store = ConversationStore.open("sqlite://")
    with pytest.raises(DataError, match=message):
        write(store, {"event": "bot"}, reminder(**more))
    assert store.events("anna") == []
    store.close()


def test_a_time_without_a_zone_is_one_of_this_host(store: ConversationStore) -> None:
    write(store, reminder(date_time="2020-06-01T12:00:00"))
    assert store.reminders("anna")[0].due == datetime(2020, 6, 1, 12).timestamp()
