"""Giving memory back to the system between the steps of training.

Batches differ in size, so the C library's heap fills with holes of all sizes: a training that needs
half a gigabyte would hold several gigabytes after some hundred steps. glibc returns the free pages
when asked; with other C libraries nothing is done.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable


@functools.cache
def _malloc_trim() -> Callable[[int], int] | None:
    try:
        trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError, TypeError):
        return None
    return trim


def release_free_memory() -> None:
    """Return the heap's free pages to the system, where the C library can (glibc does)."""
    trim = _malloc_trim()
    if trim is not None:
        trim(0)
