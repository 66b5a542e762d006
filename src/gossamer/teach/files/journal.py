"""The journal of what was taught: `.gossamer/journal.jsonl` in a project.

It is written ahead: a record says how files change, and is on the disk before the first of them
does; another one says that all of them have. So whoever opens the journal after a process was
killed can finish what it began (`Journal.pending`). Records are lines of JSON that are added.

    {"record": "taught", "id": 1, "when": ..., "who": ..., "correction": {...},
     "files": [...], "is_added": true, "replaced": [...], "fresh": [...]}
    {"record": "undone", "id": 1, "when": ..., "who": ..., "files": [...], "others": {"2": {...}}}
    {"record": "done"}

Only for the sake of a person whose words it has, a correction that was undone is erased; then the
journal is written anew, with {"record": "erased", "id": 1, ...} in its place (see `erasing`).

`files` holds hunks with the hashes of each file before and after; `others`, what later corrections
change in the files once an earlier one is undone.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gossamer.data.errors import DataError, Location
from gossamer.data.text.files import explained, sync_folder, write_files
from gossamer.teach.files.patch import FileChange, Hunk, Patch

FOLDER: Final = ".gossamer"
JOURNAL: Final = "journal.jsonl"
_LOCK: Final = "teach.lock"
_LONGEST_WAIT_SECONDS: Final = 60.0

DONE: Final[Mapping[str, str]] = {"record": "done"}
"""The record after the last file of a change is in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A change of files, with what is needed to see whether it is done.

    Attributes:
        patch: the change.
        before: hash of each file's text before, by its path; None where there was no file.
        after: as `before`, afterwards.
    """

    patch: Patch
    before: Mapping[str, str | None]
    after: Mapping[str, str | None]

    def to_json(self) -> list[dict[str, Any]]:
        """As in the journal."""
        return [
            {
                "path": change.path,
                "before": self.before[change.path],
                "after": self.after[change.path],
                "hunks": [
                    [hunk.line, hunk.before, hunk.after, hunk.above, hunk.below]
                    for hunk in change.hunks
                ],
            }
            for change in self.patch.files
        ]

    @classmethod
    def of(cls, content: Sequence[Mapping[str, Any]]) -> Step:
        """What `to_json` gave."""
        changes = tuple(
            FileChange(
                path=part["path"],
                is_new=part["before"] is None,
                is_removed=part["after"] is None,
                hunks=tuple(
                    Hunk(
                        line=line,
                        before=tuple(before),
                        after=tuple(after),
                        above=tuple(above),
                        below=tuple(below),
                    )
                    for line, before, after, above, below in part["hunks"]
                ),
            )
            for part in content
        )
        return cls(
            patch=Patch(changes),
            before={part["path"]: part["before"] for part in content},
            after={part["path"]: part["after"] for part in content},
        )


def text_hash(text: str | None) -> str | None:
    """The hash of a file's text; None where there is no file."""
    return None if text is None else hashlib.sha256(text.encode("utf-8")).hexdigest()


