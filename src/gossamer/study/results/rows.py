"""Rows of results: a file of JSON lines that survives power cuts and refuses contradictions."""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from gossamer.data.errors import InputError, Location
from gossamer.data.text.files import sync_folder
from gossamer.study.results.locking import exclusive

Row = dict[str, Any]


class RowStore:
    """A file of JSON lines, one for each row; a row's text under "key" is unique in the file.

    Every row is on the disk when `append` returns. What a power cut leaves of the row that was
    being written, a last line without its newline or one that is not JSON, is not a row: readers
    leave it out, and the next writer moves its bytes to a file beside this one (`torn_path`).
    Damage of any other kind is an error.

    Numbers are JSON's: NaN and infinities are refused, on reading as on writing; None means that
    there is no number. What JSON reads back counts: a tuple becomes a list.

    Args:
        path: the file; the first row makes it, and its folder.

    Attributes:
        path: as given.
        torn_path: where torn lines go: the file's name with `.torn`; made when there is one.
        lock_path: the lock's file: the file's name with `.lock`; it stays, and by itself means
            nothing.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.torn_path = self.path.with_name(f"{self.path.name}.torn")
        self.lock_path = self.path.with_name(f"{self.path.name}.lock")
        self._n_moved = 0
        self._n_left = 0
        self._held_keys: set[str] | None = None  # while locked; no other process writes then

    @property
    def n_torn(self) -> int:
        """Torn lines found in the file or moved out of it; the user should see them."""
        return self._n_moved + self._n_left

    def rows(self) -> list[Row]:
        """All rows in the order of the file, none while there is no file.

        Equal rows of one key (two files put together) count once.

        Raises:
            InputError: the file cannot be read; a line but the last is not JSON; a line holds
                something else than a row with a key; two rows of a key differ.
        """
        content = self._read()
        self._n_left = int(bool(content.torn))
        return list(content.rows.values())

    @property
    def keys(self) -> set[str]:
        """The keys of all rows; raises as `rows`."""
        if self._held_keys is not None:
            return set(self._held_keys)
        return {row["key"] for row in self.rows()}

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only writer inside the block, as a study is while it runs.

        A torn line is moved out of the file first. The lock is gone when the process is, however
        it ends. Reading needs no lock. Inside another block of the same store this does nothing.

        Raises:
            InputError: another process, or another store, writes to this file; as `rows`; the
                folder cannot be written.
        """
        if self._held_keys is not None:
            yield
            return
        with self._told_when_not_writable():
            self.path.parent.mkdir(parents=True, exist_ok=True)
        with exclusive(self.lock_path):
            content = self._read()
            if content.torn:
                self._move_torn(content)
            self._n_left = 0
            self._held_keys = set(content.rows)
            try:
                yield
            finally:
                self._held_keys = None

    def append(self, row: Row) -> None:
        """Add a row; when this returns, it is on the disk.

        Outside of `locked` the lock is taken for this row, and the file is read.

        Raises:
            InputError: the row has no key or one that exists, or holds what JSON cannot (NaN and
                infinities too); the file cannot be written: then it is as it was; as `locked`.
        """
        line = self._line(row)
        with self.locked():
            assert self._held_keys is not None  # for mypy
            key = row["key"]
            if key in self._held_keys:
                raise InputError(
                    "a row's key must be new",
                    got=key,
                    where=Location(self.path),
                    hint="another key",
                )
            with self._told_when_not_writable():
                self._write(line)
            self._held_keys.add(key)

    def _line(self, row: Row) -> bytes:
        where = Location(self.path)
        key = row.get("key")
        if not isinstance(key, str) or not key:
            raise InputError(
                'a row must have a text under "key"', got=key, where=where, hint="naming the run"
            )
        try:
            text = json.dumps(row, ensure_ascii=False, allow_nan=False)
            return text.encode() + b"\n"
        except UnicodeEncodeError:
            # Half a surrogate pair, which UTF-8 cannot express but JSON's escapes can.
            return json.dumps(row, allow_nan=False).encode() + b"\n"
        except (TypeError, ValueError, RecursionError) as error:
            raise InputError(
                f"the row {key!r} must hold what JSON can ({error})",
                got=_not_json(row),
                where=where,
                hint="None for a missing number, plain numbers instead of NumPy's",
            ) from error

    def _write(self, line: bytes) -> None:
        """Add a line in one piece and wait for the disk; without success the file is as before."""
        is_new = not self.path.exists()
        with self.path.open("ab", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            try:
                rest = memoryview(line)
                while rest:  # once, but where the disk is all but full
                    rest = rest[file.write(rest) :]
                os.fsync(file.fileno())
            except BaseException:
                file.truncate(size)
                raise
        if is_new:
            sync_folder(self.path.parent)

    def _read(self) -> _Content:
        try:
            raw = self.path.read_bytes()
        except FileNotFoundError:
            raw = b""
        except OSError as error:
            raise InputError(
                "the results must be a readable file",
                got=str(error),
                where=Location(self.path),
                hint="another file",
            ) from error
        *whole, last = raw.split(b"\n")
        n_bytes = len(raw) - len(last)
        rows: dict[str, Row] = {}
        lines: dict[str, int] = {}
        for number, line in enumerate(whole, start=1):
            where = Location(self.path, number)
            try:
                row = json.loads(line.decode(), parse_constant=_refuse)
            except (ValueError, RecursionError) as error:
                if number == len(whole) and not last:
                    n_bytes -= len(line) + 1
                    break
                raise InputError(
                    f"every line must be one JSON object ({error})",
                    got=line[:80].decode("utf-8", "replace"),
                    where=where,
                    hint="removing the line; its run is then done again",
                ) from error
            key = row.get("key") if isinstance(row, dict) else None
            if not isinstance(key, str) or not key:
                raise InputError(
                    'every line must be a JSON object with a text under "key"',
                    got=line[:80].decode(),
                    where=where,
                    hint="another file, or removing the line",
                )
            if rows.setdefault(key, row) != row:
                raise InputError(
                    f"rows of one key must not differ (see line {lines[key]})",
                    got=key,
                    where=where,
                    hint="removing one of the two, or a file for each study",
                )
            lines.setdefault(key, number)
        return _Content(rows=rows, n_bytes=n_bytes, torn=raw[n_bytes:])

    def _move_torn(self, content: _Content) -> None:
        with self._told_when_not_writable():
            is_new = not self.torn_path.exists()
            with self.torn_path.open("ab") as file:
                file.write(content.torn.removesuffix(b"\n") + b"\n")
                file.flush()
                os.fsync(file.fileno())
            if is_new:
                sync_folder(self.path.parent)
            with self.path.open("r+b") as file:
                file.truncate(content.n_bytes)
                os.fsync(file.fileno())
        self._n_moved += 1

    @contextlib.contextmanager
    def _told_when_not_writable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(
                "the results must be in a writable place",
                got=str(error),
                where=Location(self.path),
                hint="another folder, or more space on the disk",
            ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Content:
    """What a file holds: rows by key, the length of its whole lines in bytes, what follows."""

    rows: dict[str, Row]
    n_bytes: int
    torn: bytes


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _not_json(value: Any) -> Any:
    """The innermost part that JSON cannot express, for the message."""
    parts: list[Any] = []
    if isinstance(value, dict):
        parts = list(value.values())
    elif isinstance(value, list | tuple):
        parts = list(value)
    elif isinstance(value, float) and not math.isfinite(value):
        return value
    for part in parts:
        try:
            json.dumps(part, allow_nan=False)
        except (TypeError, ValueError):
            return _not_json(part)
        except RecursionError:
            return None
    return value
