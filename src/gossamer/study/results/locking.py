"""One writer at a time: a lock that vanishes with the process that holds it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from gossamer.data.errors import InputError, Location

# The holder's name follows the first byte: that is the one which is locked on Windows, and locked
# bytes cannot be read there.
_PLACE_OF_NAME = 1


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file `path` for the length of the block.

    What counts is the system's own lock on the open file (see `filelock.lock_descriptor`), not that
    the file exists: the file stays, with the last holder's number, and a process that is killed no
    longer holds the lock. Between machines it holds only where the network file system has locks.
    Processes that are forked (not spawned) inside the block hold the lock as well, until they end:
    therefore this is the lock of an open file, and not a `filelock.FileLock`, which children lose.

    Raises:
        InputError: another process holds it, or the file cannot be made.
    """
    from filelock import lock_descriptor  # late: it brings asyncio and more

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
            is_ours = lock_descriptor(handle, blocking=False)
        except OSError as error:
            raise InputError(
                "the results must be in a folder whose file system has locks",
                got=str(error),
                where=Location(path),
                hint="a folder on a local disk",
            ) from error
        if not is_ours:
            raise InputError(
                "one study at a time writes to a folder",
                got=_holder(handle),
                where=Location(path),
                hint="waiting until the other has ended, stopping it, or another folder",
            )
        with contextlib.suppress(OSError):  # a full disk: the lock holds without a name
            os.ftruncate(handle, 0)
            os.write(handle, f"\nprocess {os.getpid()}".encode())
        yield
    finally:
        os.close(handle)


def _holder(handle: int) -> str:
    """The process named in the lock file; it may not be written yet."""
    with contextlib.suppress(OSError):
        os.lseek(handle, _PLACE_OF_NAME, os.SEEK_SET)
        name = os.read(handle, 100).decode("utf-8", "replace")
        if name:
            return f"a lock of {name}"
    return "a lock of another process"
