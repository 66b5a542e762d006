"""What several processes that answer cannot do."""

from __future__ import annotations

import os

from gossamer.data.credentials import SocketioChannel, read_credentials
from gossamer.data.endpoints import InMemoryTrackerStore, SqlTrackerStore, read_endpoints
from gossamer.data.errors import ConfigError
from gossamer.serve.settings import ServerSettings
from gossamer.serve.store.engine import is_memory, read_url


def check_workers(settings: ServerSettings) -> None:
    """Refuse what only one process can do.

    Raises:
        ConfigError: the system cannot fork; a project is taught; conversations are in the memory of
            a process; a client of socket.io, whose requests belong together, could reach another
            process with each.
    """
    hint = "--workers 1"
    if not hasattr(os, "fork"):
        raise ConfigError("this system cannot run several workers", hint=hint)
    if settings.teach is not None:
        raise ConfigError(
            "teaching needs one process: it sees to it that one training runs at a time",
            hint=f"{hint} with --teach, and several servers without it",
        )
    if settings.endpoints is not None:
        store = read_endpoints(settings.endpoints).tracker_store
        if isinstance(store, InMemoryTrackerStore) or (
            isinstance(store, SqlTrackerStore) and is_memory(read_url(store.to_url()))
        ):
            raise ConfigError(
                "several workers must have a database for conversations, not their own memory",
                hint=f"tracker_store of the type SQL in {settings.endpoints}, or {hint}",
            )
    if settings.credentials is not None:
        channels = read_credentials(settings.credentials).values()
        if any(isinstance(channel, SocketioChannel) for channel in channels):
            raise ConfigError(
                "the channel socketio needs one process: its requests belong together",
                hint=f"{hint}, or several servers behind a proxy with sticky sessions",
            )
