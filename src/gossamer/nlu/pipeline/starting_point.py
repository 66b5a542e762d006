"""What training goes on from: a part of an earlier model, and where its columns are now."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from gossamer.data.errors import ConfigError
from gossamer.nlu.pipeline.messages import FeatureBlock, FeatureMatrix

Was = npt.NDArray[np.int64]
"""Of each place now its place before, or -1 for one that is new."""

_PARTS: tuple[Literal["sequence", "sentence"], ...] = ("sequence", "sentence")


class ColumnsBefore:
    """Where the columns of features were in an earlier pipeline.

    Args:
        blocks: of a text, by the earlier pipeline.
        keeps: by alias, whether a featurizer's first columns are those it had before; asked when it
            is trained, until `settle`.
    """

    def __init__(
        self, blocks: Sequence[FeatureBlock], keeps: Mapping[str, Callable[[], bool]]
    ) -> None:
        self._blocks = blocks
        self._keeps = keeps

    def settle(self) -> None:
        """Ask of all featurizers, and let go of what is asked; call it when all are trained."""
        answers = {alias: keeps() for alias, keeps in self._keeps.items()}
        self._keeps = {alias: functools.partial(bool, found) for alias, found in answers.items()}

    def of(self, blocks: Sequence[FeatureBlock], featurizers: Sequence[str]) -> tuple[Was, Was]:
        """Where the sparse columns of sequence and sentence features were.

        Args:
            blocks: of texts, by the pipeline as it is now; those that are read.
            featurizers: aliases of those that are read; empty for all.

        Raises:
            ConfigError: there are other dense features than before.
        """
        before = [b for b in self._blocks if not featurizers or b.origin in featurizers]
        sequence, sentence = (self._of_part(part, blocks, before) for part in _PARTS)
        return sequence, sentence

    def _of_part(
        self,
        part: Literal["sequence", "sentence"],
        blocks: Sequence[FeatureBlock],
        before: Sequence[FeatureBlock],
    ) -> Was:
        starts: dict[str, tuple[int, int]] = {}
        dense: dict[str, int] = {}
        n_before = 0
        for block in before:
            matrix: FeatureMatrix | None = getattr(block, part)
            if isinstance(matrix, np.ndarray):
                dense[block.origin] = matrix.shape[1]
            elif matrix is not None:
                starts[block.origin] = (n_before, matrix.shape[1])
                n_before += matrix.shape[1]
        found = [np.zeros(0, dtype=np.int64)]
        dense_now: dict[str, int] = {}
        for block in blocks:
            matrix = getattr(block, part)
            if isinstance(matrix, np.ndarray):
                dense_now[block.origin] = matrix.shape[1]
            elif matrix is not None:
                was = np.full(matrix.shape[1], -1, dtype=np.int64)
                start, width = starts.get(block.origin, (0, 0))
                if self._keeps[block.origin]():
                    n_kept = min(width, len(was))
                    was[:n_kept] = np.arange(start, start + n_kept)
                found.append(was)
        if dense_now != dense:
            raise ConfigError(
                f"training can go on only with dense features as before, {dense}",
                got=dense_now,
                hint="training without --finetune",
            )
        return np.concatenate(found)


class StartingPoint(NamedTuple):
    """What a component or policy goes on from when it is trained.

    Attributes:
        part: the same of an earlier model, trained, with the same options.
        epoch_fraction: how much of its epochs it is trained for.
        columns: where columns of features were; None in a policy without a pipeline.
    """

    part: Any
    epoch_fraction: float
    columns: ColumnsBefore | None


def names_before(now: Sequence[Any], before: Sequence[Any]) -> Was:
    """Where each of some names was in an earlier list. *Shape:* (n_now,)."""
    number = {name: place for place, name in enumerate(before)}
    return np.array([number.get(name, -1) for name in now], dtype=np.int64)
