"""Which examples form the batches of an epoch: sizes, balance, order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

Indices = npt.NDArray[np.int64]


def batch_size_at(epoch: int, n_epochs: int, batch_size: tuple[int, int]) -> int:
    """Batch size of an epoch (0-based), growing linearly from the first number to the second."""
    first, last = batch_size
    return first if n_epochs <= 1 else int(first + epoch * (last - first) / (n_epochs - 1))


def epoch_batches(
    n_examples: int,
    labels: Indices | None,
    size: int,
    rng: np.random.Generator,
    *,
    drop_small_last: bool = False,
) -> list[Indices]:
    """The batches of one epoch.

    Args:
        n_examples: size of the training set.
        labels: label of each example, to balance by; None for a plain shuffle.
            *Shape:* (n_examples,).
        size: examples in a batch.
        rng: where the order comes from.
        drop_small_last: leave out the last batch when it is smaller than half a batch.

    Returns:
        Arrays of example numbers. With `labels` rare labels occur repeatedly.
    """
    order = rng.permutation(n_examples)
    if labels is not None:
        order = np.fromiter(_balanced(order, labels, size, rng), dtype=np.int64)
    batches = [order[start : start + size] for start in range(0, len(order), size)]
    if drop_small_last and len(batches) > 1 and len(batches[-1]) < size / 2:
        batches.pop()
    return batches


def _balanced(
    order: Indices, labels: Indices, size: int, rng: np.random.Generator
) -> Iterator[int]:
    """Rasa's balanced order (behaviour of its batch strategy "balanced").

    Rounds over the labels in random order; in each a label gives its share of a batch, at least
    one example. A label all of whose examples have been given sits out every other round. It ends
    when every label has given all of its examples once.
    """
    shuffled = labels[order]
    by_label = [order[shuffled == label] for label in np.unique(labels)]
    share = [int(len(examples) / len(order) * size) + 1 for examples in by_label]
    given = [0] * len(by_label)
    passes = [0] * len(by_label)
    sat_out = [False] * len(by_label)
    unfinished = len(by_label)
    while unfinished:
        for label in rng.permutation(len(by_label)):
            if passes[label] > 0 and not sat_out[label]:
                sat_out[label] = True
                continue
            sat_out[label] = False
            examples = by_label[label]
            yield from examples[given[label] : given[label] + share[label]]
            given[label] += share[label]
            if given[label] >= len(examples):
                given[label] = 0
                passes[label] += 1
                if passes[label] == 1:
                    unfinished -= 1
                    if not unfinished:
                        return


def kept_back(labels: Indices, number: int, rng: np.random.Generator) -> Indices:
    """Numbers of random examples, at most every fifth of a label.

    Args:
        labels: label of each example. *Shape:* (n_examples,).
        number: how many are wanted.
        rng: where the choice comes from.

    Returns:
        Example numbers, sorted; fewer than wanted where labels have few examples.
    """
    order = rng.permutation(len(labels))
    left = np.bincount(labels) // 5
    chosen: list[int] = []
    for example in order:
        if len(chosen) == number:
            break
        if left[labels[example]] > 0:
            left[labels[example]] -= 1
            chosen.append(example)
    return np.sort(np.array(chosen, dtype=np.int64))


def stratified_holdout(
    labels: Sequence[int], n_held_out: int, rng: np.random.Generator
) -> tuple[Indices, Indices]:
    """Example numbers to train on and to evaluate on, each label in proportion.

    A label with a single example stays in training.

    Args:
        labels: label of each example.
        n_held_out: size of the evaluation set; at least the number of labels that have two
            examples or more, and leaving as many for training.
        rng: where the choice comes from.

    Returns:
        Training and evaluation example numbers, sorted.

    Raises:
        ValueError: `n_held_out` is too small or too large for the labels.
    """
    from sklearn.model_selection import train_test_split

    numbers = np.asarray(labels)
    values, counts = np.unique(numbers, return_counts=True)
    single = np.isin(numbers, values[counts == 1])
    eligible = np.flatnonzero(~single)
    n_strata = int((counts > 1).sum())
    most = len(eligible) - n_strata
    if not n_strata <= n_held_out <= most:
        advice = f"a number from {n_strata} to {most}" if n_strata <= most else "more examples"
        raise ValueError(
            "the number of examples held out for evaluation must be at least the number of labels "
            f"with two examples or more and leave as many for training: got {n_held_out}; "
            f"try {advice}"
        )
    train, held_out = train_test_split(
        eligible,
        test_size=n_held_out,
        stratify=numbers[eligible],
        random_state=int(rng.integers(2**31)),
    )
    return np.sort(np.concatenate([train, np.flatnonzero(single)])), np.sort(held_out)
