"""Rows of results: whole lines or none, one row a key, one writer."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gossamer.study
from gossamer.data.errors import InputError
from gossamer.study.results.locking import exclusive
from gossamer.study.results.rows import Row, RowStore

A: Row = {"key": "a", "f1": 0.5}
B: Row = {"key": "b", "f1": None, "name": "Überlänge \u2028"}
LINE_A = b'{"key": "a", "f1": 0.5}\n'


@pytest.fixture
def store(tmp_path: Path) -> RowStore:
    return RowStore(tmp_path / "out" / "rows.jsonl")


def written(store: RowStore, content: bytes) -> RowStore:
    store.path.parent.mkdir(exist_ok=True)
    store.path.write_bytes(content)
    return store


def test_rows_come_back_as_they_were_added(store: RowStore) -> None:
    assert store.rows() == []
    assert store.keys == set()
    assert not store.path.parent.exists()
    store.append(A)
    with store.locked():
        store.append(B)
        assert store.keys == {"a", "b"}
        assert RowStore(store.path).rows() == [A, B]  # reading needs no lock
    assert store.rows() == [A, B]
    assert store.keys == {"a", "b"}
    assert store.path.read_bytes().count(b"\n") == 2
    assert store.n_torn == 0


def test_half_a_surrogate_pair_is_kept(store: RowStore) -> None:
    store.append({"key": "a", "text": "\ud83d"})
    assert store.rows() == [{"key": "a", "text": "\ud83d"}]


@pytest.mark.parametrize("locked", [True, False])
def test_a_key_is_added_once(store: RowStore, locked: bool) -> None:
    store.append(A)
    with pytest.raises(InputError, match="key must be new") as raised:
        if locked:
            with store.locked():
                store.append(A)
        else:
            store.append(A | {"f1": 0.6})
    assert str(store.path) in str(raised.value)
    assert store.rows() == [A]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({}, '"key"'),
        ({"key": 3}, '"key"'),
        ({"key": ""}, '"key"'),
        ({"key": "a", "f1": math.nan}, r"got nan\)"),
        ({"key": "a", "scores": {"loss": [1.0, -math.inf]}}, r"got -inf\)"),
        ({"key": "a", "f1": np.float32(1)}, r"got np.float32\(1.0\)"),
        ({"key": "a", "path": Path("x")}, "JSON"),
    ],
)
def test_what_is_no_row_is_refused(store: RowStore, row: Row, message: str) -> None:
    store.append({"key": "before"})
    with pytest.raises(InputError, match=message):
        store.append(row)
    assert store.rows() == [{"key": "before"}]


@pytest.mark.parametrize(
    "torn",
    [
        b'{"key": "b", "f',
        b'{"key": "b", "f1": 1.0}',  # whole, but nothing says so
        b'{"key": "b", "f\n',
        b"\0\0\0\0",
        b"\0\0\0\0\n",
        b'{"key": "\xc3',
        b'{"key": "b", "f1": NaN}\n',
        b"\n",
        b"[" * 100_000,
    ],
)
def test_a_torn_last_line_is_set_aside(store: RowStore, torn: bytes) -> None:
    written(store, LINE_A + torn)
    assert store.rows() == [A]
    assert store.n_torn == 1
    assert store.path.read_bytes() == LINE_A + torn  # readers change nothing
    store.append(B)
    assert store.rows() == [A, B]
    assert store.n_torn == 1
    assert store.torn_path.read_bytes() == torn.removesuffix(b"\n") + b"\n"
    assert RowStore(store.path).rows() == [A, B]


def test_all_torn_lines_are_kept(store: RowStore) -> None:
    for number in range(3):
        written(store, LINE_A + b"{%d" % number)
        with store.locked():
            assert store.path.read_bytes() == LINE_A
    assert store.torn_path.read_bytes() == b"{0\n{1\n{2\n"
    assert store.n_torn == 3


def test_a_file_of_nothing_but_a_torn_line(store: RowStore) -> None:
    written(store, b'{"ke')
    assert store.rows() == []
    store.append(A)
    assert store.rows() == [A]


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        (b"{broken\n" + LINE_A, 1, "one JSON object"),
        (LINE_A + b"\n" + b'{"key": "b"}\n', 2, "one JSON object"),
        (LINE_A + b"{broken\n" + b'{"torn', 2, "one JSON object"),
        (LINE_A + b'{"key": "b", "f1": NaN}\n{"key": "c"}\n', 2, "NaN is not JSON"),
        (LINE_A + b"\xff\n" + b'{"key": "b"}\n', 2, "utf-8"),
        (LINE_A + b'{"f1": 1.0}\n', 2, '"key"'),
        (LINE_A + b'["key", "b"]\n', 2, '"key"'),
        (LINE_A + b'{"key": 7}\n', 2, '"key"'),
        (LINE_A + b'{"key": "a", "f1": 0.6}\n', 2, "see line 1"),
    ],
)
def test_other_damage_is_an_error(store: RowStore, content: bytes, line: int, message: str) -> None:
    written(store, content)
    for use in (store.rows, lambda: store.keys, lambda: store.append({"key": "new"})):
        with pytest.raises(InputError, match=message) as raised:
            use()
        assert f"{store.path}:{line}: " in str(raised.value)
        assert "Try: " in str(raised.value)
    assert store.path.read_bytes() == content


def test_equal_rows_count_once(store: RowStore) -> None:
    written(store, LINE_A + b'{"f1": 0.5, "key": "a"}\r\n')
    assert store.rows() == [A]


def test_places_that_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="a readable file"):
        RowStore(tmp_path / "folder").rows()
    with pytest.raises(InputError, match="a writable place"):
        RowStore(tmp_path / "file" / "rows.jsonl").append(A)
    (tmp_path / "rows.jsonl.lock").mkdir()
    with pytest.raises(InputError, match="lock file"):
        RowStore(tmp_path / "rows.jsonl").append(A)


def test_a_full_disk_leaves_the_file_as_it_was(
    store: RowStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    store.append(A)
    with store.locked():
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(InputError, match="No space left"):
                store.append(B)
        assert store.path.read_bytes() == LINE_A
        store.append(B)
    assert store.rows() == [A, B]


def test_every_row_is_synced_and_a_new_file_s_folder(
    store: RowStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bool] = []
    real = os.fsync

    def noting(handle: int) -> None:
        synced.append(os.path.isdir(f"/proc/self/fd/{handle}"))  # noqa: PTH112
        real(handle)

    monkeypatch.setattr(os, "fsync", noting)
    store.append(A)
    store.append(B)
    assert len(synced) == 3
    if Path("/proc/self/fd").exists():
        assert synced == [False, True, False]


def run_python(code: str, *args: Any) -> subprocess.Popen[str]:
    source = str(Path(gossamer.study.__file__).parents[2])
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, args)],
        env=os.environ | {"PYTHONPATH": source},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_two_studies_do_not_write_to_one_file(store: RowStore) -> None:
    with store.locked():
        with store.locked():
            store.append(A)
        with pytest.raises(InputError, match="one study at a time") as raised:
            RowStore(store.path).append(B)
        assert f"process {os.getpid()}" in str(raised.value)
        assert str(store.lock_path) in str(raised.value)
        assert "Try: waiting" in str(raised.value)
    RowStore(store.path).append(B)


HOLD = """
import sys, time
from gossamer.study.results.rows import RowStore
with RowStore(sys.argv[1]).locked():
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_lock_vanishes_with_its_process(store: RowStore) -> None:
    process = run_python(HOLD, store.path)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(InputError, match=f"process {process.pid}"), store.locked():
            pass
    finally:
        process.kill()
        process.communicate()
    store.append(A)
    assert store.rows() == [A]


