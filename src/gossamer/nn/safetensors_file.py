"""A safetensors file read in place: its arrays are views of one piece of memory, without a copy.

The library that writes the files copies each array when it reads them. The format is a length of
eight bytes, that much JSON with the place of each array, and the arrays without a gap.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

_LENGTH = 8  # bytes that say how long the JSON is
_METADATA = "__metadata__"
_DTYPES = {"BOOL": np.dtype(np.bool_)} | {
    f"{kind}{8 * size}": np.dtype(f"{kind.lower()}{size}")
    for kind, sizes in (("I", (1, 2, 4, 8)), ("U", (1, 2, 4, 8)), ("F", (2, 4, 8)))
    for size in sizes
}


class Contents(NamedTuple):
    """What a file holds.

    Attributes:
        metadata: texts by name.
        arrays: read-only, by name.
    """

    metadata: dict[str, str]
    arrays: dict[str, npt.NDArray[Any]]


def read_in_place(path: Path) -> Contents:
    """Read a file, once, into one piece of memory.

    It is not mapped: programs such as `cp` write over a file where it is, and a map of it would
    then change under a running process, or end it.

    Args:
        path: the file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no safetensors file, or not a whole one.
    """
    raw = np.fromfile(path, dtype=np.uint8)
    raw.setflags(write=False)
    if len(raw) < _LENGTH:
        raise ValueError(f"{len(raw)} bytes, fewer than a header has")
    start = _LENGTH + int(raw[:_LENGTH].view("<u8")[0])
    if start > len(raw):
        raise ValueError(f"a header of {start} bytes, a file of {len(raw)}")
    header = json.loads(raw[_LENGTH:start].tobytes())
    if not isinstance(header, dict):
        raise ValueError("a header without names")
    metadata = header.pop(_METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise ValueError("metadata that are no texts")
    data = raw[start:]
    entries = {name: _Entry.of(entry) for name, entry in header.items()}
    place = 0
    for entry in sorted(entries.values(), key=lambda entry: (entry.begin, entry.end)):
        if entry.begin != place:
            raise ValueError(f"an array that begins at {entry.begin} where {place} is free")
        place = entry.end
    if place != len(data):
        raise ValueError(f"{place} bytes of arrays, {len(data)} in the file")
    return Contents(metadata, {name: entry.view(data) for name, entry in entries.items()})


class _Entry(NamedTuple):
    """Where an array is, in bytes after the header, and what it is."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    begin: int
    end: int

    @classmethod
    def of(cls, entry: Any) -> _Entry:
        """From the header's JSON, checked."""
        try:
            dtype, shape = _DTYPES[entry["dtype"]], tuple(entry["shape"])
            begin, end = entry["data_offsets"]
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"an array described by {entry}") from error
        numbers = (*shape, begin, end)
        if not all(type(number) is int and number >= 0 for number in numbers):
            raise ValueError(f"an array described by {entry}")
        if end - begin != math.prod(shape) * dtype.itemsize:
            raise ValueError(f"{end - begin} bytes for {dtype} of shape {shape}")
        return cls(dtype, shape, begin, end)

    def view(self, data: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        """The array."""
        part = data[self.begin : self.end]
        if part.ctypes.data % self.dtype.alignment:
            part = part.copy()  # kernels read whole numbers at a time
            part.setflags(write=False)
        return part.view(self.dtype).reshape(self.shape)
