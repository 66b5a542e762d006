from __future__ import annotations

import dataclasses
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gossamer.data.errors import DataError, ModelFileError
from gossamer.data.nlu.examples import TrainingData
from gossamer.nlu.featurizers.vectors.cluster_files import read_cluster_file
from gossamer.nlu.featurizers.vectors.word_clusters_featurizer import WordClustersFeaturizer
from gossamer.nn.csr import CsrMatrix
from tests.nlu.featurizers.vectors.conftest import block, make, trained

BROWN = "0010\tbuy\t9\n0011\tpurchase\t2\n1100\tLondon\t5\n1101\tParis\t7\n111\tshoes\t1\n"


@pytest.fixture
def brown(tmp_path: Path) -> Path:
    path = tmp_path / "paths"
    path.write_text(BROWN, "utf-8")
    return path


def from_file(path: Path, *texts: str, **options: Any) -> Any:
    return trained(WordClustersFeaturizer, *texts, clusters=str(path), **options)


def dense(matrix: Any) -> list[list[float]]:
    assert isinstance(matrix, CsrMatrix)
    values: list[list[float]] = matrix.toarray().tolist()
    return values


def test_words_of_one_cluster_share_prefixes(brown: Path) -> None:
    featurizer = from_file(brown, "buy shoes london", prefixes=[2, 4])
    assert featurizer.n_features == 5  # "11" of shoes is that of London
    found = block(featurizer, "purchase buy", "paris", "zzz")
    assert found.known is None
    # columns: 00 0010 11 1100 111
    assert dense(found.sequence) == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [0, 0, 1, 0, 0],
        [0, 0, 0, 0, 0],
    ]
    assert dense(found.sentence) == [[2, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 0, 0]]


def test_the_most_frequent_others_are_kept(brown: Path) -> None:
    found = read_cluster_file(brown, {"shoes"}, 2)
    assert list(found.of_word) == ["buy", "Paris", "shoes"]
    assert found.n_rows == 5 and found.are_paths


def test_plain_clusters_have_no_prefixes(tmp_path: Path) -> None:
    path = tmp_path / "clusters.tsv.gz"
    path.write_bytes(gzip.compress(b"buy\tverb\nshoes\tthing\npurchase\tverb\n", mtime=0))
    featurizer = from_file(path, "buy shoes")
    assert dense(block(featurizer, "purchase shoes").sequence) == [[0, 1], [1, 0]]


def test_the_lowest_bit_of_a_number_is_the_first_of_the_path(tmp_path: Path) -> None:
    path = tmp_path / "en_lexeme_cluster.json.gz"
    path.write_bytes(gzip.compress(json.dumps({"buy": 10, "get": 42, "the": 0}).encode(), mtime=0))
    found = read_cluster_file(path, set(), 9).of_word
    assert found == {"buy": "0101".ljust(20, "0"), "get": "010101".ljust(20, "0")}
    featurizer = from_file(tmp_path, "buy", prefixes=[4, 20])  # a folder, as a package is one
    assert dense(block(featurizer, "get").sequence) == [[1, 0]]


@pytest.mark.parametrize("store", ["model", "reference"])
def test_a_restored_featurizer_gives_the_same(brown: Path, store: str) -> None:
    featurizer = from_file(brown, "buy shoes", store=store)
    state = featurizer.state()
    assert bool(state.arrays) == (store == "model")
    other = make(WordClustersFeaturizer, clusters=str(brown))
    other.restore(state)
    texts = "purchase shoes Paris", "london"
    assert dense(block(other, *texts).sentence) == dense(block(featurizer, *texts).sentence)
    brown.write_text("0\tbuy\t1\n", "utf-8")
    if store == "reference":
        with pytest.raises(ModelFileError, match="must find the files it was trained with"):
            other.restore(state)
    else:
        other.restore(state)


@pytest.mark.parametrize(
    "lie", [{"known": ["a"]}, {"clusters": []}, {"are_paths": 1}, {"known": None}, {"words": "a"}]
)
def test_a_state_that_does_not_fit_is_refused(brown: Path, lie: dict[str, Any]) -> None:
    state = from_file(brown, "buy shoes").state()
    with pytest.raises(ModelFileError):
        make(WordClustersFeaturizer, clusters=str(brown)).restore(
            dataclasses.replace(state, json={**state.json, **lie})
        )
    numbers = {"cluster": state.arrays["cluster"] + np.int32(9)}
    with pytest.raises(ModelFileError):
        make(WordClustersFeaturizer, clusters=str(brown)).restore(
            dataclasses.replace(state, arrays=numbers)
        )


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("01\tbuy\n01\tpurchase\t3\n", "a", "a:2: lines of clusters must have"),
        ("buy\n", "a", "a:1: lines of clusters must have"),
        ("0a\tbuy\t3\n", "a", "a:1: a path must be bits"),
        ("01\tbuy\tmany\n", "a", "a:1: the count of 'buy' must be a number"),
        ("buy\t\n", "a", "a:1: 'buy' must have a cluster"),
        ("", "a", "must have a row"),
        ("{", "a.json", "must be JSON"),
        ("[]", "a.json", "an object of words and numbers"),
        ('{"a": -1}', "a.json", "the cluster of 'a' must be a number"),
        ('{"a": 1.5}', "a.json", "the cluster of 'a' must be a number"),
        (b"01\t\xff\t3\n", "a", "a:1: a file of clusters must be UTF-8"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(
    tmp_path: Path, content: str | bytes, name: str, message: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(DataError, match=message):
        read_cluster_file(path, set(), 10)


def test_what_is_missing_is_said_before_training(tmp_path: Path) -> None:
    (fault,) = make(WordClustersFeaturizer, clusters=str(tmp_path)).check(TrainingData())
    assert "must have one table of clusters, en_lexeme_cluster.json*" in str(fault)


def test_a_file_of_another_language_is_warned_of(brown: Path) -> None:
    with pytest.warns(UserWarning, match="clusters of 1 of the 3 words"):
        from_file(brown, "bonjour les shoes")
