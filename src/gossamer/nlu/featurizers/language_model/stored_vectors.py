"""Vectors of training texts on disk, so that training again does not run the model again.

They are in `vectors.sqlite` in the folder `language-models` of the user's cache (see
`sparse/kernels/cache.py`; `GOSSAMER_CACHE` moves it or turns it off). An entry is named by a digest
of the model and the words, holds a checksum, and no text. Whatever is amiss (no folder, a full
disk, a damaged file) means that a vector is not there, never an error: it is then made again.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import numpy.typing as npt

from gossamer.sparse.kernels.cache import private_folder

Vectors = npt.NDArray[np.float32]
Words = tuple[str, ...]

FORMAT = 1  # goes up when vectors are made in another way
MOST_BYTES = 2**30  # of all entries; those that were stored first go first
_FOLDER, _FILE = "language-models", "vectors.sqlite"
_CHECKSUM = hashlib.sha256().digest_size
_SECONDS_TO_WAIT = 10.0  # for another process that writes
_AT_A_TIME = 500
_TABLE = "CREATE TABLE IF NOT EXISTS vectors (key BLOB UNIQUE NOT NULL, value BLOB NOT NULL)"


class StoredVectors:
    """The vectors that one model made.

    Args:
        model: all that decides about them, besides the words.
    """

    def __init__(self, *model: str) -> None:
        self._model = _digest([str(FORMAT), *model])

    def load(self, texts: Iterable[Words]) -> dict[Words, Vectors]:
        """Those of the texts that are there: a row for each word and one for the text."""
        keys = {self._key(words): words for words in texts}
        found: dict[Words, Vectors] = {}
        with _database(make=False) as database:
            if database is None:
                return found
            listed = list(keys)
            for start in range(0, len(listed), _AT_A_TIME):
                part = listed[start : start + _AT_A_TIME]
                marks = ",".join("?" * len(part))
                # As bytes whatever it is: a damaged text would end the whole query.
                query = f"SELECT key, CAST(value AS BLOB) FROM vectors WHERE key IN ({marks})"
                for key, value in database.execute(query, part):
                    vectors = _read(key, value, len(keys[key]) + 1)
                    if vectors is not None:
                        found[keys[key]] = vectors
        widths = {vectors.shape[1] for vectors in found.values()}
        return found if len(widths) <= 1 else {}

    def store(self, vectors: Mapping[Words, Vectors]) -> None:
        """Keep vectors, if that can be done; all of them or none."""
        rows = []
        for words, array in vectors.items():
            key, content = self._key(words), np.ascontiguousarray(array, dtype="<f4").tobytes()
            rows.append((key, _checksum(key, content) + content))
        with _database(make=True) as database:
            if database is None:
                return
            with database:
                database.execute(_TABLE)
                database.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?)", rows)
                _shorten(database)

    def _key(self, words: Words) -> bytes:
        return hashlib.sha256(self._model + _digest(words)).digest()


def _digest(parts: Iterable[str]) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.digest()


def _checksum(key: bytes, content: bytes) -> bytes:
    return hashlib.sha256(key + content).digest()


def _read(key: bytes, value: bytes, n_rows: int) -> Vectors | None:
    """The vectors of an entry; None where it is damaged."""
    checksum, content = value[:_CHECKSUM], value[_CHECKSUM:]
    if checksum != _checksum(key, content) or len(content) % (4 * n_rows) or not content:
        return None
    return np.frombuffer(content, dtype="<f4").astype(np.float32).reshape(n_rows, -1)


@contextlib.contextmanager
def _database(*, make: bool) -> Iterator[sqlite3.Connection | None]:
    """The database; None without one. What goes wrong in the block ends it, no more."""
    folder = private_folder(_FOLDER, make=make)
    path = None if folder is None else folder / _FILE
    if path is None or not (make or path.exists()):
        yield None
        return
    try:
        database = sqlite3.connect(path, timeout=_SECONDS_TO_WAIT)
    except sqlite3.Error:
        yield None
        return
    try:
        yield database
    except sqlite3.OperationalError:  # locked for too long, a full disk, no permission
        return
    except sqlite3.DatabaseError:  # damaged, or no database at all
        for name in (_FILE, f"{_FILE}-journal"):
            with contextlib.suppress(OSError):
                (path.parent / name).unlink()
    finally:
        database.close()


def _shorten(database: sqlite3.Connection) -> None:
    """Remove what was stored first, until the rest is not too large."""
    while _n_bytes(database) > MOST_BYTES:
        oldest = f"SELECT rowid FROM vectors ORDER BY rowid LIMIT {_AT_A_TIME}"
        removed = database.execute(f"DELETE FROM vectors WHERE rowid IN ({oldest})")
        if removed.rowcount < 1:
            break


def _n_bytes(database: sqlite3.Connection) -> int:
    """What the entries take, without space that they have left."""
    size, pages, free = (
        int(database.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("page_size", "page_count", "freelist_count")
    )
    return size * (pages - free)
