"""Models on disk: JSON and arrays in one safetensors file, checked on loading, saved atomically.

The file is an ordinary safetensors file. Its metadata hold the JSON, a format name and version,
and a SHA-256 of everything, so that a truncated or altered file is recognised. Nothing
in it can be executed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

from gossamer.data.errors import Location, ModelFileError
from gossamer.data.text.files import write_file
from gossamer.nn.safetensors_file import read_in_place

FORMAT = "gossamer-model"
#: 2: DIET's input tables may be in bytes (`gossamer.nn.ops.rounding`). Files of version 1 are read.
FORMAT_VERSION = 2
ASSISTANT = "assistant"
"""The kind of model that an assistant is."""

Arrays = Mapping[str, npt.NDArray[Any]]


class Stored(NamedTuple):
    """What a model file holds."""

    content: dict[str, Any]
    arrays: dict[str, npt.NDArray[Any]]


def save_model(path: Path, content: Mapping[str, Any], arrays: Arrays) -> None:
    """Write a model file; a crash at any moment leaves an older file of that name whole.

    Args:
        path: the file; its folder is made if necessary.
        content: JSON values.
        arrays: numbers by name.

    Raises:
        ModelFileError: the file cannot be written there.
    """
    text = _as_json(content)
    whole = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    metadata = {
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        "content": text,
        "sha256": digest_of(text, whole),
    }
    raw = save(whole, metadata=metadata)
    write_file(path, raw, error=ModelFileError)


def load_model(path: Path) -> Stored:
    """Read a model file, in place: see `gossamer.nn.safetensors_file`. Its arrays are read-only.

    Raises:
        ModelFileError: it is missing, not a model file, of a newer format, truncated or altered.
    """
    where = Location(path)
    if not _is_file(path):
        raise ModelFileError(
            "a model file must exist", got=str(path), hint="gossamer train nlu makes one"
        )
    try:
        metadata, arrays = read_in_place(path)
    except (OSError, ValueError, RecursionError) as error:
        raise ModelFileError(
            "a model file must be whole",
            got=str(error),
            where=where,
            hint="copying or training the model again",
        ) from error
    if metadata.get("format") == FORMAT:
        _check_version(metadata, where)
    if metadata.get("format") != FORMAT:
        raise ModelFileError(
            "this must be a model that Gossamer saved",
            got=metadata.get("format", "another kind of safetensors file"),
            where=where,
            hint="the file that gossamer train nlu wrote",
        )
    text = metadata.get("content", "")
    if not _is_utf8(text) or metadata.get("sha256") != digest_of(text, arrays):
        raise ModelFileError(
            "a model file must be as it was saved",
            got="content that does not match its checksum",
            where=where,
            hint="copying or training the model again",
        )
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise ModelFileError(
            "a model file must hold a JSON object",
            got=f"{text[:60]!r}",
            where=where,
            hint="training the model again",
        )
    return Stored(content, arrays)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that is too long, say
        return False


def _is_utf8(text: str) -> bool:
    """Whether UTF-8 can hold it: not with single halves of surrogate pairs."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def load_model_of_kind(path: Path, kind: str, *, named: str, hint: str) -> Stored:
    """Read a model file whose content says that it is of a kind.

    Args:
        path: the file.
        kind: what must be under "kind".
        named: that kind in words, with its article.
        hint: what to try with a file of another kind.

    Raises:
        ModelFileError: as `load_model`, or the file holds something else.
    """
    stored = load_model(path)
    found = stored.content.get("kind")
    if found != kind:
        raise ModelFileError(f"this must be {named}", got=found, where=Location(path), hint=hint)
    return stored


def _as_json(content: Mapping[str, Any]) -> str:
    """JSON that UTF-8 can hold; single halves of surrogate pairs need escapes."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return text if _is_utf8(text) else json.dumps(content, sort_keys=True, allow_nan=False)


def _check_version(metadata: Mapping[str, str], where: Location) -> None:
    version = metadata.get("format_version", "")
    if version not in map(str, range(1, FORMAT_VERSION + 1)):
        raise ModelFileError(
            f"the model's format version must be from 1 to {FORMAT_VERSION}",
            got=version,
            where=where,
            hint="a newer version of Gossamer",
        )


def digest_of(text: str, arrays: Arrays) -> str:
    """SHA-256 of a text and of arrays with their names, types and shapes, in hexadecimal digits."""
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"\0{name}\0{array.dtype.str}\0{array.shape}\0".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
