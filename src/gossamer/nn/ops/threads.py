"""How many threads share a kernel's work."""

from __future__ import annotations

import torch

_LEAST_ELEMENTS_OF_A_THREAD = 8_000


def threads_for(n_elements: int) -> int:
    """How many threads are worth it for a pass over this many numbers."""
    return max(1, min(torch.get_num_threads(), n_elements // _LEAST_ELEMENTS_OF_A_THREAD))
