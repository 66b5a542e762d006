"""A PostgreSQL database made where it is not there yet."""

from __future__ import annotations

import contextlib
from typing import Final

from sqlalchemy import text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, IntegrityError

from gossamer.data.errors import ConfigError
from gossamer.serve.store.database import Database
from gossamer.serve.store.engine import read_url
from gossamer.serve.store.errors import StoreUnavailable

_IS_THERE: Final = text("SELECT 1 FROM pg_database WHERE datname = :name")
# Another process was quicker: "duplicate database", or the unique index of their names.
_MADE_BY_ANOTHER: Final = ("42P04", "23505")
_MAY_NOT: Final = "42501"


def create_missing(url: str | URL, login_url: str | URL) -> None:
    """Create a database if it is missing, as Rasa does where `login_db` is given.

    Args:
        url: the database.
        login_url: another one of the same server, to connect to meanwhile.

    Raises:
        ConfigError: an address is none, or the user may not create databases.
        StoreUnavailable: the server does not answer.
    """
    name = read_url(url).database or ""
    with contextlib.closing(Database(login_url)) as login:
        if login.read(lambda connection: connection.execute(_IS_THERE, {"name": name}).first()):
            return
        quoted = '"' + name.replace('"', '""') + '"'
        # A statement of its own: PostgreSQL creates no database within a transaction.
        create = text(f"CREATE DATABASE {quoted}".replace(":", r"\:"))
        try:
            login.write(lambda connection: connection.execute(create), is_one_statement=True)
        except (StoreUnavailable, IntegrityError) as error:
            state = _state_of(error) or _state_of(error.__cause__)
            if state in _MADE_BY_ANOTHER:
                return
            if state != _MAY_NOT:
                raise
            raise ConfigError(
                "the database of the tracker store is missing, and this user may not create it",
                got=name,
                hint="CREATE DATABASE by an administrator, or another username",
            ) from None


def _state_of(error: BaseException | None) -> str | None:
    """PostgreSQL's code of an error."""
    return getattr(error.orig, "sqlstate", None) if isinstance(error, DBAPIError) else None
