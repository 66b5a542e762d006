"""Who may teach, and see what others wrote."""

from __future__ import annotations

import socket
from contextlib import nullcontext
from pathlib import Path

import httpx
import jwt
import pytest
from servers import Running, StartServer
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

SECRET = "a shared secret of more than thirty-two bytes"
SOCKET = "/socket.io/?EIO=4&transport=websocket"
POLLING = "/socket.io/?EIO=4&transport=polling"
BONJOUR = {"kind": "message", "text": "bonjour", "intent": "greet"}


def test_without_a_token_only_this_machines_own_pages(teaching: Running, project: Path) -> None:
    client = teaching.client
    before = (project / "data" / "nlu.yml").read_bytes()
    own = teaching.url
    client.post("/conversations/anna/turns", json={"text": "a secret"})
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Host": "evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"X-Forwarded-For": "10.0.0.1"},
    ):
        for method, path in (
            *(("GET", "/teach/inbox"), ("POST", "/teach/corrections"), ("GET", "/status")),
            *(("GET", "/conversations/anna/tracker"), ("DELETE", "/conversations/anna")),
        ):
            body = None if method == "GET" else BONJOUR
            answer = client.request(method, path, json=body, headers=headers)
            assert answer.status_code == 403, (method, path, headers)
            assert "secret" not in answer.text
    assert (project / "data" / "nlu.yml").read_bytes() == before
    assert client.get("/teach/inbox", headers={"Origin": own}).status_code == 200
    hello = {"Host": "evil.example"}
    assert client.get("/version", headers=hello).status_code == 200, "nothing secret is in it"


def test_without_a_token_channels_too_are_for_own_pages(
    start_server: StartServer, project: Path, tmp_path: Path
) -> None:
    credentials = tmp_path / "credentials.yml"
    credentials.write_text("rest:\nsocketio:\n", "utf-8")
    desk = "https://desk.example"
    running = start_server(teach=project, credentials=credentials, cors=(desk,))

    def chat(**headers: str) -> int:
        headers = {"Content-Type": "text/plain"} | headers
        body = b'{"sender": "anna", "message": "hello"}'
        answer = running.client.post("/webhooks/rest/webhook", content=body, headers=headers)
        return answer.status_code

    for name, value in (
        ("Origin", "https://evil.example"),
        ("Host", "evil.example"),
        ("Sec-Fetch-Site", "cross-site"),
        ("X-Forwarded-For", "10.0.0.1"),
    ):
        assert chat(**{name: value}) == 403, name
        for path, status in (("/health/live", 200), ("/page/look.css", 200), (POLLING, 403)):
            answer = running.client.get(path, headers={name: value})
            assert answer.status_code == status, (name, path)
    assert running.server.store.events("anna") == []
    assert chat() == chat(Origin=running.url) == chat(Origin=desk) == 200


def test_without_a_token_sockets_too_are_for_own_pages(
    start_server: StartServer, project: Path, tmp_path: Path
) -> None:
    """A name of another website's may lead to this machine."""
    credentials = tmp_path / "credentials.yml"
    credentials.write_text("socketio:\n", "utf-8")
    port = httpx.URL(start_server(teach=project, credentials=credentials).url).port
    for host, refused in (("evil.example", "403"), ("127.0.0.1", None)):
        place = f"{host}:{port}"
        with (
            socket.create_connection(("127.0.0.1", port)) as connection,
            nullcontext() if refused is None else pytest.raises(InvalidStatus, match=refused),
            connect(f"ws://{place}{SOCKET}", sock=connection, origin=Origin(f"http://{place}")),
        ):
            pass


def test_with_a_token(start_server: StartServer, project: Path) -> None:
    client = start_server(teach=project, auth_token="open").client
    for path in ("/teach/inbox", "/teach/project", "/teach/trainings", "/teach/nowhere"):
        assert client.get(path).status_code == 401
    header = {"Authorization": "Bearer open", "Host": "assistant.example"}
    assert client.get("/teach/inbox", headers=header).status_code == 200
    taught = client.post("/teach/corrections", json=BONJOUR, headers=header)
    assert taught.json()["who"] == "local"


def test_a_users_web_token_does_not_teach(start_server: StartServer, project: Path) -> None:
    client = start_server(teach=project, jwt_secret=SECRET).client

    def ask(role: str, method: str, path: str, **options: object) -> httpx.Response:
        token = jwt.encode({"user": {"username": "ada", "role": role}}, SECRET, "HS256")
        headers = {"Authorization": f"Bearer {token}", "X-Teacher": "somebody%20else"}
        return client.request(method, path, headers=headers, **options)  # type: ignore[arg-type]

    for method, path in (
        *(("GET", "/teach/inbox"), ("GET", "/teach/similar?text=a"), ("GET", "/teach/corrections")),
        *(("POST", "/teach/corrections"), ("POST", "/teach/trainings"), ("GET", "/teach/models")),
        *(("GET", "/conversations/ada/export"), ("DELETE", "/conversations/ada")),
    ):
        assert ask("user", method, path).status_code == 403, path
    taught = ask("admin", "POST", "/teach/corrections", json=BONJOUR)
    assert taught.json()["who"] == "ada", "the token's name counts"
