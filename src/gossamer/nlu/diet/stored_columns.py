"""Which columns a trained network reads, as they are stored with it: gaps between their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gossamer.nlu.diet.features import Columns, KeptColumns

Arrays = dict[str, npt.NDArray[Any]]

_PARTS = ("sequence", "sentence")
_PREFIX = "columns"
_MOST = 2**27  # columns; a number for each is kept in memory


def columns_to_arrays(columns: Columns) -> Arrays:
    """All that `columns_from_arrays` needs; nothing where all columns are read."""
    arrays: Arrays = {}
    for part, kept in zip(_PARTS, columns, strict=True):
        if kept is not None:
            arrays[f"{_PREFIX}.{part}.gaps"] = np.diff(kept.kept, prepend=0).astype(np.int32)
            arrays[f"{_PREFIX}.{part}.number"] = np.array([kept.n_columns], dtype=np.int64)
    return arrays


def columns_from_arrays(arrays: Mapping[str, npt.NDArray[Any]]) -> Columns:
    """What `columns_to_arrays` took apart.

    Args:
        arrays: others may be among them.

    Raises:
        KeyError: one of two arrays is missing.
        ValueError: the numbers are not those of columns, in ascending order.
    """
    sequence, sentence = (_columns(arrays, part) for part in _PARTS)
    return sequence, sentence


def _columns(arrays: Mapping[str, npt.NDArray[Any]], part: str) -> KeptColumns | None:
    names = [f"{_PREFIX}.{part}.{name}" for name in ("gaps", "number")]
    if not any(name in arrays for name in names):
        return None
    gaps, numbers = (arrays[name] for name in names)
    if numbers.shape != (1,) or numbers.dtype != np.int64 or not 0 <= numbers[0] <= _MOST:
        raise ValueError(f"the number of columns of {part} must be one from 0 to {_MOST}")
    number = int(numbers[0])
    if gaps.ndim != 1 or gaps.dtype != np.int32 or (gaps[1:] < 1).any() or (gaps[:1] < 0).any():
        raise ValueError(f"the kept columns of {part} must be ascending")
    kept = np.cumsum(gaps, dtype=np.int64)
    if len(kept) > 0 and kept[-1] >= number:
        raise ValueError(f"the kept columns of {part} must be below {number}: got {kept[-1]}")
    return KeptColumns(kept, number)
