from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from gossamer.data.errors import ConfigError, DataError
from gossamer.nlu.featurizers.vectors.lookup import PieceVectors
from gossamer.nlu.featurizers.vectors.piece_files import piece_files, read_piece_files

MakeFolder = Callable[..., Path]


def read(folder: Path) -> PieceVectors:
    return read_piece_files(piece_files(folder))


def cut(vectors: PieceVectors, word: str) -> list[str]:
    return [vectors.names[row] for row in vectors.found(word)]


def vocabulary(*pieces: str) -> dict[str, int]:
    return {piece: number for number, piece in enumerate(pieces)}


def test_word_pieces_are_cut_from_the_left(piece_folder: MakeFolder) -> None:
    vectors = read(piece_folder())
    assert cut(vectors, "unboxing") == [" un", "box", "ing"]
    assert cut(vectors, "buy's") == [" buy", " '", " s"]  # a sign ends a word
    assert cut(vectors, "[UNK]") == cut(vectors, "[PAD]") == []
    assert vectors.has("buy") and not vectors.has("box")


def test_words_are_prepared_as_the_tokenizer_says(piece_folder: MakeFolder) -> None:
    normalizer = {"type": "BertNormalizer", "lowercase": True, "strip_accents": None}
    vectors = read(piece_folder(normalizer={"type": "Sequence", "normalizers": [normalizer]}))
    assert vectors.lowercase and vectors.strip_accents
    assert cut(vectors, "BÜY") == [" buy"]


def test_pieces_are_merged_in_the_order_of_the_vocabulary(piece_folder: MakeFolder) -> None:
    pieces = ["<0x0A>", "▁", "a", "b", "c", "bc", "▁a", "ab", "▁ab"]
    vectors = read(piece_folder({"type": "BPE", "vocab": vocabulary(*pieces)}))
    assert cut(vectors, "abc") == [" a", "bc"]  # the longest piece would be " ab"
    assert cut(vectors, "ab?") == [" ab"]


def test_byte_level_pieces_are_texts(piece_folder: MakeFolder) -> None:
    pieces = ["Ġ", "z", "Ã¼", "Ġz", "Ġzü", "Ġz" + "Ã¼", "Ã"]
    decoder = {"type": "ByteLevel"}
    vectors = read(piece_folder({"type": "BPE", "vocab": vocabulary(*pieces)}, decoder=decoder))
    assert cut(vectors, "zü") == [" zü"]


def test_the_likeliest_pieces_of_a_unigram_model(piece_folder: MakeFolder) -> None:
    pieces = [["▁a", -1.0], ["▁ab", -1.5], ["b", -3.0], ["bc", -1.0], ["c", -3.0]]
    vectors = read(piece_folder({"type": "Unigram", "vocab": pieces}))
    assert cut(vectors, "abc") == [" a", "bc"]
    assert cut(vectors, "ab") == [" ab"]
    assert cut(vectors, "?") == []


def test_a_mapping_says_which_row_a_piece_has(piece_folder: MakeFolder) -> None:
    folder = piece_folder({"type": "WordLevel", "vocab": vocabulary("a", "b", "c")})
    mapping = np.array([1, 1, 0], dtype=np.int64)
    weights = folder / "model.safetensors"
    save_file({"embeddings": np.array([[2, 0], [0, 2]], np.float32), "mapping": mapping}, weights)
    rows = read(folder).rows.to_floats()
    assert rows == pytest.approx(np.array([[0, 2], [0, 2], [2, 0]]), abs=0.01)
    matrix = np.array([[2, 0], [0, 2]], np.float32)
    each = np.array([0.5, 1, 2])
    save_file({"embeddings": matrix, "mapping": mapping, "weights": each}, weights)
    rows = read(folder).rows.to_floats()
    assert rows == pytest.approx(np.array([[0, 1], [0, 2], [4, 0]]), abs=0.02)
    save_file({"embeddings": np.array([[2, 0]], np.float32), "mapping": mapping}, weights)
    with pytest.raises(DataError, match="a row for each piece"):
        read(folder)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ({"type": "Other", "vocab": {"a": 0}}, "must be BPE, WordPiece, WordLevel or Unigram"),
        ({"type": "BPE", "vocab": {"a": "b"}}, "one of the library tokenizers"),
        ({"type": "BPE", "vocab": {"a": -1}}, "one of the library tokenizers"),
        ({"type": "BPE", "vocab": {"a": 10**30}}, "one of the library tokenizers"),
        ({"type": "BPE", "vocab": {"a": True}}, "one of the library tokenizers"),
        ({"type": "Unigram", "vocab": [["a", float("nan")]]}, "one of the library tokenizers"),
        ({"type": "Unigram", "vocab": [["a"]]}, "one of the library tokenizers"),
        ({"type": "BPE", "vocab": {"a": 0}, "end_of_word_suffix": "</w>"}, "pieces that end"),
    ],
)
def test_other_tokenizers_are_refused(
    piece_folder: MakeFolder, model: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read(piece_folder(model))


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"model": 5}', "[" * 100_000])
def test_json_that_is_none_of_a_tokenizer_is_refused(
    piece_folder: MakeFolder, content: str
) -> None:
    folder = piece_folder()
    (folder / "tokenizer.json").write_text(content, "utf-8")
    with pytest.raises(DataError, match=r"tokenizer\.json"):
        read(folder)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": np.zeros(3, np.float32)}, "must have one matrix"),
        ({"x": np.eye(2, dtype=np.float32), "y": np.eye(2, dtype=np.float32)}, "one matrix"),
        ({"embeddings": np.eye(3, dtype=np.float32)}, "a row for each piece"),
        ({"embeddings": np.full((10, 2), np.nan, np.float32)}, "must be finite"),
    ],
)
def test_weights_that_do_not_fit_are_refused(
    piece_folder: MakeFolder, arrays: dict[str, Any], message: str
) -> None:
    folder = piece_folder()
    save_file(arrays, folder / "model.safetensors")
    with pytest.raises(DataError, match=message):
        read(folder)


def test_a_damaged_file_is_refused(piece_folder: MakeFolder) -> None:
    folder = piece_folder()
    (folder / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(DataError, match="must be whole"):
        read(folder)


def test_two_files_of_weights_are_too_many(piece_folder: MakeFolder) -> None:
    folder = piece_folder()
    (folder / "other.safetensors").write_bytes(b"")
    with pytest.raises(ConfigError, match="must have one file of weights"):
        read(folder)


def test_words_are_cut_as_the_library_tokenizers_cuts_them(tmp_path: Path) -> None:
    tokenizers = pytest.importorskip("tokenizers")
    words = [
        "low",
        "lower",
        "newest",
        "widest",
        "lowest",
        "new",
        "wide",
        "slow",
        "slower",
        "slowest",
        "news",
    ]
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=40, show_progress=False)
    tokenizer.train_from_iterator(words * 5, trainer)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    n_pieces = tokenizer.get_vocab_size()
    save_file({"embeddings": np.eye(n_pieces, dtype=np.float32)}, tmp_path / "m.safetensors")
    vectors = read(tmp_path)
    for word in [*words, "lowly", "west", "widen"]:
        pieces = [piece.replace("▁", " ") for piece in tokenizer.encode(word).tokens]
        assert cut(vectors, word) == [piece for piece in pieces if piece != " "]
    assert json.loads((tmp_path / "tokenizer.json").read_text("utf-8"))["model"]["merges"]
