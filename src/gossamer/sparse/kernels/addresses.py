"""Where an array's or a tensor's numbers are in memory. Nothing here needs PyTorch.

NumPy's own ways to ask take 1 to 5 microseconds an array (`array.ctypes.data`,
`array.__array_interface__`), and `from_buffer` refuses arrays that are read-only or empty. So the
address is read where NumPy's C interface reads it (`PyArray_DATA`): it is the first field behind
the head that all Python objects have. Where this does not hold, the slow way is taken.
"""

from __future__ import annotations

import ctypes
import sys
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

#: What a kernel can be called with: whole numbers, arrays and tensors.
Word: TypeAlias = "int | NDArray[Any] | Tensor"

_BYTES = 8  # of a word
#: Memory as words. Counted from the second one, because ctypes refuses to read from address 0.
MEMORY = ctypes.cast(_BYTES, ctypes.POINTER(ctypes.c_int64))
#: From the number of an object's own word (its `id`, by 8) to that of an array's address.
BEHIND_HEAD = object.__basicsize__ // _BYTES - 1


def _of_interface(array: NDArray[Any]) -> int:
    """As NumPy says it."""
    address: int = array.__array_interface__["data"][0]
    return address


def _is_behind_the_head() -> bool:
    """Whether the quick way is right here, seen on arrays of several kinds."""
    if sys.implementation.name != "cpython" or ctypes.sizeof(ctypes.c_void_p) != _BYTES:
        return False
    fixed = np.ones(3, np.int8)
    fixed.setflags(write=False)
    seen = (fixed, fixed[1:], np.empty(0, np.float32), np.empty((2, 2)), np.array(1.0))
    return all(MEMORY[(id(a) >> 3) + BEHIND_HEAD] == _of_interface(a) for a in seen)


class _Never:
    """What nothing is."""


#: Objects of just this type have their address at `MEMORY[(id(array) >> 3) + BEHIND_HEAD]`.
QUICK: type = np.ndarray if _is_behind_the_head() else _Never


def word_of(given: Any) -> int:
    """The word for a whole number, an array or a tensor.

    Raises:
        RuntimeError: the memory of a tensor has been freed.
        TypeError: it is none of these.
    """
    try:
        address: int = given.data_ptr()
    except AttributeError:
        return _word_of_other(given)
    if address == 0 and given.numel() > 0:
        raise RuntimeError(
            f"a tensor of shape {tuple(given.shape)} must have memory (got one whose storage was "
            "freed or resized to 0). Try: giving the storage its size back first"
        )
    return address


def _word_of_other(given: Any) -> int:
    if isinstance(given, int):
        return int(given)
    if isinstance(given, np.ndarray):  # of another type: mapped from a file, say
        return _of_interface(given)
    raise TypeError(
        f"a kernel must be given whole numbers, arrays and tensors (got {type(given)}). Try: an "
        "int or a NumPy array"
    )
