from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gossamer.nn.training.batching import (
    batch_size_at,
    epoch_batches,
    kept_back,
    stratified_holdout,
)

COUNTS = st.lists(st.integers(1, 30), min_size=1, max_size=6)
SEEDS = st.integers(0, 2**20)


def labels_of(counts: list[int], seed: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    labels = np.repeat(np.arange(len(counts)), counts)
    shuffled: np.ndarray[tuple[int], np.dtype[np.int64]] = np.random.default_rng(seed).permutation(
        labels
    )
    return shuffled


def test_batch_size_grows_linearly() -> None:
    assert [batch_size_at(e, 4, (64, 256)) for e in range(4)] == [64, 128, 192, 256]
    assert [batch_size_at(e, 3, (8, 8)) for e in range(3)] == [8, 8, 8]
    assert [batch_size_at(e, 3, (10, 4)) for e in range(3)] == [10, 7, 4]
    assert batch_size_at(0, 1, (64, 256)) == 64
    assert batch_size_at(0, 0, (64, 256)) == 64


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 200))
def test_batch_size_stays_within_its_bounds(first: int, last: int, n_epochs: int) -> None:
    sizes = [batch_size_at(epoch, n_epochs, (first, last)) for epoch in range(n_epochs)]
    assert sizes[0] == first and sizes[-1] == (last if n_epochs > 1 else first)
    assert sizes == sorted(sizes, reverse=first > last)


@given(st.integers(0, 100), st.integers(1, 40), SEEDS)
def test_plain_shuffle_has_every_example_once(n: int, size: int, seed: int) -> None:
    batches = epoch_batches(n, None, size, np.random.default_rng(seed))
    assert sorted(i for batch in batches for i in batch.tolist()) == list(range(n))
    assert all(len(batch) == size for batch in batches[:-1])
    assert all(0 < len(batch) <= size for batch in batches)


@given(COUNTS, st.integers(1, 40), SEEDS)
def test_balanced_has_every_example_and_repeats_rare_labels(
    counts: list[int], size: int, seed: int
) -> None:
    labels = labels_of(counts, seed)
    batches = epoch_batches(len(labels), labels, size, np.random.default_rng(seed))
    given_ = [i for batch in batches for i in batch.tolist()]
    times = Counter(given_)
    assert set(times) == set(range(len(labels)))
    assert all(len(batch) == size for batch in batches[:-1])
    # Examples of one label take turns, so their counts differ by one at most.
    for label in range(len(counts)):
        own = [times[int(i)] for i in np.flatnonzero(labels == label)]
        assert max(own) - min(own) <= 1
    # It ends once the last label is through, and that one has not begun anew.
    assert min(times.values()) == 1


def test_a_rare_label_is_in_nearly_every_other_batch() -> None:
    labels = labels_of([200, 4], 1)
    batches = epoch_batches(204, labels, 20, np.random.default_rng(1))
    rare = [int((labels[batch] == 1).sum()) for batch in batches]
    assert sum(rare) > 4
    times = Counter(int(i) for batch in batches for i in batch if labels[i] == 1)
    assert max(times.values()) - min(times.values()) <= 1


def test_order_changes_from_epoch_to_epoch_and_follows_the_generator() -> None:
    labels = labels_of([10, 5], 1)
    rng, same = np.random.default_rng(4), np.random.default_rng(4)
    first, second = (epoch_batches(15, labels, 4, rng) for _ in range(2))
    again = epoch_batches(15, labels, 4, same)
    assert [b.tolist() for b in first] == [b.tolist() for b in again]
    assert [b.tolist() for b in first] != [b.tolist() for b in second]


@pytest.mark.parametrize(
    ("n", "size", "expected"),
    [(10, 4, [4, 4, 2]), (9, 4, [4, 4]), (1, 4, [1]), (8, 4, [4, 4]), (7, 5, [5])],
)
def test_drop_small_last(n: int, size: int, expected: list[int]) -> None:
    rng = np.random.default_rng(0)
    batches = epoch_batches(n, None, size, rng, drop_small_last=True)
    assert [len(batch) for batch in batches] == expected


@given(COUNTS, SEEDS, st.floats(0, 1))
def test_holdout(counts: list[int], seed: int, where: float) -> None:
    labels = labels_of(counts, seed)
    several = [count for count in counts if count > 1]
    least, most = len(several), sum(several) - len(several)
    n_held_out = round(least + where * (most - least))
    if not several:
        return
    train, held_out = stratified_holdout(labels.tolist(), n_held_out, np.random.default_rng(seed))
    assert len(held_out) == n_held_out
    assert sorted([*train.tolist(), *held_out.tolist()]) == list(range(len(labels)))
    assert train.tolist() == sorted(train.tolist()) and held_out.tolist() == sorted(held_out)
    in_training, in_evaluation = Counter(labels[train]), Counter(labels[held_out])
    for label, count in enumerate(counts):
        assert in_training[label] + in_evaluation[label] == count
        if count == 1:
            assert in_evaluation[label] == 0
        elif len(several) > 1:
            share = count / sum(several) * n_held_out
            assert abs(in_evaluation[label] - share) <= 1.5


def test_holdout_follows_the_generator() -> None:
    labels = [0, 1] * 20
    chosen = [
        stratified_holdout(labels, 8, np.random.default_rng(seed))[1].tolist() for seed in (1, 1, 2)
    ]
    assert chosen[0] == chosen[1] != chosen[2]


@pytest.mark.parametrize("n_held_out", [1, 5, 100])
def test_holdout_of_the_wrong_size(n_held_out: int) -> None:
    with pytest.raises(ValueError, match=rf"got {n_held_out}; try a number from 2 to 4"):
        stratified_holdout([0, 0, 0, 1, 1, 1, 2], n_held_out, np.random.default_rng(0))


@given(COUNTS, st.integers(0, 40), SEEDS)
def test_kept_back_leaves_four_fifths_of_each_label(
    counts: list[int], number: int, seed: int
) -> None:
    labels = labels_of(counts, seed)
    found = kept_back(labels, number, np.random.default_rng(seed))
    allowed = [count // 5 for count in counts]
    assert len(found) == min(number, sum(allowed))
    assert found.tolist() == sorted(set(found.tolist()))
    taken = np.bincount(labels[found], minlength=len(counts))
    assert all(n <= most for n, most in zip(taken.tolist(), allowed, strict=True))


def test_kept_back_of_nothing() -> None:
    found = kept_back(np.zeros(0, dtype=np.int64), 3, np.random.default_rng(0))
    assert found.shape == (0,) and found.dtype == np.int64


def test_kept_back_is_random() -> None:
    """Of fifty alike and ten kept back each has been chosen in a hundred draws."""
    labels = np.zeros(50, dtype=np.int64)
    draws = [kept_back(labels, 10, np.random.default_rng(seed)) for seed in range(100)]
    assert set(np.concatenate(draws).tolist()) == set(range(50))
    assert np.array_equal(draws[3], kept_back(labels, 10, np.random.default_rng(3)))
