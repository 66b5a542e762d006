"""Writing files: whole or not at all, several together, by one piece of code for all writers.

A file is first written under another name in the same folder, `.gossamer-<random>.part`, flushed to
the disk, and then renamed. The writer holds a lock on it, which ends with its process; so a file
left by a killed process is recognised by its missing lock, and the next writer in that folder
removes it.

Two files are not written here. Rows of a study are added to their file, one at a time
(`study/results/rows.py`). The cache of kernels replaces its entries (`sparse/kernels/cache.py`):
`sparse` imports nothing of Gossamer, and an entry must be private and may get lost.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from gossamer.data.errors import DataError, InputError, Location

_PART = re.compile(r"\.gossamer-[0-9a-f]{16}\.part")
_HINTS = {
    "freeing space on the disk, or another folder": {errno.ENOSPC, errno.EFBIG, errno.EDQUOT},
    "another folder, or permission to write there": {errno.EACCES, errno.EPERM, errno.EROFS},
    "another name, or a file in it": {errno.EISDIR},
    "a shorter name": {errno.ENAMETOOLONG},
}


def write_file(path: Path, content: bytes, *, error: type[InputError] = DataError) -> None:
    """Write one file, as `write_files` does."""
    write_files({path: content}, error=error)


def write_files(
    contents: Mapping[Path, bytes],
    *,
    error: type[InputError] = DataError,
    may_replace: bool = True,
    when_ready: Callable[[], None] | None = None,
) -> None:
    """Write files together: if one cannot be written, all are as they were before.

    All contents are on the disk under temporary names before the first file is renamed, so a full
    disk, a missing permission or an interruption leaves old files whole, and no new file or folder.
    A process that is killed, or a machine that stops, in the moment of renaming may leave some
    files new and others old, each of them whole. Of two processes that write the same file the last
    one wins.

    Folders on the way are made. A symbolic link is followed: the file it names is replaced. A file
    that is replaced hands on its permissions. What is not a regular file (a device, a pipe) is
    written to directly.

    Args:
        contents: what each file is to hold.
        error: what is raised.
        may_replace: whether existing files may be replaced. If not, what happens in the moment of
            renaming is undone as well.
        when_ready: called when all contents are on the disk, before the first file is renamed; what
            it raises leaves all as it was.

    Raises:
        InputError: (of the kind `error`) a file cannot be written, or exists and may not be
            replaced.
    """
    with _prepared(contents, error) as parts:
        if when_ready is not None:
            when_ready()
        for part in parts:
            if not may_replace:
                with explained(part.path, error):
                    part.claim()
        for part in parts:
            with explained(part.path, error):
                part.put_in_place()


def check_writable(paths: Iterable[Path], *, error: type[InputError] = DataError) -> None:
    """Check that files can be written, before the work that makes them. Nothing is left there.

    Args:
        paths: the files; their folders need not exist.
        error: what is raised.

    Raises:
        InputError: (of the kind `error`) as `write_files`, as far as it can be known.
    """
    with _prepared(dict.fromkeys(paths, b""), error) as parts:
        for part in parts:
            part.remove()
        raise _OnlyChecked


class _OnlyChecked(Exception):
    """Ends `_prepared` as a failure does, so that nothing is left."""


@contextlib.contextmanager
def _prepared(contents: Mapping[Path, bytes], error: type[InputError]) -> Iterator[list[_Part]]:
    """Parts on the disk; when the block fails, they, and folders made for them, are removed."""
    parts: list[_Part] = []
    folders: list[Path] = []
    is_done = False
    try:
        for path, content in contents.items():
            with explained(path, error):
                part = _Part(path=path, content=content)
                parts.append(part)  # before anything is made, so that it is undone
                part.prepare(folders)
        yield parts
        is_done = True
    except _OnlyChecked:
        pass
    finally:
        for part in parts:
            part.finish(is_done=is_done)
        if not is_done:
            for folder in reversed(folders):
                with contextlib.suppress(OSError):  # another process put something into it
                    folder.rmdir()


@dataclass(slots=True, kw_only=True)
class _Part:
    """One file on its way.

    Attributes:
        path: as the caller gave it.
        content: what it is to hold.
        target: the file to be replaced, links followed; None for a device or a pipe.
        temporary: the file with the content, until it is renamed.
        handle: of the temporary file, with its lock.
        is_claimed: whether the target was made, empty, by this part.
    """

    path: Path
    content: bytes
    target: Path | None = None
    temporary: Path | None = None
    handle: int | None = None
    is_claimed: bool = False

    def prepare(self, folders: list[Path]) -> None:
        mode = _mode(self.path)
        if mode is not None and stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if mode is not None and not os.access(self.path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        if mode is not None and not stat.S_ISREG(mode):
            return
        self.target = Path(os.path.realpath(self.path))
        _make_folder(self.target.parent, folders)
        _mode(self.target)  # a name that is too long shows once its folder is there
        _remove_left_over(self.target.parent)
        while self.handle is None:
            temporary = self.target.with_name(f".gossamer-{secrets.token_hex(8)}.part")
            self.temporary = temporary  # before it is made, so that it is undone
            self.handle = _create(temporary)
        rest = memoryview(self.content)
        while rest:  # once, unless the disk is all but full
            rest = rest[os.write(self.handle, rest) :]
        os.fsync(self.handle)
        if mode is not None:
            temporary.chmod(stat.S_IMODE(mode))

    def claim(self) -> None:
        """Make the target, which must not exist; another process cannot do so at the same time."""
        os.close(os.open(self.target or self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        self.is_claimed = True

    def put_in_place(self) -> None:
        if self.target is None:
            self.path.write_bytes(self.content)
            return
        assert self.temporary is not None
        if sys.platform == "win32":  # an open file cannot be renamed there
            self._close()
        self.temporary.replace(self.target)
        self.temporary = None

    def remove(self) -> None:
        if self.temporary is not None:
            with contextlib.suppress(OSError):
                self.temporary.unlink()
            self.temporary = None

    def finish(self, *, is_done: bool) -> None:
        if not is_done:
            self.remove()
            if self.is_claimed and self.target is not None:
                with contextlib.suppress(OSError):
                    self.target.unlink()
        self._close()

    def _close(self) -> None:
        if self.handle is not None:
            os.close(self.handle)
            self.handle = None


@contextlib.contextmanager
def explained(path: Path, error: type[InputError]) -> Iterator[None]:
    """Errors of the operating system in the package's words.

    Args:
        path: what is written.
        error: what is raised.

    Raises:
        InputError: (of the kind `error`) the block raised an `OSError`.
    """
    try:
        yield
    except FileExistsError as problem:
        raise error(
            "an existing file must not be overwritten", where=Location(path), hint="another folder"
        ) from problem
    except (OSError, ValueError) as problem:  # ValueError: a name with characters that no file has
        number, text = None, str(problem)
        if isinstance(problem, OSError):
            number, text = problem.errno, problem.strerror or text
        hints = [hint for hint, numbers in _HINTS.items() if number in numbers]
        raise error(
            "a file must be in a place that can be written",
            got=text,
            where=Location(path),
            hint=hints[0] if hints else "another folder",
        ) from problem


def sync_folder(folder: Path) -> None:
    """Wait until the names of a folder's files are on the disk; Windows has no such call.

    Raises:
        OSError: the system cannot do that here.
    """
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):  # the latter is reported with the folder's name
        return None


def _make_folder(folder: Path, made: list[Path]) -> None:
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    if not folder.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, f"{os.strerror(errno.ENOTDIR)}: {folder}")
    for each in reversed(missing):
        try:
            each.mkdir()
        except FileExistsError:  # another process was faster
            if not each.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR)) from None
        else:
            made.append(each)


def _create(temporary: Path) -> int | None:
    """The handle of a new, locked file; None if another process took it for a left-over one."""
    handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    try:
        if _lock(handle) is False or os.fstat(handle).st_nlink == 0:
            os.close(handle)
            return None
    except BaseException:
        os.close(handle)
        raise
    return handle


def _lock(handle: int) -> bool | None:
    """Whether the lock was free and is held now; None where the file system has no locks."""
    if sys.platform == "win32":  # needs none: a file that is open cannot be removed there
        return None
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _remove_left_over(folder: Path) -> None:
    """Remove what killed processes left; files that a living process writes stay."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for name in [entry.name for entry in entries if _PART.fullmatch(entry.name)]:
            with contextlib.suppress(OSError):
                _remove_if_free(folder / name)


def _remove_if_free(part: Path) -> None:
    if sys.platform == "win32":  # refuses to remove a file that is open
        part.unlink()
        return
    handle = os.open(part, os.O_RDWR | os.O_NOFOLLOW)
    try:
        if _lock(handle):
            part.unlink()
    finally:
        os.close(handle)
