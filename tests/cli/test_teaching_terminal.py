"""Teaching on a real terminal, as a person does it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from terminals import Terminal

from gossamer.data.nlu.reading import read_training_data
from gossamer.data.stories.reading import read_stories

pytestmark = pytest.mark.slow

pytest.importorskip("pty", reason="needs a pseudo-terminal")


def texts() -> set[str]:
    return {example.text for example in read_training_data("data").examples}


def test_a_talk_that_is_corrected(terminal: Callable[..., Terminal], talking: Path) -> None:
    talk = terminal("interactive", "--teacher", "Ann")
    talk.wait_for(r"talking\.gossamer is ready.*\s+> ")
    talk.type("hello Bonn\n")
    talk.wait_for(r"greet.*\s+Right\? \[Y/n\] ")
    talk.type("n\n")
    assert "2  travel" in talk.wait_for(r"Intent: number, or name \[greet\]: ")
    talk.type("2\n")
    talk.wait_for("or type it with its entities.*: ")
    talk.type("\x1b[A")  # the key up brings the sentence
    talk.wait_for("hello Bonn")
    talk.type("\x15hello [Bonn](city)\n")
    shown = talk.wait_for(r"Right\? \[Y/n\] ")
    assert "+    - hello [Bonn](city)" in shown
    talk.type(":slots\n")
    talk.wait_for(r'city = "Bonn"\s+Right\? \[Y/n\] ')
    talk.type("n\n")
    talk.wait_for("Action: number, or name: ")
    talk.type("utter_travel\n")
    talk.wait_for(r"Off we go\.[^?]*Right\? \[Y/n\] ")
    talk.type("n\n")
    talk.wait_for("Action: number, or name: ")
    talk.type("action_listen\n")
    talk.wait_for("> ")
    talk.type("\x04")
    shown = talk.wait_for(r"Teach this story\? \[Y/n\] ")
    assert "+++ b/data/taught_stories.yml" in shown
    talk.type("y\n")
    talk.wait_for(r"Taught: 1 message and 1 story\.\s+Train with it now\? \[y/N\] ")
    talk.type("\n")
    talk.wait_for("gossamer train trains with it")
    assert talk.end() == 0
    assert "hello Bonn" in texts()
    assert len(read_stories("data").stories) == 1


@pytest.mark.long
def test_ctrl_c_keeps_what_was_accepted(terminal: Callable[..., Terminal], talking: Path) -> None:
    talk = terminal("interactive")
    talk.wait_for("> ")
    talk.type("hello you\n")
    talk.wait_for(r"Right\? \[Y/n\] ")
    talk.type("\n")
    talk.wait_for(r"\+    - hello you\s[^?]*Right\? \[Y/n\] ")
    # As in `test_terminal`: a signal just before readline waits is seen with the next one.
    for _ in range(10):
        os.killpg(talk.process.pid, signal.SIGINT)
        try:
            talk.wait_for(r"Taught: 1 message\.[^.]*\.\s+Interrupted\.", seconds=3.0)
            break
        except AssertionError:
            continue
    assert talk.end() == 130
    assert "hello you" in texts()


@pytest.mark.long
def test_one_key_in_the_inbox(terminal: Callable[..., Terminal], talking: Path) -> None:
    Path("models/talking.gossamer").unlink()  # what was understood then counts
    parse = {"intent": {"name": "greet", "confidence": 0.4}}
    events: list[dict[str, Any]] = []
    for text in ("hello you", "hello old friend of mine"):
        events.append({"event": "action", "name": "action_listen"})
        events.append({"event": "user", "text": text, "parse_data": parse})
    Path("talks.json").write_text(json.dumps({"events": events}), encoding="utf-8")
    inbox = terminal("inbox", "--conversations", "talks.json", "--no-train")
    inbox.wait_for(r"1 of 2[^\r\n]*\s+hello[^[]*\[a\]ccept.*: ")
    inbox.type("\x1b[A")  # an arrow, whose last character is no key
    inbox.wait_for(r"Please press one of[^[]*\[a\]ccept.*: ")
    inbox.type("a")  # and no Enter
    inbox.wait_for(r"\+    - hello[^[]*2 of 2[^[]*\[a\]ccept.*: ")
    inbox.type("\ns")
    inbox.wait_for(r"that was the last one\s+Taught: 1 message\.")
    assert inbox.end() == 0
    assert len(texts() & {"hello you", "hello old friend of mine"}) == 1
