"""Channels of the user's own, and which channels there are."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from gossamer.data.errors import InputError
from gossamer.dialogue.history.events import BotUttered
from gossamer.nlu.own.failures import OwnPartError
from gossamer.serve.app import create_app
from gossamer.serve.server import Server
from gossamer.serve.settings import ServerSettings

Settings = Callable[..., dict[str, Any]]

ROOT = Path(__file__).resolve().parents[3]

DOOR = """\
from fastapi import APIRouter

from gossamer.serve.channels import Channel


class Door(Channel):
    name = "door"

    def __init__(self, server, options):
        super().__init__(server, options)
        self.happened = []

    def routes(self):
        router = APIRouter()

        @router.post("/knock/{who}")
        async def knock(who: str):
            turn = await self.server.handle("hello", who, channel=self.name)
            return {"says": [self.options["prefix"] + message.text for message in turn.messages]}

        return router

    async def start(self):
        self.happened.append("start")

    async def stop(self):
        self.happened.append("stop")

    async def send(self, recipient_id, messages):
        self.happened += [(recipient_id, message.text) for message in messages]
        return True
"""


@pytest.fixture
def module(tmp_path: Path) -> Iterator[Callable[[str], None]]:
    """Writes the module `my_channels` beside the credentials."""

    def write(text: str) -> None:
        (tmp_path / "my_channels.py").write_text(text, "utf-8")

    yield write
    sys.modules.pop("my_channels", None)


@pytest.fixture
def serving(settings: Settings) -> Iterator[Callable[[str | None], Server]]:
    """Makes a server of these credentials, with its application in `app`."""
    made: list[Server] = []

    def serve(credentials: str | None) -> Server:
        made.append(Server(ServerSettings(**settings(credentials))))
        made[-1].app = create_app(made[-1])  # type: ignore[attr-defined]
        return made[-1]

    yield serve
    for server in made:
        server.close()


def test_an_own_channel_talks_begins_and_ends(
    tiny_model: Path, module: Callable[[str], None], serving: Callable[[str], Any]
) -> None:
    module(DOOR)
    server = serving('my_channels.Door:\n  prefix: "> "\n')
    server.models.swap(server.load(tiny_model))
    door = server.channels["door"]
    assert list(server.channels) == ["door"]
    with TestClient(server.app) as client:
        assert door.happened == ["start"]
        answer = client.post("/webhooks/door/knock/ada")
        assert answer.json() == {"says": ["> Hello! Where to?"]}
        assert client.post("/webhooks/rest/webhook", json={"message": "hello"}).status_code == 404
    assert door.happened == ["start", "stop"]
    user = next(e for e in server.store.events("ada") if e["event"] == "user")
    assert user["input_channel"] == "door"


@pytest.mark.parametrize(
    ("credentials", "names"),
    [
        (None, ["rest"]),
        ("", []),
        ("rest:\n", ["rest"]),
        ("cmdline:\nsocketio:\nrest:\n", ["socketio", "rest"]),
        ("callback:\n  url: http://localhost:1/\n", ["callback"]),
    ],
)
def test_which_channels_there_are(
    serving: Callable[[str | None], Server], credentials: str | None, names: list[str]
) -> None:
    assert list(serving(credentials).channels) == names


BASE = "from gossamer.serve.channels import Channel\n\n\nclass Door(Channel):\n    "


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (f"{BASE}name = 'a/b'\n", "must have a name of letters"),
        (f"{BASE}pass\n", "must have a name of letters"),
        (f"{BASE}name = 'rest'\n", "must have a name of its own"),
        (f"{BASE}name = 'd'\n    def routes(self): return 1 / 0\n", "my_channels.Door failed in r"),
        (
            f"{BASE}name = 'd'\n    def __init__(self, *_): raise KeyError('token')\n",
            "my_channels.Door failed in __init__",
        ),
        ("class Door: pass\n", "must be a class made from gossamer.serve.channels.Channel"),
        ("class Gate: pass\n", "must have the class 'Door'"),
        ("import nowhere_to_be_found\n", "nowhere_to_be_found"),
        ("def f(:\n", "my_channels"),
        (
            "from rasa.core.channels.channel import InputChannel\n",
            r"made for Rasa \(it imports rasa\).*gossamer.serve.channels.Channel.*FastAPI",
        ),
        ("from sanic import Blueprint\n", r"made for Rasa \(it imports sanic\)"),
    ],
)
def test_an_own_channel_that_cannot_be_used(
    module: Callable[[str], None], serving: Callable[[str], Any], code: str, said: str
) -> None:
    module(code)
    with pytest.raises(InputError, match=f"(?s){said}") as error:
        serving("rest:\nmy_channels.Door:\n")
    assert "my_channels" in str(error.value) or "Door" in str(error.value)


def test_what_is_not_named_is_not_imported(
    module: Callable[[str], None], serving: Callable[[str | None], Any]
) -> None:
    module("raise SystemExit('imported')\n")
    serving("rest:\n")
    serving(None)


def test_a_channel_that_does_not_start_stops_those_before(
    module: Callable[[str], None], serving: Callable[[str], Any]
) -> None:
    broken = DOOR.replace("class Door", "class Gate").replace('"door"', '"gate"')
    broken = broken.replace('self.happened.append("start")', "raise OSError('no key')")
    module(DOOR + broken)
    server = serving("my_channels.Door:\nmy_channels.Gate:\n")
    with (
        pytest.raises(OwnPartError, match=r"my_channels\.Gate failed in start: OSError: no key"),
        TestClient(server.app),
    ):
        pass
    assert server.channels["door"].happened == ["start", "stop"]


def test_messages_go_to_the_channel_that_is_named(
    module: Callable[[str], None], serving: Callable[[str], Any]
) -> None:
    module(DOOR)
    server = serving("rest:\nmy_channels.Door:\n")
    says = [BotUttered(text="Wake up!")]
    for channel, is_sent in (("door", True), ("rest", False), ("nowhere", False), (None, False)):
        assert asyncio.run(server.send("ada", channel, says)) == is_sent
    assert server.channels["door"].happened == [("ada", "Wake up!")]


def test_the_channel_of_the_page_works(
    tiny_model: Path, module: Callable[[str], None], serving: Callable[[str], Any]
) -> None:
    page = ROOT / "docs" / "reference" / "channels.md"
    (code,) = re.findall(r"^```python\n(.*?)^```$", page.read_text("utf-8"), re.DOTALL | re.M)
    module(code)
    server = serving("my_channels.LineChannel:\n  welcome: Come in.\n")
    server.models.swap(server.load(tiny_model))
    says = [BotUttered(text="Wake up!")]
    with (
        TestClient(server.app) as client,
        client.websocket_connect("/webhooks/line/ada") as line,
    ):
        assert line.receive_json() == {"text": "Come in."}
        line.send_text("bye")
        assert line.receive_json() == {"recipient_id": "ada", "text": "Bye!"}
        portal = client.portal
        assert portal is not None
        assert portal.call(server.send, "ada", "line", says)
        assert line.receive_json() == {"recipient_id": "ada", "text": "Wake up!"}
        assert not portal.call(server.send, "bob", "line", says)
