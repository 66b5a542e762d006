"""What training asks of the C library's heap: keep memory within an epoch, give it back after.

Every step makes tensors of a megabyte or two and lets them go. glibc would return such memory to
the system at once and fetch it again, page by page, at the next step: a tenth of the time of a
step. Batches differ in size, so what is kept fills with holes: a training that needs half a
gigabyte would hold several after some hundred steps. So free memory is kept for a while, and given
back after every epoch. Other C libraries do without both.
"""

from __future__ import annotations

import ctypes
import functools

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt, in glibc's malloc.h
_MOST_IN_THE_HEAP = 32 * 2**20  # bytes of one tensor; the most that glibc takes
_MOST_KEPT = 2**30  # bytes that are free at the end of the heap


@functools.cache
def _heap() -> ctypes.CDLL | None:
    """The C library where it is glibc, or another with its functions."""
    try:
        library = ctypes.CDLL(None)
        library.malloc_trim, library.mallopt  # noqa: B018
    except (OSError, AttributeError, TypeError):
        return None
    return library


def keep_free_memory() -> None:
    """Have the heap keep what is freed, up to a gigabyte; for as long as the process lives."""
    heap = _heap()
    if heap is not None:
        heap.mallopt(_MMAP_THRESHOLD, _MOST_IN_THE_HEAP)
        heap.mallopt(_TRIM_THRESHOLD, _MOST_KEPT)


def release_free_memory() -> None:
    """Return the heap's free pages to the system."""
    heap = _heap()
    if heap is not None:
        heap.malloc_trim(0)
