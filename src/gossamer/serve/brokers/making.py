"""From what `endpoints.yml` says to a broker."""

from __future__ import annotations

from gossamer.data.endpoints import FileBrokerOptions, OwnBrokerOptions, PikaBrokerOptions
from gossamer.nlu.own.failures import OwnCode
from gossamer.nlu.own.importing import OwnParts, folders_of
from gossamer.serve.brokers.broker import EventBroker
from gossamer.serve.brokers.file_broker import FileBroker
from gossamer.serve.brokers.pika_broker import PikaBroker
from gossamer.serve.brokers.publisher import Publisher

BrokerOptions = FileBrokerOptions | PikaBrokerOptions | OwnBrokerOptions


def broker_of(options: BrokerOptions) -> EventBroker:
    """The broker that is asked for. A server that is down is no error.

    Raises:
        MissingPartError: a library is not installed.
        OwnPartError: a class of the user's own cannot be imported or made.
    """
    match options:
        case FileBrokerOptions():
            return FileBroker(options.path)
        case PikaBrokerOptions():
            return PikaBroker(options)
        case OwnBrokerOptions():
            return _own(options)


def publisher_of(options: BrokerOptions) -> Publisher:
    """A publisher for the broker that is asked for. Raises what `broker_of` raises."""
    broker = broker_of(options)
    if isinstance(options, PikaBrokerOptions):
        return Publisher(
            broker,
            pause=options.retry_delay_in_seconds,
            keeps_unsent=options.should_keep_unpublished_messages,
        )
    return Publisher(broker)


def _own(options: OwnBrokerOptions) -> EventBroker:
    own = OwnParts(names=frozenset({options.path}), folders=folders_of(options.where))
    kind = own.find(
        options.path,
        EventBroker,  # type: ignore[type-abstract]
        options.where,
        home="gossamer.serve.brokers",
    )
    with OwnCode(kind, "__init__", options.where):
        return kind(**options.options)
