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
        self._own = doubts[self._candidates]
        self._alike = _sharp(known_cosines[self._helped])
        # 80 MB for 10,000 messages, while they are picked.
        self._alike_to = np.empty((len(self._candidates), len(self._helped)), dtype=np.float32)

    def __iter__(self) -> Iterator[tuple[int, float]]:
        """Numbers of messages, and what each brings after those before it; most useful first."""
        order = [(-gain, place, 0) for place, gain in enumerate(self._first_gains())]
        heapq.heapify(order)
        n_picked = 0
        while order:
            gain, place, age = heapq.heappop(order)
            if age < n_picked:  # gains only shrink: what was best before need not be any more
                heapq.heappush(order, (-self._gain(place), place, n_picked))
                continue
            yield int(self._candidates[place]), -gain
            n_picked += 1
            np.maximum(self._alike, self._alike_to[place], out=self._alike)

    def _gain(self, place: int) -> float:
        more = np.maximum(self._alike_to[place] - self._alike, 0.0)
        return float(more @ self._weights) * float(self._own[place])

    def _first_gains(self) -> list[float]:
        helped = self._vectors[self._helped].T
        for start in range(0, len(self._candidates), _ROWS_AT_A_TIME):
            rows = slice(start, start + _ROWS_AT_A_TIME)
            self._alike_to[rows] = _sharp(self._vectors[self._candidates[rows]] @ helped)
        return [self._gain(place) for place in range(len(self._candidates))]


def _sharp(cosines: Floats) -> Floats:
    """How alike texts are, in [0, 1], from their cosines."""
    return np.maximum(cosines, 0.0) ** np.float32(SHARPNESS)


def _largest(values: npt.NDArray[np.float64], number: int) -> Numbers:
    """Places of the largest values, in their order."""
    return np.sort(np.argsort(-values, kind="stable")[:number])
