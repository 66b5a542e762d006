"""The CRF's decoding of one sequence, in numpy.

A message has a few tokens, and a step of the chain is a product with a small matrix: calling torch
for it costs more than doing it. Equal within rounding to `LinearChainCRF.decode`, which is the
readable form, and the faster one for many sequences at a time.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]

_TINY = np.finfo(np.float64).tiny


class SingleDecoder:
    """Viterbi and forward-backward for one sequence.

    Args:
        transitions: scores from tag to tag; kept as they are now. *Shape:* (n_tags, n_tags).
    """

    def __init__(self, transitions: Floats) -> None:
        self._transitions = transitions.astype(np.float32)
        self._into = np.ascontiguousarray(self._transitions.T)  # row: the tag that is entered
        exact = self._transitions.astype(np.float64)
        self._shift = exact.max(axis=0)
        self._factor = np.exp(exact - self._shift)

    def __call__(self, logits: Floats) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """The best path and the marginal probability of each of its tags.

        Args:
            logits: *Shape:* (n_tokens, n_tags).

        Returns:
            Tags and confidences. *Shape:* of both (n_tokens,).
        """
        tags = self.best_path(logits)
        marginals = self.marginals(logits)
        return tags, marginals[np.arange(len(tags)), tags].astype(np.float32)

    def best_path(self, logits: Floats) -> npt.NDArray[np.int64]:
        """Viterbi. *Shape:* (n_tokens, n_tags) -> (n_tokens,)."""
        n_tokens = len(logits)
        path = np.zeros(n_tokens, dtype=np.int64)
        if n_tokens == 0:
            return path
        score = logits[0]
        came_from = []
        for step in logits[1:]:
            candidates = self._into + score
            came_from.append(candidates.argmax(1))
            score = candidates.max(1) + step
        path[-1] = score.argmax()
        for t in range(n_tokens - 2, -1, -1):
            path[t] = came_from[t][path[t + 1]]
        return path

    def marginals(self, logits: Floats) -> npt.NDArray[np.float64]:
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
        probabilities: npt.NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
        return probabilities


def _log_product(scores: Floats, factor: Floats) -> Floats:
    """log(exp(scores) @ factor) with the largest score taken out meanwhile."""
    top = scores.max()
    result: Floats = np.log(np.maximum(np.exp(scores - top) @ factor, _TINY)) + top
    return result
