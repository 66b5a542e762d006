"""Where conversations are kept: the key `tracker_store` of `endpoints.yml`."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from gossamer.data.endpoints.values import (
    Readers,
    given_in,
    made,
    mapping_of,
    options_in,
    port_of,
    text_of,
    texts_of,
)
from gossamer.data.errors import ConfigError, Location
from gossamer.data.text.suggestions import nearest
from gossamer.data.text.yaml_tree import YamlMapping, YamlNode
from gossamer.data.text.yaml_values import is_null

_KEY: Final = "tracker_store"
_LOCKS: Final = "lock_store"
_IN_MEMORY: Final = ("inmemory", "in_memory")
_POSTGRESQL: Final = "postgresql+psycopg"
# As in Rasa's files, and what SQLAlchemy calls it with the driver that Gossamer brings.
_DIALECTS: Final = MappingProxyType(
    {
        "sqlite": "sqlite",
        "sqlite+pysqlite": "sqlite",
        "postgresql": _POSTGRESQL,
        "postgres": _POSTGRESQL,
        "postgresql+psycopg": _POSTGRESQL,
        "postgresql+psycopg2": _POSTGRESQL,
    }
)
DEFAULT_DB: Final = "rasa.db"
_SNIPPET: Final = """\
a database of SQLAlchemy:
tracker_store:
  type: SQL
  dialect: postgresql
  url: localhost
  db: rasa
  username: rasa
  password: ${DB_PASSWORD}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class InMemoryTrackerStore:
    """Conversations are kept in memory, and gone when the process ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlTrackerStore:
    """Conversations are kept in a database, SQLite or PostgreSQL. Defaults are those of Rasa 3.6.

    Departure from Rasa 3.6: other databases of SQLAlchemy are refused.

    Attributes:
        dialect: "sqlite" or "postgresql", if need be with a driver ("postgresql+psycopg2"), instead
            of which the one that Gossamer brings is used.
        host: the server; `url` in the file. None for SQLite.
        port: its port, or None for the usual one.
        db: the database; for SQLite the file, or ":memory:".
        username: who connects, or None.
        password: with which password, or None; not shown.
        query: further parameters of the connection; not shown.
        login_db: another database of the server, through which `db` is created if it is missing;
            or None.
    """

    dialect: str = "sqlite"
    host: str | None = None
    port: int | None = None
    db: str = DEFAULT_DB
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    login_db: str | None = None

    def __post_init__(self) -> None:
        if self.dialect not in _DIALECTS:
            raise ConfigError(
                "the dialect of a tracker store must be sqlite or postgresql",
                got=self.dialect,
                hint=_SNIPPET,
            )
        if self.is_sqlite:
            for key, value in (
                ("url", self.host),
                ("port", self.port),
                ("username", self.username),
                ("password", self.password),
                ("login_db", self.login_db),
            ):
                if value is not None:
                    raise ConfigError(
                        f"a tracker store of the dialect sqlite is a file and must have no '{key}'",
                        hint="dialect: postgresql, or leaving it out",
                    )
        if self.password is not None and self.username is None:
            raise ConfigError(
                "a password must come with a user name", hint="username: beside password:"
            )
        if self.port is not None and not 0 < self.port < 65536:
            raise ConfigError("a port must be a number from 1 to 65535", got=self.port)
        if not self.db:
            raise ConfigError("a tracker store must have a database", hint="db: rasa")

    @classmethod
    def from_url(cls, url: str) -> SqlTrackerStore:
        """Read an address as SQLAlchemy has it.

        Args:
            url: "postgresql://ann:secret@localhost:5432/rasa", "sqlite:///folder/rasa.db";
                "sqlite://" is a database in memory.

        Raises:
            ConfigError: it is none; it is not shown, as it may have a password.
        """
        dialect, found, rest = url.partition("://")
        try:
            parts = urlsplit(f"//{rest}")
            host, port = parts.hostname, parts.port
        except ValueError:
            found, host, port = "", None, None
        if not found or parts.fragment:
            raise ConfigError(
                "the address of a database must be one as SQLAlchemy has it",
                hint="postgresql://localhost:5432/rasa, with %23 for # and %40 for @ in a password",
            )
        query = parse_qsl(parts.query, keep_blank_values=True)
        if len(dict(query)) < len(query):
            raise ConfigError(
                "each parameter of a database's address must be there once",
                hint="host=one,two for several servers",
            )
        db = unquote(parts.path.removeprefix("/"))
        if not db and _DIALECTS.get(dialect) == "sqlite":
            db = ":memory:"
        return cls(
            dialect=dialect,
            host=host or None,
            port=port,
            db=db,
            username=None if parts.username is None else unquote(parts.username),
            password=None if parts.password is None else unquote(parts.password),
            query=dict(query),
        )

    @property
    def is_sqlite(self) -> bool:
        """Whether it is SQLite."""
        return _DIALECTS.get(self.dialect) == "sqlite"

    def to_url(self) -> str:
        """The address of the database as SQLAlchemy has it, the password included."""
        return self._url(self.db)

    def login_url(self) -> str | None:
        """The address of the database to log in to first, the password included; or None."""
        return None if self.login_db is None else self._url(self.login_db)

    def _url(self, db: str) -> str:
        login = ""
        if self.username is not None:
            login = quote(self.username, safe="")
            if self.password is not None:
                login += f":{quote(self.password, safe='')}"
            login += "@"
        host = self.host or ""
        host = f"[{host}]" if ":" in host else host
        port = "" if self.port is None else f":{self.port}"
        query = f"?{urlencode(self.query)}" if self.query else ""
        return f"{_DIALECTS[self.dialect]}://{login}{host}{port}/{quote(db, safe='/:')}{query}"


_READERS: Final[Readers] = MappingProxyType(
    {
        "type": ("type", text_of),
        "dialect": ("dialect", text_of),
        "url": ("host", text_of),
        "port": ("port", port_of),
        "db": ("db", text_of),
        "username": ("username", text_of),
        "password": ("password", text_of),
        "query": ("query", texts_of),
        "login_db": ("login_db", text_of),
    }
)

# What Rasa has besides, and what it is called in messages.
_OTHER_STORES: Final = MappingProxyType(
    {"redis": "Redis", "mongod": "MongoDB", "dynamo": "DynamoDB"}
)


def tracker_store_of(node: YamlNode) -> SqlTrackerStore | InMemoryTrackerStore:
    """What the section `tracker_store` says.

    Raises:
        ConfigError: it is not a store that Gossamer has.
    """
    section = mapping_of(_KEY, node, hint="type: SQL")
    kind, where = _type_of(_KEY, section)
    if kind is None and section.pairs:
        raise ConfigError(f"'{_KEY}' needs a type", where=where, hint="type: SQL")
    if kind is None or kind.lower() in _IN_MEMORY:
        given_in(_KEY, section, ("type",))
        return InMemoryTrackerStore()
    if kind.lower() != "sql":
        known = _OTHER_STORES.get(kind.lower())
        meant = nearest(kind, ("SQL", "InMemory", *_OTHER_STORES)) if known is None else None
        if known is not None:
            fault = f"conversations cannot be kept in {known}, only in a database or in memory"
        elif "." in kind:
            fault = "a tracker store cannot be a class of one's own"
        else:
            fault = "the type of a tracker store must be SQL or InMemory"
        hint = f"type: {meant}" if meant in ("SQL", "InMemory") else _SNIPPET
        raise ConfigError(fault, got=kind, where=where, hint=hint)
    options = options_in(_KEY, section, _READERS)
    del options["type"]
    host = options.get("host")
    if host is None:
        return made(SqlTrackerStore, options, section.where)
    if "://" in host:  # the whole address, as Rasa has it too
        if len(options) > 1:
            keys = [key for key, (name, _) in _READERS.items() if name in options and key != "url"]
            warnings.warn(
                f"{section.where}: 'url' is a whole address, so what is beside it in '{_KEY}' is "
                f"not used: {', '.join(keys)}",
                stacklevel=4,
            )
        return made(SqlTrackerStore.from_url, {"url": host}, section.where)
    try:
        parts = urlsplit(f"//{host}")
        options["host"], port = parts.hostname, parts.port
    except ValueError:
        options["host"], port = None, None
    if options["host"] is None or "@" in host or "/" in host:
        raise ConfigError(
            f"'url' of '{_KEY}' must be a host, or a whole address with ://",
            where=section.entries["url"].where,
            hint="username: and password: beside it, and db: for the database",
        )
    if port is not None:
        options["port"] = port  # it counts before 'port', as in Rasa
    return made(SqlTrackerStore, options, section.where)


def check_lock_store(node: YamlNode) -> None:
    """Refuse a `lock_store` that is not in memory: the database of conversations has the locks.

    Raises:
        ConfigError: it is another one.
    """
    section = mapping_of(_LOCKS, node, hint="type: in_memory")
    kind, where = _type_of(_LOCKS, section)
    if kind is None or kind.lower() in _IN_MEMORY:
        given_in(_LOCKS, section, ("type",))
        return
    raise ConfigError(
        "a lock store must be in_memory: several servers keep conversations in order by the "
        "database of 'tracker_store'",
        got=kind,
        where=where,
        hint=f"leaving '{_LOCKS}' out, and {_SNIPPET}",
    )


def _type_of(name: str, section: YamlMapping) -> tuple[str | None, Location]:
    node = section.entries.get("type")
    if node is None or is_null(node):
        return None, section.where
    return text_of("type", node), node.where
