"""Which database the conversations of a server are in."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy.engine import URL

from gossamer.data.endpoints import Endpoints, SqlTrackerStore
from gossamer.data.errors import ConfigError
from gossamer.serve.store.conversations import ConversationStore
from gossamer.serve.store.engine import is_memory, read_url

DEFAULT_DATABASE: Final = "conversations.db"
"""The file, in the working folder, if `endpoints.yml` names no database."""


def store_url(endpoints: Endpoints) -> str | URL:
    """The database of conversations; "sqlite://" is one in memory."""
    store = endpoints.tracker_store
    if store is None:
        return f"sqlite:///{DEFAULT_DATABASE}"
    return store.to_url() if isinstance(store, SqlTrackerStore) else "sqlite://"


def is_in_memory(endpoints: Endpoints) -> bool:
    """Whether a server has conversations in its memory alone."""
    return is_memory(read_url(store_url(endpoints)))


def open_store(endpoints: Endpoints) -> ConversationStore:
    """The conversations of a server; made where they are not there yet.

    Raises:
        ConfigError, MissingPartError, StoreUnavailable: as for `ConversationStore.open`.
    """
    store = endpoints.tracker_store
    login = store.login_url() if isinstance(store, SqlTrackerStore) else None
    return ConversationStore.open(store_url(endpoints), login_url=login)


def opened_store(endpoints: Endpoints) -> ConversationStore:
    """The conversations that servers with these endpoints keep, for another program.

    Raises:
        ConfigError: they are in a server's memory, or the file does not exist.
        StoreUnavailable: the database does not answer.
    """
    if is_in_memory(endpoints):
        raise ConfigError(
            "conversations must be in a database; with `type: InMemory` they are in the server's "
            "memory alone",
            where=endpoints.where,
            hint="DELETE /conversations/ID of the server",
        )
    url = read_url(store_url(endpoints))
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        raise ConfigError(
            "the file of conversations must exist",
            got=url.database,
            hint="the folder that the server was started in, or --endpoints",
        )
    return ConversationStore.open(url)
