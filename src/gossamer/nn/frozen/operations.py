"""The operations over rows: normalisation, GELU, softmax. Each is a kernel, and the same in NumPy.

Kernels take rows whose width is a multiple of 16, and run where llvmlite is installed.
"""

from __future__ import annotations

import math

import numpy as np

from gossamer.nn.frozen.weights import Floats, rows_of
from gossamer.nn.kernels import rows
from gossamer.nn.kernels.arithmetic import ERFC, ERFC_P, WIDTH
from gossamer.sparse.kernels.build import is_available

EPSILON = 1e-6  # of layer normalisation, as in Rasa
_NOTHING_DROPPED = (0, 0, np.ones(1, dtype=np.float32))  # seed, levels, scale
_NONE = np.empty(0, dtype=np.float32)


def kernels_fit(*widths: int) -> bool:
    """Whether kernels can take rows of these widths here."""
    return is_available() and not any(width % WIDTH for width in widths)


class Normalisation:
    """Layer normalisation (Ba et al. 2016, arXiv:1607.06450).

    Args:
        gain: *Shape:* (width,).
        offset: *Shape:* (width,).
    """

    def __init__(self, gain: Floats, offset: Floats) -> None:
        self.gain, self.offset = gain, offset

    def __call__(self, x: Floats) -> Floats:
        """*Shape:* (n_rows, width), kept."""
        x = rows_of(x, len(self.gain))
        return self._by_kernel(x, None)[1] if kernels_fit(x.shape[1]) else self._normal(x)

    def of_sum(self, x: Floats, update: Floats) -> tuple[Floats, Floats]:
        """The sum of both, and that normalised. *Shape:* of all four (n_rows, width)."""
        x, update = rows_of(x, len(self.gain)), rows_of(update, len(self.gain))
        if len(x) != len(update):
            raise ValueError(f"both must have as many rows: got {len(x)} and {len(update)}")
        if kernels_fit(x.shape[1]):
            return self._by_kernel(x, update)
        total = x + update
        return total, self._normal(total)

    def _by_kernel(self, x: Floats, update: Floats | None) -> tuple[Floats, Floats]:
        n_rows, width = x.shape
        total = x if update is None else np.empty_like(x)
        normal = np.empty_like(x)
        rows.add_and_normalise(width, update is not None, EPSILON)(
            x,
            _NONE if update is None else update,
            self.gain,
            self.offset,
            _NONE if update is None else total,
            normal,
            np.empty(2 * n_rows, dtype=np.float32),
            n_rows,
            *_NOTHING_DROPPED,
        )
        return total, normal

    def _normal(self, x: Floats) -> Floats:
        apart = x - x.mean(axis=1, keepdims=True)
        variance = (apart * apart).mean(axis=1, keepdims=True)
        normal: Floats = apart / np.sqrt(variance + np.float32(EPSILON)) * self.gain + self.offset
        return normal


def gelu(x: Floats) -> Floats:
    """The exact GELU, x P(X <= x) for a standard normal X. *Shape:* (n_rows, width), kept."""
    x = rows_of(x, x.shape[-1])
    if not kernels_fit(x.shape[1]):
        return x * _normal_distribution(x)
    y = np.empty_like(x)
    rows.gelu_dropped(x.shape[1])(x, y, x.shape[0], *_NOTHING_DROPPED)
    return y


def softmax(x: Floats) -> Floats:
    """*Shape:* (..., width), kept; each last axis sums to 1."""
    weights = np.exp(x - x.max(axis=-1, keepdims=True))
    normal: Floats = weights / weights.sum(axis=-1, keepdims=True)
    return normal


def unit_length(x: Floats) -> Floats:
    """Rows divided by their Euclidean length; shorter than 1e-12 counts as that."""
    lengths = np.sqrt((x * x).sum(axis=1, keepdims=True))
    normal: Floats = x / np.maximum(lengths, np.float32(1e-12))
    return normal


def _normal_distribution(x: Floats) -> Floats:
    """P(X <= x) of the standard normal distribution, as the kernels compute it."""
    t: Floats = np.float32(1) / (np.float32(1) + np.float32(ERFC_P / math.sqrt(2)) * np.abs(x))
    value: Floats = np.full_like(x, ERFC[0] / 2)
    for coefficient in ERFC[1:]:
        value = value * t + np.float32(coefficient / 2)
    tail = value * t * np.exp(np.float32(-0.5) * x * x)
    result: Floats = np.where(x >= 0, 1 - tail, tail)
    return result
