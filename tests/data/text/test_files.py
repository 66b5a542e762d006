"""One piece of code writes all files: whole or not at all, several together."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import gossamer
from gossamer.data.errors import DataError, InputError, ModelFileError
from gossamer.data.text.files import check_writable, write_file, write_files

SRC = Path(gossamer.__file__).parents[1]
posix = pytest.mark.skipif(os.name != "posix", reason="needs a POSIX system")


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_files_and_their_folders_are_made(tmp_path: Path) -> None:
    write_files({tmp_path / "a" / "b" / "one": b"1", tmp_path / "a" / "two": b"2" * 100_000})
    assert names(tmp_path) == ["a", "a/b", "a/b/one", "a/two"]
    assert (tmp_path / "a" / "two").read_bytes() == b"2" * 100_000


@posix
def test_new_files_are_as_readable_as_any(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_file(tmp_path / "a", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


FAILURES = [OSError(28, "No space left on device"), KeyboardInterrupt(), MemoryError()]


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
@pytest.mark.parametrize("call", ["open", "write", "fsync"])
@pytest.mark.parametrize("n_before", [0, 1, 2])
def test_what_fails_while_writing_leaves_everything_as_it_was(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    failure: BaseException,
    n_before: int,
) -> None:
    (tmp_path / "old").write_bytes(b"old")
    real, n_calls = getattr(os, call), 0

    def failing(*arguments: object, **options: object) -> object:
        nonlocal n_calls
        n_calls += 1
        if n_calls > n_before:
            raise failure
        return real(*arguments, **options)

    kind = ModelFileError if isinstance(failure, OSError) else type(failure)
    with monkeypatch.context() as patch:
        patch.setattr(os, call, failing)
        with pytest.raises(kind):
            write_files(
                {
                    tmp_path / "old": b"new",
                    tmp_path / "new" / "deep" / "x": b"x",
                    tmp_path / "y": b"y",
                },
                error=ModelFileError,
            )
    assert names(tmp_path) == ["old"]
    assert (tmp_path / "old").read_bytes() == b"old"


def test_files_that_must_be_new_are_all_there_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    contents = {tmp_path / "new" / name: name.encode() for name in "abc"}
    real, n_calls = Path.replace, 0

    def interrupted(self: Path, target: Path) -> Path:
        nonlocal n_calls
        n_calls += 1
        if n_calls == 2:
            raise KeyboardInterrupt
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            write_files(contents, may_replace=False)
    assert names(tmp_path) == []
    write_files(contents, may_replace=False)
    (tmp_path / "new" / "b").write_bytes(b"mine")
    (tmp_path / "new" / "a").unlink()
    with pytest.raises(DataError, match=r"b: an existing file must not be overwritten"):
        write_files(contents, may_replace=False)
    assert names(tmp_path) == ["new", "new/b", "new/c"]
    assert (tmp_path / "new" / "b").read_bytes() == b"mine"


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    for path, got, hint in (
        (tmp_path / "file" / "x", f"Not a directory: {tmp_path / 'file'}", "another folder"),
        (tmp_path / "file" / "x" / "y", f"Not a directory: {tmp_path / 'file'}", "another folder"),
        (tmp_path / "folder", "Is a directory", "another name, or a file in it"),
        (tmp_path / ("x" * 300), "File name too long", "a shorter name"),
        (tmp_path / ("x" * 300) / "y", "File name too long", "a shorter name"),
        (tmp_path / "loop", "symbolic link", "another folder"),
        (tmp_path / "a\0b", "null", "another folder"),
    ):
        for is_only_checked in (False, True):
            with pytest.raises(InputError) as caught:
                check_writable([path]) if is_only_checked else write_file(path, b"")
            assert "a place that can be written" in str(caught.value)
            assert got in str(caught.value.got)
            assert caught.value.hint == hint
    assert names(tmp_path) == ["file", "folder", "loop"]


@posix
def test_the_longest_name_that_the_file_system_takes(tmp_path: Path) -> None:
    write_file(tmp_path / ("x" * 255), b"1")
    assert (tmp_path / ("x" * 255)).read_bytes() == b"1"


def test_checking_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "old").write_bytes(b"old")
    check_writable([tmp_path / "old", tmp_path / "new" / "deep" / "x"])
    assert names(tmp_path) == ["old"]
    assert (tmp_path / "old").read_bytes() == b"old"


@posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
@pytest.mark.parametrize(
    "attempt", [lambda p: write_file(p, b"new"), lambda p: check_writable([p])]
)
def test_permissions(tmp_path: Path, attempt: Callable[[Path], None]) -> None:
    (tmp_path / "old").write_bytes(b"old")
    (tmp_path / "old").chmod(0o444)
    with pytest.raises(DataError, match=r"Permission denied.*permission to write there"):
        attempt(tmp_path / "old")
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(DataError, match="Permission denied"):
            attempt(tmp_path / "new")
    finally:
        tmp_path.chmod(0o700)


@posix
def test_a_device_is_written_to_and_stays_one(tmp_path: Path) -> None:
    write_file(Path(os.devnull), b"x")
    assert Path(os.devnull).is_char_device()
    if Path("/dev/full").exists():
        with pytest.raises(DataError, match="No space left"):
            write_file(Path("/dev/full"), b"x")


def _other_process(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        env=os.environ | {"PYTHONPATH": str(SRC)},
        stdout=subprocess.PIPE,
        text=True,
    )


@posix
def test_what_a_killed_process_left_is_removed_by_the_next(tmp_path: Path) -> None:
    writing = """
