from __future__ import annotations

import io
import json
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gossamer.data.endpoints import FileBrokerOptions, OwnBrokerOptions
from gossamer.data.errors import ConfigError, Location
from gossamer.nlu.own.failures import OwnPartError
from gossamer.serve.brokers import EventBroker, Publisher, broker_of, publisher_of
from gossamer.serve.brokers.file_broker import FileBroker


class Noting(EventBroker):
    """Notes what is published.

    Attributes:
        got: numbers of events, in the order in which they came.
        committed: of these, what was committed.
        fault: raised in place of publishing; None: all is well.
        may_go_on: publishing waits for it.
    """

    def __init__(self, batch: int = 1) -> None:
        self.batch = batch
        self.got: list[Any] = []
        self.committed: list[Any] = []
        self.sizes: list[int] = []
        self.fault: Exception | None = None
        self.is_closed = False
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def publish(self, sender_id: str, event: Mapping[str, Any]) -> None:
        self.may_go_on.wait(10.0)
        if self.fault is not None:
            raise self.fault
        if event["n"] == "bad":
            raise ValueError("this cannot be published")
        self.got.append(event["n"])

    def commit(self) -> None:
        self.sizes.append(len(self.got) - len(self.committed))
        self.committed = [*self.got]

    def close(self) -> None:
        self.is_closed = True


def events(*numbers: Any) -> list[dict[str, Any]]:
    return [{"event": "user", "n": number} for number in numbers]


def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 5.0
    while not holds():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.002)


@pytest.fixture
def broker() -> Noting:
    return Noting()


@pytest.fixture
def publisher(broker: Noting) -> Iterator[Publisher]:
    made = Publisher(broker, limit=5, pause=0.01)
    yield made
    broker.may_go_on.set()
    made.close()


def test_in_order_and_all_before_the_end(broker: Noting, publisher: Publisher) -> None:
    publisher.put("ann", events(0, 1))
    publisher.put("bob", events(2))
    publisher.close()
    assert broker.got == [0, 1, 2]
    assert broker.is_closed
    assert (publisher.n_published, publisher.n_dropped, publisher.n_waiting) == (3, 0, 0)


