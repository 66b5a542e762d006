from __future__ import annotations

import dataclasses
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gossamer.data.errors import ConfigError, ModelFileError
from gossamer.data.nlu.examples import TrainingData
from gossamer.nlu.featurizers.vectors.static_vectors_featurizer import StaticVectorsFeaturizer
from gossamer.nlu.pipeline.messages import ComponentState, FeatureBlock
from tests.nlu.featurizers.vectors.conftest import block, make, trained


def from_file(path: Path, *texts: str, **options: Any) -> Any:
    return trained(StaticVectorsFeaturizer, *texts, vectors=str(path), **options)


def same(one: FeatureBlock, other: FeatureBlock) -> bool:
    return all(
        np.array_equal(getattr(one, part), getattr(other, part), equal_nan=True)
        for part in ("sequence", "sentence", "known")
    )


def test_tokens_have_vectors_and_texts_the_mean_of_those_that_have_one(
    text_file: Path,
) -> None:
    found = block(from_file(text_file, "buy shoes"), "buy london zzz", "zzz", "shoes")
    assert found.origin == "outside"
    assert isinstance(found.sequence, np.ndarray) and isinstance(found.sentence, np.ndarray)
    assert found.sequence.dtype == found.sentence.dtype == np.float32
    size = np.sqrt((1 + 1 + 4 + 16) / 4)  # root mean square
    rows = np.array([[1, 0, 0], [0, 2, 0], [0, 0, 0], [0, 0, 0], [0, 0, -4]])
    assert found.sequence == pytest.approx(rows / size, abs=0.01)
    means = np.array([[0.5, 1, 0], [0, 0, 0], [0, 0, -4]])
    assert found.sentence == pytest.approx(means / size, abs=0.01)


def test_a_word_is_known_as_far_as_it_is_near_one_of_training(text_file: Path) -> None:
    featurizer = from_file(text_file, "Buy shoes")
    found = block(featurizer, "buy purchase london zzz 42 !").known
    assert found is not None
    buy, purchase, london, unknown, *signs = found.tolist()
    assert (buy, london, unknown) == (1, 0, 0)
    assert 0.5 < purchase <= 1
    assert np.isnan(signs).all()


