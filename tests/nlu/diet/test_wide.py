"""The wide path's weights and scores against scikit-learn's, for one text and for many."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy import sparse
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.svm import LinearSVC

from gossamer.nlu.diet.frozen.wide import FrozenWidePath
from gossamer.nlu.diet.wide import WidePath
from gossamer.nn.csr import CsrMatrix
from gossamer.nn.features import Features
from gossamer.nn.frozen.weights import Weights

LENGTH = 6.0
PARTS = (12, 18)  # features of two featurizers


def counts_of(seed: int, n_texts: int, *, n_features: int = 30) -> CsrMatrix:
    """Counts of words, of which some texts have none and one column none at all."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(0.3, (n_texts, n_features)).astype(np.float32)
    counts[:, 3] = 0
    counts[::4] = 0
    return CsrMatrix.of(sparse.csr_array(counts))


def expected_of(train: Any, texts: Any) -> npt.NDArray[np.float64]:
    """Scikit-learn's TF-IDF with sublinear counts, each part of the features in length 6."""
    train, texts = train.to_scipy(), texts.to_scipy()
    found = []
    for begin, end in ((0, PARTS[0]), (PARTS[0], sum(PARTS))):
        transformer = TfidfTransformer(norm="l2", smooth_idf=True, sublinear_tf=True)
        transformer.fit(train[:, begin:end])
        found.append(transformer.transform(texts[:, begin:end]).toarray() * LENGTH)
    return np.hstack(found)


def features_of(counts: CsrMatrix) -> Features:
    return Features(counts, parts=PARTS if counts.shape[1] == sum(PARTS) else ())


def wide_of(train: CsrMatrix, n_labels: int = 5) -> WidePath:
    """One that has learnt how often features occur, and nothing of the only label it has seen."""
    wide = WidePath(train.shape[1], n_labels)
    wide.fit(features_of(train), np.zeros(train.shape[0], dtype=np.int64))
    return wide


@pytest.mark.parametrize("n_texts", [1, 2, 40])
def test_weights_are_scikit_learns(n_texts: int, seed: int) -> None:
    train, texts = counts_of(seed, 50), counts_of(seed + 1, n_texts)
    found = wide_of(train).weighted(texts)
    assert found.dtype == np.float32 and found.shape == texts.shape
    np.testing.assert_allclose(found.toarray(), expected_of(train, texts), rtol=1e-5, atol=1e-6)


def test_weights_by_hand() -> None:
    """Of three texts two have the first word and one the second; none the third, which is new."""
    train = CsrMatrix.of(
        sparse.csr_array(np.array([[1, 0, 0], [2, 3, 0], [0, 0, 0]], dtype=np.float32))
    )
    wide = wide_of(train)
    idf = np.array([np.log(4 / 3) + 1, np.log(4 / 2) + 1, 0])
    np.testing.assert_allclose(wide.idf.numpy(), idf, rtol=1e-6)
    text = CsrMatrix.of(sparse.csr_array(np.array([[4, 1, 1]], dtype=np.float32)))
    values = np.array([(1 + np.log(4)) * idf[0], idf[1], 0])
    np.testing.assert_allclose(
        wide.weighted(text).toarray()[0], 6 * values / np.linalg.norm(values), rtol=1e-6
    )


def test_one_text_has_the_weights_it_has_among_many(seed: int) -> None:
    train, texts = counts_of(seed, 50), counts_of(seed + 1, 20)
    wide = wide_of(train)
    together = wide.weighted(texts)
    for row in range(20):
        alone = wide.weighted(texts[[row]]).data
        part = together.data[together.indptr[row] : together.indptr[row + 1]]
        np.testing.assert_allclose(alone, part, rtol=1e-6)
        assert alone.dtype == np.float32


@pytest.mark.parametrize("shape", [(0, 30), (1, 30), (3, 30)])
def test_texts_without_a_word_score_the_bias(shape: tuple[int, int]) -> None:
    wide = wide_of(counts_of(0, 9))
    empty: Any = CsrMatrix.of(sparse.csr_array(shape, dtype=np.float32))
    with torch.no_grad():
        wide.table.bias.copy_(torch.arange(16))
    assert torch.equal(wide(empty), torch.arange(5.0).expand(shape[0], -1))
    if shape[0] == 1:
        assert wide.weighted(empty).data.shape == (0,)


