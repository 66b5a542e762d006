"""Random numbers that are the same on every machine and under every NumPy.

NumPy promises that the raw 64-bit stream of a bit generator never changes (NEP 19); it makes
no such promise for the methods of `Generator` (`permutation`, `choice`). So everything here
is made from the raw stream of PCG64 and from sorting, nothing else.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Purpose(IntEnum):
    """What a stream is for; streams of one seed and different purposes are independent."""

    TOPOLOGY = 0
    WEIGHTS = 1
    CHILD = 2
    GROWTH = 3


class Stream:
    """A stream of random numbers fixed by a seed.

    Args:
        seed: a whole number from 0 up.
        purpose: what the numbers are for.
    """

    def __init__(self, seed: int, purpose: Purpose) -> None:
        self._bits = np.random.PCG64(np.random.SeedSequence([seed, int(purpose)]))

    def keys(self, n: int) -> NDArray[np.uint64]:
        """Draw n raw 64-bit keys. *Shape:* (n,)."""
        return np.asarray(self._bits.random_raw(n), dtype=np.uint64)

    def permutation(self, n: int) -> NDArray[np.int64]:
        """Draw a random order of 0 .. n-1. *Shape:* (n,)."""
        return np.argsort(self.keys(n), kind="stable").astype(np.int64)

    def shuffled(self, items: NDArray[np.int64]) -> NDArray[np.int64]:
        """Copy `items` in random order. *Shape:* (n_items,)."""
        return items[self.permutation(len(items))]

    def uniform(self, n: int, limit: float) -> NDArray[np.float64]:
        """Draw n numbers evenly from [-limit, limit). *Shape:* (n,)."""
        unit = (self.keys(n) >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return (2.0 * unit - 1.0) * limit


def fresh_seed() -> int:
    """Draw a seed from torch's global generator, so that `torch.manual_seed` fixes it."""
    import torch

    return int(torch.randint(2**63 - 1, (), device="cpu", dtype=torch.int64).item())


def child_seed(seed: int, number: int) -> int:
    """Derive the seed of the numbered part of something that has one seed.

    Args:
        seed: the seed of the whole.
        number: which part, from 0 up.

    Returns:
        A seed in [0, 2**63).
    """
    sequence = np.random.SeedSequence([seed, int(Purpose.CHILD), number])
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))