import os, sys, time
from pathlib import Path
from gossamer.data.text.files import write_file

def wait(handle):
    print("is writing", flush=True)
    time.sleep(60)

os.fsync = wait
write_file(Path(sys.argv[1]), b"new")
"""
    (tmp_path / "old").write_bytes(b"old")
    (tmp_path / ".gossamer-mine.part").write_bytes(b"not one of ours")
    process = _other_process(writing, str(tmp_path / "old"))
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "is writing\n"
        write_file(tmp_path / "new", b"new")
        assert len(names(tmp_path)) == 4, "that process lives, and its file stays"
        process.send_signal(signal.SIGKILL)
        process.wait()
        write_file(tmp_path / "new", b"newer")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()  # type: ignore[union-attr]
    assert names(tmp_path) == [".gossamer-mine.part", "new", "old"]
    assert (tmp_path / "old").read_bytes() == b"old"


def test_of_many_writers_one_wins_whole(tmp_path: Path) -> None:
    path, failures = tmp_path / "new" / "x", []

    def write(number: int) -> None:
        try:
            for _ in range(20):
                write_file(path, bytes([number]) * 10_000)
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(set(path.read_bytes())) == 1
    assert names(tmp_path) == ["new", "new/x"]


@posix
def test_where_there_are_no_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", none)
    left = tmp_path / f".gossamer-{'0' * 16}.part"
    left.write_bytes(b"perhaps of a living process")
    write_file(tmp_path / "x", b"x")
    assert names(tmp_path) == [left.name, "x"]


@posix
def test_a_full_disk_that_is_one(tmp_path: Path) -> None:
    """A limit on the size of files is met where a full disk is: in writing."""
    code = """
import resource, signal, sys
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
from gossamer.data.errors import DataError
from gossamer.data.text.files import write_files
try:
    write_files({Path(sys.argv[1]) / "a": b"small", Path(sys.argv[1]) / "b": b"x" * 10_000})
except DataError as error:
    print(error)
"""
    process = _other_process(code, str(tmp_path / "new"))
    said, _ = process.communicate(timeout=60)
    assert said.startswith(f"{tmp_path / 'new' / 'b'}: a file must be in a place that can be")
    assert "File too large" in said
    assert "freeing space on the disk" in said
    assert names(tmp_path) == []
