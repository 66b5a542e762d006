"""Multi-head self-attention within the sequences of a packed batch."""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gossamer.nn.frozen.linear import Linear
from gossamer.nn.frozen.operations import kernels_fit, softmax
from gossamer.nn.frozen.weights import Floats, Weights
from gossamer.nn.kernels import attention
from gossamer.nn.kernels.arithmetic import WIDTH
from gossamer.sparse.connectivity import Topology

Indices = npt.NDArray[np.int64]


class Layout(NamedTuple):
    """Which row of a packed batch is which position of which sequence.

    Attributes:
        position: place of each row in its sequence. *Shape:* (n_rows,).
        rows: those of each sequence in order, one sequence after the other. *Shape:* (n_rows,).
        starts: where in `rows` each sequence begins, and the end. *Shape:* (n_seqs + 1,).
    """

    position: Indices
    rows: Indices
    starts: Indices

    @classmethod
    def one_after_the_other(cls, lengths: Indices) -> Layout:
        """Rows in the order of sequences of these lengths."""
        if len(lengths) == 1:
            numbers = np.arange(int(lengths[0]))
            return cls(numbers, numbers, np.array([0, len(numbers)]))
        starts = np.concatenate([[0], np.cumsum(lengths)])
        rows = np.arange(starts[-1])
        return cls(rows - np.repeat(starts[:-1], lengths), rows, starts)

    @classmethod
    def with_sentences(cls, lengths: Indices) -> Layout:
        """All tokens of texts of these lengths, then a row for each text, its last position."""
        if len(lengths) == 1:
            return cls.one_after_the_other(lengths + 1)
        n_texts, n_tokens = len(lengths), int(lengths.sum())
        starts = np.concatenate([[0], np.cumsum(lengths + 1)])
        rows = np.empty(n_tokens + n_texts, dtype=np.int64)
        is_sentence = np.zeros(len(rows), dtype=np.bool_)
        is_sentence[starts[1:] - 1] = True
        rows[is_sentence] = np.arange(n_tokens, n_tokens + n_texts)
        rows[~is_sentence] = np.arange(n_tokens)
        first_tokens = np.cumsum(lengths) - lengths
        of_tokens = np.arange(n_tokens) - np.repeat(first_tokens, lengths)
        return cls(np.concatenate([of_tokens, lengths]), rows, starts)


class Attention:
    """What `gossamer.nn.attention.MultiHeadSelfAttention` computes in evaluation mode.

    Args:
        query: also `key`, `value`, `out`: the layers.
        num_heads: attention heads.
        is_causal: positions see only themselves and earlier ones.
        key_relative: relative embeddings added to the logits, or None.
            *Shape:* (num_heads, n_distances, head_size).
        value_relative: those added to the values, or None.
        max_relative_position: the largest distance told apart.
    """

    def __init__(
        self,
        query: Linear,
        key: Linear,
        value: Linear,
        out: Linear,
        *,
        num_heads: int,
        is_causal: bool,
        key_relative: Floats | None = None,
        value_relative: Floats | None = None,
        max_relative_position: int = 5,
    ) -> None:
        self.query, self.key, self.value, self.out = query, key, value, out
        self.num_heads = num_heads
        self.is_causal = is_causal
        self.key_relative, self.value_relative = key_relative, value_relative
        self.max_relative_position = max_relative_position
        self._width = out.connectivity.in_features
        self.head_size = self._width // num_heads
        self._joined = Linear.stacked([query, key, value])
        has_relative = key_relative is not None or value_relative is not None
        self._has_kernel = not has_relative and kernels_fit(self.head_size)

    @classmethod
    def read(
        cls,
        weights: Weights,
        width: int,
        *,
        num_heads: int,
        is_causal: bool,
        max_relative_position: int,
        topology: Topology,
    ) -> Attention:
        """The stored attention; see `Linear.read` for what is raised."""
        n_distances = max_relative_position + 1 if is_causal else 2 * max_relative_position + 1
        relative = [
            weights.floats(name, (num_heads, n_distances, width // num_heads))
            if name in weights
            else None
            for name in ("key_relative", "value_relative")
        ]
        query, key, value, out = (
            Linear.read(weights.part(name), width, width, topology=topology, has_bias=name == "out")
            for name in ("query", "key", "value", "out")
        )
        return cls(
            query,
            key,
            value,
            out,
            num_heads=num_heads,
            is_causal=is_causal,
            key_relative=relative[0],
            value_relative=relative[1],
            max_relative_position=max_relative_position,
        )

    def __call__(self, x: Floats, layout: Layout) -> Floats:
        """Every head's mixture of values, before `out`. *Shape:* (n_rows, width), kept."""
        if self._joined is None:
            qkv = np.concatenate([part(x) for part in (self.query, self.key, self.value)], axis=1)
        else:
            qkv = self._joined(x)
        if len(layout.rows) != len(qkv):
            raise ValueError(f"{len(layout.rows)} rows in the layout, {len(qkv)} in the input")
        mixed = np.empty((len(qkv), self._width), dtype=np.float32)
        if self._has_kernel:
            self._by_kernel(qkv, layout, mixed)
        else:
            starts = layout.starts.tolist()
            for first, end in itertools.pairwise(starts):
                rows = layout.rows[first:end]
                if len(rows):
                    mixed[rows] = self._sequence(qkv[rows])
        return mixed

    def _by_kernel(self, qkv: Floats, layout: Layout, mixed: Floats) -> None:
        lengths = np.diff(layout.starts)
        sizes = self.num_heads * lengths * (-(-lengths // WIDTH) * WIDTH)
        attention.attend(self.num_heads, self.head_size, self.is_causal)(
            qkv,
            layout.rows,
            layout.starts,
            np.cumsum(sizes) - sizes,
            np.empty(int(sizes.sum()), dtype=np.float32),
            mixed,
            len(lengths),
        )

    def _sequence(self, qkv: Floats) -> Floats:
        """One sequence. *Shape:* (length, 3 * width) -> (length, width)."""
        length = len(qkv)
        heads = qkv.reshape(length, 3, self.num_heads, self.head_size)
        query, key, value = heads.transpose(1, 2, 0, 3)
        logits = query @ key.transpose(0, 2, 1)
        distance = self._distances(length)
        if self.key_relative is not None:
            by_distance = query @ self.key_relative.transpose(0, 2, 1)
            wanted = np.broadcast_to(distance, logits.shape)
            logits = logits + np.take_along_axis(by_distance, wanted, axis=2)
        logits = logits / np.float32(math.sqrt(self.head_size))
        if self.is_causal:
            logits = np.where(np.tri(length, dtype=np.bool_), logits, np.float32(-np.inf))
        weights = softmax(logits)
        mixed = weights @ value
        if self.value_relative is not None:
            of_distances = [
                (weights * (distance == number)).sum(axis=2)
                for number in range(self.value_relative.shape[1])
            ]
            mixed = mixed + np.stack(of_distances, axis=2) @ self.value_relative
        flat: Floats = mixed.transpose(1, 0, 2).reshape(length, self._width)
        return flat

    def _distances(self, length: int) -> Indices:
        """Row of the relative tables for each (query, key). *Shape:* (length, length)."""
        steps = np.arange(length)
        limit = self.max_relative_position
        apart = (steps[None, :] - steps[:, None]).clip(-limit, 0 if self.is_causal else limit)
        distances: Indices = apart + limit
        return distances
