"""`/model/train` and `/model/test` over HTTP, in processes of their own."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

import pytest
from servers import CONFIG, DOMAIN, NLU, STORIES, Running, StartServer

from gossamer.assistant import Assistant
from gossamer.serve.errors import ServeError
from gossamer.serve.training import jobs as training_jobs
from gossamer.serve.training.jobs import Jobs
from gossamer.serve.training.task import Kind

WHOLE = 'version: "3.1"\n' + "".join(
    part.replace('version: "3.1"\n', "") for part in (CONFIG, NLU, STORIES, DOMAIN)
)
YAML = {"Content-Type": "application/x-yaml"}
TEST_STORY = """\
version: "3.1"
stories:
- story: short
  steps:
  - user: |
      hello
    intent: greet
  - action: utter_greet
  - user: farewell
    intent: bye
  - action: utter_greet
"""
STARTS_SLOWLY = 60.0


def process_of_job(within: float = STARTS_SLOWLY) -> int:
    """The process that trains for this one."""
    give_up = time.monotonic() + within
    while time.monotonic() < give_up:
        for task in Path("/proc/self/task").iterdir():
            for pid in (task / "children").read_text("ascii").split():
                command = Path("/proc", pid, "cmdline").read_bytes().split(b"\0")
                if b"gossamer.serve.training" in command:
                    return int(pid)
        time.sleep(0.02)
    raise AssertionError("no process was started")


def has_ended(pid: int, within: float = 20.0) -> bool:
    give_up = time.monotonic() + within
    while Path(f"/proc/{pid}").exists():
        if time.monotonic() > give_up:
            return False
        time.sleep(0.02)
    return True


class Callback(BaseHTTPRequestHandler):
    """Notes what is sent to it."""

    sent: Queue[tuple[str, bytes]]

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        self.sent.put((self.headers["Content-Type"], content))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def callback() -> Iterator[tuple[str, Queue[tuple[str, bytes]]]]:
    sent: Queue[tuple[str, bytes]] = Queue()
    kind = type("Noting", (Callback,), {"sent": sent})
    server = HTTPServer(("127.0.0.1", 0), kind)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/done", sent
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_model_is_trained(start_server: StartServer, models: Path) -> None:
    client = start_server(enable_api=True).client
    answer = client.post("/model/train", content=WHOLE, headers=YAML)
    assert answer.status_code == 200, answer.text
    path = models / answer.headers["filename"]
    assert path.read_bytes() == answer.content
    assert Assistant.load(path).parse("bye").intent.name == "bye"
    assert client.put("/model", json={"model_file": path.name}).status_code == 204
    assert client.get("/status").json()["num_active_training_jobs"] == 0


def test_faults_in_the_data(
    start_server: StartServer, callback: tuple[str, Queue[tuple[str, bytes]]]
) -> None:
    """All at once, with the lines of the body; also to a callback."""
    client = start_server(enable_api=True).client
    bad = WHOLE.replace("RulePolicy", "RulPolicy")
    bad = bad.replace("- intent: bye\n  examples", "- intnt: bye\n  examples")
    url, sent = callback
    begun = client.post(f"/model/train?callback_url={url}", content=bad, headers=YAML)
    assert (begun.status_code, begun.content) == (204, b"")
    kind, content = sent.get(timeout=STARTS_SLOWLY)
    assert kind == "application/json"
    error = json.loads(content)
    assert (error["code"], error["reason"]) == (400, "BadRequest")
    faults = error["details"]["faults"]
    lines = bad.split("\n")
    blamed = {lines[fault["line"] - 1].strip() for fault in faults}
    assert blamed >= {"- name: RulPolicy", "- intnt: bye"}
    told = content.decode()
    assert "gossamer-" not in told, "no temporary folder"
    assert "/tmp" not in told


def test_intents_and_stories_are_tested(start_server: StartServer) -> None:
    client = start_server(enable_api=True).client
    answer = client.post("/model/test/stories?e2e=true", content=TEST_STORY, headers=YAML)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert found["is_end_to_end_evaluation"] is True
    assert found["report"]["conversation_accuracy"]["correct"] == 0
    wrong = [one for one in found["actions"] if one["action"] != one["predicted"]]
    assert wrong[0]["predicted"] == "utter_bye"
    data = {"rasa_nlu_data": {"common_examples": [
        {"text": "farewell", "intent": "bye", "entities": []},
        {"text": "hello", "intent": "bye", "entities": []},
        {"text": "good morning", "intent": "greet", "entities": []},
    ]}}  # fmt: skip
    answer = client.post("/model/test/intents", json=data)
    assert answer.status_code == 200, answer.text
    found = answer.json()["intent_evaluation"]
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert [error["text"] for error in found["errors"]] == ["hello"]


def test_what_is_refused_at_once(start_server: StartServer) -> None:
    client = start_server(enable_api=True).client
    for path, content, status in (
        ("/model/train", b"", 400),
        ("/model/train", b" \n", 400),
        ("/model/train?augmentation=-1", b"x", 400),
        ("/model/train?force_training=x", b"x", 400),
        ("/model/train?callback_url=file:///etc/passwd", b"x", 400),
        ("/model/test/intents?cross_validation_folds=1", b"x", 400),
        ("/model/test/intents?model=../x", b"x", 400),
    ):
        answer = client.post(path, content=content, headers=YAML)
        assert answer.status_code == status, path
    folds = "/model/test/intents?cross_validation_folds=3"
    assert client.post(folds, json={"rasa_nlu_data": {}}).status_code == 400
    client.delete("/model")
    for path in ("/model/test/stories", "/model/test/intents"):
        assert client.post(path, content=b"x", headers=YAML).status_code == 409


def test_training_is_not_installed(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gossamer.data.installed.is_there", lambda module: module != "torch")
    answer = start_server(enable_api=True).client.post("/model/train", content=WHOLE)
    assert answer.status_code == 501
    assert 'pip install "gossamer[train]"' in answer.json()["message"]


def test_places_are_limited() -> None:
    jobs = Jobs(2)
    jobs.reserve(Kind.TRAIN)
    jobs.reserve(Kind.TEST_INTENTS)
    assert jobs.n_training == 1
    with pytest.raises(ServeError) as refused:
        jobs.reserve(Kind.TRAIN)
    assert refused.value.status == 503
    assert refused.value.headers["Retry-After"] == "60"


def test_the_environment_is_not_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", "x")
    monkeypatch.setenv("GOSSAMER_AUTH_TOKEN", "x")
    passed = training_jobs._environment()
    assert "PATH" in passed
    assert not passed.keys() & {"DB_PASSWORD", "GOSSAMER_AUTH_TOKEN"}


@pytest.mark.slow
def test_a_client_that_goes_away_ends_the_training(shared_server: Running) -> None:
    """And meanwhile the place is taken: others are refused, conversations go on."""
    if not Path("/proc/self/task").exists():
        pytest.skip("processes are looked for in /proc")
    host, port = shared_server.url.removeprefix("http://").split(":")
    slow = WHOLE + " " * 200_000
    with socket.create_connection((host, int(port))) as client:
        head = f"POST /model/train?save_to_default_model_directory=false HTTP/1.1\r\nHost: {host}"
        client.sendall(f"{head}\r\nContent-Length: {len(slow)}\r\n\r\n{slow}".encode())
        pid = process_of_job()
        os.kill(pid, 19)  # stopped: it does not end by itself
        status = shared_server.client.get("/status").json()
        assert status["num_active_training_jobs"] == 1
        refused = shared_server.client.post("/model/train", content=WHOLE)
        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) > 0
        parse = shared_server.client.post("/model/parse", json={"text": "bye"})
        assert parse.status_code == 200
    assert has_ended(pid)
    give_up = time.monotonic() + 20
    while shared_server.client.get("/status").json()["num_active_training_jobs"]:
        assert time.monotonic() < give_up


@pytest.mark.slow
@pytest.mark.long
def test_a_server_that_is_killed_takes_its_trainings_along(start_process: StartServer) -> None:
    if not Path("/proc/self/task").exists():
        pytest.skip("processes are looked for in /proc")
    running = start_process("--enable-api")
    assert running.process is not None
    own = Path(f"/proc/{running.process.pid}/task")
    host, port = running.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as client:
        client.sendall(
            f"POST /model/train HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(WHOLE)}\r\n\r\n"
            f"{WHOLE}".encode()
        )
        children: list[str] = []
        give_up = time.monotonic() + STARTS_SLOWLY
        while not children and time.monotonic() < give_up:
            children = [
                pid for task in own.iterdir() for pid in (task / "children").read_text().split()
            ]
        running.process.kill()
        running.process.wait()
    assert children
    assert all(has_ended(int(pid)) for pid in children)


@pytest.mark.slow
@pytest.mark.long
def test_cross_validation(shared_server: Running) -> None:
    path = "/model/test/intents?cross_validation_folds=2"
    answer = shared_server.client.post(path, content=WHOLE, headers=YAML)
    assert answer.status_code == 200, answer.text
    assert answer.json().keys() == {
        *("intent_evaluation", "entity_evaluation", "response_selection_evaluation"),
    }
    assert "RegexEntityExtractor" in answer.json()["entity_evaluation"]
