"""The commands on a real terminal, with a real model: a small one, of keywords."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import gossamer
from gossamer.assistant import Assistant

pty = pytest.importorskip("pty", reason="needs a pseudo-terminal")

SRC = Path(gossamer.__file__).parents[1]


class Terminal:
    """A command on a pseudo-terminal of 120 columns."""

    def __init__(self, *arguments: str) -> None:
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gossamer.cli", *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=os.environ
            | {"PYTHONPATH": str(SRC), "TERM": "xterm", "COLUMNS": "120", "OMP_NUM_THREADS": "1"},
            start_new_session=True,
            # Where the tests run in the background, Ctrl-C is ignored, and children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            close_fds=True,
        )
        os.close(slave)
        self.seen = ""

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def wait_for(self, pattern: str, seconds: float = 60.0) -> str:
        """Read until a pattern appears; what was read, without colours, up to its end."""
        end = time.monotonic() + seconds
        while True:
            plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.seen)
            match = re.search(pattern, plain)
            if match is not None:
                self.seen = plain[match.end() :]
                return plain[: match.end()]
            if time.monotonic() > end or not self._read(end - time.monotonic()):
                raise AssertionError(f"{pattern!r} did not appear in {plain!r}")

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self.master], [], [], max(seconds, 0.0))
        try:
            chunk = os.read(self.master, 65536) if ready else b""
        except OSError:  # Linux tells the end of a terminal so.
            chunk = b""
        self.seen += chunk.decode("utf-8", errors="replace")
        return bool(chunk)

    def end(self) -> int:
        """The exit code."""
        return self.process.wait(timeout=60)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    opened: list[Terminal] = []

    def start(*arguments: object) -> Terminal:
        opened.append(Terminal(*map(str, arguments)))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


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
    init.wait_for("gossamer train nlu")
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
