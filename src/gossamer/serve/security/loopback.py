"""Requests of this machine's own people alone, for a server that asks for no token."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterable
from typing import Final
from urllib.parse import urlsplit

from gossamer.serve.errors import ServeError

_OF_PROXIES: Final = frozenset(
    {b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip"}
)


def is_loopback(host: str) -> bool:
    """Whether an address, or a name, always means this machine: localhost, 127.0.0.0/8, ::1."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class OwnPagesOnly:
    """Refuses what a browser asks for the sake of another website, and what came through a proxy.

    A server that listens on this machine only needs no token, but a browser here visits other
    sites. Their pages may send requests here, and with a name of theirs that leads to this machine
    (DNS rebinding) read the answers. So the name that is asked for (`Host`) must be one of this
    machine, and a page that asks (`Origin`) one of this server, or one that was named.

    Args:
        origins: of other pages that may ask.
    """

    def __init__(self, origins: Collection[str] = ()) -> None:
        self._origins = frozenset(origins)

    def refusal(self, headers: Iterable[tuple[bytes, bytes]]) -> ServeError | None:
        """Why a request is refused: 403; None: it is not.

        Args:
            headers: of the request; names in lower case.
        """
        given: dict[bytes, str] = {}
        for name, value in headers:
            if name in _OF_PROXIES:
                return _refused("it came through a proxy")
            if name in given and name in (b"host", b"origin"):
                return _refused(f"it has two headers `{name.decode()}`")
            given[name] = value.decode("latin-1")
        host = given.get(b"host", "").lower()
        if not is_loopback(_hostname(host)):
            return _refused("its `Host` must be a name of this machine, such as 127.0.0.1")
        origin = given.get(b"origin")
        if origin is not None and origin in self._origins:
            return None
        if origin is not None and _place(origin) != host:
            return _refused("a page of another website asks")
        if given.get(b"sec-fetch-site") == "cross-site":
            return _refused("a page of another website asks")
        return None


def _refused(why: str) -> ServeError:
    return ServeError(
        403,
        "NotAuthorized",
        f"without a token only this machine's own people and pages may ask: {why}. Try: a server "
        "with --auth-token",
    )


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _place(origin: str) -> str | None:
    """Host and port of an origin; None: it has none, as "null"."""
    scheme, found, place = origin.lower().partition("://")
    return place if found and scheme in ("http", "https") else None
