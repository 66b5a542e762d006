"""Servers in processes of their own, and a client that repeats what was not acknowledged."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
from sqlalchemy.engine import make_url

ROOT = Path(__file__).resolve().parents[3]
STARTS_WITHIN = 120.0
WEBHOOK = "/webhooks/rest/webhook"


class Starter:
    """Starts servers within a `with` block: see `server_starter.py`.

    Args:
        model: any that can be loaded.
    """

    def __init__(self, model: Path) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="gossamer-starter-")
        paths = [str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("server_starter.py")), str(model)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=self._folder.name,
            env=self.environment,
        )

    def start(self, arguments: Sequence[str], log: Path, network: str | None) -> int:
        """Start a server, if need be in a network namespace; its process id."""
        assert self._process.stdin is not None
        asked = {"arguments": arguments, "folder": str(log.parent), "log": str(log)}
        self._process.stdin.write(json.dumps(asked | {"network": network}) + "\n")
        self._process.stdin.flush()
        return int(self._line())

    def __enter__(self) -> Starter:
        if self._line() != "ready":
            self.__exit__(None, None, None)
            raise AssertionError("a server cannot be made: see above")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate(timeout=60)
        self._folder.cleanup()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


@dataclass
class ServerProcess:
    """A server that runs.

    Attributes:
        url: where it answers.
        process_id: of its process.
        log: what it printed.
    """

    url: str
    process_id: int
    log: Path
    _arguments: Sequence[str]
    _starter: Starter
    client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        limits = httpx.Limits(max_connections=None)
        self.client = httpx.Client(base_url=self.url, timeout=90.0, limits=limits, trust_env=False)

    def send_signal(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.process_id, number)

    def kill(self) -> None:
        """Kill it at once, and wait until it is gone."""
        with suppress(ProcessLookupError):
            os.kill(self.process_id, signal.SIGKILL)
            give_up = time.monotonic() + 60.0
            while time.monotonic() < give_up:
                os.kill(self.process_id, 0)
                time.sleep(0.001)

    def start_again(self) -> None:
        """Start it once more, at the same address."""
        self.process_id = self._starter.start(self._arguments, self.log, None)

    def wait_until_ready(self) -> None:
        """Wait until it can answer."""
        give_up = time.monotonic() + STARTS_WITHIN
        while True:
            with suppress(httpx.TransportError):
                if self.client.get("/health/ready").status_code == 200:
                    return
            is_alive = Path(f"/proc/{self.process_id}").exists()
            assert is_alive and time.monotonic() < give_up, self.log.read_text("utf-8")
            time.sleep(0.02)

    def say(self, sender: str, text: str, message_id: str | None = None) -> httpx.Response:
        """Send a message."""
        message = {"sender": sender, "message": text, "message_id": message_id}
        return self.client.post(WEBHOOK, json=message)


class ServerProcesses:
    """Starts servers, which end with the `with` block.

    Args:
        starter: does it.
        model: of all servers.
        folder: where their files are.
    """

    def __init__(self, starter: Starter, model: Path, folder: Path) -> None:
        self._starter = starter
        self.model = model
        self.folder = folder
        self._running: list[ServerProcess] = []

    def start(
        self,
        database: str,
        *,
        action_server: str | None = None,
        timeout: float = 60.0,
        host: str = "127.0.0.1",
        network: str | None = None,
    ) -> ServerProcess:
        """Start a server, and wait until it is ready.

        Args:
            database: where conversations are.
            action_server: its address.
            timeout: seconds that it may take.
            host: the address where the server listens.
            network: the network namespace that it is in; None: this one.
        """
        number, port = len(self._running), free_port()
        endpoints = self.folder / f"endpoints-{number}.yml"
        endpoints.write_text(endpoints_of(database, action_server, timeout), "utf-8")
        arguments = [
            *("--model", str(self.model), "--endpoints", str(endpoints)),
            *("--interface", host, "--port", str(port), "--enable-api"),
        ]
        log = self.folder / f"server-{number}.log"
        process_id = self._starter.start(arguments, log, network)
        url = f"http://{host}:{port}"
        server = ServerProcess(url, process_id, log, arguments, self._starter)
        self._running.append(server)
        server.wait_until_ready()
        return server

    def __enter__(self) -> ServerProcesses:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for server in self._running:
            server.client.close()
            server.kill()


def endpoints_of(database: str, action_server: str | None, timeout: float = 60.0) -> str:
    """The content of an `endpoints.yml`: JSON is YAML, too."""
    url = make_url(database)
    store: dict[str, Any] = {"type": "SQL", "dialect": url.get_backend_name(), "db": url.database}
    if url.host is not None:
        store |= {"url": url.host, "port": url.port, "username": url.username}
    content: dict[str, Any] = {"tracker_store": store}
    if action_server is not None:
        content["action_endpoint"] = {"url": action_server, "timeout": timeout}
    return json.dumps(content)


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def number(n: int | str) -> str:
    """A message that has a number."""
    return f'/number{{"n": "{n}"}}'


def said(answer: httpx.Response) -> list[str]:
    """The texts of an answer, which must be one."""
    assert answer.status_code == 200, answer.text
    return [message["text"] for message in answer.json()]


def is_refused(answer: httpx.Response) -> bool:
    """Whether it asks to come again, as it should."""
    if answer.status_code == 200:
        return False
    assert answer.status_code == 503, answer.text
    assert int(answer.headers["Retry-After"]) >= 1
    content = answer.json()
    assert content["status"] == "failure" and content["code"] == 503
    return True


def say_until_answered(server: ServerProcess, sender: str, n: int, seconds: float = 180.0) -> int:
    """Send number `n`, again and again until it is answered; how often."""
    give_up = time.monotonic() + seconds
    n_tries = 0
    while True:
        assert time.monotonic() < give_up, server.log.read_text("utf-8")
        n_tries += 1
        with suppress(httpx.TransportError):
            answer = server.say(sender, number(n), str(n))
            if not is_refused(answer):
                assert said(answer) == [f"Number {n}."], answer.text
                return n_tries
        time.sleep(0.01)


def numbers_and_answers(events: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """What was said and what was answered, if each message has one answer that follows it."""
    spoken = [event for event in events if event["event"] in ("user", "bot")]
    assert [event["event"] for event in spoken] == ["user", "bot"] * (len(spoken) // 2)
    return [
        (user["message_id"], bot["text"])
        for user, bot in zip(spoken[::2], spoken[1::2], strict=True)
    ]


def all_numbers(n: int) -> list[tuple[str, str]]:
    """What `numbers_and_answers` gives if all is well."""
    return [(str(k), f"Number {k}.") for k in range(n)]
