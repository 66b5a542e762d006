"""One writer at a time: a lock that vanishes with the process that holds it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from gossamer.data.errors import InputError, Location

# Far after what the file holds: on Windows locked bytes cannot be read.
_WINDOWS_PLACE = 1 << 30


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file `path` for the length of the block.

    What counts is the system's own lock on the open file, not that the file exists: the file stays,
    with the last holder's number, and a process that is killed no longer holds the lock. POSIX
    systems use `flock` (between machines only where the network file system has it), Windows
    `msvcrt.locking`. Processes that are forked (not spawned) inside the block hold the lock as
    well, until they end.

    Raises:
        InputError: another process holds it, or the file cannot be made.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise InputError(
            "the lock file of the results must be writable",
            got=str(error),
            where=Location(path),
            hint="another folder",
        ) from error
    try:
        try:
            _acquire(handle)
        except BlockingIOError as error:
            raise InputError(
                "one study at a time writes to a folder",
                got=_holder(handle),
                where=Location(path),
                hint="waiting until the other has ended, stopping it, or another folder",
            ) from error
        except OSError as error:
            raise InputError(
                "the results must be in a folder whose file system has locks",
                got=str(error),
                where=Location(path),
                hint="a folder on a local disk",
            ) from error
        with contextlib.suppress(OSError):  # a full disk: the lock holds without a name
            os.ftruncate(handle, 0)
            os.write(handle, f"process {os.getpid()}".encode())
        yield
    finally:
        os.close(handle)


def _holder(handle: int) -> str:
    """The process named in the lock file; it may not be written yet."""
    with contextlib.suppress(OSError):
        os.lseek(handle, 0, os.SEEK_SET)
        name = os.read(handle, 100).decode("utf-8", "replace")
        if name:
            return f"a lock of {name}"
    return "a lock of another process"


if sys.platform == "win32":
    import msvcrt

    def _acquire(handle: int) -> None:
        os.lseek(handle, _WINDOWS_PLACE, os.SEEK_SET)
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError(*error.args) from error
        finally:
            os.lseek(handle, 0, os.SEEK_SET)

else:
    import fcntl

    def _acquire(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
