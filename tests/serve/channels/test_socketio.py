"""The channel `socketio`, spoken with over WebSockets and over HTTP."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from gossamer.data.errors import ConfigError
from gossamer.dialogue.history.events import BotUttered
from gossamer.serve.app import create_app
from gossamer.serve.server import Server
from gossamer.serve.settings import Limits, ServerSettings

HELLO = {
    "text": "Hello! Where to?",
    "quick_replies": [
        {"content_type": "text", "title": "Rome", "payload": '/book{"city": "Rome"}'}
    ],
}
KEY = "a key that is long enough for HS256, and for HS512 as well, which takes more"


def nested(depth: int) -> str:
    """An object that has so many levels."""
    return '{"a":' * depth + "1" + "}" * depth


Settings = Callable[..., dict[str, Any]]
Connect = Callable[..., Any]


@pytest.fixture
def plain(start_server: Any, settings: Settings) -> Any:
    """A server with the channel as it is by default, and `rest`."""
    return start_server(**settings("socketio:\nrest:\n"))


def test_a_message_is_answered(plain: Any, socket_client: Connect) -> None:
    client = socket_client(plain.url)
    client.emit("session_request", {"session_id": "mine"})
    assert client.next() == ["session_confirm", "mine"]
    client.emit("user_uttered", {"message": "hello", "metadata": {"page": "/home"}})
    assert client.messages(1) == [HELLO]
    events = plain.server.store.events(client.sid)  # each connection is a conversation
    user = next(event for event in events if event["event"] == "user")
    assert user["input_channel"] == "socketio"
    assert user["metadata"]["page"] == "/home"
    assert plain.client.get("/webhooks/socketio/").json() == {"status": "ok"}


def test_a_session_is_made_up_if_the_client_has_none(plain: Any, socket_client: Connect) -> None:
    client = socket_client(plain.url)
    made = []
    for request in ({}, {"session_id": None}, None):
        client.emit("session_request", request)
        event, session_id = client.next()
        assert event == "session_confirm"
        made.append(session_id)
    assert all(len(session_id) == 32 for session_id in made)
    assert len({*made}) == 3


def test_messages_of_several_clients_stay_apart(plain: Any, socket_client: Connect) -> None:
    one, two = socket_client(plain.url), socket_client(plain.url)
    one.emit("user_uttered", {"message": "hello"})
    two.emit("user_uttered", {"message": "bye"})
    assert one.messages(1) == [HELLO]
    assert two.messages(1) == [{"text": "Bye!"}]


def test_answers_come_in_the_order_of_the_messages(plain: Any, socket_client: Connect) -> None:
    client = socket_client(plain.url)
    for message in ["hello", "bye"] * 5:
        client.emit("user_uttered", {"message": message})
    assert client.messages(10) == [HELLO, {"text": "Bye!"}] * 5


def test_it_is_spoken_over_http_too(plain: Any) -> None:
    path = "/socket.io/?EIO=4&transport=polling"
    opened = json.loads(plain.client.get(path).text[1:])
    path += f"&sid={opened['sid']}"
    assert plain.client.post(path, content="40").text == "OK"
    assert plain.client.get(path).text.startswith("40")
    message = json.dumps(["user_uttered", {"message": "bye"}])
    assert plain.client.post(path, content=f"42{message}").text == "OK"
    assert json.loads(plain.client.get(path).text[2:]) == ["bot_uttered", {"text": "Bye!"}]


@pytest.fixture
def persistent(start_server: Any, settings: Settings) -> Any:
    """A server whose clients say which conversation is theirs; all names are others."""
    credentials = """\
socketio:
  session_persistence: true
  user_message_evt: said
  bot_message_evt: bot_uttered
  socketio_path: /talk/
  namespace: /chat
  metadata_key: customData
