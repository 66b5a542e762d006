"""What a server refuses: over real sockets, each limit at it and beyond."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest

from gossamer.serve.settings import Limits

PARSE = "/model/parse"
CHAT = "/webhooks/rest/webhook"
SECRET = "a shared secret of more than thirty-two bytes"


def address(running: Any) -> tuple[str, int]:
    url = httpx.URL(running.url)
    assert url.port is not None
    return url.host, url.port


def raw(running: Any, *parts: bytes, pause: float = 0.0) -> bytes:
    """What comes back for bytes, until the server closes the connection or is silent for 5 s."""
    with socket.create_connection(address(running), timeout=5) as connection:
        received = b""
        try:
            for part in parts:
                connection.sendall(part)
                time.sleep(pause)
            while more := connection.recv(65_536):
                received += more
        except (ConnectionError, TimeoutError):
            pass
    return received


def failure(answer: httpx.Response | bytes, status: int) -> dict[str, Any]:
    """The JSON of an error, which has Rasa's keys and nothing of the server's inside."""
    if isinstance(answer, bytes):
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.split(b" ")[1] == str(status).encode(), answer
        content = json.loads(body)
    else:
        assert answer.status_code == status, answer.text
        content = answer.json()
    keys = {"version", "status", "message", "reason", "details", "help", "code"}
    assert set(content) == keys
    assert (content["status"], content["code"]) == ("failure", status)
    assert "Traceback" not in str(content) and "gossamer/" not in str(content)
    return content  # type: ignore[no-any-return]


def test_what_needs_a_token(start_server: Any) -> None:
    running = start_server(enable_api=True, auth_token="open")
    client = running.client
    for path in ("/version", "/health/live", "/health/ready", "/webhooks/rest/"):
        assert client.get(path).status_code == 200, path
    assert client.post(CHAT, json={"message": "hello"}).status_code == 200
    for path in ("/metrics", "/status", "/domain", "/nowhere", "/model/parse", "/%2Fversion"):
        refused = client.get(path)
        assert failure(refused, 401)["reason"] == "NotAuthenticated"
        assert refused.headers["WWW-Authenticate"] == "Bearer"
    close = b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    for path_as_sent in (b"//version", b"/webhooks/../status", b"/health/live/../../status", b"*"):
        status = raw(running, b"GET " + path_as_sent + close).split(b" ")[1]
        assert status in (b"401", b"404"), path_as_sent
    assert client.post(PARSE, json={"text": "hello"}).status_code == 401
    assert client.post(f"{PARSE}?token=open", json={"text": "hello"}).status_code == 200
    header = {"Authorization": "Bearer open"}
    assert client.post(PARSE, json={"text": "hello"}, headers=header).status_code == 200
    assert client.get("/nowhere", headers=header).status_code == 404


def test_json_web_tokens(start_server: Any) -> None:
    client = start_server(enable_api=True, jwt_secret=SECRET).client

    def parse(role: str) -> httpx.Response:
        token = jwt.encode({"user": {"username": "ada", "role": role}}, SECRET, "HS256")
        header = {"Authorization": f"Bearer {token}"}
        return client.post(PARSE, json={"text": "hello"}, headers=header)  # type: ignore[no-any-return]

    assert parse("admin").status_code == 200
    assert failure(parse("user"), 403)["reason"] == "NotAuthorized"
    failure(client.post(PARSE, json={"text": "hello"}), 401)


def test_a_user_deletes_no_conversation(start_server: Any) -> None:
    """Neither their own, nor one whose id goes on after their name."""
    running = start_server(enable_api=True, jwt_secret=SECRET)

    def asked(role: str, method: str, path: str, **more: Any) -> int:
        token = jwt.encode({"user": {"username": "ada", "role": role}}, SECRET, "HS256")
        header = {"Authorization": f"Bearer {token}"}
        answer = running.client.request(method, path, headers=header, **more)
        return answer.status_code  # type: ignore[no-any-return]

    other = "/conversations/ada/tracker"
    assert asked("admin", "POST", f"{other}/turns", json={"text": "hello"}) == 200
    assert asked("user", "DELETE", other) == asked("user", "DELETE", "/conversations/ada") == 403
    assert asked("user", "GET", other) == 200  # of the conversation "ada"
    assert asked("admin", "DELETE", other) == 204


def test_other_origins_are_refused_unless_asked_for(start_server: Any) -> None:
    client = start_server().client
    origin = {"Origin": "https://shop.example"}
    answer = client.post(CHAT, json={"message": "hello"}, headers=origin)
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert client.options(CHAT, headers=origin).status_code == 405


@pytest.mark.parametrize("cors", [("https://shop.example",), ("*",)])
def test_cors(start_server: Any, cors: tuple[str, ...]) -> None:
    client = start_server(enable_api=True, auth_token="open", cors=cors).client
    origin = {"Origin": "https://shop.example"}
    asked = origin | {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    before = client.options(PARSE, headers=asked)  # browsers send no token with it
    assert before.status_code == 200
    expected = "https://shop.example" if "*" not in cors else "*"
    assert before.headers["Access-Control-Allow-Origin"] == expected
    assert "authorization" in before.headers["Access-Control-Allow-Headers"]
    assert "POST" in before.headers["Access-Control-Allow-Methods"]
    assert "Access-Control-Allow-Credentials" not in before.headers
    refused = client.post(PARSE, json={"text": "hello"}, headers=origin)
    failure(refused, 401)  # the page may read why
    assert refused.headers["Access-Control-Allow-Origin"] == expected
    other = client.options(PARSE, headers=asked | {"Origin": "https://evil.example"})
    assert other.status_code == (200 if "*" in cors else 400)


def test_headers_of_all_answers(shared_server: Any) -> None:
    for path in ("/version", "/nowhere"):
        headers = shared_server.client.get(path).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Cache-Control"] == "no-store"
        assert "Server" not in headers


def body_of_size(size: int) -> bytes:
    start, end = b'{"message": "hello", "sender": "body", "x": "', b'"}'
    return start + b"a" * (size - len(start) - len(end)) + end


def in_chunks(content: bytes) -> Iterator[bytes]:
    for start in range(0, len(content), 1_000):
        yield content[start : start + 1_000]


def test_the_size_of_a_body(start_server: Any) -> None:
    running = start_server(limits=Limits(body=2_000))
    client = running.client
    for content in (body_of_size(2_000), in_chunks(body_of_size(2_000))):
        assert client.post(CHAT, content=content).status_code == 200
    for content in (body_of_size(2_001), in_chunks(body_of_size(2_001))):
        failure(client.post(CHAT, content=content), 413)
    head = b"POST " + CHAT.encode() + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    # Told to be larger than it may be: refused before any of it is read.
    failure(raw(running, head + b"Content-Length: 99999999999999999999999\r\n\r\n"), 400)
    failure(raw(running, head + b"Content-Length: 2001\r\n\r\n{"), 413)
    failure(raw(running, head + b"Content-Length: -1\r\n\r\n{}"), 400)
    failure(raw(running, head + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"), 400)
    both = b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    failure(raw(running, head + both), 400)
    failure(raw(running, head + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n"), 400)
    # Less than told: the rest is waited for, not made up.
    assert raw(running, head + b"Content-Length: 90\r\n\r\n{}", pause=0.1)[:12] in (
        b"",
        b"HTTP/1.1 408",
    )


def test_the_length_of_a_text(shared_server: Any) -> None:
    client = shared_server.client
    for body, path in (("text", PARSE), ("message", CHAT)):
        assert client.post(path, json={body: "é" * 10_000}).status_code == 200
        failure(client.post(path, json={body: "é" * 10_001}), 400)
    for sender, status in (("s" * 255, 200), ("s" * 256, 400), ("a\0b", 400)):
        answer = client.post(CHAT, json={"message": "hello", "sender": sender})
        assert answer.status_code == status


@pytest.mark.parametrize(
    "metadata",
    [
        "[" * 20 + "]" * 20,
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 50 + "1" + "}" * 50,
        '{"a": NaN}',
        '{"a": 1e999}',
        '{"a": -Infinity}',
        '{"a": ' + "9" * 5_000 + "}",
        r'{"a": "\ud800"}',
    ],
)
def test_json_that_cannot_be_kept(shared_server: Any, metadata: str) -> None:
    content = f'{{"message": "hello", "sender": "odd", "metadata": {metadata}}}'
    answer = shared_server.client.post(CHAT, content=content.encode())
    failure(answer, 400)


def test_nesting_up_to_the_limit(shared_server: Any) -> None:
    for depth, status in ((31, 200), (32, 400)):  # the body itself is a level
        inner = '{"a":' * depth + "1" + "}" * depth
        content = f'{{"message": "hello", "sender": "deep", "metadata": {inner}}}'
        assert shared_server.client.post(CHAT, content=content).status_code == status


def test_the_size_of_headers(start_server: Any) -> None:
    running = start_server(limits=Limits(headers=2_000))
    client = running.client
    assert client.get("/version", headers={"X-Long": "a" * 1_500}).status_code == 200
    failure(client.get("/version", headers={"X-Long": "a" * 2_001}), 431)
    failure(client.get("/version?x=" + "a" * 2_001), 431)
    many = {f"X-{n}": "a" * 100 for n in range(30)}
    failure(client.get("/version", headers=many), 431)
    # A header that never ends does not pile up.
    failure(raw(running, b"GET / HTTP/1.1\r\nX: " + b"a" * 1_500, b"a" * 1_500, pause=0.05), 431)
    assert client.get("/version").status_code == 200


def test_slow_clients_are_cut_off(start_server: Any) -> None:
    running = start_server(limits=Limits(request_seconds=0.5))
    started = time.monotonic()
    assert raw(running) == b""  # who says nothing is told nothing
    failure(raw(running, b"GET /version HTTP/1.1\r\nHost"), 408)
    head = b"POST " + CHAT.encode() + b" HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n"
    failure(raw(running, head + b"{"), 408)
    drip = [b"GET /version HTTP/1.1\r\n"] + [b"X: y\r\n"] * 30
    assert raw(running, *drip, pause=0.05)[:12] in (b"HTTP/1.1 408", b"")
    after = b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n"
    assert raw(running, after, b"\r\n", pause=0.1).startswith(b"HTTP/1.1 200")
    assert time.monotonic() - started < 8
    assert running.client.get("/version").status_code == 200


def test_what_is_no_http(shared_server: Any) -> None:
    for content in (
        b"\0" * 50,
        b"BREW / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"{}\r\n\r\n",
    ):
        failure(raw(shared_server, content), 400)


def test_too_many_connections(start_server: Any) -> None:
    running = start_server(limits=Limits(connections=2))
    with (
        socket.create_connection(address(running)),
        socket.create_connection(address(running)),
    ):
        time.sleep(0.1)
        with httpx.Client(base_url=running.url, trust_env=False) as another:
            refused = another.get("/version")
    failure(refused, 503)
    assert refused.headers["Retry-After"] == "1"
    time.sleep(0.1)
    with httpx.Client(base_url=running.url, trust_env=False) as another:
        assert another.get("/version").status_code == 200


def test_the_rate_of_a_client(start_server: Any) -> None:
    client = start_server(limits=Limits(rate=1.0)).client
    answers = [client.post(CHAT, json={"message": "hello"}) for _ in range(6)]
    assert [each.status_code for each in answers[:4]] == [200] * 4
    failure(answers[-1], 429)
    assert answers[-1].headers["Retry-After"] == "1"
    assert client.get("/health/live").status_code == 200


def test_users_have_rates_of_their_own(start_server: Any) -> None:
    client = start_server(enable_api=True, jwt_secret=SECRET, limits=Limits(rate=0.2)).client
    codes = []
    for name in ("ada", "ada", "bob"):
        token = jwt.encode({"user": {"username": name, "role": "admin"}}, SECRET, "HS256")
        header = {"Authorization": f"Bearer {token}"}
        codes.append(client.post(PARSE, json={"text": "hello"}, headers=header).status_code)
    assert codes == [200, 429, 200]


def test_an_answer_that_takes_too_long(start_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    running = start_server(enable_api=True, limits=Limits(response_seconds=0.2))

    async def slow(text: str) -> None:
        import asyncio

        await asyncio.sleep(5)

    monkeypatch.setattr(running.server, "parse", slow)
    refused = running.client.post(PARSE, json={"text": "hello"})
    assert failure(refused, 503)["message"] == "the answer took too long"
    assert refused.headers["Retry-After"] == "1"


@pytest.mark.parametrize(
    "settings", [{"rate": 0}, {"body": -1}, {"waiting": 0}, {"response_seconds": float("nan")}]
)
def test_limits_are_above_zero(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        Limits(**settings)
