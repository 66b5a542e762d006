"""A tiny trained assistant, servers of it on free ports: in a thread, or in a process of its own.

Tests talk with them over sockets. A stand-in for the models of users: what it understands is exact.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[3]
STARTS_WITHIN = 60.0

CONFIG = """\
language: en
pipeline:
- name: WhitespaceTokenizer
- name: KeywordIntentClassifier
- name: RegexEntityExtractor
  use_regexes: false
policies:
- name: MemoizationPolicy
- name: RulePolicy
"""

NLU = """\
version: "3.1"
nlu:
- intent: greet
  examples: |
    - hello
    - good morning
- intent: bye
  examples: |
    - bye
    - farewell
- intent: book
  examples: |
    - book a trip
    - I want to go to [Rome](city)
    - to [Oslo](city)
- intent: look_up
  examples: |
    - look it up
- lookup: city
  examples: |
    - Rome
    - Oslo
"""

STORIES = """\
version: "3.1"
rules:
- rule: greet
  steps:
  - intent: greet
  - action: utter_greet
- rule: say goodbye
  steps:
  - intent: bye
  - action: utter_bye
- rule: look something up
  steps:
  - intent: look_up
  - action: action_look_up
stories:
- story: book
  steps:
  - intent: book
    entities:
    - city: Rome
  - slot_was_set:
    - city: Rome
  - action: utter_booked
"""

DOMAIN = """\
version: "3.1"
intents: [greet, bye, book, look_up]
entities: [city]
actions: [action_look_up]
slots:
  city:
    type: text
    mappings:
    - type: from_entity
      entity: city
responses:
  utter_greet:
  - text: "Hello! Where to?"
    buttons:
    - title: Rome
      payload: '/book{{"city": "Rome"}}'
  utter_bye:
  - text: "Bye!"
  utter_booked:
  - text: "Booked: {city}."
session_config:
  session_expiration_time: 60
  carry_over_slots_to_new_session: true
"""


ENDPOINTS = """\
tracker_store:
  type: InMemory
"""


@pytest.fixture(scope="session")
def tiny_project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with config.yml, domain.yml, endpoints.yml and data/.

    It greets, says goodbye, books to Rome and Oslo.

    The action of the intent `look_up` is a custom one.
    """
    folder = tmp_path_factory.mktemp("project")
    (folder / "data").mkdir()
    (folder / "config.yml").write_text(CONFIG, "utf-8")
    (folder / "domain.yml").write_text(DOMAIN, "utf-8")
    (folder / "endpoints.yml").write_text(ENDPOINTS, "utf-8")
    (folder / "data" / "nlu.yml").write_text(NLU, "utf-8")
    (folder / "data" / "stories.yml").write_text(STORIES, "utf-8")
    return folder


@pytest.fixture(scope="session")
def in_memory(tiny_project: Path) -> Path:
    """An `endpoints.yml`: conversations are kept until the server ends."""
    return tiny_project / "endpoints.yml"


@pytest.fixture(scope="session")
def tiny_model(tiny_project: Path) -> Path:
    """The model of `tiny_project`, models/tiny.gossamer in it. It is not to be changed."""
    from gossamer.assistant import Assistant
    from gossamer.data import read_project

    folder = tiny_project
    project = read_project(folder / "config.yml", folder / "data", folder / "domain.yml")
    path = folder / "models" / "tiny.gossamer"
    path.parent.mkdir()
    return Assistant.train_project(project, augmentation_factor=0, random_seed=1).save(path)


@pytest.fixture
def models(tiny_model: Path, tmp_path: Path) -> Path:
    """A folder of models of a test's own, with tiny.gossamer in it."""
    folder = tmp_path / "models"
    folder.mkdir()
    shutil.copy2(tiny_model, folder)
    return folder


