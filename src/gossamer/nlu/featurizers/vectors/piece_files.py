"""Reads vectors of pieces of words: safetensors, and the JSON of the tokenizer that cuts words.

Such are the folders of model2vec (`model.safetensors`, `tokenizer.json`) and of Sentence
Transformers' static embeddings, and the package wordllama. The JSON is that of the library
tokenizers, which is not needed.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from gossamer.data.errors import DataError, Location
from gossamer.data.text.text_files import read_text
from gossamer.nlu.featurizers.vectors.lookup import BLANK, Cutting, PieceVectors, scale_of
from gossamer.nlu.featurizers.vectors.source_files import only_file
from gossamer.nn.ops.rounding import ByteRows
from gossamer.nn.safetensors_file import read_in_place

_MARK = "▁"  # of SentencePiece, where a word begins
_BYTE = re.compile("<0x[0-9A-F]{2}>")  # a piece for a byte of a character without one
_MOST_PIECES = 2**31
_ROWS_AT_A_TIME = 4096
_MATRICES = ("embeddings", "embedding.weight")


class PieceFiles(NamedTuple):
    """The two files."""

    weights: Path
    tokenizer: Path


class _Pieces(NamedTuple):
    """Pieces by their number in the tokenizer.

    Attributes:
        names: pieces, those that begin a word with a blank in front, and their numbers, ascending.
        cutting: how words are cut.
        scores: by number, for `likeliest`.
    """

    names: dict[str, int]
    cutting: Cutting
    scores: dict[int, float]


def piece_files(folder: Path) -> PieceFiles:
    """The files in a folder, or in the folders in it. Raises `ConfigError` where one is missing."""
    return PieceFiles(
        only_file(folder, "*.safetensors", "file of weights"),
        only_file(folder, "*tokenizer*.json", "file of a tokenizer")
        if not (folder / "tokenizer.json").is_file()
        else folder / "tokenizer.json",
    )


def check_piece_files(files: PieceFiles) -> None:
    """Read the tokenizer, and find out whether the weights are there.

    Raises:
        DataError: the tokenizer cannot be read.
    """
    _read_json(files.tokenizer)


def read_piece_files(files: PieceFiles) -> PieceVectors:
    """Read vectors, with the weights of pieces applied where the file has some.

    Raises:
        DataError: a file is damaged, of another kind, or does not fit the other.
    """
    tokenizer = _read_json(files.tokenizer)
    where = Location(files.tokenizer)
    try:
        pieces = _pieces_of(tokenizer, where)
    except (KeyError, TypeError, ValueError, AttributeError) as problem:
        if isinstance(problem, DataError):
            raise
        raise DataError(
            "a tokenizer must be one of the library tokenizers",
            got=f"{type(problem).__name__}: {problem}",
            where=where,
        ) from problem
    numbers = list(pieces.names.values())
    normalizers = list(_parts(tokenizer.get("normalizer")))
    kinds = {part.get("type") for part in normalizers}
    is_lower = any(part.get("lowercase") is True for part in normalizers)
    strips = any(
        part.get("strip_accents") is True
        or (part.get("lowercase") is True and part.get("strip_accents", False) is None)
        for part in normalizers
    )
    rows = _rows(files.weights, numbers)
    return PieceVectors(
        list(pieces.names),
        rows,
        scale=scale_of(rows),
        cutting=pieces.cutting,
        lowercase=is_lower or "Lowercase" in kinds,
        strip_accents=strips or "StripAccents" in kinds,
        scores=np.array([pieces.scores[number] for number in numbers], dtype=np.float32)
        if pieces.cutting == "likeliest"
        else None,
    )


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_text(path))
    except (ValueError, RecursionError) as problem:
        if isinstance(problem, DataError):
            raise
        raise DataError(
            "a tokenizer must be JSON", got=str(problem), where=Location(path)
        ) from None
    if not isinstance(content, dict) or not isinstance(content.get("model"), dict):
        raise DataError("the JSON of a tokenizer must have a model", where=Location(path))
    return content


def _pieces_of(tokenizer: Mapping[str, Any], where: Location) -> _Pieces:
    model = tokenizer["model"]
    vocabulary = model["vocab"]
    kind = model.get("type") or ("Unigram" if isinstance(vocabulary, list) else None)
    added = [each for each in tokenizer.get("added_tokens") or () if each.get("special")]
    special = {each["content"] for each in added} | {model.get("unk_token")}
    scores: dict[int, float] = {}
    if kind == "Unigram":
        texts = {number: piece for number, (piece, _) in enumerate(vocabulary)}
        scores = {number: float(score) for number, (_, score) in enumerate(vocabulary)}
    elif kind in ("BPE", "WordPiece", "WordLevel"):
        texts = {number: piece for piece, number in vocabulary.items()}
    else:
        raise DataError(
            "a tokenizer must be BPE, WordPiece, WordLevel or Unigram", got=kind, where=where
        )
    if not all(type(number) is int and 0 <= number < _MOST_PIECES for number in texts):
        raise ValueError("pieces must be numbered from 0")
    if not all(map(math.isfinite, scores.values())):
        raise ValueError("scores must be finite")
    if model.get("end_of_word_suffix"):
        raise DataError("pieces that end words cannot be read", got="BPE with </w>", where=where)
    prefix = model.get("continuing_subword_prefix") or ("##" if kind == "WordPiece" else "")
    is_of_bytes = any(part.get("type") == "ByteLevel" for part in _parts(tokenizer))
    names: dict[str, int] = {}  # of equal ones the first counts
    for number, text in sorted(texts.items()):
        if text in special or _BYTE.fullmatch(text):
            continue
        if kind == "WordLevel" or prefix:
            is_inside = bool(prefix) and text.startswith(prefix)
            name = text.removeprefix(prefix) if is_inside else BLANK + text
        else:
            name = _from_bytes(text) if is_of_bytes else text.replace(_MARK, BLANK)
        if name:
            names.setdefault(name, number)
    cutting: dict[str, Cutting] = {"BPE": "merge", "Unigram": "likeliest"}
    return _Pieces(names, cutting.get(kind, "longest"), scores)


def _parts(part: Any) -> Iterator[Mapping[str, Any]]:
    """A part of the JSON and all that are in it, but not the model."""
    if isinstance(part, dict):
        yield part
        for name, inner in part.items():
            if name != "model":
                yield from _parts(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _parts(inner)


def _byte_signs() -> dict[str, int]:
    """Which byte each sign of a byte-level piece is: printable ones themselves, the others 256 on.

    Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", section 2.2.
    """
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    signs = {chr(byte): byte for byte in printable}
    return signs | {chr(256 + place): byte for place, byte in enumerate(others)}


_BYTE_OF = _byte_signs()


def _from_bytes(text: str) -> str:
    """The text of a byte-level piece; nothing where it is a part of a character."""
    try:
        return bytes(_BYTE_OF[sign] for sign in text).decode("utf-8")
    except (KeyError, UnicodeDecodeError):
        return ""


def _rows(path: Path, numbers: list[int]) -> ByteRows:
    where = Location(path)
    try:
        arrays = read_in_place(path).arrays
    except (OSError, ValueError, RecursionError) as problem:
        raise DataError(
            "a safetensors file must be whole, its numbers no BF16", got=str(problem), where=where
        ) from problem
    matrix = _matrix(arrays, where)
    mapping = arrays.get("mapping")
    needed = np.array(numbers, dtype=np.int64)
    if mapping is not None and mapping.ndim == 1 and mapping.dtype.kind in "iu":
        _require(needed.max(initial=-1) < len(mapping), len(mapping), where)
        needed = mapping[needed].astype(np.int64)
    _require(
        needed.min(initial=0) >= 0 and needed.max(initial=-1) < len(matrix), len(matrix), where
    )
    weights = arrays.get("weights")
    if weights is not None:
        fits = weights.ndim == 1 and weights.dtype.kind == "f"
        _require(fits and max(numbers, default=-1) < len(weights), len(weights), where)
    packed = []
    for start in range(0, len(needed), _ROWS_AT_A_TIME):
        rows = matrix[needed[start : start + _ROWS_AT_A_TIME]].astype(np.float32)
        if weights is not None:
            rows *= weights[numbers[start : start + _ROWS_AT_A_TIME], None].astype(np.float32)
        if not np.isfinite(rows).all():
            raise DataError("numbers of vectors must be finite", where=where)
        packed.append(ByteRows.nearest(rows))
    if not packed:
        raise DataError("a tokenizer must have pieces", where=where)
    values, exponents = map(np.concatenate, zip(*packed, strict=True))
    return ByteRows(values, exponents)


def _matrix(arrays: Mapping[str, npt.NDArray[Any]], where: Location) -> npt.NDArray[Any]:
    matrices = {name: array for name, array in arrays.items() if array.ndim == 2}
    for name in _MATRICES:
        if name in matrices:
            return matrices[name]
    if len(matrices) != 1:
        raise DataError(
            f"a file of vectors must have one matrix, or one called {' or '.join(_MATRICES)}",
            got=sorted(matrices) or "none",
            where=where,
        )
    return next(iter(matrices.values()))


def _require(fits: bool, n_rows: int, where: Location) -> None:
    if not fits:
        raise DataError(
            "vectors must have a row for each piece of the tokenizer",
            got=f"{n_rows} rows",
            where=where,
            hint="the two files of one model",
        )