def test_values_below_zero_count_as_much() -> None:
    """Only counts come here, but a featurizer of the user's may give anything."""
    wide = wide_of(counts_of(0, 9))
    text = CsrMatrix.of(sparse.csr_array(np.array([[0, -4, 1] + [0] * 27], dtype=np.float32)))
    assert np.array_equal(
        wide.weighted(text).toarray(), wide.weighted(text.with_data(abs(text.data))).toarray()
    )


def with_zeros(counts: CsrMatrix) -> CsrMatrix:
    """The same counts, every zero stored."""
    n_texts, n_features = counts.shape
    columns = np.tile(np.arange(n_features, dtype=np.int32), n_texts)
    rows = np.arange(n_texts + 1, dtype=np.int32) * n_features
    return CsrMatrix(counts.toarray().ravel(), columns, rows, counts.shape)


@pytest.mark.parametrize("n_texts", [1, 7])
def test_a_stored_zero_is_no_word(n_texts: int, seed: int) -> None:
    """Neither where frequencies are learnt nor in a text."""
    train, texts = counts_of(seed, 50), counts_of(seed + 1, n_texts)
    wide, same = wide_of(train), wide_of(with_zeros(train))
    assert torch.equal(wide.idf, same.idf)
    found = wide.weighted(with_zeros(texts))
    assert found.nnz == n_texts * 30
    np.testing.assert_array_equal(found.toarray(), wide.weighted(texts).toarray())


@pytest.mark.parametrize("n_texts", [1, 3])
def test_a_text_of_new_words_alone_has_no_weights(n_texts: int) -> None:
    """Column 3 is in no training text."""
    texts = np.zeros((n_texts, 30), dtype=np.float32)
    texts[:, 3] = 2
    found = wide_of(counts_of(0, 9)).weighted(CsrMatrix.of(sparse.csr_array(texts)))
    assert found.data.tolist() == [0.0] * n_texts


@pytest.mark.parametrize("n_labels", [1, 5, 16, 17])
def test_scores_are_linear_in_the_weights(n_labels: int, seed: int) -> None:
    train, texts = counts_of(seed, 50), counts_of(seed + 1, 7)
    wide = wide_of(train, n_labels)
    assert torch.equal(wide(texts), torch.zeros(7, n_labels)), "one label alone says nothing"
    weight = torch.randn(30, n_labels, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        wide.table.weight[:, :n_labels] = weight
    expected = torch.from_numpy(expected_of(train, texts).astype(np.float32)) @ weight
    torch.testing.assert_close(wide(texts), expected, atol=1e-5, rtol=1e-4)


def fitted(counts: CsrMatrix, labels: list[int], n_labels: int, weights: Any = None) -> WidePath:
    wide = WidePath(counts.shape[1], n_labels)
    wide.fit(features_of(counts), np.array(labels, dtype=np.int64), weights)
    return wide


@pytest.mark.parametrize("n_labels", [2, 3, 17])
def test_scores_are_seven_times_those_of_a_support_vector_machine(n_labels: int, seed: int) -> None:
    train, texts = counts_of(seed, 80), counts_of(seed + 1, 20)
    labels = (np.arange(80) % n_labels).tolist()
    model = LinearSVC(random_state=0).fit(expected_of(train, train) / LENGTH, labels)
    expected = 7 * model.decision_function(expected_of(train, texts) / LENGTH)
    if n_labels == 2:
        expected = np.stack([-expected, expected], axis=1)
    found = fitted(train, labels, n_labels)(texts)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-3, atol=2e-2)


def test_a_label_without_an_example_is_never_the_best(seed: int) -> None:
    train = counts_of(seed, 60)
    found = fitted(train, [1, 4, 1] * 20, 5)(counts_of(seed + 1, 20))
    assert torch.equal(found[:, [0, 2, 3]], torch.full((20, 3), -7.0))
    assert (found.argmax(1) % 3 == 1).all(), "1 or 4"


