"""Vectors as JSON and arrays, and back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gossamer.nlu.featurizers.vectors.lookup import PieceVectors, Vectors, WordVectors
from gossamer.nlu.featurizers.vectors.pretrained_featurizer import distinct_texts
from gossamer.nlu.pipeline.messages import ComponentState
from gossamer.nn.ops.rounding import ByteRows

_CUTTINGS = ("merge", "longest", "likeliest")
_LARGEST = 1e9  # unit of a vector; the root mean square of their lengths is 1


def vectors_to_state(vectors: Vectors) -> ComponentState:
    """Names and kind as JSON, rows as arrays."""
    json: dict[str, Any] = {"names": list(vectors.names), "scale": vectors.scale}
    arrays: dict[str, Any] = {
        "values": vectors.rows.values,
        "exponents": vectors.rows.exponents,
    }
    if isinstance(vectors, PieceVectors):
        json["pieces"] = {
            "cutting": vectors.cutting,
            "lowercase": vectors.lowercase,
            "strip_accents": vectors.strip_accents,
        }
        if vectors.scores is not None:
            arrays["scores"] = vectors.scores
    return ComponentState(json, arrays)


def vectors_from_state(state: ComponentState) -> Vectors:
    """The stored vectors.

    Raises:
        KeyError: a part is missing.
        TypeError: a part is of another kind.
        ValueError: the parts do not belong together.
    """
    names = distinct_texts(state.json["names"])
    rows = ByteRows(state.arrays["values"], state.arrays["exponents"])
    rows.check()
    scale = state.json["scale"]
    if type(scale) is not float or not 0 < scale < math.inf:
        raise ValueError(f"a scale of {scale}")
    if len(rows.values) != len(names):
        raise ValueError(f"{len(names)} names, {len(rows.values)} rows")
    if rows.values.shape[1] == 0:
        raise ValueError("vectors without numbers")
    if scale * 2.0 ** int(rows.exponents.max(initial=0)) > _LARGEST:
        raise ValueError(f"a scale of {scale} for rows that large")
    pieces = state.json.get("pieces")
    if pieces is None:
        return WordVectors(names, rows, scale=scale)
    cutting, scores = pieces["cutting"], state.arrays.get("scores")
    flags = {name: pieces[name] for name in ("lowercase", "strip_accents")}
    if cutting not in _CUTTINGS or not all(type(flag) is bool for flag in flags.values()):
        raise ValueError(f"pieces cut as {pieces}")
    if cutting == "likeliest" and (
        scores is None
        or scores.dtype != np.float32
        or scores.shape != (len(names),)
        or not np.isfinite(scores).all()
    ):
        raise ValueError("scores that are not one number for each piece")
    return PieceVectors(names, rows, scale=scale, cutting=cutting, scores=scores, **flags)
