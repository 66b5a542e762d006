"""What messages look like in channels, against what Rasa 3.6.21 made of the same ones.

`rasa_messages.json` has, for each text and data of a message, what Rasa's collecting channel and
its socket.io channel sent; without a key where Rasa fails.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gossamer.dialogue.history.events import BotUttered
from gossamer.serve.channels.messages import message_json, socket_messages

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent / "rasa_messages.json").read_text("utf-8")
)


def test_each_kind_of_message_is_among_the_cases() -> None:
    kinds = {key for case in CASES for key in case["data"]}
    assert kinds == {"buttons", "quick_replies", "image", "attachment", "custom", "elements"}


@pytest.mark.parametrize("case", [case for case in CASES if "rest" in case])
def test_rest_is_as_in_rasa(case: dict[str, Any]) -> None:
    message = BotUttered(text=case["text"], data=case["data"])
    assert json.dumps(message_json("u", message)) == json.dumps(case["rest"])


@pytest.mark.parametrize("case", [case for case in CASES if "socketio" in case])
def test_socketio_is_as_in_rasa(case: dict[str, Any]) -> None:
    message = BotUttered(text=case["text"], data=case["data"])
    assert json.dumps(socket_messages(message)) == json.dumps(case["socketio"])


@pytest.mark.parametrize(
    ("text", "data", "sent"),
    [
        (
            None,
            {"buttons": [{"title": "Yes"}]},
            [
                {
                    "text": "",
                    "quick_replies": [{"content_type": "text", "title": "Yes", "payload": None}],
                }
            ],
        ),
        (None, {"custom": {"type": "map"}}, [{"type": "map"}]),
        (None, {"custom": ["a"]}, [["a"]]),
        (None, {"custom": {"data": 1, "room": "of somebody else"}}, [1]),
        ("hi", {"buttons": "none", "elements": {"title": "none"}}, [{"text": "hi"}]),
    ],
)
def test_where_rasa_fails_something_is_sent(text: str, data: Any, sent: list[Any]) -> None:
    assert socket_messages(BotUttered(text=text, data=data)) == sent
