"""One JSON call over HTTP that ends in time, however slowly the other side talks."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from gossamer.data.endpoints.http import HttpEndpoint


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What came back.

    Attributes:
        status: the HTTP status.
        body: at most one byte more than the limit of the call.
    """

    status: int
    body: bytes


def post_json(endpoint: HttpEndpoint, body: bytes, *, max_bytes: int) -> HttpAnswer:
    """Send JSON and read the answer. Redirects are not followed; proxies are not used.

    Args:
        endpoint: where to call, and how long it may take, reading included; only the name lookup
            and the TLS handshake have limits of their own.
        body: JSON.
        max_bytes: no more than one byte beyond that many are read of the answer.

    Raises:
        TimeoutError: it took longer.
        OSError: no connection, or it broke.
        http.client.HTTPException: the answer is not HTTP.
    """
    deadline = time.monotonic() + endpoint.timeout
    parts = urlsplit(endpoint.url)
    host = parts.hostname or ""
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        trusted = ssl.create_default_context(
            cafile=None if endpoint.cafile is None else str(endpoint.cafile)
        )
        connection = http.client.HTTPSConnection(
            host, parts.port, timeout=endpoint.timeout, context=trusted
        )
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=endpoint.timeout)
    try:
        connection.connect()
        with connection.sock as connected:
            connection.sock = _TimedSocket(connected, deadline)
            connection.request("POST", _target(endpoint), body, _headers(endpoint))
            response = connection.getresponse()
            return HttpAnswer(response.status, response.read(max_bytes + 1))
    finally:
        connection.close()


def _target(endpoint: HttpEndpoint) -> str:
    """Path and query, with the token if there is one."""
    parts = urlsplit(endpoint.url)
    params: dict[str, str] = dict(endpoint.params)
    if endpoint.token is not None:
        params[endpoint.token_name] = endpoint.token
    query = "&".join(part for part in (parts.query, urlencode(params)) if part)
    return (parts.path or "/") + (f"?{query}" if query else "")


def _headers(endpoint: HttpEndpoint) -> Mapping[str, str]:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if endpoint.basic_auth is not None:
        encoded = b64encode(":".join(endpoint.basic_auth).encode()).decode("ascii")
        headers["Authorization"] = f"Basic {encoded}"
    return {**headers, **endpoint.headers}


class _TimedSocket:
    """A connected socket whose every wait ends at the deadline, so that slow drops end too.

    It has what `http.client` needs of a socket.
    """

    def __init__(self, connected: socket.socket, deadline: float) -> None:
        self.connected = connected
        self.deadline = deadline

    def hurry(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self.connected.settimeout(left)

    def sendall(self, data: bytes) -> None:
        self.hurry()
        self.connected.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self))

    def close(self) -> None:
        """Nothing: `http.client` lets go of the socket before the answer is read."""


class _TimedReader(io.RawIOBase):
    """What a timed socket receives."""

    def __init__(self, timed: _TimedSocket) -> None:
        self.timed = timed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self.timed.hurry()
        return self.timed.connected.recv_into(buffer)
