"""Which messages to ask about, and in which order.

A message that is taught helps with those that are like it. What it would bring is the sum, over all
messages, of their doubt times how much more alike they become to something known: a facility
location with weights (Wei, Iyer and Bilmes, "Submodularity in data subset selection and active
learning", 2015). So typical messages come before odd ones, and a message brings little once one
like it was picked. That is multiplied with the doubt about the message itself.

Dimensions: `n_items` messages; `width` of their vectors.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from gossamer.teach.inbox.vectors import Floats, Numbers

MOST_CANDIDATES: Final = 2000
MOST_HELPED: Final = 10_000

SHARPNESS: Final = 2.0
"""Power of the cosine: the higher, the more alike messages must be to help each other."""

_ROWS_AT_A_TIME: Final = 256


class Picks:
    """Picks messages one after the other.

    Args:
        vectors: of the messages, of length 1. *Shape:* (n_items, width).
        known_cosines: each one's largest cosine with what is taught already. *Shape:* (n_items,).
        doubts: about each message, in [0, 1]. *Shape:* (n_items,).
        counts: how often each was said. *Shape:* (n_items,).
    """

    def __init__(
        self,
        vectors: Floats,
        known_cosines: Floats,
        doubts: npt.NDArray[np.float64],
        counts: npt.NDArray[np.float64],
    ) -> None:
        self._vectors = vectors
        # Often said counts more, yet a hundred times as often not a hundred times as much.
        weights = doubts * np.sqrt(counts)
        self._candidates = _largest(weights, MOST_CANDIDATES)
        self._helped = _largest(weights, MOST_HELPED)
        self._weights = weights[self._helped].astype(np.float32)
        self._own = doubts
        self._alike = _sharp(known_cosines[self._helped])

    def __iter__(self) -> Iterator[tuple[int, float]]:
        """Numbers of messages, and what each brings after those before it; most useful first."""
        order = [
            (-gain, int(item), 0)
            for item, gain in zip(self._candidates, self._first_gains(), strict=True)
        ]
        heapq.heapify(order)
        n_picked = 0
        while order:
            gain, item, age = heapq.heappop(order)
            if age < n_picked:  # gains only shrink: what was best before need not be any more
                heapq.heappush(order, (-self._gain(item), item, n_picked))
                continue
            yield item, -gain
            n_picked += 1
            np.maximum(self._alike, self._alike_to(item), out=self._alike)

    def _alike_to(self, item: int) -> Floats:
        return _sharp(self._vectors[self._helped] @ self._vectors[item])

    def _gain(self, item: int) -> float:
        more = np.maximum(self._alike_to(item) - self._alike, 0.0)
        return float(more @ self._weights) * float(self._own[item])

    def _first_gains(self) -> Floats:
        gains = np.empty(len(self._candidates), dtype=np.float32)
        helped = self._vectors[self._helped].T
        for start in range(0, len(gains), _ROWS_AT_A_TIME):
            items = self._candidates[start : start + _ROWS_AT_A_TIME]
            more = np.maximum(_sharp(self._vectors[items] @ helped) - self._alike, 0.0)
            gains[start : start + len(items)] = (more @ self._weights) * self._own[items]
        return gains


def _sharp(cosines: Floats) -> Floats:
    """How alike texts are, in [0, 1], from their cosines."""
    return np.maximum(cosines, 0.0) ** np.float32(SHARPNESS)


def _largest(values: npt.NDArray[np.float64], number: int) -> Numbers:
    """Places of the largest values, in their order."""
    return np.sort(np.argsort(-values, kind="stable")[:number])
