"""Against a stand-in for pika, and against RabbitMQ where the environment names one:

    GOSSAMER_RABBITMQ=localhost:5672 pytest tests/serve/brokers

(with user "guest", password "guest", and pika installed).
"""

from __future__ import annotations

import json
import os
import sys
import types
import uuid
from typing import Any

import pytest

from gossamer.data.endpoints import PikaBrokerOptions
from gossamer.data.installed import MissingPartError
from gossamer.serve.brokers import publisher_of
from gossamer.serve.brokers.pika_broker import PikaBroker

OPTIONS = PikaBrokerOptions(host="rabbit", username="ann", password="s3cret", queues=("a", "b"))


class FakePika(types.ModuleType):
    """What the broker uses of pika.

    Attributes:
        calls: what was called, in order.
        fault: raised by the next commit or connection.
    """

    def __init__(self) -> None:
        super().__init__("pika")
        self.calls: list[tuple[str, Any]] = []
        self.fault: Exception | None = None
        self.parameters: dict[str, Any] = {}

    def fail(self) -> None:
        if self.fault is not None:
            fault, self.fault = self.fault, None
            raise fault

    def ConnectionParameters(self, **parameters: Any) -> dict[str, Any]:
        self.parameters = parameters
        return parameters

    def PlainCredentials(self, name: str, password: str) -> tuple[str, str]:
        return name, password

    def SSLOptions(self, context: Any, host: str) -> tuple[Any, str]:
        return context, host

    def BasicProperties(self, **properties: Any) -> dict[str, Any]:
        return properties

    def BlockingConnection(self, _: Any) -> FakeConnection:
        self.fail()
        self.calls.append(("connect", None))
        return FakeConnection(self)


class FakeConnection:
    def __init__(self, pika: FakePika) -> None:
        self.pika = pika
        self.is_open = True

    def channel(self) -> FakeConnection:
        return self

    def close(self) -> None:
        self.is_open = False
        self.pika.calls.append(("close", None))

    def process_data_events(self, *, time_limit: float) -> None:
        self.pika.fail()
        self.pika.calls.append(("alive", time_limit))

    def exchange_declare(self, exchange: str, *, exchange_type: str) -> None:
        self.pika.calls.append(("exchange", (exchange, exchange_type)))

    def queue_declare(self, queue: str, *, durable: bool) -> None:
        self.pika.calls.append(("queue", (queue, durable)))

    def queue_bind(self, queue: str, exchange: str, *, routing_key: str) -> None:
        self.pika.calls.append(("bind", (queue, exchange, routing_key)))

    def tx_select(self) -> None:
        self.pika.calls.append(("select", None))

    def tx_commit(self) -> None:
        self.pika.fail()
        self.pika.calls.append(("commit", None))

    def basic_publish(self, exchange: str, key: str, body: bytes, properties: Any) -> None:
        self.pika.calls.append(("publish", (exchange, key, json.loads(body), properties)))


@pytest.fixture
def pika(monkeypatch: pytest.MonkeyPatch) -> FakePika:
    fake = FakePika()
    monkeypatch.setitem(sys.modules, "pika", fake)
    for name in ("RASA_ENVIRONMENT", "RABBITMQ_SSL_CLIENT_CERTIFICATE", "RABBITMQ_SSL_CLIENT_KEY"):
        monkeypatch.delenv(name, raising=False)
    return fake


def test_what_is_sent(pika: FakePika, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RASA_ENVIRONMENT", "test")
    broker = PikaBroker(OPTIONS)
    assert pika.calls == []  # it connects when there is something to publish
    broker.publish("ann", {"event": "user", "text": "hé"})
    broker.publish("ann", {"event": "bot"})
    broker.commit()
    properties = {"delivery_mode": 2, "app_id": "test"}
    user = {"sender_id": "ann", "event": "user", "text": "hé"}
    assert pika.calls == [
        ("connect", None),
        ("exchange", ("rasa-exchange", "fanout")),
        ("queue", ("a", True)),
        ("bind", ("a", "rasa-exchange", "")),
        ("queue", ("b", True)),
        ("bind", ("b", "rasa-exchange", "")),
        ("select", None),
        ("publish", ("rasa-exchange", "", user, properties)),
        ("publish", ("rasa-exchange", "", {"sender_id": "ann", "event": "bot"}, properties)),
        ("commit", None),
    ]
    assert pika.parameters["host"] == "rabbit"
    assert (pika.parameters["port"], pika.parameters["virtual_host"]) == (5672, "/")
    assert pika.parameters["credentials"] == ("ann", "s3cret")
    assert pika.parameters["ssl_options"] is None


def test_encrypted(pika: FakePika) -> None:
    PikaBroker(PikaBrokerOptions(host="h", username="u", password="p", is_encrypted=True)).publish(
        "ann", {"event": "user"}
    )
    context, host = pika.parameters["ssl_options"]
    assert host == "h" and context.check_hostname


def test_a_connection_that_is_lost(pika: FakePika) -> None:
    publisher = publisher_of(OPTIONS)
    pika.fault = ConnectionResetError("gone")
    publisher.put("ann", [{"event": "user", "n": 0}])
    publisher.close()
    assert (publisher.n_published, publisher.n_dropped) == (1, 0)
    assert [name for name, _ in pika.calls if name in ("connect", "close", "commit")] == [
        "connect",
        "commit",
        "close",
    ]


def test_a_host_that_is_none_is_not_the_fault_of_an_event(pika: FakePika) -> None:
    broker = PikaBroker(OPTIONS)
    pika.fault = UnicodeError("label too long")
    with pytest.raises(ConnectionError, match="label too long"):
        broker.publish("ann", {"event": "user"})
    with pytest.raises(TypeError):
        broker.publish("ann", {"event": {1}})


def test_heartbeats(pika: FakePika) -> None:
    broker = PikaBroker(OPTIONS)
    broker.keep_alive()
    assert pika.calls == []
    broker.publish("ann", {"event": "user"})
    broker.keep_alive()
    assert pika.calls[-1] == ("alive", 0)
    pika.fault = ConnectionResetError()
    with pytest.raises(ConnectionResetError):
        broker.keep_alive()
    broker.publish("ann", {"event": "user"})
    assert [name for name, _ in pika.calls].count("connect") == 2


def test_without_pika(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pika", None)
    with pytest.raises(MissingPartError, match=r'pip install "gossamer\[rabbitmq\]"'):
        PikaBroker(OPTIONS)


def test_rabbitmq_itself() -> None:
    place = os.environ.get("GOSSAMER_RABBITMQ")
    if place is None:
        pytest.skip("GOSSAMER_RABBITMQ names no RabbitMQ to test with")
    pika = pytest.importorskip("pika")
    host, _, port = place.partition(":")
    queue = f"gossamer-{uuid.uuid4().hex}"
    options = PikaBrokerOptions(
        host=host,
        port=int(port or 5672),
        username="guest",
        password="guest",
        queues=(queue,),
        exchange_name=queue,
    )
    publisher = publisher_of(options)
    publisher.put("ann", [{"event": "user", "n": n} for n in range(250)])
    publisher.close(30.0)
    connection = pika.BlockingConnection(pika.ConnectionParameters(host, options.port))
    channel = connection.channel()
    got = []
    while (body := channel.basic_get(queue, auto_ack=True)[2]) is not None:
        got.append(json.loads(body)["n"])
    channel.queue_delete(queue)
    channel.exchange_delete(queue)
    connection.close()
    assert got == [*range(250)]
    assert publisher.n_published == 250
