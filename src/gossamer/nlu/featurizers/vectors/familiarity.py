"""How far a word counts as known that has a vector: by the nearest word of the training data.

A vector says what a word means, not that the training data have anything of that meaning. So a word
that training has not seen is known as far as its vector is near that of a word that training has
seen (`FeatureBlock.known`, `gossamer.nlu.learning.coverage`).
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from gossamer.nlu.featurizers.vectors.lookup import Floats, Vectors

#: Cosines up to which a word is unknown and from which on it is known, the mean of all training
#: words taken off. Set by hand, looking at words that Sara's training texts lack.
UNLIKE, LIKE = 0.3, 0.7


class Familiarity:
    """How far words are known.

    Args:
        vectors: of all words.
        seen: words of the training data, in lower case.
    """

    def __init__(self, vectors: Vectors, seen: Iterable[str]) -> None:
        self.seen = frozenset(seen)
        self._vectors = vectors
        self._seen_vectors: tuple[Floats, Floats] | None = None

    def __call__(self, word: str, vector: Floats | None) -> float:
        """From 0 to 1; NaN for a token without a letter.

        A word that is only known by its pieces is unknown: random letters have pieces too.
        """
        if not any(map(str.isalpha, word)):
            return math.nan
        if word.lower() in self.seen:
            return 1.0
        if vector is None or not self._vectors.has(word):
            return 0.0
        seen, mean = self._compared()
        (direction,) = _directions(_directions(vector[None]) - mean)
        nearest = float((seen @ direction).max(initial=0.0))
        return min(1.0, max(0.0, (nearest - UNLIKE) / (LIKE - UNLIKE)))

    def _compared(self) -> tuple[Floats, Floats]:
        """Directions of the words that training has seen, from their mean; and this mean."""
        if self._seen_vectors is None:
            found = [self._vectors(word) for word in sorted(self.seen)]
            rows = np.array([row for row in found if row is not None], dtype=np.float32)
            rows = _directions(rows.reshape(-1, self._vectors.width))
            mean: Floats = rows.sum(axis=0) / np.float32(max(1, len(rows)))
            self._seen_vectors = _directions(rows - mean), mean
        return self._seen_vectors


def _directions(rows: Floats) -> Floats:
    """Rows brought to length 1; zeros stay. *Shape:* (n_rows, width), kept."""
    sizes = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(sizes > 0, sizes, 1)).astype(np.float32, copy=False)
