from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from gossamer.data.errors import DataError
from gossamer.nlu.featurizers.vectors.word_files import read_word_file


def written(folder: Path, content: str | bytes, name: str = "a.vec") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        "a 1 0\nb 0 1\n",
        "2 2\na 1 0\nb 0 1",
        "a 1 0 \r\nb 0 1 \r\n\r\n",
        "\ufeffa\t1\t0\nb\t0\t1\n",
    ],
)
def test_text_is_read_with_and_without_a_first_line(tmp_path: Path, content: str) -> None:
    found = read_word_file(written(tmp_path, content), {"b"}, 1)
    assert list(found.vectors.names) == ["a", "b"]
    assert found.vectors.rows.to_floats() == pytest.approx(np.eye(2), abs=0.01)
    assert found.n_rows == 2


def test_words_with_blanks_are_read(tmp_path: Path) -> None:
    found = read_word_file(written(tmp_path, "a 1 0\n. . 0 1\nat x@y.z 1 1\n"), set(), 9)
    assert list(found.vectors.names) == ["a", ". .", "at x@y.z"]


def test_rows_that_nobody_asks_for_are_not_kept(tmp_path: Path) -> None:
    content = "".join(f"w{number} {number + 1} 1\n" for number in range(3000))
    found = read_word_file(written(tmp_path, content), {"w2500"}, 1100)
    assert len(found.vectors.names) == len(found.vectors.rows.values) == 1101
    vector = found.vectors("w2500")
    assert vector is not None and vector.tolist()[1] == 0  # 1 of 2501 is less than half a step
    assert vector[0] == pytest.approx(2501 * found.vectors.scale, rel=0.01)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a 1 0\nb 1\n", r"a\.vec:2: every row must have a word and 2 numbers"),
        ("a 1 0\nb 1 2 3\n", r"a\.vec:2: every row must have a word and 2 numbers"),
        ("a 1 0\nb 1 x\n", r"a\.vec:2: a vector must be numbers: that of 'b'"),
        ("a 1 0\nb 1 nan\n", r"a\.vec:2: numbers of a vector must be finite"),
        ("a 1 0\nb 1 1e39\n", r"a\.vec:2: numbers of a vector must be finite"),
        (b"a 1 0\n\xff\xfe 1 2\n", r"a\.vec:2: words must be in UTF-8"),
        (b"a 1 0\nb\0 1 2\n", r"a\.vec:2: a text file of vectors must have one word"),
        ("", "must have a row"),
        ("\n", r"a\.vec:1: a file of vectors must begin with a word"),
        ("word\n", r"a\.vec:1: a file of vectors must begin with a word"),
        ("3 2\na 1 0\n", r"as many words as the first line says, 3 \(got 1\)"),
        ("9 99999999\na 1\n", r"a\.vec:1: a file of vectors must begin"),
        ("x" * 2**20, r"a\.vec:1: a text file of vectors"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read_word_file(written(tmp_path, content), set(), 10)


def binary(n_words: int = 2) -> bytes:
    rows = [
        b"a " + np.array([1, 0], np.float32).tobytes(),
        b"\nb " + np.array([0, 1], np.float32).tobytes(),
    ]
    return f"{n_words} 2\n".encode() + b"".join(rows)


def test_binary_files_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, gzip.compress(binary(), mtime=0), "a.bin.gz")
    found = read_word_file(path, {"b"}, 1)
    assert list(found.vectors.names) == ["a", "b"]
    assert found.vectors.rows.to_floats() == pytest.approx(np.eye(2), abs=0.01)


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (binary(3), "a.bin", "got 'the end of the file in word 3'"),
        (b"\xba\x16\x4f\x2f more", "a.bin", "those of fastText cannot be read"),
        (binary().replace(b"b ", b"\xff "), "a.bin", "words must be in UTF-8"),
        (b"PK", "a.zip", "Try: unpacking it"),
        (gzip.compress(b"a 1 0\n" * 99, mtime=0)[:30], "a.vec.gz", "must be readable and whole"),
        (b"a 1 0\n", "a.vec.gz", "must be readable and whole"),
    ],
)
def test_other_kinds_and_damaged_files_are_refused(
    tmp_path: Path, content: bytes, name: str, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read_word_file(written(tmp_path, content, name), set(), 10)
