"""Reads vectors of pieces of words: safetensors and the JSON of a tokenizer."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import numpy as np

from gossamer.nlu.featurizers.vectors.pieces import BLANK, PieceVectors
from gossamer.nn.ops.rounding import ByteRows
from gossamer.nn.safetensors_file import read_in_place


def folder_of(name: str) -> Path:
    if Path(name).is_dir():
        return Path(name)
    spec = importlib.util.find_spec(name)
    return Path(spec.submodule_search_locations[0])


def read_pieces(folder: Path) -> PieceVectors:
    (weights,) = folder.rglob("*.safetensors")
    (tokenizer,) = folder.rglob("*tokenizer*.json")
    arrays = read_in_place(weights).arrays
    matrix = next(array for array in arrays.values() if array.ndim == 2)
    vocabulary = json.loads(tokenizer.read_text("utf-8"))["model"]["vocab"]
    pieces, rows = [], []
    for piece, row in vocabulary.items():
        if piece.startswith("<"):
            continue
        pieces.append(piece.replace("▁", BLANK))
        rows.append(row)
    matrix = matrix[rows].astype(np.float32)
    matrix /= np.sqrt((matrix**2).sum(axis=1).mean())
    return PieceVectors(pieces, ByteRows.nearest(matrix), lowercase=False)