FORK = """
import os, sys
from gossamer.study.results.rows import RowStore
with RowStore(sys.argv[1]).locked():
    if os.fork() == 0:
        sys.stdin.readline()
        os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_holds_the_lock(store: RowStore) -> None:
    process = run_python(FORK, store.path)
    assert process.stdin is not None
    assert process.stdout is not None
    process.wait(60)
    with pytest.raises(InputError, match=f"a lock of process {process.pid}"):
        store.append(A)
    process.stdin.write("end\n")
    process.stdin.flush()
    process.stdout.read()  # until the child has ended
    store.append(A)
    process.communicate()


APPEND = """
import sys
from itertools import count
from gossamer.study.results.rows import RowStore
store = RowStore(sys.argv[1])
with store.locked():
    for number in count(len(store.rows())):
        store.append({"key": str(number), "filling": "x" * 100_000})
        print(number, flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_killed_while_appending(store: RowStore) -> None:
    for _ in range(4):
        process = run_python(APPEND, store.path)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(0.15)
        process.kill()
        told, _ = process.communicate()
        last = int(told.split()[-1]) if told else 0
        kept = [int(row["key"]) for row in store.rows()]
        assert kept == list(range(len(kept)))
        assert kept[-1] >= last  # what append returned from is there
    store.append({"key": "after"})
    whole = store.path.read_bytes()
    assert whole.endswith(b"\n")
    assert all("key" in json.loads(line) for line in whole.splitlines())


def test_a_lock_on_a_full_disk_holds_without_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with (
        exclusive(tmp_path / "lock"),
        pytest.raises(InputError, match="a lock of another process"),
        exclusive(tmp_path / "lock"),
    ):
        pass
