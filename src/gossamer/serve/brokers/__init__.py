"""Event brokers: what happens in conversations is published, one event after the other."""

from gossamer.serve.brokers.broker import EventBroker
from gossamer.serve.brokers.making import broker_of, publisher_of
from gossamer.serve.brokers.publisher import Publisher

__all__ = ["EventBroker", "Publisher", "broker_of", "publisher_of"]
