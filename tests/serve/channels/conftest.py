"""Servers with channels, an action server that does as a test says, and a client of socket.io."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, Self

import pytest
from tiny_server import TinyServer, answers
from websockets.sync.client import connect


@pytest.fixture
def receiver() -> Iterator[TinyServer]:
    """A server of the test's own; see `TinyServer`."""
    server = TinyServer()
    yield server
    server.close()


@pytest.fixture
def actions() -> Iterator[TinyServer]:
    """An action server. Its one action, of the intent `look_up`, does nothing yet."""
    server = TinyServer()
    yield server
    server.close()


@pytest.fixture
def does(actions: TinyServer) -> Callable[..., None]:
    """Says what the action does from now on: `does(event, ..., says=[message, ...], then=call)`.

    Events and messages are JSON; `then` is called before it answers.
    """

    def say(
        *events: dict[str, Any],
        says: Sequence[dict[str, Any]] = (),
        then: Callable[[], None] | None = None,
    ) -> None:
        answer = answers({"events": list(events), "responses": list(says)})

        def act(handler: BaseHTTPRequestHandler) -> None:
            if then is not None:
                then()
            answer(handler)

        actions.answer = act

    return say


@pytest.fixture
def settings(tmp_path: Path, actions: TinyServer) -> Callable[..., dict[str, Any]]:
    """Settings of a server with these credentials, whose custom actions are `actions`.

    `settings(credentials)`: the text of the file; None: there is none.
    """

    def write(credentials: str | None = None) -> dict[str, Any]:
        path = tmp_path / "endpoints.yml"
        path.write_text(
            f"tracker_store:\n  type: InMemory\naction_endpoint:\n  url: {actions.url}\n", "utf-8"
        )
        found: dict[str, Any] = {"endpoints": path}
        if credentials is not None:
            found["credentials"] = tmp_path / "credentials.yml"
            found["credentials"].write_text(credentials, "utf-8")
        return found

    return write


class SocketClient:
    """A client of socket.io 3 and 4 over a WebSocket.

    Args:
        url: of the server.
        path: where socket.io is.
        namespace: its namespace, "" for the usual one.
        auth: what is sent with the connection.

    Attributes:
        socket: the WebSocket.
        sid: its id; "" if it was refused.
        refusal: what the server said then.
    """

    def __init__(
        self, url: str, *, path: str = "/socket.io", namespace: str = "", auth: Any = None
    ) -> None:
        address = f"{url.replace('http', 'ws', 1)}{path}/?EIO=4&transport=websocket"
        self._connection = connect(address, proxy=None)
        self.socket = self._connection.__enter__()
        self._prefix = f"{namespace}," if namespace else ""
        assert self._receive().startswith("0")
        self.socket.send(f"40{self._prefix}{'' if auth is None else json.dumps(auth)}")
        kind, content = self._packet()
        self.sid: str = content["sid"] if kind == "40" else ""
        self.refusal = None if kind == "40" else content

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.__exit__(None, None, None)

    def emit(self, event: str, *data: Any) -> None:
        """Send an event."""
        self.socket.send(f"42{self._prefix}{json.dumps([event, *data])}")

    def ask(self, event: str, *data: Any) -> Any:
        """Send an event; the values that it is acknowledged with, events before it are left out."""
        self.socket.send(f"42{self._prefix}7{json.dumps([event, *data])}")
        while True:
            kind, content = self._packet()
            if kind == "43":
                return content

    def next(self) -> list[Any]:
        """The next event: its name and values."""
        kind, content = self._packet()
        assert kind == "42"
        found: list[Any] = content
        return found

    def messages(self, n_messages: int) -> list[Any]:
        """The next messages of the assistant."""
        events = [self.next() for _ in range(n_messages)]
        assert {event[0] for event in events} == {"bot_uttered"}
        return [event[1] for event in events]

    def _packet(self) -> tuple[str, Any]:
        text = self._receive()
        kind, rest = text[:2], text[2:].removeprefix(self._prefix).lstrip("0123456789")
        return kind, json.loads(rest) if rest else None

    def _receive(self) -> str:
        while True:
            text = self.socket.recv(timeout=20.0)
            assert isinstance(text, str)
            if text != "2":
                return text
            self.socket.send("3")


@pytest.fixture
def socket_client() -> Iterator[Callable[..., SocketClient]]:
    """Connects clients of socket.io: arguments as for `SocketClient`. Closed with the test."""
    with ExitStack() as stack:
        yield lambda *args, **more: stack.enter_context(SocketClient(*args, **more))
