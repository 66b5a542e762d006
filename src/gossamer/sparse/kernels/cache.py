"""Machine code of kernels on disk: a kernel is compiled once on a machine, not in each process.

An entry is a file named by its key, with a checksum before the code. Whoever loads an entry runs
it, so folders and files count only if they belong to this user and no other may write to them.
Whatever is amiss (no home, a full or read-only disk, a damaged file) means a miss, never an error:
kernels are then compiled as if there were no cache.

`GOSSAMER_CACHE=/some/folder` moves the cache, `GOSSAMER_CACHE=off` turns it off. What else is kept
from run to run has a folder beside it, under the same rules (`private_folder`).
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import os
import re
import stat
import sys
import tempfile
from pathlib import Path

VARIABLE = "GOSSAMER_CACHE"
KERNELS = "kernels"
FORMAT = 1  # goes up when an older entry must not be read any more
MOST_BYTES = 64 * 2**20  # of all entries
_MOST_BYTES_OF_AN_ENTRY = 16 * 2**20
_STORES_BETWEEN_CLEANINGS = 32
_OURS = re.compile(r"[0-9a-f]{64}|kernel-.*\.part")  # nothing else is ever removed
_CHECKSUM = hashlib.sha256().digest_size
# A link in the folder is not followed; Windows must not translate line ends.
_READING = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)

_stores = itertools.count()


def key_of(*parts: str) -> str:
    """The key of what is made from these parts: another one if any of them differs."""
    digest = hashlib.sha256()
    for part in (str(FORMAT), *parts):
        data = part.encode()
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


def load(key: str) -> bytes | None:
    """The machine code stored under a key; None if there is none that can be trusted."""
    folder = private_folder()
    if folder is None:
        return None
    try:
        with os.fdopen(os.open(folder / key, _READING), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or not _is_private(found):
                return None
            content = file.read(_MOST_BYTES_OF_AN_ENTRY + 1)
        checksum, code = content[:_CHECKSUM], content[_CHECKSUM:]
        if len(content) > _MOST_BYTES_OF_AN_ENTRY or checksum != _checksum(key, code):
            return None
    except OSError:
        return None
    with contextlib.suppress(OSError):
        os.utime(folder / key)  # what is used stays
    return code


def store(key: str, code: bytes) -> None:
    """Keep machine code under a key, if that can be done."""
    folder = private_folder(make=True)
    if folder is None:
        return
    with contextlib.suppress(OSError):
        handle, name = tempfile.mkstemp(prefix="kernel-", suffix=".part", dir=folder)  # mode 0600
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(_checksum(key, code) + code)
            temporary.replace(folder / key)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        if next(_stores) % _STORES_BETWEEN_CLEANINGS == 0:
            clean(folder, MOST_BYTES)


def clean(folder: Path, most_bytes: int) -> None:
    """Remove the entries that were used longest ago, until the rest is not too large.

    Args:
        folder: of the entries; other files in it are left alone.
        most_bytes: of all entries together.
    """
    entries = []
    for path in folder.iterdir():
        with contextlib.suppress(OSError):  # another process removed it
            if _OURS.fullmatch(path.name):
                found = path.lstat()
                entries.append((found.st_mtime_ns, found.st_size, path))
    total = sum(size for _, size, _ in entries)
    for _, size, path in sorted(entries):
        if total <= most_bytes:
            break
        with contextlib.suppress(OSError):
            path.unlink()
        total -= size


def place(what: str = KERNELS) -> Path | None:
    """The folder of the entries, whether or not it exists; None where there is to be none.

    Args:
        what: is kept, the name of the folder.
    """
    chosen = os.environ.get(VARIABLE, "")
    if chosen.lower() == "off":
        return None
    try:
        if chosen:
            return Path(chosen).expanduser().absolute() / what
        return _folder_of_caches() / "gossamer" / what
    except RuntimeError:  # there is no home
        return None


def _folder_of_caches() -> Path:
    """Where this system keeps a user's caches."""
    if sys.platform == "win32":
        local = os.environ.get("LOCALAPPDATA", "")
        return Path(local) if Path(local).is_absolute() else Path.home() / "AppData" / "Local"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    return Path(chosen) if Path(chosen).is_absolute() else Path.home() / ".cache"


def private_folder(what: str = KERNELS, *, make: bool = False) -> Path | None:
    """The folder of the entries, if it can be trusted.

    Args:
        what: see `place`.
        make: whether to make it, and those above it, if it is not there.
    """
    folder = place(what)
    try:
        if folder is None:
            return None
        missing = [part for part in (folder, *folder.parents) if not part.exists()] if make else []
        if missing and not _is_safely_placed(missing[-1].parent):
            return None
        for part in reversed(missing):
            part.mkdir(mode=0o700, exist_ok=True)
        return folder if _is_safe(folder) else None
    except OSError:
        return None


def _is_safe(folder: Path) -> bool:
    """Whether only this user can put files into the folder, or another folder in its place."""
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and _is_private(found) and _is_safely_placed(folder.parent)


@functools.lru_cache(maxsize=8)
def _is_safely_placed(parent: Path) -> bool:
    """Whether nobody but this user and the administrator can rename what lies in `parent`."""
    if sys.platform == "win32":
        return True
    parent = parent.resolve(strict=True)
    for part in (parent, *parent.parents):
        found = part.stat()
        is_open = found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX
        if is_open or found.st_uid not in (0, os.geteuid()):
            return False
    return True


def _is_private(found: os.stat_result) -> bool:
    """Whether this user has it, and others cannot write to it. Windows has no such modes."""
    if sys.platform == "win32":
        return True
    return found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _checksum(key: str, code: bytes) -> bytes:
    """Of an entry; with the key, so that an entry under another name is none."""
    return hashlib.sha256(key.encode() + code).digest()
