"""The server, its model and its domain over HTTP."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
import ruamel.yaml
from servers import Running, StartServer

from gossamer.version import __version__

ERROR_KEYS = {"version", "status", "message", "reason", "details", "help", "code"}


def test_what_a_server_says_of_itself(shared_server: Running) -> None:
    client = shared_server.client
    assert client.get("/").text == f"Hello from Gossamer: {__version__}"
    assert client.get("/version").json()["version"] == __version__
    status = client.get("/status").json()
    assert status.keys() == {"model_file", "model_id", "num_active_training_jobs"}
    assert status["model_file"] == "tiny.gossamer"
    assert status["num_active_training_jobs"] == 0


def test_the_domain_in_json_and_yaml(shared_server: Running) -> None:
    client = shared_server.client
    domain = client.get("/domain").json()
    assert domain["intents"] == ["book", "bye", "greet", "look_up"]
    for kind in ("application/x-yaml", "application/yaml", "text/yml"):
        answer = client.get("/domain", headers={"Accept": kind})
        assert answer.headers["content-type"].startswith("application/x-yaml")
        assert ruamel.yaml.YAML(typ="safe", pure=True).load(answer.text) == domain
    refused = client.get("/domain", headers={"Accept": "text/html"})
    assert (refused.status_code, refused.json()["reason"]) == (406, "NotAcceptable")


def test_errors_have_one_shape(shared_server: Running) -> None:
    client = shared_server.client
    for method, path, status, reason in (
        ("GET", "/nope", 404, "NotFound"),
        ("PATCH", "/model", 405, "MethodNotAllowed"),
        ("POST", "/model/parse", 400, "BadRequest"),
        ("POST", "/model/parse?emulation_mode=LUIS", 400, "BadRequest"),
    ):
        answer = client.request(method, path)
        assert answer.status_code == status
        assert answer.json().keys() == ERROR_KEYS
        assert answer.json()["reason"] == reason
        assert answer.json()["code"] == status


def test_parsing(shared_server: Running) -> None:
    body = {"text": "to Rome", "message_id": "7", "other": 1}
    parse = shared_server.client.post("/model/parse", json=body).json()
    assert parse["message_id"] == "7"
    assert [entity["value"] for entity in parse["entities"]] == ["Rome"]
    bodies: tuple[Any, ...] = ({}, {"text": 1}, {"text": None}, [], "x")
    for bad in bodies:
        answer = shared_server.client.post("/model/parse", json=bad)
        assert answer.status_code == 400
        assert answer.json()["details"]["in"] == "body"


def test_another_model(start_server: StartServer, models: Path, tmp_path: Path) -> None:
    running = start_server(enable_api=True)
    put = running.client.put

    def status() -> dict[str, Any]:
        found: dict[str, Any] = running.client.get("/status").json()
        return found

    first = status()["model_id"]
    shutil.copy(models / "tiny.gossamer", models / "second.gossamer")
    assert put("/model", json={"model_file": "second.gossamer"}).status_code == 204
    assert status()["model_file"] == "second.gossamer"
    assert status()["model_id"] != first
    assert put("/model", json={"model_file": str(models / "tiny.gossamer")}).status_code == 204
    assert put("/model", json={"model_file": str(models)}).status_code == 204

    good = status()
    (models / "broken.gossamer").write_bytes(b"no model")
    shutil.copy(models / "tiny.gossamer", tmp_path / "outside.gossamer")
    (models / "link.gossamer").symlink_to(tmp_path / "outside.gossamer")
    bodies: tuple[Any, ...] = (
        *({}, {"model_file": None}, {"model_file": 1}, {"model_file": "none.gossamer"}, []),
        *({"model_file": "broken.gossamer"}, {"model_file": "../outside.gossamer"}),
        *({"model_file": "link.gossamer"}, {"model_file": "/etc/passwd"}),
        *({"model_server": {"url": "http://a"}}, {"remote_storage": "aws"}),
    )
    for body in bodies:
        answer = put("/model", json=body)
        assert answer.status_code == 400, body
        assert str(tmp_path) not in answer.text
    assert status() == good, "the old one stays"

    assert running.client.delete("/model").status_code == 204
    for method, path in (
        ("GET", "/status"),
        ("GET", "/domain"),
        ("GET", "/conversations/a/tracker"),
    ):
        assert running.client.request(method, path).status_code == 409
    assert running.client.post("/model/parse", json={"text": "a"}).status_code == 409
    assert running.client.get("/health/ready").status_code == 503
    assert put("/model", json={"model_file": "tiny.gossamer"}).status_code == 204
    assert running.client.get("/health/ready").status_code == 200


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_no_request_is_lost_when_models_are_swapped(start_server: StartServer) -> None:
    running = start_server(enable_api=True)
    is_over = threading.Event()
    wrong: list[str] = []

    def talk(number: int) -> None:
        n_said = 0
        while not is_over.is_set() or n_said < 5:
            n_said += 1
            turn = running.client.post(f"/conversations/{number}/turns", json={"text": "hello"})
            said = turn.json().get("messages") if turn.status_code == 200 else None
            parse = running.client.post("/model/parse", json={"text": "bye"})
            if not said or said[0]["text"] != "Hello! Where to?" or parse.status_code != 200:
                wrong.append(f"{turn.text} {parse.text}")

    talking = [threading.Thread(target=talk, args=(number,)) for number in range(3)]
    for thread in talking:
        thread.start()
    body = json.dumps({"model_file": "tiny.gossamer"})
    assert [running.client.put("/model", content=body).status_code for _ in range(5)] == [204] * 5
    is_over.set()
    for thread in talking:
        thread.join()
    assert wrong == []
