"""Machine code on disk: what is used, what is not, and that nothing goes wrong without it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from gossamer.sparse.kernels import build, cache
from gossamer.sparse.kernels.arguments import Argument, Size
from gossamer.sparse.kernels.build import Kernel, is_available
from gossamer.sparse.kernels.function import Function

pytestmark = pytest.mark.skipif(not is_available(), reason="llvmlite is not installed")
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
KEY = cache.key_of("a kernel")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where entries go, a folder that does not exist yet."""
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "cache"))
    cache._is_safely_placed.cache_clear()
    yield tmp_path / "cache" / "kernels"
    cache._is_safely_placed.cache_clear()


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The functions that have been compiled since, not loaded."""
    texts = []
    compile_text = build._compiled

    def note(text: str) -> bytes:
        texts.append(text)
        return compile_text(text)

    monkeypatch.setattr(build, "_compiled", note)
    return texts


def doubling(factor: float = 2.0) -> Kernel:
    """Multiplies numbers in place, as in a process that knows no kernels. Arguments: x, n."""
    build._engine.cache_clear()
    f = Function("doubling")
    x = f.argument(0)
    with f.loop(*f.share(f.argument(1, "i64"))) as i:
        value = f.load("float", f.at(x, i))
        f.store("float", f.binary("fmul", "float", value, f.constant("float", factor)), f.at(x, i))
    return Kernel(f, "doubling", (Argument("x", np.float32, lambda given: given["n"]), Size("n")))


def works(kernel: Kernel, factor: float = 2.0) -> bool:
    x = torch.arange(100, dtype=torch.float32)
    kernel(x, 100, n_threads=2)
    return torch.equal(x, factor * torch.arange(100, dtype=torch.float32))


def entry(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def test_what_was_compiled_is_loaded(folder: Path, compiled: list[str]) -> None:
    assert works(doubling())
    assert works(doubling())
    assert len(compiled) == 1
    assert works(doubling(3.0), 3.0)
    assert len(compiled) == 2
    assert len(list(folder.iterdir())) == 2


def test_machine_code_of_a_kernel_holds_no_address_of_this_process(folder: Path) -> None:
    kernel = doubling()
    content = entry(folder).read_bytes()
    addresses = [address for address in build._threads() if address]
    assert works(kernel)
    assert not [a for a in addresses if a.to_bytes(8, "little") in content]


@posix
def test_only_this_user_can_read_and_write_entries(folder: Path) -> None:
    before = os.umask(0)
    try:
        doubling()
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert folder.parent.stat().st_mode & 0o777 == 0o700
    assert entry(folder).stat().st_mode & 0o777 == 0o600


def flip(content: bytes, place: int) -> bytes:
    changed = bytearray(content)
    changed[place] ^= 1
    return bytes(changed)


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "code": lambda content: flip(content, -100),
    "checksum": lambda content: flip(content, 3),
    "truncated": lambda content: content[:-1],
    "checksum only": lambda content: content[:32],
    "empty": lambda content: b"",
    "longer": lambda content: content + b"\0",
    "foreign": lambda content: b"GIF89a" + bytes(2000),
    "zeros": lambda content: bytes(len(content)),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_entry_is_made_again(
    damage: Callable[[bytes], bytes], folder: Path, compiled: list[str]
) -> None:
    doubling()
    whole = entry(folder).read_bytes()
    entry(folder).write_bytes(damage(whole))
    assert works(doubling())
    assert len(compiled) == 2
    assert entry(folder).read_bytes() == whole


def test_an_entry_under_another_name_is_not_used(folder: Path, compiled: list[str]) -> None:
    doubling()
    doubling(3.0)
    first, second = folder.iterdir()
    shutil.copyfile(first, second)
    assert works(doubling())
    assert works(doubling(3.0), 3.0)
    assert len(compiled) == 3


def test_an_entry_without_the_function_is_made_again(folder: Path, compiled: list[str]) -> None:
    doubling()
    cache.store(entry(folder).name, build._compiled("define void @other() { ret void }"))
    assert works(doubling())
    assert len(compiled) == 3


@posix
@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_a_file_that_others_can_write_is_not_used(mode: int, folder: Path) -> None:
    cache.store(KEY, b"code")
    assert cache.load(KEY) == b"code"
    entry(folder).chmod(mode)
    assert cache.load(KEY) is None
    cache.store(KEY, b"code")
    assert cache.load(KEY) == b"code"
    assert entry(folder).stat().st_mode & 0o777 == 0o600


@posix
@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_folder_that_others_can_write_is_not_used(mode: int, folder: Path) -> None:
    cache.store(KEY, b"code")
    folder.chmod(mode)
    assert cache.load(KEY) is None
    cache.store(cache.key_of("another"), b"code")
    assert [path.name for path in folder.iterdir()] == [KEY]


@posix
def test_a_place_where_others_can_rename_folders_is_not_used(folder: Path) -> None:
    shared = folder.parents[1] / "shared"
    shared.mkdir()
    os.environ[cache.VARIABLE] = str(shared / "cache")
    shared.chmod(0o777)
    cache.store(KEY, b"code")
    assert list(shared.iterdir()) == []
    cache._is_safely_placed.cache_clear()
    shared.chmod(0o1777)  # as /tmp is: only the owner renames
    cache.store(KEY, b"code")
    assert cache.load(KEY) == b"code"


@posix
@pytest.mark.parametrize("what", ["file", "folder", "parent"])
def test_what_belongs_to_another_user_is_not_used(
    what: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache.store(KEY, b"code")
    own = os.geteuid()
    is_private = cache._is_private
    if what == "parent":
        monkeypatch.setattr(os, "geteuid", lambda: own + 1)
        monkeypatch.setattr(cache, "_is_private", lambda found: True)
        cache._is_safely_placed.cache_clear()
        is_used = own == 0  # the administrator could do anything anyway
        assert (cache.load(KEY) == b"code") == is_used
        return
    wanted = (folder if what == "folder" else folder / KEY).stat().st_ino
    real = os.geteuid

    def of_another(found: os.stat_result) -> bool:
        monkeypatch.setattr(os, "geteuid", lambda: own + (found.st_ino == wanted))
        try:
            return is_private(found)
        finally:
            monkeypatch.setattr(os, "geteuid", real)

    monkeypatch.setattr(cache, "_is_private", of_another)
    assert cache.load(KEY) is None


@posix
def test_links_are_not_followed(folder: Path, tmp_path: Path) -> None:
    cache.store(KEY, b"code")
    elsewhere = tmp_path / "elsewhere"
    entry(folder).rename(elsewhere)
    (folder / KEY).symlink_to(elsewhere)
    assert cache.load(KEY) is None
    cache.store(KEY, b"code")
    assert not (folder / KEY).is_symlink()
    moved = folder.rename(tmp_path / "moved")
    folder.symlink_to(moved, target_is_directory=True)
    assert cache.load(KEY) is None


@pytest.mark.parametrize("word", ["off", "OFF"])
def test_off(word: str, folder: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(cache.VARIABLE, word)
    monkeypatch.chdir(folder.parents[1])
    assert works(doubling())
    assert works(doubling())
    assert len(compiled) == 2
    assert list(folder.parents[1].iterdir()) == []


def test_moved(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for chosen, place in (("one", "one"), ("~/two", "home/two"), (str(tmp_path / "3"), "3")):
        monkeypatch.setenv(cache.VARIABLE, chosen)
        cache.store(KEY, b"code")
        assert cache.load(KEY) == b"code"
        assert [path.name for path in (tmp_path / place / "kernels").iterdir()] == [KEY]


@pytest.mark.parametrize(
    ("platform", "variables", "expected"),
    [
        ("linux", {"HOME": "/home/me"}, "/home/me/.cache"),
        ("linux", {"HOME": "/home/me", "XDG_CACHE_HOME": "/fast"}, "/fast"),
        ("linux", {"HOME": "/home/me", "XDG_CACHE_HOME": "not/absolute"}, "/home/me/.cache"),
        ("darwin", {"HOME": "/Users/me"}, "/Users/me/Library/Caches"),
        ("win32", {"LOCALAPPDATA": "/Local", "HOME": "/Users/me"}, "/Local"),
        ("win32", {"HOME": "/Users/me"}, "/Users/me/AppData/Local"),
    ],
)
@posix
def test_the_users_own_folder(
    platform: str, variables: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (cache.VARIABLE, "XDG_CACHE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    assert cache.place() == Path(expected) / "gossamer" / "kernels"


def test_without_a_home(compiled: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv(cache.VARIABLE)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    assert cache.place() is None
    assert works(doubling())
    assert len(compiled) == 1


@posix
def test_a_folder_that_cannot_be_written(folder: Path, compiled: list[str]) -> None:
    doubling()
    folder.chmod(0o500)
    try:
        assert works(doubling())
        assert works(doubling(3.0), 3.0)
    finally:
        folder.chmod(0o700)
    assert len(compiled) == 2


def test_a_full_or_read_only_disk(
    folder: Path, compiled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "mkdir", full)
        assert works(doubling())
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        assert works(doubling())
    assert list(folder.iterdir()) == []
    assert len(compiled) == 2


def test_a_file_where_the_folder_should_be(folder: Path, compiled: list[str]) -> None:
    folder.parent.write_text("in the way")
    assert works(doubling())
    assert len(compiled) == 1


def test_the_key_changes_with_all_that_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    import llvmlite
    from llvmlite import binding

    def key() -> str:
        build._circumstances.cache_clear()
        build._machine_options.cache_clear()
        return cache.key_of("text", *build._circumstances())

    own = key()
    assert key() == own
    changes: list[tuple[object, str, object]] = [
        (llvmlite, "__version__", "0.0.1"),
        (binding, "llvm_version_info", (1, 2, 3)),
        (binding, "get_host_cpu_name", lambda: "another"),
        (binding, "get_host_cpu_features", lambda: binding.FeatureMap({"avx": True})),
        (build, "_TUNING", {"speed_level": 3}),
        (cache, "FORMAT", cache.FORMAT + 1),
    ]
    keys = {own}
    for where, name, value in changes:
        with monkeypatch.context() as patch:
            patch.setattr(where, name, value)
            keys.add(key())
    assert len(keys) == len(changes) + 1
    assert key() == own
    assert cache.key_of("ab", "c") != cache.key_of("a", "bc")


def test_the_oldest_entries_go_first(folder: Path) -> None:
    keys = [cache.key_of(str(number)) for number in range(5)]
    for age, key in enumerate(keys):
        cache.store(key, bytes(968))  # 1,000 with the checksum
        os.utime(folder / key, (time.time() - 1000 + age,) * 2)
    (folder / "kernel-left-over.part").write_bytes(bytes(500))
    os.utime(folder / "kernel-left-over.part", (1000, 1000))
    (folder / "not ours").write_bytes(bytes(9000))
    assert cache.load(keys[0]) is not None  # and so it is the youngest
    cache.clean(folder, 5000)
    assert {path.name for path in folder.iterdir()} == {*keys, "not ours"}
    cache.clean(folder, 2500)
    assert {path.name for path in folder.iterdir()} == {keys[0], keys[4], "not ours"}


def test_storing_keeps_to_the_limit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST_BYTES", 10_000)
    for number in range(200):
        cache.store(cache.key_of(str(number)), bytes(968))
    n_entries = len(list(folder.iterdir()))
    assert 10 <= n_entries <= 10 + cache._STORES_BETWEEN_CLEANINGS


PROCESS = """
import torch
torch.set_num_threads(2)
from gossamer.sparse.kernels import build
from gossamer.sparse.kernels.tiles import TileShape, tile_kernels
n_compiled = 0
compile_text = build._compiled
def note(text):
    global n_compiled
    n_compiled += 1
    return compile_text(text)
