"""What `fit` and `predict` are given, checked and brought into lists: texts and weights."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

import numpy as np
import numpy.typing as npt

from gossamer.data.errors import DataError
from gossamer.data.text.listing import shortlist


class Unquoted(str):
    """A text that an error shows as it is, without quotes."""

    __repr__ = str.__str__


def at(places: Mapping[int, object]) -> Unquoted:
    """Values and their indices for a message: "None at index 1, nan at index 4 and 7 more"."""
    return Unquoted(shortlist([f"{_short(value)} at index {i}" for i, value in places.items()]))


def is_missing(value: object) -> bool:
    """Whether a value is missing: None, NaN, pandas' NA and NaT."""
    if isinstance(value, float | np.floating):
        return math.isnan(value)
    return value is None or type(value).__name__ in ("NAType", "NaTType")


def column(values: Any, name: str) -> list[Any]:
    """The values of a list, an array, a Series, a DataFrame of one column or a generator.

    Args:
        values: one-dimensional, or a column: two-dimensional of width 1.
        name: of the argument.

    Raises:
        DataError: it is something else.
    """
    found = values
    if hasattr(found, "to_numpy"):  # pandas, polars
        found = found.to_numpy()
    elif hasattr(found, "__array__"):
        found = np.asarray(found)
    is_other = isinstance(found, str | bytes | Mapping | Set) or _is_sparse(found)
    if isinstance(found, np.ndarray):
        is_other = found.ndim == 0 or any(width != 1 for width in found.shape[1:])
        found = found.reshape(-1) if not is_other else found
    if is_other or not isinstance(found, Iterable):
        shape = getattr(values, "shape", None)
        raise DataError(
            f"{name} must be a list, an array or another sequence with one value for each text",
            got=values if shape is None else Unquoted(f"{type(values).__name__} of shape {shape}"),
            hint=f"[{name}]" if isinstance(values, str) else f"{name} with one column",
        )
    parts = list(found)
    if parts and all(isinstance(part, list | tuple) and len(part) == 1 for part in parts):
        return [part[0] for part in parts]
    return parts


def is_column_vector(values: Any) -> bool:
    """Whether values that `column` takes have two dimensions."""
    ndim = getattr(values, "ndim", None)
    if ndim is not None:
        return bool(ndim > 1)
    shape = getattr(values, "shape", (0,))
    is_nested = isinstance(values, Sequence) and len(values) > 0 and isinstance(values[0], list)
    return len(shape) > 1 or is_nested


def checked_texts(X: Any) -> list[str]:
    """The texts as a list. Raises `DataError` when one is not a string."""
    texts = column(X, "X")
    wrong = {i: text for i, text in enumerate(texts) if not isinstance(text, str)}
    if wrong:
        first = next(iter(wrong.values()))
        if isinstance(first, bytes):
            hint = "text.decode() for each"
        elif is_missing(first):
            hint = 'leaving them out, or ""'
        else:
            hint = "a flat list of strings" if isinstance(first, list | tuple) else "str(text)"
        raise DataError("X must hold strings only", got=at(wrong), hint=hint)
    return texts


def checked_weights(sample_weight: Any, n_texts: int) -> npt.NDArray[np.float64] | None:
    """The weights of the texts; None for none. *Shape:* (n_texts,).

    Raises:
        DataError: there is not one for each text, one is not a number from 0 up, or all are 0.
    """
    if sample_weight is None:
        return None
    if isinstance(sample_weight, int | float | np.number):
        sample_weight = [sample_weight] * n_texts
    given = column(sample_weight, "sample_weight")
    if len(given) != n_texts:
        raise DataError(
            "sample_weight must have one weight for each text",
            got=Unquoted(f"{len(given)} weights for {n_texts} texts"),
        )
    wrong = {i: weight for i, weight in enumerate(given) if not _is_weight(weight)}
    if wrong:
        raise DataError("sample_weight must hold numbers from 0 up", got=at(wrong))
    weights = np.array(given, dtype=np.float64)
    if not weights.any():
        raise DataError(
            "sample_weight must have a weight that is not zero",
            got=Unquoted(f"{n_texts} times zero"),
            hint="sample_weight=None for equal weights",
        )
    return weights


def _is_sparse(value: object) -> bool:
    """Whether it is a sparse matrix of SciPy's; no such is there without SciPy's module."""
    module = sys.modules.get("scipy.sparse")
    return module is not None and bool(module.issparse(value))


def _is_weight(value: object) -> bool:
    if isinstance(value, bool | np.bool_):
        return True
    return isinstance(value, int | float | np.number) and 0.0 <= float(np.real(value)) < math.inf


def _short(value: object) -> str:
    shown = repr(value.item() if isinstance(value, np.generic) else value)
    return shown if len(shown) <= 40 else f"{shown[:37]}..."
