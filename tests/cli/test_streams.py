"""Standard streams that are closed, full or of another encoding: one line, no traceback."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import gossamer
from gossamer.cli.streams import input_lines, typed_lines
from gossamer.data.errors import InputError

pytestmark = pytest.mark.slow

SRC = Path(gossamer.__file__).parents[1]
posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX shell")
full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")


def shell(
    line: str, folder: Path, *, stdin: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    """Run a line of shell in which `$G` is gossamer."""
    return subprocess.run(
        ["sh", "-c", line],
        cwd=folder,
        input=stdin,
        env=os.environ
        | {"PYTHONPATH": str(SRC), "G": f"{sys.executable} -m gossamer.cli"}
        | environment,
        capture_output=True,
        timeout=120,
        check=False,
    )


@posix
@full
@pytest.mark.parametrize("buffering", ["", "1"])
@pytest.mark.parametrize("command", ["--help", "init new"])
def test_a_full_output_is_one_line(tmp_path: Path, command: str, buffering: str) -> None:
    result = shell(f"$G {command} > /dev/full", tmp_path, PYTHONUNBUFFERED=buffering)
    assert result.returncode == 1
    assert result.stderr == b"Error: standard output: No space left on device\n"


@posix
@pytest.mark.parametrize("command", ["--help", "--version", "init new"])
def test_a_closed_output_is_one_line(tmp_path: Path, command: str) -> None:
    result = shell(f"$G {command} >&-", tmp_path)
    assert result.returncode == 1
    assert result.stderr == b"Error: standard output: Bad file descriptor\n"


@posix
@full
@pytest.mark.parametrize("errors", ["2>&-", "2>/dev/full"])
def test_without_an_error_stream_the_exit_code_tells(tmp_path: Path, errors: str) -> None:
    (tmp_path / "config.yml").write_text("mine")
    assert shell(f"$G init {errors}", tmp_path).returncode == 1
    assert shell(f"$G fly {errors}", tmp_path).returncode in (1, 2)
    assert shell(f"$G init new {errors}", tmp_path).returncode == 0
    assert (tmp_path / "new" / "config.yml").is_file()


@posix
def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    result = shell("$G init new | true", tmp_path)
    assert (result.returncode, result.stderr) == (0, b"")


@posix
def test_texts_that_the_output_cannot_carry(model: Path) -> None:
    """A real model is not needed: what is printed is."""
    (model.parents[1] / "config.yml").write_text("mine")
    result = shell("$G init", model.parents[1] / "data" / "..", PYTHONIOENCODING="ascii")
    assert result.returncode == 1
    folder = model.parents[1] / "d\u00e9j\u00e0 \U0001f642"
    result = shell(f"$G init '{folder.name}'", model.parents[1], PYTHONIOENCODING="latin-1")
    assert (result.returncode, result.stderr) == (0, b"")
    assert b"\\U0001f642/config.yml" in result.stdout


def of(raw: bytes, encoding: str = "utf-8") -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(raw), encoding=encoding, errors="surrogateescape")


def test_lines_before_a_bad_one_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", of(b"\xef\xbb\xbfone\r\n\ntwo \xff\xe9\nthree"))
    lines = input_lines()
    assert [next(lines), next(lines)] == ["one", ""]
    message = re.escape("line 3 of standard input must be UTF-8 (got b'\\xff\\xe9'). Try: another")
    with pytest.raises(InputError, match=message):
        next(lines)


def test_other_encodings_that_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", of(b"caf\xe9\n\n  /stop \nno more", "latin-1"))
    assert list(typed_lines()) == ["caf\u00e9"]


def test_input_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, _: Any) -> int:
            raise OSError(9, "Bad file descriptor")

    for read in (input_lines, typed_lines):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(Closed())))
        with pytest.raises(InputError, match=r"standard input must be readable \(got 'Bad file"):
            list(read())


def test_parse_answers_what_came_before_a_bad_line(
    run: Callable[..., Any], model: Path, fake: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run("parse", input=b"hello\nto Rome\n\xff\nhello\n")
    assert result.exit_code == 1
    assert [json.loads(line)["text"] for line in result.stdout.splitlines()] in (
        ["hello", "to Rome"],
        [],  # where the test's own input decodes all at once
    )
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1


@posix
def test_closed_input_is_one_line(project: Path) -> None:
    (project / "models").mkdir()
    from gossamer.assistant import Assistant

    Assistant.train(project / "config.yml", project / "data").save(
        project / "models" / "m.gossamer"
    )
    for command in ("parse", "shell nlu"):
        result = shell(f"$G {command} <&-", project)
        assert result.returncode == 1
        assert result.stdout == b""
        assert result.stderr == (
            b"Error: standard input must be readable (got 'Bad file descriptor')\n"
        )
    result = shell(
        "$G parse",
        project,
        stdin="hello\n\u4f60\u597d \U0001f642\n".encode() + b"\xff\n",
        PYTHONIOENCODING="utf-8",
    )
    assert [json.loads(line)["text"] for line in result.stdout.splitlines()] == [
        "hello",
        "\u4f60\u597d \U0001f642",
    ]
    assert result.returncode == 1
    assert result.stderr.startswith(b"Error: line 3 of standard input must be UTF-8")
