"""Where events are published: the key `event_broker` of `endpoints.yml`."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from gossamer.data.endpoints.values import (
    Readers,
    made,
    mapping_of,
    options_in,
    own_options,
    port_of,
    seconds_of,
    text_list_of,
    text_of,
    truth_of,
)
from gossamer.data.errors import ConfigError, Location
from gossamer.data.text.suggestions import nearest
from gossamer.data.text.yaml_tree import YamlMapping, YamlNode
from gossamer.data.text.yaml_values import is_null

_KEY: Final = "event_broker"
DEFAULT_FILE: Final = Path("rasa_event.log")
_FILE_SNIPPET: Final = """\
event_broker:
  type: file
  path: events.jsonl"""
_PIKA_SNIPPET: Final = """\
event_broker:
  type: pika
  url: localhost
  username: rasa
  password: ${RABBITMQ_PASSWORD}
  queues: [rasa_core_events]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileBrokerOptions:
    """Events are written to a file, one JSON object a line.

    Attributes:
        path: the file; Rasa's default.
    """

    path: Path = DEFAULT_FILE


@dataclass(frozen=True, slots=True, kw_only=True)
class PikaBrokerOptions:
    """Events are sent to RabbitMQ. Names and defaults are those of Rasa 3.6.

    Attributes:
        host: the server, `url` in the file, which may begin with amqp:// or amqps://.
        username: who connects.
        password: with which password; not shown.
        port: its port.
        queues: durable queues that are bound to the exchange.
        exchange_name: the exchange, of the kind that gives each message to all queues.
        retry_delay_in_seconds: how long to wait before a broker that is down is tried again.
        should_keep_unpublished_messages: whether an event that could not be sent is sent again.
        virtual_host: from the address; Rasa 3.6 has no way to say it.
        is_encrypted: whether TLS is used: with amqps://, or with a client's certificate.
    """

    host: str
    username: str
    password: str = field(repr=False)
    port: int = 5672
    queues: tuple[str, ...] = ("rasa_core_events",)
    exchange_name: str = "rasa-exchange"
    retry_delay_in_seconds: float = 5.0
    should_keep_unpublished_messages: bool = True
    virtual_host: str = "/"
    is_encrypted: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.retry_delay_in_seconds) and self.retry_delay_in_seconds > 0):
            raise ConfigError(
                "retry_delay_in_seconds must be a number of seconds above 0",
                got=self.retry_delay_in_seconds,
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnBrokerOptions:
    """Events are published by a class of the user's own.

    Attributes:
        path: its module path.
        options: what else is in the section; not shown.
        where: where it is named; its folder is where the module is looked for, then the working
            folder.
    """

    path: str
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    where: Location | None = field(default=None, compare=False, repr=False)


_FILE_READERS: Final[Readers] = MappingProxyType(
    {"type": ("type", text_of), "path": ("path", lambda key, node: Path(text_of(key, node)))}
)

_PIKA_READERS: Final[Readers] = MappingProxyType(
    {
        "type": ("type", text_of),
        "url": ("url", text_of),
        "port": ("port", port_of),
        "username": ("username", text_of),
        "password": ("password", text_of),
        "queues": ("queues", text_list_of),
        "exchange_name": ("exchange_name", text_of),
        "retry_delay_in_seconds": ("retry_delay_in_seconds", seconds_of),
        "should_keep_unpublished_messages": ("should_keep_unpublished_messages", truth_of),
        "connection_attempts": ("connection_attempts", text_of),
        "raise_on_failure": ("raise_on_failure", truth_of),
    }
)
# Of Rasa; a broker that is down is tried for ever, and never stops a conversation.
_WITHOUT_EFFECT: Final = ("connection_attempts", "raise_on_failure")


def event_broker_of(node: YamlNode) -> FileBrokerOptions | PikaBrokerOptions | OwnBrokerOptions:
    """What the section `event_broker` says.

    Raises:
        ConfigError: it is not a broker that Gossamer has.
    """
    section = mapping_of(_KEY, node, hint="type: file")
    type_node = section.entries.get("type")
    if type_node is None or is_null(type_node):
        raise ConfigError(f"'{_KEY}' needs a type", where=section.where, hint=f"\n{_FILE_SNIPPET}")
    kind = text_of("type", type_node)
    match kind.lower():
        case "file":
            options = options_in(_KEY, section, _FILE_READERS)
            del options["type"]
            return FileBrokerOptions(**options)
        case "pika":
            return _pika(section)
        case "kafka":
            fault = "events cannot be sent to Kafka, only to RabbitMQ or a file"
            hint = f"RabbitMQ:\n{_PIKA_SNIPPET}\nor a class of your own by its module path"
        case "sql":
            fault = "events need no database of their own: that of 'tracker_store' keeps them"
            hint = f"reading them there, or a file:\n{_FILE_SNIPPET}"
        case _ if "." in kind:
            return OwnBrokerOptions(
                path=kind, options=own_options(section, "type"), where=type_node.where
            )
        case _:
            meant = nearest(kind, ("file", "pika"))
            fault = "the type of an event broker must be file, pika or a module path"
            hint = f"type: {meant}" if meant is not None else f"\n{_FILE_SNIPPET}"
    raise ConfigError(fault, got=kind, where=type_node.where, hint=hint)


def _pika(section: YamlMapping) -> PikaBrokerOptions:
    options = options_in(_KEY, section, _PIKA_READERS)
    del options["type"]
    idle = [key for key in _WITHOUT_EFFECT if options.pop(key, None) is not None]
    if idle:
        warnings.warn(
            f"{section.where}: without effect in '{_KEY}', as RabbitMQ is tried for ever and never "
            f"stops a conversation: {', '.join(idle)}",
            stacklevel=5,
        )
    for key in ("url", "username", "password"):
        if key not in options:
            raise ConfigError(
                f"'{_KEY}' of the type pika needs a {key}",
                where=section.where,
                hint=f"\n{_PIKA_SNIPPET}",
            )
    options |= _address(options.pop("url"), section.entries["url"].where)
    return made(PikaBrokerOptions, options, section.where)


def _address(url: str, where: Location) -> dict[str, Any]:
    """What an address says: a host, a host with a port, or amqp://host:port/virtual-host."""
    scheme, found, rest = url.partition("://")
    try:
        parts = urlsplit(f"//{rest if found else url}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if host is None or (found and scheme not in ("amqp", "amqps")) or "@" in url or parts.query:
        raise ConfigError(
            f"'url' of '{_KEY}' must be a host, or an address without user name, password and "
            "parameters that begins with amqp:// or amqps://",
            where=where,
            hint="url: localhost, and username: and password: beside it",
        )
    found_options: dict[str, Any] = {"host": host, "is_encrypted": scheme == "amqps"}
    if port is not None:
        found_options["port"] = port
    elif scheme == "amqps":
        found_options["port"] = 5671
    if parts.path.removeprefix("/"):
        found_options["virtual_host"] = unquote(parts.path.removeprefix("/"))
    return found_options
