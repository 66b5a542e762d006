"""Leases: one holder at a time, and only the last one writes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from gossamer.data.errors import ConfigError, DataError, InputError
from gossamer.serve.store import ConversationBusy, ConversationStore, LeaseLost

Opens = Callable[..., ConversationStore]
HELLO = {"event": "user", "text": "hello", "timestamp": 1.5, "message_id": "1"}
HI = {"event": "bot", "text": "hi", "timestamp": 2.0}


def texts(store: ConversationStore, sender: str) -> list[Any]:
    return [event["text"] for event in store.events(sender)]


def test_a_turn_is_read_back_as_it_was_written(store: ConversationStore) -> None:
    odd = {"event": "slot", "name": "\0 \ud800 \U0001f600", "value": {"a": [1, None, "\0"]}}
    with store.lease("anna") as lease:
        assert lease.events() == []
        lease.append([HELLO, odd, HI])
    assert store.events("anna") == [HELLO, odd, HI]
    assert store.events("ben") == []
    with store.lease("anna") as lease:
        assert lease.events() == [HELLO, odd, HI]


def test_the_fence_counts_the_holders(store: ConversationStore) -> None:
    with store.lease("anna") as first:
        assert not first.previous_fence_is(first.fence)
    with store.lease("anna") as second:
        assert second.fence == first.fence + 1
        assert second.previous_fence_is(first.fence)
    with store.lease("ben"):
        pass
    with store.lease("anna") as third:
        assert third.previous_fence_is(second.fence)
        assert not third.previous_fence_is(first.fence)
        assert not third.is_lost


def test_a_held_conversation_is_busy_and_others_are_not(store: ConversationStore) -> None:
    with store.lease("anna"):
        with store.lease("ben"):
            pass
        began = time.monotonic()
        with pytest.raises(ConversationBusy, match=r"'anna' was held by another for 0\.05 s"):
            store.lease("anna", wait=0.05).__enter__()
        assert 0.05 <= time.monotonic() - began < 5.0
    with store.lease("anna", wait=0.0):
        pass


def test_append_releases_and_may_be_followed_by_another(store: ConversationStore) -> None:
    with store.lease("anna") as lease:
        lease.append([HELLO], release=False)
        with pytest.raises(ConversationBusy):
            store.lease("anna", wait=0.0).__enter__()
        lease.append([HI])
        lease.append([HELLO])
        with store.lease("anna", wait=0.0) as other:
            with pytest.raises(LeaseLost, match="nothing was written"):
                lease.append([HI])
            assert lease.is_lost
            other.append([{"event": "bot", "text": "other"}])
    assert texts(store, "anna") == ["hello", "hi", "hello", "other"]


def test_an_error_in_a_turn_writes_nothing_and_releases(store: ConversationStore) -> None:
    with pytest.raises(ZeroDivisionError), store.lease("anna"):
        _ = 1 / 0
    with store.lease("anna", wait=0.0) as lease:
        assert lease.events() == []


def test_replaced_events_are_all_there_are(store: ConversationStore) -> None:
    with store.lease("anna") as lease:
        lease.append([HELLO, HI])
    with store.lease("ben") as lease:
        lease.append([HELLO])
    with store.lease("anna") as lease:
        lease.replace([HI, HELLO, HI], release=False)
        assert lease.events() == [HI, HELLO, HI]
        lease.append([HELLO])
    assert texts(store, "anna") == ["hi", "hello", "hi", "hello"]
    with store.lease("anna") as lease:
        lease.replace([])
    assert store.events("anna") == []
    assert texts(store, "ben") == ["hello"]


def test_a_deleted_conversation_is_written_by_no_old_holder(store: ConversationStore) -> None:
    with store.lease("anna") as first:
        first.append([HELLO, HI], release=False)
        assert store.delete("anna") == 2
        with pytest.raises(LeaseLost):
            first.append([HI])
    assert store.events("anna") == []
    assert store.delete("anna") == 0
    time.sleep(0.002)
    with store.lease("anna") as second:
        assert second.fence > first.fence
        assert not second.previous_fence_is(first.fence)
        with pytest.raises(LeaseLost):
            first.append([HI])
        second.append([HI])
    assert texts(store, "anna") == ["hi"]


def test_conversations_are_listed_by_page(store: ConversationStore) -> None:
    for sender in ("c", "a", "b", "d"):
        with store.lease(sender) as lease:
            lease.append([HELLO, HI])
    with store.lease("empty"):
        pass
    assert store.senders(3) == ["a", "b", "c"]
    assert store.senders(3, after="c") == ["d"]
    assert store.senders(3, after="d") == []


@pytest.mark.parametrize(
    ("sender", "message"),
    [
        ("x" * 256, r"at most 255 characters \(got '256 characters'\)"),
        ("", "must be a text that is not empty"),
        (7, "must be a text"),
        ("a\0b", "valid Unicode without NUL"),
        ("\ud800", "valid Unicode without NUL"),
    ],
)
def test_an_id_that_no_column_holds_is_refused(sender: Any, message: str) -> None:
    store = ConversationStore.open("sqlite://")
    for use in (store.lease, store.events, store.delete, store.reminders):
        with pytest.raises(InputError, match=message):
            use(sender)
    store.close()


def test_the_longest_id_of_the_widest_characters_is_held(store: ConversationStore) -> None:
    sender = "\U0001f600" * 255
    with store.lease(sender) as lease:
        lease.append([HELLO])
    assert store.senders(1) == [sender]


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ([HELLO, {"text": "no type"}], 'a mapping with the key "event"'),
        ([HELLO, "text"], 'a mapping with the key "event"'),
        ([HELLO, {"event": "bot", "data": object()}], '"bot" must have a JSON form'),
        ([HELLO, {"event": "slot", "value": float("nan")}], '"slot" must have a JSON form'),
    ],
)
def test_a_turn_with_an_unfit_event_writes_nothing(events: list[Any], message: str) -> None:
    store = ConversationStore.open("sqlite://")
    with store.lease("anna") as lease:
        for write in (lease.append, lease.replace):
            with pytest.raises(DataError, match=message):
                write(events)
        assert lease.events() == []
        lease.append([HELLO])
    store.close()


def test_names_longer_than_a_column_are_cut_there_only(store: ConversationStore) -> None:
    event = {"event": "action", "name": "x" * 300, "timestamp": None}
    with store.lease("anna") as lease:
        lease.append([event])
    assert store.events("anna") == [event]


def test_a_holder_that_does_not_renew_is_overtaken(url: str, open_store: Opens) -> None:
    first, other = open_store(url, lease_seconds=0.3), open_store(url)
    with first.lease("anna") as lost:
        lost._heartbeat.forget(lost)  # as if its process were stopped
        with other.lease("anna", wait=10.0) as lease:
            assert lease.fence == lost.fence + 1
            with pytest.raises(LeaseLost):
                lost.append([HELLO])
            lease.append([HI])
    assert other.events("anna") == [HI]


def test_a_holder_that_renews_keeps_it_and_sees_when_it_lost_it(
    url: str, open_store: Opens
) -> None:
    first, other = open_store(url, lease_seconds=0.3), open_store(url)
    with first.lease("anna") as lease:
        with pytest.raises(ConversationBusy):
            other.lease("anna", wait=0.5).__enter__()
        assert not lease.is_lost
        other.delete("anna")
        give_up = time.monotonic() + 10.0
        while not lease.is_lost and time.monotonic() < give_up:
            time.sleep(0.01)
        assert lease.is_lost


def test_threads_of_two_stores_write_in_turn(url: str, open_store: Opens) -> None:
    stores = [open_store(url), open_store(url)]

    def work(name: str, store: ConversationStore) -> None:
        for number in range(8):
            with store.lease("anna") as lease:
                seen = len(lease.events())
                lease.append([{"event": "user", "by": name, "number": number, "seen": seen}])

    threads = [threading.Thread(target=work, args=(f"{i}", stores[i % 2])) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = stores[0].events("anna")
    assert [event["seen"] for event in events] == list(range(32))
    for name in "0123":
        assert [event["number"] for event in events if event["by"] == name] == list(range(8))


def test_one_that_waits_is_next_though_the_holder_wants_it_again(store: ConversationStore) -> None:
    def wait_for_it() -> None:
        with store.lease("anna", wait=20.0) as lease:
            lease.append([HI])

    sql = "SELECT count(next_holder) FROM gossamer_conversations"
    thread = threading.Thread(target=wait_for_it)
    with store.lease("anna") as lease:
        thread.start()
        give_up = time.monotonic() + 10.0
        while time.monotonic() < give_up:
            if store._database.read(lambda c: c.exec_driver_sql(sql).scalar()):
                break
        lease.append([])
    with store.lease("anna", wait=20.0) as lease:
        lease.append([HELLO])
    thread.join()
    assert texts(store, "anna") == ["hi", "hello"]


def test_who_gave_up_waiting_is_not_next(store: ConversationStore) -> None:
    with store.lease("anna"), pytest.raises(ConversationBusy):
        store.lease("anna", wait=0.01).__enter__()
    with store.lease("anna", wait=0.0):
        pass


def test_a_lease_must_last() -> None:
    with pytest.raises(ConfigError, match="lease_seconds must be above 0"):
        ConversationStore.open("sqlite://", lease_seconds=0.0)
