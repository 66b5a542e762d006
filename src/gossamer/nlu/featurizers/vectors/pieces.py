"""Vectors of words and of pieces of words, and how a word is looked up in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gossamer.nn.ops.rounding import ByteRows

Floats: TypeAlias = npt.NDArray[np.float32]

BLANK = " "


class PieceVectors:
    """Vectors of pieces of words; a word's is the mean of those of its pieces.

    Args:
        pieces: each once; a blank in front says that the piece begins a word.
        rows: one for each piece. *Shape:* (n_pieces, width).
        lowercase: whether words are lower-cased first.
    """

    def __init__(self, pieces: Sequence[str], rows: ByteRows, *, lowercase: bool) -> None:
        self.pieces = pieces
        self.rows = rows
        self.lowercase = lowercase
        self._row = {piece: row for row, piece in enumerate(pieces)}
        self._longest = max(map(len, pieces), default=0)

    @property
    def width(self) -> int:
        return int(self.rows.values.shape[1])

    def cut(self, word: str) -> list[int]:
        """Rows of the pieces of a word: from the left, always the longest piece there is."""
        text = BLANK + (word.lower() if self.lowercase else word)
        found: list[int] = []
        start = 0
        while start < len(text):
            for end in range(min(len(text), start + self._longest), start, -1):
                row = self._row.get(text[start:end])
                if row is not None and (start, end) != (0, 1):
                    found.append(row)
                    start = end
                    break
            else:
                start += 1
        return found

    def __call__(self, word: str) -> Floats | None:
        rows = self.cut(word)
        if not rows:
            return None
        part = ByteRows(self.rows.values[rows], self.rows.exponents[rows])
        vector: Floats = part.to_floats().mean(axis=0)
        return vector
