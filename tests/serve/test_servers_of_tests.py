"""The servers that the other tests talk with."""

from __future__ import annotations

from pathlib import Path

from servers import Running, StartServer


def test_the_shared_server_converses(shared_server: Running) -> None:
    def say(text: str) -> list[str]:
        body = {"sender": "fixtures", "message": text}
        answer = shared_server.client.post("/webhooks/rest/webhook", json=body)
        return [message["text"] for message in answer.json()]

    assert say("hello") == ["Hello! Where to?"]
    assert say("I want to go to Rome") == ["Booked: Rome."]
    assert say("bye") == ["Bye!"]


def test_a_server_of_ones_own(start_server: StartServer) -> None:
    first, second = start_server(), start_server(enable_api=True)
    assert first.url != second.url
    assert first.client.post("/model/parse", json={"text": "bye"}).status_code == 404
    parse = second.client.post("/model/parse", json={"text": "bye"}).json()
    assert parse["intent"]["name"] == "bye"


def test_a_server_in_a_process(start_process: StartServer, tmp_path: Path) -> None:
    running = start_process("--enable-api")
    parse = running.client.post("/model/parse", json={"text": "to Oslo"}).json()
    assert [entity["value"] for entity in parse["entities"]] == ["Oslo"]
    assert running.process is not None
    running.process.terminate()
    assert running.process.wait(20) in (0, -15)
    assert "Traceback" not in (tmp_path / "server-0.log").read_text("utf-8")