@dataclass(frozen=True)
class Running:
    """A server that runs.

    Attributes:
        url: where, without a slash at the end.
        client: talks with it.
        server: the `gossamer.serve.server.Server`; None where it is in another process.
        process: the process that it is alone in, or None.
    """

    url: str
    client: httpx.Client
    server: Any = None
    process: subprocess.Popen[str] | None = None


StartServer = Callable[..., Running]


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def start_in_thread(**settings: Any) -> Iterator[Running]:
    """Serve from a thread of this process while the iterator is open; see `ServerSettings`."""
    from gossamer.serve.run import uvicorn_server
    from gossamer.serve.server import Server
    from gossamer.serve.settings import ServerSettings

    server = Server(ServerSettings(**settings))
    try:
        server.models.swap(server.load(server.settings.model))
        listening = socket.create_server(("127.0.0.1", 0))
        serving = uvicorn_server(server)
        thread = threading.Thread(target=serving.run, args=([listening],), daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        try:
            with httpx.Client(base_url=url, timeout=30.0, trust_env=False) as client:
                wait_until_live(client)
                yield Running(url, client, server)
        finally:
            serving.should_exit = True
            thread.join(STARTS_WITHIN)
            listening.close()
    finally:
        server.close()


def wait_until_live(client: httpx.Client, process: subprocess.Popen[str] | None = None) -> None:
    """Wait until the server answers."""
    give_up = time.monotonic() + STARTS_WITHIN
    while True:
        try:
            if client.get("/health/live").status_code == 200:
                return
        except httpx.TransportError:
            if process is not None and process.poll() is not None:
                raise AssertionError(f"the server ended with {process.returncode}") from None
            if time.monotonic() > give_up:
                raise
        time.sleep(0.02)


@pytest.fixture(scope="session")
def shared_server(tiny_project: Path, tiny_model: Path) -> Iterator[Running]:
    """A server of `tiny_model` with its API, for all tests: use sender ids of your own."""
    endpoints = tiny_project / "endpoints.yml"
    yield from start_in_thread(
        model=tiny_model, endpoints=endpoints, enable_api=True, random_seed=1
    )


@pytest.fixture
def start_server(models: Path, tiny_project: Path) -> Iterator[StartServer]:
    """Start servers in this process: `start_server(enable_api=True)`, settings as they are named.

    They serve `models`, keep conversations in memory unless told otherwise, and end with the test.
    """
    usual = {"model": models, "endpoints": tiny_project / "endpoints.yml", "random_seed": 1}
    running: list[Iterator[Running]] = []

    def start(**settings: Any) -> Running:
        running.append(start_in_thread(**(usual | settings)))
        return next(running[-1])

    yield start
    for each in reversed(running):
        next(each, None)


def start_in_process(log: Path, *arguments: str) -> Iterator[Running]:
    """Run `gossamer run` in a process of its own while the iterator is open; then it is killed.

    It listens on a port of its own, runs in the folder of `log`, and prints into that file.
    """
    port = free_port()
    paths = [str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    with log.open("w", encoding="utf-8") as printed:
        process = subprocess.Popen(
            [sys.executable, "-m", "gossamer.cli", "run", "--port", str(port), *arguments],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
            cwd=log.parent,
            stdout=printed,
            stderr=subprocess.STDOUT,
            text=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        with httpx.Client(base_url=url, timeout=30.0, trust_env=False) as client:
            wait_until_live(client, process)
            yield Running(url, client, process=process)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def start_process(models: Path, tmp_path: Path) -> Iterator[StartServer]:
    """Start `gossamer run` in a process of its own: `start_process("--enable-api")`.

    It serves `models`, in a folder of its own, and is killed with the test.
    What it prints is in server-NUMBER.log of the test's folder.
    """
    running: list[Iterator[Running]] = []

    def start(*arguments: str) -> Running:
        log = tmp_path / f"server-{len(running)}.log"
        running.append(start_in_process(log, "--model", str(models), *arguments))
        return next(running[-1])

    yield start
    for each in running:
        next(each, None)
