"""Events to RabbitMQ, as Rasa's pika broker sends them."""

from __future__ import annotations

import contextlib
import importlib
import os
import ssl
from collections.abc import Iterator, Mapping
from typing import Any, Final

from gossamer.data.endpoints import PikaBrokerOptions
from gossamer.data.installed import MissingPartError
from gossamer.serve.brokers.broker import EventBroker, to_json

CERTIFICATE_VARIABLE: Final = "RABBITMQ_SSL_CLIENT_CERTIFICATE"
KEY_VARIABLE: Final = "RABBITMQ_SSL_CLIENT_KEY"
ENVIRONMENT_VARIABLE: Final = "RASA_ENVIRONMENT"
_SECONDS: Final = 10.0
_PERSISTENT: Final = 2


class PikaBroker(EventBroker):
    """Sends events to an exchange of RabbitMQ, which gives each to all queues.

    As in Rasa 3.6: queues are durable, messages are kept on disk, the environment variable
    RASA_ENVIRONMENT is their `app_id`, and RABBITMQ_SSL_CLIENT_CERTIFICATE and
    RABBITMQ_SSL_CLIENT_KEY name a client's certificate. Events are sent in transactions, and count
    as published when RabbitMQ has committed them.

    Args:
        options: where it is, and which queues.

    Raises:
        MissingPartError: pika is not installed.
    """

    batch = 100

    def __init__(self, options: PikaBrokerOptions) -> None:
        try:
            self._pika: Any = importlib.import_module("pika")
        except ImportError as error:
            raise MissingPartError(
                "an event broker of the type pika needs pika",
                got=str(error),
                hint='pip install "gossamer[rabbitmq]"',
            ) from error
        self.options = options
        self._connection: Any = None
        self._channel: Any = None

    def publish(self, sender_id: str, event: Mapping[str, Any]) -> None:
        """See `EventBroker.publish`."""
        body = to_json(sender_id, event)
        properties = self._pika.BasicProperties(
            delivery_mode=_PERSISTENT, app_id=os.environ.get(ENVIRONMENT_VARIABLE)
        )
        with self._closed_on_failure():
            if self._channel is None:
                self._connect()
            self._channel.basic_publish(self.options.exchange_name, "", body, properties)

    def commit(self) -> None:
        """See `EventBroker.commit`."""
        if self._channel is not None:
            with self._closed_on_failure():
                self._channel.tx_commit()

    def keep_alive(self) -> None:
        """Answer RabbitMQ's heartbeats."""
        if self._connection is not None:
            with self._closed_on_failure():
                self._connection.process_data_events(time_limit=0)

    def close(self) -> None:
        """See `EventBroker.close`."""
        connection, self._connection, self._channel = self._connection, None, None
        if connection is not None and connection.is_open:
            connection.close()

    def _connect(self) -> None:
        options = self.options
        self._connection = self._pika.BlockingConnection(
            self._pika.ConnectionParameters(
                host=options.host,
                port=options.port,
                virtual_host=options.virtual_host,
                credentials=self._pika.PlainCredentials(options.username, options.password),
                ssl_options=self._encryption(),
                socket_timeout=_SECONDS,
                stack_timeout=_SECONDS,
                blocked_connection_timeout=_SECONDS,
                client_properties={"connection_name": "gossamer"},
            )
        )
        channel = self._connection.channel()
        channel.exchange_declare(options.exchange_name, exchange_type="fanout")
        for queue in options.queues:
            channel.queue_declare(queue, durable=True)
            channel.queue_bind(queue, options.exchange_name, routing_key="")
        channel.tx_select()
        self._channel = channel

    def _encryption(self) -> Any:
        certificate = os.environ.get(CERTIFICATE_VARIABLE)
        key = os.environ.get(KEY_VARIABLE)
        if not self.options.is_encrypted and not (certificate and key):
            return None
        trusted = ssl.create_default_context()
        if certificate and key:
            trusted.load_cert_chain(certificate, key)
        return self._pika.SSLOptions(trusted, self.options.host)

    @contextlib.contextmanager
    def _closed_on_failure(self) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            with contextlib.suppress(Exception):  # the first failure is the one to tell
                self.close()
            if isinstance(error, TypeError | ValueError):  # as of a host; not the event's fault
                raise ConnectionError(str(error)) from error
            raise
