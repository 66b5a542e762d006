"""Texts that were dismissed from the inbox: their hashes, so that no text of a user is kept."""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
from pathlib import Path
from typing import Any, Final

from gossamer.data.errors import DataError, Location
from gossamer.data.text.files import write_file
from gossamer.teach.files.journal import locked, refuse_links

_NAME: Final = "dismissed.json"


class Dismissed:
    """Texts that nobody wants to see in the inbox again. All methods may block.

    The file has a secret of its own, with which texts are hashed: what somebody wrote cannot be
    looked up in a list of usual sentences. Several processes may share it.

    Args:
        folder: where the file is kept; made when the first text is dismissed.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / _NAME
        self._lock = threading.Lock()

    def __contains__(self, text: str) -> bool:
        return self.texts_among([text]) == frozenset([text])

    def texts_among(self, texts: list[str]) -> frozenset[str]:
        """Those of the texts that were dismissed.

        Raises:
            DataError: the file is damaged.
        """
        content = self._read()
        hashes = frozenset(content["hashes"])
        if not hashes:
            return frozenset()
        key = bytes.fromhex(content["key"])
        return frozenset(text for text in {*texts} if _hash(text, key) in hashes)

    def add(self, text: str) -> None:
        """Dismiss a text.

        Raises:
            DataError: the file is damaged or cannot be written.
        """
        self._change(text, is_dismissed=True)

    def remove(self, text: str) -> None:
        """Let a text be seen again. Raises as `add`."""
        self._change(text, is_dismissed=False)

    def _change(self, text: str, *, is_dismissed: bool) -> None:
        if not is_dismissed and not self._path.exists():
            return
        with self._lock, locked(self._path.with_suffix(".lock")):
            content = self._read()
            hashed = _hash(text, bytes.fromhex(content["key"]))
            others = [each for each in content["hashes"] if each != hashed]
            content["hashes"] = [*others, hashed] if is_dismissed else others
            write_file(self._path, json.dumps(content).encode())

    def _read(self) -> dict[str, Any]:
        refuse_links(self._path.parent, self._path)
        try:
            content = json.loads(self._path.read_bytes())
            is_key = len(bytes.fromhex(content["key"])) <= hashlib.blake2b.MAX_KEY_SIZE
            if is_key and all(isinstance(each, str) for each in content["hashes"]):
                return {"key": content["key"], "hashes": list(content["hashes"])}
        except FileNotFoundError:
            return {"key": secrets.token_hex(16), "hashes": []}
        except OSError as problem:
            raise DataError(
                "dismissed texts must be in a file that can be read",
                got=problem.strerror,
                where=Location(self._path),
            ) from None
        except (ValueError, KeyError, TypeError, RecursionError):
            pass
        raise DataError(
            "dismissed texts must be in a file that this program wrote",
            where=Location(self._path),
            hint="deleting it; texts that were dismissed are shown again",
        )


def _hash(text: str, key: bytes) -> str:
    folded = " ".join(text.split()).casefold().encode("utf-8", "surrogatepass")
    return hashlib.blake2b(folded, key=key, digest_size=16).hexdigest()