"""
    return start_server(**settings(credentials))


@pytest.fixture
def come_in(persistent: Any, socket_client: Connect) -> Callable[[], Any]:
    """Connects a client to that server."""
    return lambda: socket_client(persistent.url, path="/talk", namespace="/chat")


def test_a_session_outlives_its_connection(persistent: Any, come_in: Callable[[], Any]) -> None:
    first, second = come_in(), come_in()
    for client in (first, second):
        client.emit("session_request", {"session_id": "s 1"})
        assert client.next() == ["session_confirm", "s 1"]
    first.emit("said", {"message": "bye", "session_id": "s 1", "customData": '{"from": "widget"}'})
    assert first.messages(1) == second.messages(1) == [{"text": "Bye!"}]
    third = come_in()  # without asking for the session
    third.emit("said", {"message": "bye", "session_id": "s 1"})
    assert third.messages(1) == [{"text": "Bye!"}]
    users = [e for e in persistent.server.store.events("s 1") if e["event"] == "user"]
    assert len(users) == 2
    assert users[0]["metadata"]["from"] == "widget"


def test_no_session_is_another_client_s_own_room(come_in: Callable[[], Any]) -> None:
    victim, curious = come_in(), come_in()
    curious.emit("session_request", {"session_id": victim.sid})
    assert curious.next() == ["session_confirm", victim.sid]
    victim.emit("session_request", {"session_id": "s 2"})
    assert victim.next() == ["session_confirm", "s 2"]
    curious.emit("session_request", {"session_id": "s 3"})
    assert curious.next() == ["session_confirm", "s 3"]  # and nothing of the victim's before


@pytest.mark.parametrize(
    "message",
    [
        None,
        "hello",
        ["hello"],
        {"message": "hello"},
        {"message": "hello", "session_id": ""},
        {"message": "hello", "session_id": ["s"]},
        {"message": 5, "session_id": "s"},
        {"message": "hello", "session_id": "s", "customData": "no JSON"},
        {"message": "hello", "session_id": "s", "customData": [1]},
        {"message": "x" * 20_000, "session_id": "s"},
        {"message": "hello", "session_id": "s" * 256},
        {"message": "hello", "session_id": "s", "customData": nested(33)},
        {"message": "hello", "session_id": "s", "customData": nested(960)},
        {"message": "hello", "session_id": "s", "customData": json.loads(nested(32))},
        {"message": "hello", "session_id": "s", "customData": '{"a": "\ud800"}'},
    ],
)
def test_a_message_that_cannot_be_used(come_in: Callable[[], Any], message: Any) -> None:
    client = come_in()
    (answer,) = client.ask("said", message)
    assert answer["error"]["code"] == 400
    assert client.ask("said", {"message": "bye", "session_id": "s 4"}) == []


@pytest.mark.parametrize("metadata", [nested(32), json.loads(nested(31))])
def test_metadata_may_be_nested_up_to_the_limit(
    start_server: Any, settings: Settings, socket_client: Connect, metadata: Any
) -> None:
    running = start_server(enable_api=True, **settings("socketio:\n"))
    client = socket_client(running.url)
    assert client.ask("user_uttered", {"message": "bye", "metadata": metadata}) == []
    for kept in ("tracker", "export"):
        assert running.client.get(f"/conversations/{client.sid}/{kept}").status_code == 200


def test_a_client_is_in_one_session_at_a_time(come_in: Callable[[], Any]) -> None:
    client, other = come_in(), come_in()
    for session_id in ("s 5", "s 6"):
        client.emit("session_request", {"session_id": session_id})
        assert client.next() == ["session_confirm", session_id]
    other.emit("said", {"message": "hello", "session_id": "s 5"})
    assert other.messages(1) == [HELLO]
    other.emit("said", {"message": "bye", "session_id": "s 6"})
    assert client.messages(1) == other.messages(1) == [{"text": "Bye!"}]


@pytest.mark.parametrize("session_id", ["s" * 256, "a\0b", json.loads(nested(40))])
def test_a_session_that_cannot_be(come_in: Callable[[], Any], session_id: Any) -> None:
    client = come_in()
    (answer,) = client.ask("session_request", {"session_id": session_id})
    assert answer["error"]["code"] == 400
    assert client.ask("session_request", {"session_id": "s" * 255}) == []


def test_the_rate_of_an_address(
    start_server: Any, settings: Settings, socket_client: Connect
) -> None:
    running = start_server(limits=Limits(rate=0.4), **settings("socketio:\n"))
    one, other = socket_client(running.url), socket_client(running.url)
    assert one.ask("user_uttered", {"message": "hello"}) == []
    assert other.ask("session_request", {}) == []
    for client, event in ((one, "session_request"), (other, "user_uttered")):
        (answer,) = client.ask(event, {"message": "hello"})
        assert answer["error"]["reason"] == "TooManyRequests"


def test_a_turn_that_fails_is_told_to_who_asks(
    plain: Any, socket_client: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gossamer.serve.store.leases import Lease

    def append(self: Lease, *_: Any, **__: Any) -> None:
        raise RuntimeError("the disk at /secret/place is full")

    client = socket_client(plain.url)
    with monkeypatch.context() as patched:
        patched.setattr(Lease, "append", append)
        (answer,) = client.ask("user_uttered", {"message": "hello"})
    assert answer["error"]["code"] == 500
    assert "/secret/place" not in json.dumps(answer)
    client.emit("user_uttered", {"message": "bye"})
    assert client.messages(1) == [{"text": "Bye!"}]  # nothing of the failed turn was sent


def tokens() -> Iterator[tuple[object, bool]]:
    good = jwt.encode({"sub": "ada"}, KEY, "HS256")
    yield {"token": good}, True
    yield {"token": f"Bearer {good}"}, True
    yield {"token": jwt.encode({"sub": "ada"}, KEY[::-1], "HS256")}, False
    yield {"token": jwt.encode({"sub": "ada"}, KEY, "HS512")}, False
    yield {"token": jwt.encode({"sub": "ada", "exp": 1}, KEY, "HS256")}, False
    yield {"token": jwt.encode({"sub": "ada"}, "", "none")}, False
    yield {"token": ["no text"]}, False
    yield {}, False
    yield None, False
    yield ["token"], False


def test_with_a_key_only_its_tokens_come_in(
    start_server: Any, settings: Settings, socket_client: Connect
) -> None:
    running = start_server(**settings(f"socketio:\n  jwt_key: {KEY}\n"))
    for auth, is_welcome in tokens():
        client = socket_client(running.url, auth=auth)
        assert bool(client.sid) == is_welcome
        if is_welcome:
            client.emit("user_uttered", {"message": "bye"})
            assert client.messages(1) == [{"text": "Bye!"}]


@pytest.mark.parametrize("path", ["/socket.io", "/talk/"])
def test_the_token_of_the_server_is_not_asked_for(
    start_server: Any, settings: Settings, socket_client: Connect, path: str
) -> None:
    credentials = settings(f"socketio:\n  socketio_path: {path}\n")
    running = start_server(enable_api=True, auth_token="open", **credentials)
    place = path.rstrip("/")
    polling = f"{place}/?EIO=4&transport=polling"
    assert running.client.get(polling).status_code == 200
    client = socket_client(running.url, path=place)
    client.emit("user_uttered", {"message": "bye"})
    assert client.messages(1) == [{"text": "Bye!"}]
    assert running.client.get("/status").status_code == 401


def test_a_path_for_all_does_not_open_the_api(start_server: Any, settings: Settings) -> None:
    credentials = settings("socketio:\n  socketio_path: /\n")
    running = start_server(enable_api=True, auth_token="open", **credentials)
    assert running.client.get("/status").status_code == 401


@pytest.mark.parametrize("path", ["/conversations", "/model/io", "/page"])
def test_a_path_of_the_server_is_refused(settings: Settings, path: str) -> None:
    credentials = settings(f"socketio:\n  socketio_path: {path}\n")
    server = Server(ServerSettings(enable_api=True, **credentials))
    with pytest.raises(ConfigError, match="must be at a path that the server does not have"):
        create_app(server)
    server.close()


def test_a_key_must_be_one_for_its_method(settings: Settings) -> None:
    credentials = f"socketio:\n  jwt_key: {KEY}\n  jwt_method: RS256\n"
    server = Server(ServerSettings(**settings(credentials)))
    with pytest.raises(ConfigError, match="jwt_key of socketio must be a key for RS256") as error:
        create_app(server)
    server.close()
    assert KEY not in str(error.value)


def test_a_weak_key_is_warned_of(settings: Settings) -> None:
    server = Server(ServerSettings(**settings("socketio:\n  jwt_key: short\n")))
    with pytest.warns(UserWarning, match="jwt_key of socketio is weak"):
        create_app(server)
    server.close()


def test_pages_of_other_origins_need_cors(start_server: Any, settings: Settings) -> None:
    path, other = "/socket.io/?EIO=4&transport=polling", {"Origin": "http://elsewhere.example"}
    for cors, status in (((), 400), (("http://elsewhere.example",), 200), (("*",), 200)):
        running = start_server(cors=cors, **settings("socketio:\n"))
        assert running.client.get(path, headers=other).status_code == status
        assert running.client.get(path).status_code == 200
        own = {"Origin": str(running.client.base_url).rstrip("/")}
        assert running.client.get(path, headers=own).status_code == 200


def test_packets_that_are_none_harm_nobody(plain: Any, socket_client: Connect) -> None:
    good = socket_client(plain.url)
    for packet in ('42["user_uttered",' + "[" * 5_000, "42", "9", "42[]", "4" * 100, "451-[]"):
        bad = socket_client(plain.url)
        bad.socket.send(packet)
    good.emit("user_uttered", {"message": "bye"})
    assert good.messages(1) == [{"text": "Bye!"}]


def test_a_reminder_reaches_a_client_that_is_connected(
    start_server: Any, settings: Settings, does: Callable[..., None], socket_client: Connect
) -> None:
    running = start_server(**settings("socketio:\n  session_persistence: true\n"))
    soon = (datetime.now(UTC) + timedelta(seconds=0.2)).isoformat()
    reminder = {"event": "reminder", "name": "r", "intent": "bye", "date_time": soon}
    does(reminder | {"entities": None, "kill_on_user_msg": False}, says=[{"text": "I will."}])
    client = socket_client(running.url)
    client.emit("user_uttered", {"message": "look it up", "session_id": "s 9"})
    assert client.messages(2) == [{"text": "I will."}, {"text": "Bye!"}]
    nobody = running.server.send("s 10", "socketio", [BotUttered(text="hi")])
    assert not asyncio.run(nobody)


def test_a_socket_outlives_the_time_of_a_request(
    start_server: Any, settings: Settings, socket_client: Connect
) -> None:
    running = start_server(limits=Limits(request_seconds=0.5), **settings("socketio:\n"))
    client = socket_client(running.url)
    time.sleep(1.2)
    client.emit("user_uttered", {"message": "bye"})
    assert client.messages(1) == [{"text": "Bye!"}]