class Journal:
    """The journal of a project.

    Args:
        folder: the project. Nothing is made in it before the first correction.

    Raises:
        DataError: the journal is outside the project, by a symbolic link.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / FOLDER
        self.path = self.folder / JOURNAL
        refuse_links(self.folder, self.path)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps out other processes, and other threads of this one.

        Raises:
            DataError: the project cannot be written, or others hold the lock for a minute.
        """
        with locked(self.folder / _LOCK):
            yield

    def records(self) -> list[dict[str, Any]]:
        """All records that are whole; a last line that is not was never acknowledged.

        Raises:
            DataError: the journal cannot be read, or was changed by hand.
        """
        content = self._read()
        lines = content[: content.rfind(b"\n") + 1].split(b"\n")[:-1]
        if not lines:
            return []
        from gossamer.teach.files.records import RecordReader  # late: it brings pydantic

        reader = RecordReader()
        result = []
        for number, line in enumerate(lines, start=1):
            try:
                result.append(reader.read(line))
            except ValueError:
                raise DataError(
                    "the journal of what was taught must be as it was written",
                    where=Location(self.path, number),
                    hint="moving the file away; what it says cannot be undone then",
                ) from None
        return result

    def pending(self) -> dict[str, Any] | None:
        """The last record, if its files may not all be changed yet."""
        records = self.records()
        return records[-1] if records and records[-1]["record"] != "done" else None

    def add(self, record: Mapping[str, Any]) -> int:
        """Adds a record, on the disk when this returns.

        Returns:
            The size of the journal before, for `cut`.

        Raises:
            DataError: it cannot be written; the journal is as it was then.
        """
        content = self._read()
        size = content.rfind(b"\n") + 1  # what follows is left of a process that was killed
        line = _line(record)
        is_new = not self.path.exists()
        with explained(self.path, DataError):
            handle = os.open(self.path, os.O_CREAT | os.O_RDWR, 0o666)
            try:
                os.ftruncate(handle, size)
                os.lseek(handle, size, os.SEEK_SET)
                rest = memoryview(line)
                try:
                    while rest:
                        rest = rest[os.write(handle, rest) :]
                    os.fsync(handle)
                except OSError:
                    os.ftruncate(handle, size)
                    raise
            finally:
                os.close(handle)
        if is_new:
            _settle(self.folder)
        return size

    def cut(self, size: int) -> None:
        """Takes back the last record, none of whose files was changed."""
        with explained(self.path, DataError):
            os.truncate(self.path, size)

    def rewrite(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Puts other records in place of all there are, whole or not at all.

        Raises:
            DataError: it cannot be written.
        """
        write_files({self.path: b"".join(map(_line, records))})
        _settle(self.folder)

    def _read(self) -> bytes:
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as problem:
            raise DataError(
                "the journal of what was taught must be readable",
                got=problem.strerror,
                where=Location(self.path),
            ) from None


def refuse_links(*paths: Path) -> None:
    """Refuse what is kept of teaching where a link leads elsewhere.

    Raises:
        DataError: one of the paths is a symbolic link.
    """
    for path in paths:
        if path.is_symlink():
            raise DataError(
                "what is taught must be kept in the project itself, not behind a link",
                where=Location(path),
            )


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keeps out other processes, and other threads of this one, by a file in a folder of its own.

    Args:
        path: the file; its folder is made.

    Raises:
        DataError: it cannot be written, or others hold the lock for a minute.
    """
    from filelock import FileLock, Timeout  # late: it brings asyncio and more

    refuse_links(path.parent, path)
    with explained(path.parent, DataError):
        path.parent.mkdir(exist_ok=True)
        lock = FileLock(path)
        try:
            lock.acquire(timeout=_LONGEST_WAIT_SECONDS)
        except Timeout:
            raise DataError(
                "nobody else may be teaching the project for so long",
                got=f"{_LONGEST_WAIT_SECONDS:.0f} s",
                where=Location(path),
                hint="ending the other process",
            ) from None
    try:
        yield
    finally:
        lock.release()


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _settle(folder: Path) -> None:
    """Names of a folder's files, on the disk; where the system cannot do that, nothing."""
    with contextlib.suppress(OSError):
        sync_folder(folder)


def text_now(path: Path) -> str | None:
    """The text of a file as it is on the disk; None where there is no file."""
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as problem:
        raise DataError("a file must be readable", got=str(problem), where=Location(path)) from None


def put_in_place(
    texts: Mapping[Path, str | None], *, when_ready: Callable[[], None] | None = None
) -> None:
    """Write files whole, and remove those that go; on the disk when this returns.

    Args:
        texts: what each file is to hold; None: it goes.
        when_ready: as for `write_files`.

    Raises:
        DataError: a file cannot be written.
    """
    write_files(
        {path: text.encode("utf-8") for path, text in texts.items() if text is not None},
        when_ready=when_ready,
    )
    for path, text in texts.items():
        if text is None:
            with explained(path, DataError):
                path.unlink(missing_ok=True)
    for folder in {path.parent for path in texts}:
        _settle(folder)
