"""A network's stored weights, read by the names of its state dict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Arrays = Mapping[str, npt.NDArray[Any]]


def rows_of(x: Floats, width: int) -> Floats:
    """Rows as kernels read them: of this width, float32, one after the other in memory.

    Raises:
        ValueError: they are not of this width.
    """
    if x.ndim != 2 or x.shape[1] != width:
        raise ValueError(
            f"what a layer reads must have the shape (n_rows, {width}): got {x.shape}. Try: the "
            "features and the network that were trained together"
        )
    return np.ascontiguousarray(x, dtype=np.float32)


#: What the names of a network's weights begin with among the arrays that its component stores.
NETWORK = "network."


def of_network(arrays: Arrays) -> Arrays:
    """The network's weights among other arrays, their names as they are."""
    return {name: array for name, array in arrays.items() if name.startswith(NETWORK)}


class Weights:
    """Arrays whose names begin alike; it notes which of them have been read.

    Args:
        arrays: by name.
        prefix: what the names begin with.
    """

    def __init__(self, arrays: Arrays, prefix: str = "") -> None:
        self._arrays = arrays
        self._prefix = prefix
        self._read: set[str] = set()

    def part(self, name: str) -> Weights:
        """Those of one part of the network."""
        part = Weights(self._arrays, f"{self._prefix}{name}.")
        part._read = self._read
        return part

    def __contains__(self, name: str) -> bool:
        return self._prefix + name in self._arrays

    def array(self, name: str) -> npt.NDArray[Any]:
        """An array as it is.

        Raises:
            KeyError: there is none of this name.
        """
        full_name = self._prefix + name
        if full_name not in self._arrays:
            raise KeyError(f"the stored weights must hold {full_name}")
        self._read.add(full_name)
        return self._arrays[full_name]

    def floats(self, name: str, shape: tuple[int | None, ...]) -> Floats:
        """An array of float32, in order in memory.

        Args:
            name: of the array.
            shape: what it must have; None for any size.

        Raises:
            KeyError: there is none of this name.
            ValueError: it has another shape, or is not of real numbers.
        """
        array = self.array(name)
        fits = array.ndim == len(shape) and all(
            wanted in (None, found) for wanted, found in zip(shape, array.shape, strict=True)
        )
        if not fits or array.dtype.kind != "f":
            wanted = ", ".join("any" if size is None else str(size) for size in shape)
            raise ValueError(
                f"{self._prefix}{name} must be real numbers of shape ({wanted}): got "
                f"{array.dtype} of shape {array.shape}. Try: the model file as it was saved"
            )
        return np.ascontiguousarray(array, dtype=np.float32)

    def check_all_read(self, *, apart_from: Iterable[str] = ()) -> None:
        """Refuse weights that no part of the network has read.

        Args:
            apart_from: what names may begin with that need not be read.

        Raises:
            ValueError: there are some.
        """
        unread = [
            name
            for name in self._arrays
            if name.startswith(self._prefix)
            and name not in self._read
            and not name.removeprefix(self._prefix).startswith(tuple(apart_from))
        ]
        if unread:
            raise ValueError(
                f"the network must have a place for each stored weight: got {sorted(unread)[0]} "
                f"and {len(unread) - 1} more. Try: the options that the model was trained with"
            )