def test_examples_weigh_what_they_are_told_to(seed: int) -> None:
    """Weight 0 is as if the example were not there; its label has no example left."""
    train = counts_of(seed, 40)
    labels = [0, 1, 2, 3] * 10
    weights = np.ones(40, dtype=np.float32)
    weights[3::4] = 0
    some = np.flatnonzero(weights)
    wide = fitted(train, labels, 4, weights)
    model = LinearSVC(random_state=0).fit(
        wide.weighted(train).toarray()[some] / LENGTH, np.array(labels)[some]
    )
    expected = 7 * model.decision_function(wide.weighted(train).toarray() / LENGTH)
    np.testing.assert_allclose(wide(train)[:, :3].numpy(), expected, rtol=1e-3, atol=2e-2)
    assert (wide(train)[:, 3] == -7).all()


def test_gradients_do_not_reach_it(seed: int) -> None:
    wide = fitted(counts_of(seed, 20), [0, 1] * 10, 2)
    assert not any(parameter.requires_grad for parameter in wide.parameters())


def test_it_can_be_fitted_again(seed: int) -> None:
    first, second = counts_of(seed, 20), counts_of(seed + 1, 30)
    wide = fitted(first, [0, 1] * 10, 3)
    wide.fit(features_of(second), np.array([0, 1, 2] * 10))
    texts = counts_of(seed + 2, 9)
    assert torch.equal(wide(texts), fitted(second, [0, 1, 2] * 10, 3)(texts))


def test_frequencies_are_stored() -> None:
    wide, other = wide_of(counts_of(1, 50)), wide_of(counts_of(2, 50))
    assert not torch.equal(wide.idf, other.idf)
    other.load_state_dict(wide.state_dict())
    assert torch.equal(wide.idf, other.idf) and torch.equal(wide.part, other.part)
    texts = counts_of(3, 5)
    assert np.array_equal(wide.weighted(texts).toarray(), other.weighted(texts).toarray())


def test_the_counts_stay_as_they_are() -> None:
    texts = counts_of(3, 5)
    before = texts.toarray()
    wide = wide_of(counts_of(1, 50))
    wide(texts)
    wide.weighted(texts).data[:] = 0
    assert np.array_equal(texts.toarray(), before)


def test_dense_features_stand_beside_the_counts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts, dense = counts_of(seed, 60), rng.normal(size=(60, 7)).astype(np.float32)
    dense[5] = 0  # a text that the vectors do not know
    labels = rng.integers(3, size=60)
    wide = WidePath(30, 3, 7)
    wide.fit(Features(counts, dense, PARTS), labels)
    lengths = np.maximum(np.linalg.norm(dense, axis=1, keepdims=True), 1e-9)
    inputs = np.hstack([expected_of(counts, counts) / LENGTH, dense / lengths])
    model = LinearSVC(random_state=0).fit(inputs, labels)
    expected = 7.0 * model.decision_function(inputs)
    np.testing.assert_allclose(wide(counts, dense).numpy(), expected, rtol=1e-3, atol=2e-3)
    assert wide.dense is not None
    weights = Weights({name: each.numpy() for name, each in wide.state_dict().items()}, "")
    frozen = FrozenWidePath(weights, 30, 3, 7)
    np.testing.assert_allclose(
        frozen(counts, dense), wide(counts, dense).numpy(), rtol=1e-5, atol=1e-5
    )
    with pytest.raises(KeyError):
        FrozenWidePath(Weights({"idf": np.ones(30, np.float32)}, ""), 30, 3, 7)


def test_scores_do_not_depend_on_how_long_vectors_are(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts, dense = counts_of(seed, 40), rng.normal(size=(40, 4)).astype(np.float32)
    wide = WidePath(30, 2, 4)
    wide.fit(Features(counts, dense, PARTS), rng.integers(2, size=40))
    np.testing.assert_allclose(
        wide(counts, 100 * dense).numpy(), wide(counts, dense).numpy(), rtol=1e-4, atol=1e-5
    )
