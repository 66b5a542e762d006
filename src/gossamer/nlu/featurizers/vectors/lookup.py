"""How the vector of a word is found, among vectors of words or of pieces of words.

Rows are bytes (`ByteRows`) that become numbers when they are read, so a table in memory is as small
as in the model file.
"""

from __future__ import annotations

import itertools
import math
import re
import unicodedata
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from gossamer.nn.ops.rounding import ByteRows

Floats: TypeAlias = npt.NDArray[np.float32]
Cutting: TypeAlias = Literal["merge", "longest", "likeliest"]

#: In front of a piece: it begins a word.
BLANK = " "

_PART = re.compile(r"[^\W_]+")
_RUN = re.compile(r"[^\W_]+|[^\w\s]|_")
_NO_MERGE = 2**62
_ROWS_AT_A_TIME = 4096
_LONGEST_WORD = 100  # characters; cutting takes time that grows with their square


class Vectors(ABC):
    """A table of vectors.

    Args:
        names: of its rows, each once.
        rows: *Shape:* (n_names, width).
        scale: what vectors are multiplied by.
    """

    def __init__(self, names: Sequence[str], rows: ByteRows, *, scale: float) -> None:
        self.names = names
        self.rows = rows
        self.scale = scale
        self._row = {name: row for row, name in enumerate(names)}

    @property
    def width(self) -> int:
        """Numbers in a vector."""
        return int(self.rows.values.shape[1])

    def __call__(self, word: str) -> Floats | None:
        """The mean of the rows that `found` names, scaled. *Shape:* (width,). None without one."""
        rows = self.found(word)
        if not rows:
            return None
        part = ByteRows(self.rows.values[rows], self.rows.exponents[rows])
        vector: Floats = part.to_floats().mean(axis=0) * np.float32(self.scale)
        return vector

    @abstractmethod
    def found(self, word: str) -> list[int]:
        """Rows whose mean is the vector of a word; none where nothing is known of it."""

    @abstractmethod
    def has(self, word: str) -> bool:
        """Whether the word as a whole has a row."""


class WordVectors(Vectors):
    """Vectors of whole words.

    A word that has none is looked up in lower case and capitalised ("london" as "London"), and then
    by its runs of letters and digits ("check-in" as "check" and "in").
    """

    def found(self, word: str) -> list[int]:
        """See `Vectors.found`."""
        for form in forms(word):
            if form in self._row:
                return [self._row[form]]
        parts = (self._whole(part) for part in _PART.findall(word))
        return [row for row in parts if row is not None]

    def has(self, word: str) -> bool:
        """See `Vectors.has`."""
        return self._whole(word) is not None

    def _whole(self, word: str) -> int | None:
        return next((self._row[form] for form in forms(word) if form in self._row), None)


def scale_of(rows: ByteRows) -> float:
    """The factor that makes the root mean square of the lengths of rows 1, where they have any."""
    total = 0.0
    for start in range(0, len(rows.values), _ROWS_AT_A_TIME):
        part = slice(start, start + _ROWS_AT_A_TIME)
        units = np.ldexp(1.0, rows.exponents[part].astype(np.int32))
        total += float(((rows.values[part].astype(np.float64) * units[:, None]) ** 2).sum())
    return math.sqrt(len(rows.values) / total) if total > 0 else 1.0


def forms(word: str) -> tuple[str, ...]:
    """As what a word is looked up, in this order."""
    lower = word.lower()
    return tuple(dict.fromkeys((word, lower, lower.capitalize())))


def wanted(words: Iterable[str]) -> set[str]:
    """Names of rows that `WordVectors` may look up for these words."""
    parts = (part for word in words for part in (word, *_PART.findall(word)))
    return {form for part in parts for form in forms(part)}


class PieceVectors(Vectors):
    """Vectors of pieces of words: those of a subword tokenizer, whose pieces are cut as it cuts.

    `merge` is byte pair encoding: of all neighbours that make a piece together those whose piece
    comes first in the vocabulary are put together, again and again. `longest` is WordPiece: from
    the left, always the longest piece. `likeliest` is the unigram model: the pieces with the
    highest sum of scores. Characters that no piece has are left out, where a tokenizer would have
    one of its pieces for "unknown" or for single bytes.

    Args:
        names: pieces, those that begin a word with a blank in front, in the tokenizer's order.
        rows: *Shape:* (n_names, width).
        scale: what vectors are multiplied by.
        cutting: how words are cut.
        lowercase: whether words are lower-cased first.
        strip_accents: whether words lose their accents first.
        scores: of the pieces, for `likeliest`. *Shape:* (n_names,).
    """

    def __init__(
        self,
        names: Sequence[str],
        rows: ByteRows,
        *,
        scale: float,
        cutting: Cutting,
        lowercase: bool = False,
        strip_accents: bool = False,
        scores: Floats | None = None,
    ) -> None:
        super().__init__(names, rows, scale=scale)
        self.cutting = cutting
        self.lowercase = lowercase
        self.strip_accents = strip_accents
        self.scores = scores
        self._longest = max(map(len, names), default=0)

    def found(self, word: str) -> list[int]:
        """See `Vectors.found`."""
        text = self._prepared(word)
        cut = {"merge": self._merge, "longest": self._cut_longest, "likeliest": self._cut_likeliest}
        return cut[self.cutting](text[:_LONGEST_WORD])

    def has(self, word: str) -> bool:
        """See `Vectors.has`."""
        return self._prepared(word) in self._row

    def _prepared(self, word: str) -> str:
        word = word.lower() if self.lowercase else word
        if self.strip_accents:
            parts = unicodedata.normalize("NFD", word)
            word = "".join(part for part in parts if unicodedata.category(part) != "Mn")
        return BLANK + word

    def _merge(self, text: str) -> list[int]:
        pieces = list(text)
        while len(pieces) > 1:
            order, at = min(
                (self._row.get(one + next_, _NO_MERGE), place)
                for place, (one, next_) in enumerate(itertools.pairwise(pieces))
            )
            if order == _NO_MERGE:
                break
            pieces[at : at + 2] = [pieces[at] + pieces[at + 1]]
        return [self._row[piece] for piece in pieces if piece in self._row and piece != BLANK]

    def _cut_longest(self, text: str) -> list[int]:
        found: list[int] = []
        for run in _RUN.findall(text):  # a sign is a word of its own
            word, start = BLANK + run, 0
            while start < len(word):
                for end in range(min(len(word), start + self._longest), start, -1):
                    row = self._row.get(word[start:end])
                    if row is not None and word[start:end] != BLANK:
                        found.append(row)
                        start = end
                        break
                else:
                    start += 1
        return found

    def _cut_likeliest(self, text: str) -> list[int]:
        assert self.scores is not None
        worst = float(self.scores.min(initial=0.0)) - 10.0  # of a character without a piece
        best: list[tuple[float, int, int | None]] = [(0.0, 0, None)]  # score, begin, row; by end
        for end in range(1, len(text) + 1):
            choices: list[tuple[float, int, int | None]] = [(best[-1][0] + worst, end - 1, None)]
            for start in range(max(0, end - self._longest), end):
                row = self._row.get(text[start:end])
                if row is not None:
                    choices.append((best[start][0] + float(self.scores[row]), start, row))
            best.append(max(choices, key=lambda choice: choice[0]))
        found: list[int] = []
        end = len(text)
        while end > 0:
            _, start, row = best[end]
            if row is not None and text[start:end] != BLANK:
                found.append(row)
            end = start
        return found[::-1]
