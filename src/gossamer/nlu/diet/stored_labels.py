"""Features of labels as they are stored with a model, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from gossamer.nlu.diet.features import FeatureWidths, TextFeatures, TextWidths
from gossamer.nn.csr import CsrMatrix
from gossamer.nn.features import Features

Arrays = dict[str, npt.NDArray[Any]]

_PREFIX = "labels"
_ARRAYS = ("data", "indices", "indptr")
_LENGTHS = f"{_PREFIX}.lengths"


def labels_to_arrays(labels: Features | TextFeatures | None) -> Arrays:
    """All that `labels_from_arrays` needs besides the widths; nothing where there are no labels."""
    if labels is None:
        return {}
    if isinstance(labels, Features):
        return _to_arrays(labels, _PREFIX)
    return {
        **_to_arrays(labels.sequence, f"{_PREFIX}.sequence"),
        **_to_arrays(labels.sentence, f"{_PREFIX}.sentence"),
        _LENGTHS: labels.lengths,
    }


def labels_from_arrays(
    arrays: Mapping[str, npt.NDArray[Any]], widths: FeatureWidths | TextWidths | None
) -> Features | TextFeatures | None:
    """What `labels_to_arrays` took apart.

    Args:
        arrays: others may be among them.
        widths: of the labels' features; None for a model without labels.

    Raises:
        KeyError: an array is missing.
        ValueError: arrays do not belong together.
    """
    if widths is None:
        return None
    if isinstance(widths, FeatureWidths):
        return _from_arrays(arrays, _PREFIX, widths)
    labels = TextFeatures(
        _from_arrays(arrays, f"{_PREFIX}.sequence", widths.sequence),
        _from_arrays(arrays, f"{_PREFIX}.sentence", widths.sentence),
        np.array(arrays[_LENGTHS], dtype=np.int64),
    )
    lengths = labels.lengths
    if lengths.ndim != 1 or (lengths < 1).any():
        raise ValueError("each label must have a token")
    for part, n_rows in ((labels.sequence, int(lengths.sum())), (labels.sentence, len(lengths))):
        if any(found != n_rows for found in _n_rows(part)):
            raise ValueError("features and lengths of labels must belong together")
    return labels


def _to_arrays(features: Features, prefix: str) -> Arrays:
    arrays: Arrays = {}
    if features.sparse is not None:
        arrays[f"{prefix}.data"] = features.sparse.data
        arrays[f"{prefix}.indices"] = features.sparse.indices
        arrays[f"{prefix}.indptr"] = features.sparse.indptr
    if features.dense is not None:
        arrays[f"{prefix}.dense"] = features.dense
    return arrays


def _from_arrays(
    arrays: Mapping[str, npt.NDArray[Any]], prefix: str, widths: FeatureWidths
) -> Features:
    matrix = None
    if widths.n_sparse > 0:
        data, indices, indptr = (arrays[f"{prefix}.{name}"] for name in _ARRAYS)
        matrix = CsrMatrix.checked(data, indices, indptr, widths.n_sparse)
    dense = None
    if widths.n_dense > 0:
        dense = arrays[f"{prefix}.dense"]
        if dense.dtype != np.float32 or dense.ndim != 2 or dense.shape[1] != widths.n_dense:
            raise ValueError(
                f"dense features of labels must be {widths.n_dense} columns of float32: got "
                f"{dense.dtype} of shape {dense.shape}"
            )
    return Features(matrix, dense)


def _n_rows(features: Features) -> list[int]:
    """Rows of each part that there is."""
    return [part.shape[0] for part in (features.sparse, features.dense) if part is not None]
