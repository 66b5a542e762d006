"""Fits support vector machines with scikit-learn: which options, and how sure the answers are."""

from __future__ import annotations

import dataclasses
import itertools
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from gossamer.nlu.classifiers.support_vectors import (
    Doubles,
    Indices,
    Kernel,
    SupportVectors,
    probabilities,
)
from gossamer.nn.threads import in_threads

_EXAMPLES_IN_A_FOLD = 5  # of the rarest label, as in Rasa
_MOST_TO_CALIBRATE = 2000
_SCALES = (-6.0, 6.0)  # logarithms, between which the scale is searched for
_STEPS = 24
_GOLDEN = (5**0.5 - 1) / 2


class Candidate(NamedTuple):
    """Options of one machine."""

    kernel: Kernel
    C: float
    gamma: float

    def fitted(self, x: Doubles, numbers: Indices) -> Any:
        """A machine of scikit-learn that has learnt from rows and their labels."""
        from sklearn.svm import SVC

        machine = SVC(
            C=self.C,
            kernel=self.kernel.value,
            gamma=self.gamma,
            class_weight="balanced",
            decision_function_shape="ovo",
        )
        return machine.fit(x, numbers)


def folds(numbers: Indices, most: int) -> list[tuple[Indices, Indices]]:
    """Examples to learn from and examples to judge by, a few times over.

    As many folds as the rarest label has fives of examples, from 2 to `most`, as in Rasa. Each
    label is spread over them evenly. A label with a single example is always learnt from; without
    any other there are no folds.
    """
    counts = np.bincount(numbers)
    n_folds = max(2, min(most, int(counts.min()) // _EXAMPLES_IN_A_FOLD))
    fold = np.empty(len(numbers), dtype=np.int64)
    for label, count in enumerate(counts.tolist()):
        fold[numbers == label] = np.arange(count) % n_folds if count > 1 else -1
    parts = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(n_folds)]
    return [(learnt, judged) for learnt, judged in parts if len(judged) > 0]


def fit(
    x: Doubles,
    numbers: Indices,
    candidates: Sequence[Candidate],
    *,
    most_folds: int,
    scoring: str,
) -> SupportVectors:
    """The machine with the best mean score over the folds, fitted on all rows and calibrated.

    Of equal scores the first candidate's counts.

    Args:
        x: *Shape:* (n_rows, width).
        numbers: labels from 0; each occurs. *Shape:* (n_rows,).
        candidates: to choose from.
        most_folds: see `folds`.
        scoring: name of a score of scikit-learn that reads predicted labels.
    """
    parts = folds(numbers, most_folds)
    best = candidates[0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a label that a machine never gives has no precision
        if parts and len(candidates) > 1:
            scores = _scores(x, numbers, candidates, parts, scoring)
            best = candidates[int(np.argmax(scores))]
        machine = best.fitted(x, numbers)
        found = _taken_out(machine, best)
        return dataclasses.replace(found, scale=_scale(x, numbers, best, parts))


def _scores(
    x: Doubles,
    numbers: Indices,
    candidates: Sequence[Candidate],
    parts: list[tuple[Indices, Indices]],
    scoring: str,
) -> Doubles:
    """Mean score of each candidate."""
    from sklearn.metrics import get_scorer

    scorer = get_scorer(scoring)

    def score(job: tuple[Candidate, tuple[Indices, Indices]]) -> float:
        candidate, (learnt, judged) = job
        machine = candidate.fitted(x[learnt], numbers[learnt])
        return float(scorer(machine, x[judged], numbers[judged]))

    jobs = list(itertools.product(candidates, parts))
    found = np.array(list(in_threads(score, jobs)))
    means: Doubles = found.reshape(len(candidates), len(parts)).mean(axis=1)
    return means


def _taken_out(machine: Any, candidate: Candidate) -> SupportVectors:
    """What scikit-learn has learnt, with positive decisions for the first label of each pair."""
    # Of two labels alone it has a positive decision for the second.
    sign = -1.0 if len(machine.classes_) == 2 else 1.0
    return SupportVectors(
        candidate.kernel,
        candidate.gamma,
        np.asarray(machine.support_vectors_, dtype=np.float64),
        np.asarray(machine.n_support_, dtype=np.int64),
        sign * np.asarray(machine.dual_coef_, dtype=np.float64),
        sign * np.asarray(machine.intercept_, dtype=np.float64),
    )


def _scale(
    x: Doubles,
    numbers: Indices,
    chosen: Candidate,
    parts: list[tuple[Indices, Indices]],
) -> float:
    """The scale with which the labels of examples that were not learnt from are most likely.

    Found by golden section search over its logarithm. Without folds it is 1.
    """
    if not parts:
        return 1.0

    every = -(-sum(len(judged) for _, judged in parts) // _MOST_TO_CALIBRATE)

    def judge(part: tuple[Indices, Indices]) -> Doubles:
        learnt, judged = part
        machine = chosen.fitted(x[learnt], numbers[learnt])
        return _taken_out(machine, chosen).decisions(x[judged[::every]])

    decisions = np.concatenate(list(in_threads(judge, parts)))
    own = numbers[np.concatenate([judged[::every] for _, judged in parts])]

    def loss(logarithm: float) -> float:
        likely = probabilities(decisions, float(np.exp(logarithm)))[np.arange(len(own)), own]
        return -float(np.log(likely.clip(1e-12)).mean())

    low, high = _SCALES
    for _ in range(_STEPS):
        width = _GOLDEN * (high - low)
        left, right = high - width, low + width
        low, high = (low, right) if loss(left) < loss(right) else (left, high)
    return float(np.exp((low + high) / 2))
