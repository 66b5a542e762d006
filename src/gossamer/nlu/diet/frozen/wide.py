"""The wide path's scores; see `gossamer.nlu.diet.wide`, which fits it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gossamer.nn.csr import CsrMatrix
from gossamer.nn.frozen.inputs import Table
from gossamer.nn.frozen.weights import Floats, Weights

#: Euclidean, of a text's weighted counts of one featurizer.
LENGTH = 6.0

_LARGEST = 1e15  # of a stored number; larger ones give scores that are not finite


class FrozenWidePath:
    """Label scores that are linear in a text's weighted counts and dense features.

    Args:
        weights: stored ones.
        n_features: sparse columns of the texts.
        n_labels: how many labels.
        n_dense: dense columns of the texts.

    Raises:
        KeyError: an array is missing.
        ValueError: arrays do not fit the sizes.
    """

    def __init__(self, weights: Weights, n_features: int, n_labels: int, n_dense: int = 0) -> None:
        self.table = Table.read(weights.part("table"), n_features)
        self.idf = weights.floats("idf", (n_features,))
        self.part: npt.NDArray[np.int16] = weights.array("part")
        self.dense = weights.floats("dense", (n_dense, n_labels)) if n_dense > 0 else None
        self.n_labels = n_labels
        is_right = self.part.shape == (n_features,) and self.part.dtype == np.int16
        if not is_right or self.part.min(initial=0) < 0:
            raise ValueError(f"the wide path must know the featurizer of {n_features} columns")
        known = [self.idf, self.table.bias, *([] if self.dense is None else [self.dense])]
        if not all((np.abs(array) <= _LARGEST).all() for array in known):
            raise ValueError(f"the wide path must have numbers up to {_LARGEST:g}")
        if self.table.units < n_labels:
            raise ValueError(f"{n_labels} labels, a wide path of {self.table.units}")

    def __call__(self, counts: CsrMatrix, dense: Floats | None = None) -> Floats:
        """Scores.

        *Shape:* (n_texts, n_features) and (n_texts, n_dense) -> (n_texts, n_labels).
        """
        scores = self.table(weighted(counts, self.idf, self.part))[:, : self.n_labels]
        if self.dense is None or dense is None:
            return scores
        return scores + unit_length(dense) @ self.dense


def unit_length(dense: Floats) -> Floats:
    """Rows divided by their Euclidean length; zeros stay. *Shape:* of both (n_texts, n_dense)."""
    lengths = np.linalg.norm(dense, axis=1, keepdims=True)
    lengths[lengths == 0] = 1
    result: Floats = (dense / lengths).astype(np.float32, copy=False)
    return result


def weighted(counts: CsrMatrix, idf: Floats, part: npt.NDArray[np.int16]) -> CsrMatrix:
    """Counts as the wide path's table reads them; see `gossamer.nlu.diet.wide`.

    Args:
        counts: *Shape:* (n_texts, n_features).
        idf: inverse document frequency of each feature. *Shape:* (n_features,).
        part: the number of each feature's featurizer. *Shape:* (n_features,).
    """
    columns = counts.indices
    values = idf[columns]
    if (counts.data != 1).any():  # seldom in one short text
        sizes = np.abs(counts.data)
        values = values * np.where(sizes == 0, 0, 1 + np.log(np.maximum(sizes, 1)))
    group = part[columns].astype(np.int64)
    if counts.shape[0] > 1:  # each text has parts of its own
        n_parts = int(group.max(initial=0)) + 1
        group += n_parts * np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    lengths = np.sqrt(np.bincount(group, weights=values**2))
    lengths[lengths == 0] = 1  # of features that no training text has
    result: Floats = (values * (LENGTH / lengths[group])).astype(np.float32)
    return counts.with_data(result)
