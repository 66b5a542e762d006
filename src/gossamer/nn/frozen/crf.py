"""A linear-chain CRF that answers: best paths, and how sure each tag is.

Equal within rounding to `gossamer.nn.crf.LinearChainCRF.decode`, which is the readable form.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gossamer.nn.frozen.weights import Floats, Weights, rows_of
from gossamer.nn.kernels import viterbi
from gossamer.nn.kernels.crf import padded
from gossamer.sparse.kernels.build import is_available

Indices = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]

FORBIDDEN = -1e4  # far below any score, yet a difference that float32 can represent
_TINY = np.finfo(np.float64).tiny


class TagPaths(NamedTuple):
    """Best paths and the model's confidence in each tag.

    Attributes:
        tags: the most probable path (Viterbi). *Shape:* (n_tokens,), int64.
        confidence: marginal probability of the chosen tag at its token, in [0, 1].
            *Shape:* (n_tokens,).
    """

    tags: Indices
    confidence: Floats


class Decoder:
    """Viterbi and forward-backward over packed sequences.

    Args:
        moves: scores from tag to tag. *Shape:* (n_tags, n_tags).
    """

    def __init__(self, moves: Floats) -> None:
        self.moves = moves
        self._tables = tables = viterbi.Moves.of(moves)
        n_tags = len(moves)  # kernels read rows that are longer
        self._into = tables.scores[:, :n_tags].T  # row: the tag that is entered
        self._shift, self._factor = tables.shift[:n_tags], tables.factor[:, :n_tags]

    @classmethod
    def read(
        cls, weights: Weights, n_tags: int, forbidden: npt.NDArray[np.bool_] | None
    ) -> Decoder:
        """The stored CRF.

        Args:
            weights: of the CRF.
            n_tags: how many tags.
            forbidden: True where one tag must not follow another; None: nowhere.
        """
        moves = weights.floats("transitions", (n_tags, n_tags))
        if forbidden is not None:
            moves = moves + np.where(forbidden, np.float32(FORBIDDEN), np.float32(0))
        return cls(moves)

    def __call__(self, logits: Floats, lengths: Indices) -> TagPaths:
        """The best path of each sequence.

        Args:
            logits: sequences one after the other. *Shape:* (n_tokens, n_tags).
            lengths: tokens of each sequence. *Shape:* (n_seqs,).
        """
        logits = rows_of(logits, len(self.moves))
        if (lengths < 0).any() or lengths.sum() != len(logits):
            raise ValueError(
                f"lengths must be 0 or more and sum up to the {len(logits)} rows of logits: got "
                f"{lengths.tolist()[:10]}. Try: the tokens of each sequence"
            )
        if is_available():
            return self._by_kernels(logits, lengths)
        tags = np.zeros(len(logits), dtype=np.int64)
        confidence = np.zeros(len(logits), dtype=np.float32)
        ends = np.cumsum(lengths)
        for first, end in zip((ends - lengths).tolist(), ends.tolist(), strict=True):
            part = slice(first, end)
            if end > first:
                tags[part] = path = self.best_path(logits[part])
                marginals = self.marginals(logits[part])
                confidence[part] = marginals[np.arange(end - first), path]
        return TagPaths(tags, confidence)

    def _by_kernels(self, logits: Floats, lengths: Indices) -> TagPaths:
        moves = self._tables
        n_tokens, n_tags = logits.shape
        width, n_texts = padded(n_tags), len(lengths)
        rows = np.empty((n_tokens, width), dtype=np.float32)
        rows[:, :n_tags] = logits  # the rest does not count
        starts = np.zeros(n_texts + 1, dtype=np.int64)
        np.cumsum(lengths, out=starts[1:])
        tags = np.empty(n_tokens, dtype=np.int64)
        came_from = np.empty((n_tokens, width), dtype=np.int32)
        viterbi.best_paths(n_tags)(rows, moves.scores, starts, came_from, tags, n_texts)
        confidence = np.empty(n_tokens, dtype=np.float32)
        alphas = np.empty((n_tokens, width))
        viterbi.marginals(n_tags)(
            rows, moves.factor, moves.turned, moves.shift, starts, tags, alphas, confidence, n_texts
        )
        return TagPaths(tags, confidence)

    def best_path(self, logits: Floats) -> Indices:
        """Viterbi for one sequence. *Shape:* (n_tokens, n_tags) -> (n_tokens,)."""
        score = logits[0]
        came_from = []
        for step in logits[1:]:
            candidates = self._into + score
            came_from.append(candidates.argmax(1))
            score = candidates.max(1) + step
        path = np.empty(len(logits), dtype=np.int64)
        path[-1] = score.argmax()
        for t in range(len(logits) - 2, -1, -1):
            path[t] = came_from[t][path[t + 1]]
        return path

    def marginals(self, logits: Floats) -> Doubles:
        """Probability of each tag at each token. *Shape:* (n_tokens, n_tags) -> the same."""
        n_tokens = len(logits)
        exact = logits.astype(np.float64)
        forward, backward = exact.copy(), np.zeros_like(exact)
        for t in range(1, n_tokens):
            forward[t] += _log_product(forward[t - 1], self._factor) + self._shift
        for t in range(n_tokens - 2, -1, -1):
            # The shift belongs to the tag that is entered, here that of the next token.
            entered = backward[t + 1] + exact[t + 1] + self._shift
            backward[t] = _log_product(entered, self._factor.T)
        scores = forward + backward
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        probabilities: Doubles = weights / weights.sum(axis=1, keepdims=True)
        return probabilities


def _log_product(scores: Doubles, factor: Doubles) -> Doubles:
    """log(exp(scores) @ factor) with the largest score taken out meanwhile."""
    top = scores.max()
    result: Doubles = np.log(np.maximum(np.exp(scores - top) @ factor, _TINY)) + top
    return result
