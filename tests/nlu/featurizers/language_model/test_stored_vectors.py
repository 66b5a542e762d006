"""Vectors on disk: found again, never wrong, and nothing fails without them."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gossamer.nlu.featurizers.language_model import stored_vectors
from gossamer.nlu.featurizers.language_model.stored_vectors import StoredVectors
from gossamer.sparse.kernels import cache

WORDS = ("hello", "there")
VECTORS = np.arange(12, dtype=np.float32).reshape(3, 4)


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where they go; it does not exist yet."""
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache" / "language-models" / "vectors.sqlite"


def kept() -> StoredVectors:
    return StoredVectors("model", "mean")


def change(file: Path, statement: str, *values: object) -> None:
    database = sqlite3.connect(file)
    with database:
        database.execute(statement, values)
    database.close()


def test_what_was_stored_is_found() -> None:
    assert kept().load([WORDS]) == {}
    kept().store({WORDS: VECTORS, ("\ud800",): VECTORS[:2]})
    found = kept().load([WORDS, ("\ud800",), ("other",)])
    assert set(found) == {WORDS, ("\ud800",)}
    np.testing.assert_array_equal(found[WORDS], VECTORS)
    assert found[WORDS].dtype == np.float32
    assert found[WORDS].flags.writeable


def test_other_words_and_other_models_have_others() -> None:
    kept().store({WORDS: VECTORS})
    assert kept().load([("hello", "there", ""), ("hellothere",), ("hell", "othere")]) == {}
    assert StoredVectors("model", "first").load([WORDS]) == {}
    assert StoredVectors("modelmean").load([WORDS]) == {}


def test_a_damaged_entry_is_not_used(file: Path) -> None:
    kept().store({WORDS: VECTORS, ("hello",): VECTORS[:2]})
    change(file, "UPDATE vectors SET value = value || x'00000000'")
    assert kept().load([WORDS]) == {}
    kept().store({WORDS: VECTORS})
    assert list(kept().load([WORDS, ("hello",)])) == [WORDS]
    change(file, "UPDATE vectors SET value = 'text'")
    assert kept().load([WORDS]) == {}
    # The entry of other words, complete with its checksum.
    kept().store({WORDS: VECTORS, ("a", "b"): VECTORS + 1})
    change(
        file,
        "UPDATE vectors SET value = (SELECT value FROM vectors WHERE key != ?1) WHERE key = ?1",
        kept()._key(WORDS),
    )
    assert WORDS not in kept().load([WORDS])


@pytest.mark.parametrize("content", [b"no database" * 100, b"", b"SQLite format 3\0" + b"\1" * 999])
def test_a_damaged_file_is_replaced(file: Path, content: bytes) -> None:
    kept().store({WORDS: VECTORS})
    file.write_bytes(content)
    assert kept().load([WORDS]) == {}
    kept().store({WORDS: VECTORS})
    kept().store({WORDS: VECTORS})  # the first may have found the damage
    assert list(kept().load([WORDS])) == [WORDS]


def test_no_cache(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.VARIABLE, "off")
    kept().store({WORDS: VECTORS})
    assert kept().load([WORDS]) == {}
    assert not file.exists()


def test_where_nothing_can_be_written(file: Path) -> None:
    file.mkdir(parents=True)  # a folder in its place
    file.parent.chmod(0o700)
    kept().store({WORDS: VECTORS})
    assert kept().load([WORDS]) == {}


def test_a_database_that_another_process_holds(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept().store({WORDS: VECTORS})
    monkeypatch.setattr(stored_vectors, "_SECONDS_TO_WAIT", 0.01)
    database = sqlite3.connect(file, isolation_level=None)
    database.execute("BEGIN EXCLUSIVE")
    kept().store({("new",): VECTORS[:2]})
    assert kept().load([WORDS]) == {}
    database.execute("ROLLBACK")
    database.close()
    assert set(kept().load([WORDS, ("new",)])) == {WORDS}


def test_what_was_stored_first_goes_first(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_vectors, "MOST_BYTES", 200_000)
    monkeypatch.setattr(stored_vectors, "_AT_A_TIME", 5)
    for number in range(40):
        kept().store({(str(number),): np.full((2, 1000), number, dtype=np.float32)})
    left = [int(words[0]) for words in kept().load((str(n),) for n in range(40))]
    assert sorted(left) == list(range(40 - len(left), 40))
    assert 10 < len(left) < 30
    assert file.stat().st_size < 300_000


def test_two_processes_at_once(file: Path) -> None:
    program = (
        "import sys, numpy as np\n"
        "from gossamer.nlu.featurizers.language_model.stored_vectors import StoredVectors\n"
        "for n in range(10):\n"
        "    array = np.full((2, 50), n, dtype=np.float32)\n"
        "    words = [(str(n),), (sys.argv[1] + str(n),)]\n"
        "    StoredVectors('model', 'mean').store(dict.fromkeys(words, array))\n"
    )
    workers = [subprocess.Popen([sys.executable, "-c", program, name]) for name in "ab"]
    assert [worker.wait(timeout=60) for worker in workers] == [0, 0]
    wanted = [(f"{name}{n}",) for name in ("", "a", "b") for n in range(10)]
    found = kept().load(wanted)
    assert all((found[words] == int(words[0].strip("ab"))).all() for words in wanted)
