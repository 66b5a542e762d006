"""Text files: read as UTF-8 or not at all, and written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from gossamer.data.errors import DataError, InputError, Location


def read_text(path: Path, *, error: type[InputError] = DataError) -> str:
    r"""The text of a file, a byte order mark dropped and `\r\n` made `\n`.

    Args:
        path: the file.
        error: what is raised.

    Raises:
        InputError: (of the kind `error`) the file cannot be read, is not UTF-8, or holds NUL
            characters, as binary files do.
    """
    try:
        raw = path.read_bytes()
    except OSError as problem:
        raise error("a file must be readable", got=problem.strerror, where=Location(path)) from None
    nul = raw.find(b"\x00")
    if nul >= 0:
        raise error(
            "a file must be text, not binary data",
            got=raw[nul : nul + 1],
            where=Location(path, raw.count(b"\n", 0, nul) + 1),
            hint="save it as UTF-8 text",
        )
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise error(
            "a file must be UTF-8",
            got=raw[problem.start : problem.end],
            where=Location(path, raw.count(b"\n", 0, problem.start) + 1),
            hint="save it as UTF-8",
        ) from None
    return text.replace("\r\n", "\n")


def write_text(path: Path, text: str) -> None:
    """Write a file so that a crash leaves the old one whole.

    Folders on the way are made. A symbolic link is followed: the file it names is replaced.

    Args:
        path: the file.
        text: what it shall hold, in UTF-8.

    Raises:
        DataError: the text holds lone surrogates, which UTF-8 cannot express.
        OSError: the folder cannot be written.
    """
    try:
        raw = text.encode("utf-8")
    except UnicodeEncodeError as problem:
        raise DataError(
            "a text must not hold half a surrogate pair",
            got=text[problem.start : problem.end],
            where=Location(path),
        ) from None
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files private; keep the old file's mode, or what open() would give.
        if target.exists():
            mode = target.stat().st_mode & 0o777
        else:
            mask = os.umask(0)
            os.umask(mask)
            mode = 0o666 & ~mask
        os.chmod(temporary, mode)  # noqa: PTH101 (a path as text)
        os.replace(temporary, target)  # noqa: PTH105
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)  # noqa: PTH108
        raise
