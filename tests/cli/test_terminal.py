"""The commands on a real terminal, with a real model: a small one, of keywords."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from terminals import Terminal

from gossamer.assistant import Assistant

pytestmark = pytest.mark.slow

pytest.importorskip("pty", reason="needs a pseudo-terminal")


@pytest.fixture
def trained(project: Path) -> Path:
    path = project / "models" / "small.gossamer"
    path.parent.mkdir()
    return Assistant.train(project / "config.yml", project / "data").save(path)


def test_a_talk_with_the_shell(terminal: Callable[..., Terminal], trained: Path) -> None:
    shell = terminal("shell", "nlu")
    assert f"models/{trained.name} is ready" in shell.wait_for("> ")
    shell.type("hello there\n")
    assert re.search(r"intent  greet  1\.000", shell.wait_for(r"\n> "))
    shell.type("\n")
    shell.wait_for("> ")
    shell.type("/stop\n")
    assert shell.end() == 0


def test_ctrl_d_ends_the_shell(terminal: Callable[..., Terminal], trained: Path) -> None:
    shell = terminal("shell", "nlu")
    shell.wait_for("> ")
    shell.type("\x04")
    assert shell.end() == 0


def test_ctrl_c_ends_the_shell_with_one_line(
    terminal: Callable[..., Terminal], trained: Path
) -> None:
    shell = terminal("shell", "nlu")
    shell.wait_for("> ")
    # A signal between the prompt and readline's wait is seen only with the next key, so the key
    # is pressed again, as a person would.
    for _ in range(10):
        os.killpg(shell.process.pid, signal.SIGINT)
        try:
            shell.wait_for("Interrupted\\.", seconds=3.0)
            break
        except AssertionError:
            continue
    assert shell.end() == 130


def test_parse_without_text_says_what_to_do(
    terminal: Callable[..., Terminal], trained: Path
) -> None:
    parse = terminal("parse")
    parse.wait_for("give a TEXT")
    assert parse.end() == 2


def test_init_asks_for_the_folder(terminal: Callable[..., Terminal], project: Path) -> None:
    init = terminal("init")
    init.wait_for(r"Folder \[\.\]: ")
    init.type("new\n")
    init.wait_for("gossamer train")
    assert init.end() == 0
    assert (project / "new" / "config.yml").is_file()


def test_train_test_and_parse_with_a_real_model(run: Callable[..., Any], project: Path) -> None:
    result = run("train", "nlu", "--quiet")
    assert result.exit_code == 0, result.stderr
    assert Path(result.stdout.strip()).is_file()
    result = run("test", "nlu", "--no-plot")
    assert result.exit_code == 0, result.stderr
    report = json.loads((project / "results" / "intent_report.json").read_text())
    assert report["accuracy"] == 1.0
    result = run("parse", "hello")
    assert json.loads(result.stdout)["intent"] == {"name": "greet", "confidence": 1.0}