build._compiled = note
kernels = tile_kernels(TileShape(64, 64, 32, 16, 16))
weight, turned, back = torch.randn(4, 16, 32), torch.zeros(4, 32, 16), torch.zeros(4, 16, 32)
kernels.turn(weight, turned, n_threads=2)
kernels.turn_back(turned, back, n_threads=2)
assert torch.equal(turned, weight.transpose(1, 2)) and torch.equal(back, weight)
print(n_compiled)
"""


def start(**more: str) -> subprocess.Popen[str]:
    src = str(Path(build.__file__).parents[3])
    return subprocess.Popen(
        [sys.executable, "-c", PROCESS],
        env=os.environ | {"PYTHONPATH": src} | more,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.long
def test_processes_share_entries(folder: Path) -> None:
    together = [start(), start()]
    told = [process.communicate(timeout=300)[0].strip() for process in together]
    assert all(process.returncode == 0 for process in together)
    assert all(0 <= int(n) <= 2 for n in told)
    assert len(list(folder.iterdir())) == 2
    assert start().communicate(timeout=300)[0].strip() == "0"


@pytest.mark.slow
def test_all_is_done_by_fewer_threads_than_asked_for() -> None:
    process = start(OMP_THREAD_LIMIT="1")
    assert process.communicate(timeout=300)[0].strip() == "2"
    assert process.returncode == 0
