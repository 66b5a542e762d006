from __future__ import annotations

from pathlib import Path

import pytest

from gossamer.data.credentials import (
    CallbackChannel,
    CmdlineChannel,
    OwnChannel,
    RestChannel,
    SocketioChannel,
    read_credentials,
)
from gossamer.data.errors import ConfigError


def written(folder: Path, text: str) -> Path:
    path = folder / "credentials.yml"
    path.write_text(text, encoding="utf-8")
    return path


def test_channels_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_KEY", "s3cret")
    path = written(
        tmp_path,
        """\
socketio:
  user_message_evt: said
  bot_message_evt: answered
  session_persistence: true
  namespace: /chat
  socketio_path: /talk
  metadata_key: more
  jwt_key: ${JWT_KEY}
  jwt_method: HS512
my_channels.Telephone:
  number: 0123
  lines: [a, {b: 1}]
rest:
cmdline: {}
callback:
  url: http://localhost:5034/bot
  headers: {X-Key: k3y}
""",
    )
    found = read_credentials(path)
    assert [*found] == ["socketio", "my_channels.Telephone", "rest", "cmdline", "callback"]
    assert found["socketio"] == SocketioChannel(
        user_message_evt="said",
        bot_message_evt="answered",
        session_persistence=True,
        namespace="/chat",
        socketio_path="/talk",
        metadata_key="more",
        jwt_key="s3cret",
        jwt_method="HS512",
    )
    own = found["my_channels.Telephone"]
    assert own == OwnChannel(
        path="my_channels.Telephone", options={"number": 123, "lines": ["a", {"b": 1}]}
    )
    assert isinstance(own, OwnChannel) and own.where is not None
    assert (own.where.path, own.where.line) == (path, 10)
    assert (found["rest"], found["cmdline"]) == (RestChannel(), CmdlineChannel())
    assert found["callback"] == CallbackChannel(
        url="http://localhost:5034/bot", headers={"X-Key": "k3y"}
    )
    assert all(secret not in repr(found) for secret in ("s3cret", "k3y", "lines"))


def test_defaults_of_socketio(tmp_path: Path) -> None:
    assert read_credentials(written(tmp_path, "socketio:\n")) == {
        "socketio": SocketioChannel(
            user_message_evt="user_uttered",
            bot_message_evt="bot_uttered",
            namespace=None,
            session_persistence=False,
            socketio_path="/socket.io",
            metadata_key="metadata",
            jwt_key=None,
            jwt_method="HS256",
        )
    }


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n"])
def test_nothing(tmp_path: Path, text: str) -> None:
    assert read_credentials(written(tmp_path, text)) == {}


def test_what_rasa_init_writes(tmp_path: Path) -> None:
    text = 'rest:\n#  nothing needed\nrasa:\n  url: "http://localhost:5002/api"\n'
    with pytest.warns(UserWarning, match=r"credentials.yml:3: not used by Gossamer: rasa"):
        assert read_credentials(written(tmp_path, text)) == {"rest": RestChannel()}


@pytest.mark.parametrize(
    ("text", "line", "fault"),
    [
        ("- rest", 1, "must be a mapping of channels.*Try: rest:"),
        ("rest:\n  port: 1", 2, "'rest' has no keys.*got 'port'"),
        ("rest: yes", 1, "'rest' must be a mapping.*got 'yes'"),
        ("rest: [a]", 1, "'rest' must be a mapping.*got 'a list'"),
        ("rest:\nslack:\n  slack_token: s3cret", 2, "got 'slack'.*my_channels.SlackChannel:"),
        ("twilio_voice:", 1, "my_channels.TwilioVoiceChannel:"),
        ("restt:", 1, "a known one or a module path.*got 'restt'.*Try: rest:"),
        ("xyzzy:", 1, "Try: one of rest, callback, socketio, cmdline"),
        ("my channels.A:", 1, "must be a module path"),
        (".A:", 1, "must be a module path"),
        ("my.A:\n  size: .inf", 2, "a number must be finite"),
        ("my.A: text", 1, "'my.A' must be a mapping"),
        ("callback:", 1, "'callback' needs a url.*Try: url: http://localhost:5034/bot"),
        ("callback:\n  url: localhost", 2, "the address of a callback must begin with"),
        ("callback:\n  url: http://a:s3cret@x", 2, "must not hold a user name"),
        ("callback:\n  url: http://x\n  tokn: s3cret", 3, "has the keys url.*Try: 'token'"),
        ("socketio:\n  user_message_event: a", 2, "Try: 'user_message_evt'"),
        ("socketio:\n  user_message_evt: ''", 2, "'user_message_evt' must not be empty"),
        ("socketio:\n  user_message_evt: [a]", 2, "'user_message_evt' must be a text"),
        ("socketio:\n  session_persistence: maybe", 2, "must be true or false.*'maybe'"),
        ("socketio:\n  namespace: chat", 2, "'namespace' must begin with a slash.*Try: /chat"),
        ("socketio:\n  socketio_path: x", 2, "'socketio_path' must begin with a slash"),
        ("socketio:\n  jwt_key: ''", 2, "'jwt_key' must not be empty"),
        ("socketio:\n  jwt_key: s3cret\n  jwt_method: none", 2, "'jwt_method' must be one of HS2"),
        ("socketio:\n  jwt_key: ${GOSSAMER_NOT_SET}", 2, "must be set.*GOSSAMER_NOT_SET"),
        ("rest:\nrest:", 2, "a key must occur once"),
    ],
)
def test_faults(tmp_path: Path, text: str, line: int, fault: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError, match=fault) as caught:
        read_credentials(path)
    assert caught.value.where is not None
    assert (caught.value.where.path, caught.value.where.line) == (path, line)
    assert "s3cret" not in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="credentials must be a file"):
        read_credentials(tmp_path / "credentials.yml")