def test_the_model_keeps_words_of_training_and_the_first_others(text_file: Path) -> None:
    featurizer = from_file(text_file, "shoes", additional_words=1)
    sequence = block(featurizer, "buy purchase London shoes").sequence
    assert isinstance(sequence, np.ndarray)
    assert sequence.any(axis=1).tolist() == [
        True,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize("store", ["model", "reference"])
def test_a_restored_featurizer_gives_the_same(text_file: Path, store: str) -> None:
    featurizer = from_file(text_file, "buy shoes", store=store)
    state = featurizer.state()
    assert bool(state.arrays) == (store == "model")
    other = make(StaticVectorsFeaturizer, vectors=str(text_file), store=store)
    other.restore(ComponentState(json.loads(json.dumps(dict(state.json))), state.arrays))
    texts = "buy purchase shoes", "London zzz"
    assert same(block(other, *texts), block(featurizer, *texts))
    assert other.state().json == state.json
    if store == "model":
        text_file.unlink()
        other.restore(state)


@pytest.mark.parametrize("change", ["missing", "altered"])
def test_files_that_are_referred_to_must_be_those_of_training(text_file: Path, change: str) -> None:
    featurizer = from_file(text_file, "buy shoes", store="reference")
    if change == "missing":
        text_file.unlink()
    else:
        text_file.write_text(text_file.read_text("utf-8") + "more 1 2 3\n", "utf-8")
    with pytest.raises(ModelFileError, match="must find the files it was trained with"):
        make(StaticVectorsFeaturizer, vectors=str(text_file)).restore(featurizer.state())


@pytest.mark.parametrize(
    "lie",
    [
        {"names": ["buy"]},
        {"names": ["buy", "buy", "shoes", "x"]},
        {"names": 3},
        {"scale": 0.0},
        {"scale": float("nan")},
        {"scale": None},
        {"words": None},
        {"sha256": 5},
        {"pieces": {"cutting": "apart", "lowercase": True, "strip_accents": True}},
        {"pieces": {"cutting": "merge"}},
        {"pieces": 7},
        {"pieces": {"cutting": "likeliest", "lowercase": True, "strip_accents": True}},
    ],
)
def test_a_state_that_does_not_fit_is_refused(text_file: Path, lie: dict[str, Any]) -> None:
    state = from_file(text_file, "buy shoes").state()
    with pytest.raises(ModelFileError):
        make(StaticVectorsFeaturizer, vectors=str(text_file)).restore(
            dataclasses.replace(state, json={**state.json, **lie})
        )


@pytest.mark.parametrize("name", ["exponents", "values"])
def test_arrays_that_do_not_fit_are_refused(text_file: Path, name: str) -> None:
    state = from_file(text_file, "buy shoes").state()
    for arrays in (
        {**state.arrays, name: state.arrays[name][1:]},
        {k: array for k, array in state.arrays.items() if k != name},
        {**state.arrays, name: state.arrays[name].astype(np.float32)},
    ):
        with pytest.raises(ModelFileError):
            make(StaticVectorsFeaturizer, vectors=str(text_file)).restore(
                dataclasses.replace(state, arrays=arrays)
            )


def test_a_packed_file_is_read(text_file: Path, tmp_path: Path) -> None:
    packed = tmp_path / "small.vec.gz"
    packed.write_bytes(gzip.compress(text_file.read_bytes(), mtime=0))
    one, other = (from_file(path, "buy shoes") for path in (packed, text_file))
    assert same(block(one, "buy London"), block(other, "buy London"))


def test_pieces_give_every_word_a_vector(piece_folder: Callable[..., Path]) -> None:
    featurizer = from_file(piece_folder(), "buy shoes")
    found = block(featurizer, "buy unboxing buys qqq")
    assert isinstance(found.sequence, np.ndarray)
    rows = [np.flatnonzero(row).tolist() for row in found.sequence]
    assert rows == [[1], [2, 3, 4], [1, 8], []]
    assert found.known is not None
    assert found.known.tolist() == [1, 0, 0, 0]  # random letters have pieces too
    other = make(StaticVectorsFeaturizer, vectors="pieces")
    other.restore(featurizer.state())
    assert same(block(other, "unboxing"), block(featurizer, "unboxing"))


def test_what_is_missing_is_said_before_training(tmp_path: Path) -> None:
    for name, hint in (("no_such_package", "pip install"), (f"{tmp_path}/x.vec", "is there")):
        (fault,) = make(StaticVectorsFeaturizer, vectors=name).check(TrainingData())
        assert isinstance(fault, ConfigError) and hint in str(fault)
    (fault,) = make(StaticVectorsFeaturizer, vectors=str(tmp_path)).check(TrainingData())
    assert "must have one file of weights" in str(fault)


def test_a_file_of_another_language_is_warned_of(text_file: Path) -> None:
    with pytest.warns(UserWarning, match="vectors for 1 of the 3 words"):
        from_file(text_file, "bonjour les shoes")


def test_repeated_words_are_warned_of(text_file: Path) -> None:
    text_file.write_text("buy 1 0\nbuy 0 1\nshoes 1 1\n", "utf-8")
    with pytest.warns(UserWarning, match="1 rows of words that had one before"):
        featurizer = from_file(text_file, "buy shoes")
    assert block(featurizer, "buy").sequence == pytest.approx(np.array([[0.82, 0]]), abs=0.01)


def test_a_text_without_tokens_has_zeros(text_file: Path) -> None:
    found = block(from_file(text_file, "buy shoes"), "buy", " ", "shoes")
    assert isinstance(found.sentence, np.ndarray)
    assert found.sentence.any(axis=1).tolist() == [True, False, True]