def test_the_oldest_is_dropped(
    broker: Noting, publisher: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    broker.may_go_on.clear()
    publisher.put("ann", events("first"))
    until(lambda: publisher.n_waiting == 0)  # it is being published
    started = time.monotonic()
    publisher.put("ann", events(*range(1000)))
    assert time.monotonic() - started < 1.0
    broker.may_go_on.set()
    publisher.close()
    assert broker.got == ["first", *range(995, 1000)]
    assert publisher.n_dropped == 995
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
    assert "994 events were dropped, 995 in all" in caplog.text
    assert "'n'" not in caplog.text  # what is in an event is not logged


def test_a_broker_that_is_down(
    broker: Noting, publisher: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    broker.fault = ConnectionRefusedError("nobody there")
    publisher.put("ann", events(0))
    until(lambda: publisher.is_down)
    publisher.put("ann", events(1, 2))
    time.sleep(0.05)
    assert publisher.n_waiting + len(broker.got) in (2, 3)  # one may be tried just now
    broker.fault = None
    until(lambda: publisher.n_published == 3)
    assert broker.got == [0, 1, 2]
    assert publisher.n_dropped == 0 and not publisher.is_down
    said = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(said) == 2
    assert said[0] == (
        "the event broker is down, events wait for it: ConnectionRefusedError nobody there"
    )
    assert said[1].startswith("the event broker takes events again")


def test_one_failure_is_not_told(
    broker: Noting, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    faults: list[Exception] = [ConnectionResetError("stale")]
    publish = broker.publish

    def flaky(sender_id: str, event: Mapping[str, Any]) -> None:
        if faults:
            raise faults.pop()
        publish(sender_id, event)

    monkeypatch.setattr(broker, "publish", flaky)
    publisher = Publisher(broker, pause=60.0)
    publisher.put("ann", events(0))
    until(lambda: broker.got == [0])  # at once, not after the pause
    publisher.close()
    assert caplog.records == []


def test_a_broker_that_is_down_at_the_end(broker: Noting) -> None:
    publisher = Publisher(broker, pause=60.0)
    broker.fault = ConnectionRefusedError()
    publisher.put("ann", events(0, 1))
    until(lambda: publisher.is_down)
    started = time.monotonic()
    publisher.close(5.0)
    assert time.monotonic() - started < 2.0
    assert publisher.n_dropped == 2
    publisher.put("ann", events(2))
    assert publisher.n_dropped == 3


def test_a_broker_that_hangs_at_the_end(broker: Noting, publisher: Publisher) -> None:
    broker.may_go_on.clear()
    publisher.put("ann", events(0, 1))
    started = time.monotonic()
    publisher.close(0.1)
    assert time.monotonic() - started < 2.0
    assert publisher.n_dropped == 1  # the other one may have got there


def test_events_that_cannot_be_published(
    broker: Noting, publisher: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    publisher.put("ann", events(0, "bad", 1))
    publisher.close()
    assert broker.got == [0, 1]
    assert (publisher.n_published, publisher.n_dropped) == (2, 1)
    assert "it cannot be published: ValueError" in caplog.text


def test_without_keeping(broker: Noting) -> None:
    publisher = Publisher(broker, pause=0.01, keeps_unsent=False)
    broker.fault = ConnectionRefusedError()
    publisher.put("ann", events(0, 1, 2))
    until(lambda: publisher.n_dropped == 3)
    broker.fault = None
    publisher.put("ann", events(3))
    publisher.close()
    assert broker.got == [3]


def test_batches() -> None:
    broker = Noting(batch=10)
    broker.may_go_on.clear()
    publisher = Publisher(broker, pause=0.01)
    publisher.put("ann", events(*range(25)))
    broker.may_go_on.set()
    publisher.close()
    assert broker.committed == [*range(25)]
    assert sum(broker.sizes) == 25 and max(broker.sizes) == 10


def test_a_batch_that_is_not_committed_comes_again(monkeypatch: pytest.MonkeyPatch) -> None:
    broker = Noting(batch=10)
    faults: list[Exception] = [ConnectionResetError()]
    commit = broker.commit

    def flaky() -> None:
        if faults:
            broker.got.clear()
            raise faults.pop()
        commit()

    monkeypatch.setattr(broker, "commit", flaky)
    publisher = Publisher(broker, pause=0.01)
    publisher.put("ann", events(0, "bad", 1, 2))
    publisher.close()
    assert broker.committed == [0, 1, 2]
    assert (publisher.n_published, publisher.n_dropped) == (3, 1)


def test_a_limit_of_none(broker: Noting) -> None:
    with pytest.raises(ConfigError, match="at least 1"):
        Publisher(broker, limit=0)


# -- the file ------------------------------------------------------------------------------------


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"event": "earlier"}\n')
    publisher = publisher_of(FileBrokerOptions(path=path))
    publisher.put("ann", [{"event": "user", "text": "hé\n"}, {"event": "slot", "value": {1}}])
    publisher.put("bob", [{"event": "bot", "text": None}])
    publisher.close()
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"event": "earlier"},
        {"sender_id": "ann", "event": "user", "text": "hé\n"},
        {"sender_id": "bob", "event": "bot", "text": None},
    ]
    assert publisher.n_dropped == 1


def test_a_file_that_was_moved_away(tmp_path: Path) -> None:
    broker = FileBroker(tmp_path / "events.jsonl")
    broker.publish("ann", {"event": "user"})
    (tmp_path / "events.jsonl").rename(tmp_path / "events.1")
    broker.publish("ann", {"event": "bot"})
    assert (tmp_path / "events.jsonl").read_text() == '{"sender_id": "ann", "event": "bot"}\n'


def test_a_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "events.jsonl"
    broker = FileBroker(path)
    write = io.FileIO.write

    class Full(io.FileIO):
        def write(self, line: Any) -> int:
            return write(self, line[:7])

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", lambda path, mode, buffering: Full(path, "a+"))
        with pytest.raises(OSError, match="only 7 of"):
            broker.publish("ann", {"event": "user"})
    FileBroker(path).publish("ann", {"event": "user"})  # another process, or the next start
    broker.publish("ann", {"event": "bot"})
    assert path.read_text().splitlines() == [
        '{"sende',
        '{"sender_id": "ann", "event": "user"}',
        '{"sender_id": "ann", "event": "bot"}',
    ]


def test_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a folder that exists"):
        broker_of(FileBrokerOptions(path=tmp_path / "none" / "events.jsonl"))


# -- one's own -----------------------------------------------------------------------------------

OWN = """\
from gossamer.serve.brokers import EventBroker


class Noting(EventBroker):
    def __init__(self, topic, size=1):
        self.topic = topic
        self.size = size + 0

    def publish(self, sender_id, event):
        pass


class Other:
    pass
"""


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """Each test has a module of its own."""
    yield
    sys.modules.pop("own_brokers_here", None)


def own_of(folder: Path, name: str, **options: Any) -> EventBroker:
    (folder / "own_brokers_here.py").write_text(OWN)
    where = Location(folder / "endpoints.yml", 2)
    path = f"own_brokers_here.{name}"
    return broker_of(OwnBrokerOptions(path=path, options=options, where=where))


def test_an_own_broker(tmp_path: Path) -> None:
    broker: Any = own_of(tmp_path, "Noting", topic="talks", size=3)
    assert (broker.topic, broker.size) == ("talks", 3)


@pytest.mark.parametrize(
    ("name", "options", "fault"),
    [
        ("Nothing", {}, "must have the class 'Nothing'.*'Noting'"),
        ("Other", {}, "made from gossamer.serve.brokers.EventBroker"),
        ("Noting", {}, "failed in __init__: TypeError.*'topic'"),
        ("Noting", {"topic": "a", "size": "b"}, "failed in __init__: TypeError"),
    ],
)
def test_own_brokers_that_are_none(
    tmp_path: Path, name: str, options: dict[str, Any], fault: str
) -> None:
    with pytest.raises(OwnPartError, match=fault) as caught:
        own_of(tmp_path, name, **options)
    assert "endpoints.yml:2" in str(caught.value)
