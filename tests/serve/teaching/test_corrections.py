"""Corrections over HTTP: seen, written, listed, taken back; by whom, and from whose messages."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from servers import Running

from gossamer.data.errors import InputError
from gossamer.serve.app import create_app
from gossamer.serve.server import Server
from gossamer.serve.settings import ServerSettings

BONJOUR = {"kind": "message", "text": "bonjour", "intent": "greet"}
STORY = {
    "kind": "story",
    "name": "a polite end",
    "steps": [{"intent": "bye"}, {"action": "utter_bye"}],
}


def nlu(project: Path) -> str:
    return (project / "data" / "nlu.yml").read_text("utf-8")


def test_what_can_be_taught(teaching: Running) -> None:
    found = teaching.client.get("/teach/project").json()
    assert {"name": "greet", "n_examples": 2} in found["intents"]
    assert [each["name"] for each in found["entities"]] == ["city"]
    assert "utter_greet" in found["actions"]
    assert found["out_of_scope"] == "out_of_scope"


def test_all_who_wrote_a_text_are_known(teaching: Running) -> None:
    client = teaching.client
    for sender in ("anna", "ben"):
        client.post(f"/conversations/{sender}/turns", json={"text": "bonjour"})
    client.post("/conversations/cleo/turns", json={"text": "hello"})
    taught = client.post("/teach/corrections", json={**BONJOUR, "sender_id": "dora"}).json()
    assert taught["senders"] == ["anna", "ben", "dora"]
    again = {**BONJOUR, "text": "salut"}
    assert client.post("/teach/corrections", json=again).json()["senders"] == []


def test_seen_written_listed_and_taken_back(teaching: Running, project: Path) -> None:
    client = teaching.client
    before = nlu(project)
    for text in ("bonjour", "hello"):
        client.post("/conversations/anna/turns", json={"text": text})
    seen = client.post("/teach/preview", json=BONJOUR).json()
    assert "+    - bonjour\n" in seen["diff"]
    assert [each["path"] for each in seen["files"]] == ["data/nlu.yml"]
    assert [(each["text"], each["agrees"]) for each in seen["similar"]] == [("bonjour", False)]
    assert nlu(project) == before, "a preview writes nothing"

    taught = client.post(
        "/teach/corrections",
        json={**BONJOUR, "sender_id": "anna"},
        headers={"X-Teacher": "Zo%C3%AB"},
    ).json()
    assert (taught["id"], taught["who"], taught["senders"]) == (1, "Zoë", ["anna"])
    assert taught["diff"] == seen["diff"]
    assert nlu(project) == before.replace("morning\n", "morning\n    - bonjour\n")
    (listed,) = client.get("/teach/corrections").json()["corrections"]
    assert listed == taught | {"is_trained": False}

    undone = client.post("/teach/corrections/1/undo").json()
    assert (undone["is_undone"], undone["undone_by"]) == (True, "local")
    assert nlu(project) == before
    for number, status in ((1, 409), (2, 404)):
        assert client.post(f"/teach/corrections/{number}/undo").status_code == status


def test_what_was_edited_since_is_not_taken_back(teaching: Running, project: Path) -> None:
    teaching.client.post("/teach/corrections", json=BONJOUR)
    edited = nlu(project).replace("bonjour", "bonjour a tous")
    (project / "data" / "nlu.yml").write_text(edited, "utf-8")
    answer = teaching.client.post("/teach/corrections/1/undo")
    assert answer.status_code == 409
    assert "edited since" in answer.json()["message"]
    assert str(project) not in answer.text
    assert nlu(project) == edited


def test_a_story(teaching: Running, project: Path) -> None:
    taught = teaching.client.post("/teach/corrections", json=STORY).json()
    assert [each["path"] for each in taught["files"]] == ["data/taught_stories.yml"]
    assert "utter_bye" in (project / "data" / "taught_stories.yml").read_text("utf-8")


def test_what_cannot_be_taught(teaching: Running, project: Path) -> None:
    bodies: list[tuple[Any, str]] = [
        ([], "a JSON object"),
        ({"kind": "rule"}, "'message' or 'story'"),
        ({**BONJOUR, "text": " "}, "not blank"),
        ({**BONJOUR, "intent": None}, "'intent'"),
        ({**BONJOUR, "extra": 1}, "keys"),
        ({**BONJOUR, "sender_id": 1}, "the id of a conversation"),
        ({**BONJOUR, "sender_id": "x" * 256}, "255 characters"),
        ({**BONJOUR, "text": "x" * 10_001}, "10000 characters"),
        ({**STORY, "steps": [{"action": "utter_unknown"}]}, "utter_unknown"),
    ]
    before = {path: path.read_bytes() for path in (project / "data").iterdir()}
    for body, message in bodies:
        for path in ("/teach/preview", "/teach/corrections"):
            answer = teaching.client.post(path, json=body)
            assert answer.status_code == 400, answer.text
            assert message in answer.json()["message"]
    assert {path: path.read_bytes() for path in (project / "data").iterdir()} == before


def test_a_broken_file_is_told_with_its_place(teaching: Running, project: Path) -> None:
    (project / "data" / "nlu.yml").write_text('version: "3.1"\nnlu:\n- intent: [', "utf-8")
    answer = teaching.client.post("/teach/preview", json=BONJOUR)
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("data/nlu.yml:3")
    assert str(project) not in answer.text


def test_a_name_that_is_none(teaching: Running) -> None:
    for name in ("a%0Ab", "x" * 101):
        answer = teaching.client.post(
            "/teach/corrections", json=BONJOUR, headers={"X-Teacher": name}
        )
        assert answer.status_code == 400
        assert answer.json()["details"] == {"parameter": "X-Teacher", "in": "header"}


def test_many_at_once_lose_nothing(teaching: Running, project: Path) -> None:
    def teach(number: int) -> int:
        body = {"kind": "message", "text": f"good day number {number}", "intent": "greet"}
        return teaching.client.post("/teach/corrections", json=body).status_code

    with ThreadPoolExecutor(6) as threads:
        assert set(threads.map(teach, range(12))) == {200}
    assert all(f"- good day number {number}\n" in nlu(project) for number in range(12))
    listed = teaching.client.get("/teach/corrections").json()["corrections"]
    assert sorted(each["id"] for each in listed) == [*range(1, 13)]


def test_without_a_model_too(teaching: Running, project: Path) -> None:
    client = teaching.client
    assert client.delete("/model").status_code == 204
    assert client.post("/teach/preview", json=BONJOUR).json()["similar"] == []
    assert client.post("/teach/corrections", json=BONJOUR).status_code == 200
    for method, path in (("GET", "inbox"), ("GET", "similar?text=a"), ("POST", "trainings")):
        assert client.request(method, f"/teach/{path}").status_code == 409
    assert "bonjour" in nlu(project)


def test_the_loop_is_not_held_up(teaching: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    """While somebody else holds the project's lock, others are answered."""
    from filelock import FileLock

    folder = Path(str(teaching.server.settings.teach)) / ".gossamer"
    folder.mkdir()
    with ThreadPoolExecutor(1) as threads:
        with FileLock(folder / "teach.lock"):
            waiting = threads.submit(
                lambda: teaching.client.post("/teach/corrections", json=BONJOUR)
            )
            parsed = teaching.client.post("/model/parse", json={"text": "hello"}, timeout=20)
            assert parsed.status_code == 200
            assert teaching.client.get("/teach/project", timeout=20).status_code == 200
            assert not waiting.done()
        assert waiting.result(30).status_code == 200


def test_not_without_being_asked_for(shared_server: Running) -> None:
    assert shared_server.client.get("/teach/project").status_code == 404
    assert not any(path.startswith("/teach") for path in paths(shared_server))


def paths(running: Running) -> list[str]:
    return [*running.client.get("/openapi.json").json()["paths"]]


def test_a_folder_that_is_no_project(tiny_model: Path, in_memory: Path, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        server = Server(ServerSettings(model=tiny_model, endpoints=in_memory, teach=folder))
        with pytest.raises(InputError):
            create_app(server)
        server.close()
