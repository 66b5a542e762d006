"""A support vector machine that answers: pairs of labels, and probabilities made of them.

Between each two labels there is a machine of its own (one against one, as LIBSVM has it). Its
decision value d is positive for the first label. With a scale a, found on examples that a machine
has not learnt from, r = 1 / (1 + exp(-a d)) is the probability of the first label where only these
two are possible, and the probabilities p of all labels are those that fit all pairs best: they
minimise the sum of (r_ji p_i - r_ij p_j)^2 (Wu, Lin and Weng 2004, JMLR 5, "Probability estimates
for multi-class classification by pairwise coupling", their second method).

Dimensions: `n_pairs` is n_labels * (n_labels - 1) / 2; pairs are in the order (0, 1), (0, 2), ...
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

Doubles = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

_DEGREE = 3  # of the polynomial kernel
_LEAST = 1e-7  # of a probability between two labels
_ROWS_AT_A_TIME = 64
_LARGEST_EXPONENT = 500.0


class Kernel(StrEnum):
    """How two rows are compared; the terms of scikit-learn with its degree 3 and coef0 0."""

    LINEAR = "linear"
    RBF = "rbf"
    POLY = "poly"
    SIGMOID = "sigmoid"

    def __call__(self, x: Doubles, y: Doubles, gamma: float) -> Doubles:
        """Compare each row with each. *Shape:* (n, width), (m, width) -> (n, m)."""
        products: Doubles = x @ y.T
        if self is Kernel.LINEAR:
            return products
        if self is Kernel.RBF:
            squares = (x * x).sum(axis=1)[:, None] + (y * y).sum(axis=1) - 2 * products
            closeness: Doubles = np.exp(-gamma * np.maximum(squares, 0.0))
            return closeness
        if self is Kernel.POLY:
            powers: Doubles = (gamma * products) ** _DEGREE
            return powers
        return np.tanh(gamma * products)


@dataclass(frozen=True, slots=True)
class SupportVectors:
    """A fitted machine.

    Attributes:
        kernel: how rows are compared.
        gamma: of the kernel; the linear one does not read it.
        vectors: those of the first label, then those of the second, ...
            *Shape:* (n_vectors, width).
        counts: how many vectors each label has. *Shape:* (n_labels,).
        factors: of each vector against each other label, in order.
            *Shape:* (n_labels - 1, n_vectors).
        offsets: of each pair. *Shape:* (n_pairs,).
        scale: what decision values are multiplied by before they become probabilities.
    """

    kernel: Kernel
    gamma: float
    vectors: Doubles
    counts: Indices
    factors: Doubles
    offsets: Doubles
    scale: float = 1.0

    def decisions(self, x: Doubles) -> Doubles:
        """Of each pair of labels. *Shape:* (n_rows, width) -> (n_rows, n_pairs)."""
        return np.concatenate([self._decisions(part) for part in _parts(x)])

    def _decisions(self, x: Doubles) -> Doubles:
        n_labels = len(self.counts)
        similar = self.kernel(x, self.vectors, self.gamma)
        parts = np.zeros((len(x), n_labels, n_labels))  # from vectors of a label against another
        ends = np.cumsum(self.counts)
        for label, (end, count) in enumerate(zip(ends.tolist(), self.counts.tolist(), strict=True)):
            own = slice(end - count, end)
            others = np.arange(n_labels) != label
            parts[:, label, others] = similar[:, own] @ self.factors[:, own].T
        first, second = np.triu_indices(n_labels, 1)
        found: Doubles = parts[:, first, second] + parts[:, second, first] + self.offsets
        return found


def probabilities(decisions: Doubles, scale: float) -> Doubles:
    """Probabilities of labels; see the module's docstring.

    Args:
        decisions: *Shape:* (n_rows, n_pairs).
        scale: what they are multiplied by.

    Returns:
        *Shape:* (n_rows, n_labels).
    """
    return np.concatenate([_coupled(part, scale) for part in _parts(decisions)])


def _coupled(decisions: Doubles, scale: float) -> Doubles:
    n_rows, n_pairs = decisions.shape
    n_labels = (1 + round((1 + 8 * n_pairs) ** 0.5)) // 2
    first, second = np.triu_indices(n_labels, 1)
    exponents = (scale * decisions).clip(-_LARGEST_EXPONENT, _LARGEST_EXPONENT)
    likely = (1 / (1 + np.exp(-exponents))).clip(_LEAST, 1 - _LEAST)
    r = np.zeros((n_rows, n_labels, n_labels))
    r[:, first, second], r[:, second, first] = likely, 1 - likely
    # The gradient of half the sum is Q p, and the p sum up to 1.
    system = np.zeros((n_rows, n_labels + 1, n_labels + 1))
    system[:, :n_labels, :n_labels] = -r * r.transpose(0, 2, 1)
    diagonal = np.arange(n_labels)
    system[:, diagonal, diagonal] = (r**2).sum(axis=1)
    system[:, n_labels, :n_labels] = system[:, :n_labels, n_labels] = 1
    wanted = np.zeros((n_rows, n_labels + 1, 1))
    wanted[:, n_labels] = 1
    found = np.linalg.solve(system, wanted)[:, :n_labels, 0].clip(0, None)
    shares: Doubles = found / found.sum(axis=1, keepdims=True)
    return shares


def _parts(rows: Doubles) -> list[Doubles]:
    """The rows, a few at a time: bounds the memory. At least one part."""
    starts = range(0, max(1, len(rows)), _ROWS_AT_A_TIME)
    return [rows[start : start + _ROWS_AT_A_TIME] for start in starts]
