"""Vectors of training texts on disk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Words = tuple[str, ...]


class StoredVectors:
    @classmethod
    def of(cls, *parts: str) -> StoredVectors:
        return cls()

    def load(self, texts: Iterable[Words]) -> dict[Words, Vectors]:
        return {}

    def store(self, vectors: Mapping[Words, Vectors]) -> None:
        pass
