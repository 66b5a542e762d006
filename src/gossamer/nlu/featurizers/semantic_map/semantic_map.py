"""A semantic map: for each word the few cells of a grid at which texts with that word lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gossamer.data.errors import Location, ModelFileError
from gossamer.nn.csr import CsrMatrix, indptr_of
from gossamer.nn.storage import load_model_of_kind, save_model

KIND = "semantic map"
SIDES = (8, 16, 32, 64)
"""Lengths of the grid's sides: powers of two, as the Hilbert curve wants them."""

_STEPS = 255  # of a stored activation


@dataclass(frozen=True)
class SemanticMap:
    """Activations of words on a square grid of cells whose ends meet, a torus.

    Cells are numbered along a Hilbert curve (Hilbert, 1891), so that neighbouring columns are
    neighbouring cells, and a run of columns is a patch of the map.

    Attributes:
        words: lower-case, the most frequent first.
        activations: of each word, in (0, 1], the strongest of a word is 1.
            *Shape:* (n_words, side * side).
        side: cells along a side; one of `SIDES`.
    """

    words: tuple[str, ...]
    activations: CsrMatrix
    side: int

    @cached_property
    def rows(self) -> Mapping[str, int]:
        """The row of each word."""
        return {word: row for row, word in enumerate(self.words)}

    def picture(self, word: str) -> npt.NDArray[np.float32]:
        """A word's activations as they lie on the map. *Shape:* (side, side).

        Raises:
            KeyError: the map does not have the word.
        """
        row = self.activations[[self.rows[word.lower()]]].toarray()[0]
        places = hilbert_places(self.side)
        picture = np.zeros((self.side, self.side), dtype=np.float32)
        picture[places[:, 0], places[:, 1]] = row
        return picture

    def nearest(self, word: str, n: int = 10) -> list[tuple[str, float]]:
        """The words whose activations are most like a word's, with their cosine, best first.

        Raises:
            KeyError: the map does not have the word.
        """
        row = self.rows[word.lower()]
        own = self.activations[[row]].toarray()[0]
        matrix = self.activations
        numbers = np.repeat(np.arange(len(self.words)), np.diff(matrix.indptr))
        dots = np.bincount(
            numbers, weights=matrix.data * own[matrix.indices], minlength=len(self.words)
        )
        lengths = np.sqrt(np.bincount(numbers, weights=matrix.data**2, minlength=len(self.words)))
        cosines = dots / (lengths * lengths[row])
        order = [each for each in np.argsort(-cosines, kind="stable") if each != row][:n]
        return [(self.words[each], float(cosines[each])) for each in order]

    def save(self, path: str | Path) -> Path:
        """Write the map to a file, atomically.

        Raises:
            ModelFileError: it cannot be written there.
        """
        path = Path(path)
        json, arrays = self.to_parts()
        save_model(path, {"kind": KIND, **json}, arrays)
        return path

    @classmethod
    def load(cls, path: str | Path) -> SemanticMap:
        """Read a map that `save` wrote. No code from the file is run.

        Raises:
            ModelFileError: the file is missing, damaged, altered, or no semantic map.
        """
        path = Path(path)
        content, arrays = load_model_of_kind(
            path,
            KIND,
            named="a semantic map",
            hint="the file that gossamer semantic-map train wrote",
        )
        try:
            return cls.from_parts(content, arrays)
        except ModelFileError as error:
            raise ModelFileError(
                error.must_hold, got=error.got, where=Location(path), hint=error.hint
            ) from error

    def to_parts(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """JSON and arrays; activations in bytes."""
        matrix = self.activations
        return {"words": list(self.words), "side": self.side}, {
            "cells": matrix.indices.astype(np.uint16),
            "strengths": np.rint(matrix.data * _STEPS).astype(np.uint8),
            "sizes": np.diff(matrix.indptr).astype(np.uint16),
        }

    @classmethod
    def from_parts(
        cls, json: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]
    ) -> SemanticMap:
        """The map that `to_parts` took apart.

        Raises:
            ModelFileError: the parts are not those of a map.
        """
        words, side = json.get("words"), json.get("side")
        if (
            not isinstance(words, list)
            or not all(isinstance(word, str) for word in words)
            or len(set(words)) != len(words)
        ):
            raise ModelFileError("a semantic map must have different words", got=words)
        if type(side) is not int or side not in SIDES:
            raise ModelFileError(f"the side of a semantic map must be one of {SIDES}", got=side)
        try:
            cells, strengths, sizes = (arrays[name] for name in ("cells", "strengths", "sizes"))
            if strengths.dtype != np.uint8 or {cells.dtype, sizes.dtype} != {np.dtype(np.uint16)}:
                raise ValueError(f"arrays of {cells.dtype}, {strengths.dtype} and {sizes.dtype}")
            if sizes.shape != (len(words),):
                raise ValueError(f"{sizes.shape} sizes of {len(words)} words")
            matrix = CsrMatrix.checked(
                strengths.astype(np.float32) / np.float32(_STEPS),
                cells.astype(np.int32),
                indptr_of(sizes),
                side * side,
            )
        except (KeyError, ValueError) as error:
            raise ModelFileError(
                "the activations of a semantic map must fit its words and its size",
                got=str(error),
                hint="training the map again",
            ) from error
        return cls(tuple(words), matrix, side)


def hilbert_places(side: int) -> npt.NDArray[np.int64]:
    """Row and column of each cell along the Hilbert curve. *Shape:* (side * side, 2).

    Args:
        side: a power of two.
    """
    rest = np.arange(side * side)
    x, y = np.zeros_like(rest), np.zeros_like(rest)
    width = 1
    while width < side:
        right = 1 & (rest // 2)
        up = 1 & (rest ^ right)
        is_flipped = (up == 0) & (right == 1)
        x, y = np.where(is_flipped, width - 1 - x, x), np.where(is_flipped, width - 1 - y, y)
        is_turned = up == 0
        x, y = np.where(is_turned, y, x), np.where(is_turned, x, y)
        x, y = x + width * right, y + width * up
        rest, width = rest // 4, 2 * width
    return np.stack([y, x], axis=1)


def rows_of_words(
    semantic_map: SemanticMap, words: Sequence[str]
) -> tuple[CsrMatrix, npt.NDArray[np.float32]]:
    """Activations of words, nothing for those that the map does not have, and which it has.

    Returns:
        *Shape:* (n_words, side * side), and (n_words,) of 1 and 0.
    """
    numbers = np.array([semantic_map.rows.get(word.lower(), -1) for word in words], dtype=np.int64)
    is_known = numbers >= 0
    found = semantic_map.activations[numbers[is_known]]
    sizes = np.zeros(len(words), dtype=np.int64)
    sizes[is_known] = np.diff(found.indptr)
    matrix = CsrMatrix(found.data, found.indices, indptr_of(sizes), (len(words), found.shape[1]))
    return matrix, is_known.astype(np.float32)
