"""How alike texts are: vectors made from their character n-grams.

TF-IDF of the n-grams that at least two texts have, brought to few dimensions by a truncated
singular value decomposition (Deerwester et al., "Indexing by Latent Semantic Analysis", 1990), so
that texts are also alike whose n-grams occur in the same texts. The decomposition is found with a
random start of a fixed seed (Halko, Martinsson and Tropp, "Finding structure with randomness",
2011, algorithm 4.4); n-grams are first put into `N_BUCKETS` columns by their hashes, with signs
(Weinberger et al., "Feature hashing for large scale multitask learning", 2009).

Dimensions: `n_texts`; `width` of a vector, at most `WIDTH`; `n_buckets` is `N_BUCKETS`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

WIDTH: Final = 256
N_BUCKETS: Final = 4096
LONGEST_TEXT: Final = 400
"""Characters of a text that count."""

_N_GRAMS: Final = (2, 3, 4)
_ROWS_AT_A_TIME: Final = 2048
_ROUNDS: Final = 1
_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)  # 2**64 over the golden ratio, as is usual

Floats = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.int64]


def plain(text: str) -> str:
    """The text in one case, with single blanks: texts that differ in no more are the same."""
    return " ".join(text.casefold().split())


def text_vectors(texts: Sequence[str]) -> Floats:
    """A vector of length 1 for each text, so that products are cosines; the same each time.

    A text that shares no n-gram with another one has zeros.

    Args:
        texts: all that are to be compared.

    Returns:
        *Shape:* (n_texts, width).
    """
    rows, buckets, weights = _weighted_n_grams(texts)
    n_texts = len(texts)
    width = min(WIDTH, n_texts, N_BUCKETS)
    if not len(rows):
        return np.zeros((n_texts, width), dtype=np.float32)
    bounds = np.searchsorted(rows, np.arange(n_texts + 1))

    def blocks() -> Iterator[tuple[slice, Floats]]:
        for start in range(0, n_texts, _ROWS_AT_A_TIME):
            end = min(start + _ROWS_AT_A_TIME, n_texts)
            part = slice(bounds[start], bounds[end])
            places = (rows[part] - start) * N_BUCKETS + buckets[part]
            sums = np.bincount(places, weights[part], (end - start) * N_BUCKETS)
            yield slice(start, end), sums.astype(np.float32).reshape(-1, N_BUCKETS)

    basis = np.random.default_rng(0).standard_normal((N_BUCKETS, width), dtype=np.float32)
    vectors = np.empty((n_texts, width), dtype=np.float32)
    for turn in range(_ROUNDS + 1):
        for chosen, block in blocks():
            vectors[chosen] = block @ basis
        if turn < _ROUNDS:
            vectors = np.linalg.qr(vectors)[0]
            basis = np.zeros((N_BUCKETS, width), dtype=np.float32)
            for chosen, block in blocks():
                basis += block.T @ vectors[chosen]
            basis = np.linalg.qr(basis)[0]
    return of_length_one(vectors)


def of_length_one(vectors: Floats) -> Floats:
    """The vectors, scaled; zeros stay zeros. *Shape:* (n_texts, width)."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    # What is left of a text without known n-grams is rounding.
    return np.where(lengths > 1e-5, vectors / np.maximum(lengths, 1e-5), np.float32(0.0))


def largest_cosines(vectors: Floats, others: Floats) -> Floats:
    """Each text's cosine with the most alike of others; 0 without any. *Shape:* (n_texts,)."""
    found = np.zeros(len(vectors), dtype=np.float32)
    if len(others):
        for start in range(0, len(vectors), _ROWS_AT_A_TIME):
            rows = slice(start, start + _ROWS_AT_A_TIME)
            found[rows] = (vectors[rows] @ others.T).max(axis=1)
    return np.maximum(found, 0.0)


def _weighted_n_grams(texts: Sequence[str]) -> tuple[Numbers, Numbers, npt.NDArray[np.float64]]:
    """Text, bucket and signed weight of every n-gram of every text, text by text."""
    rows, grams = _n_grams(texts)
    # A text has each n-gram once, with the logarithm of its count.
    order = np.lexsort((grams, rows))
    rows, grams = rows[order], grams[order]
    is_first = np.ones(len(rows), dtype=bool)
    is_first[1:] = (rows[1:] != rows[:-1]) | (grams[1:] != grams[:-1])
    counts = np.diff(np.append(np.flatnonzero(is_first), len(rows)))
    rows, grams = rows[is_first], grams[is_first]
    _, numbers, n_texts_with = np.unique(grams, return_inverse=True, return_counts=True)
    with_it = n_texts_with[numbers]
    weights = (1.0 + np.log(counts)) * (1.0 + np.log(len(texts) / with_it))
    lengths = np.sqrt(np.bincount(rows, weights**2, len(texts)))
    weights /= lengths[rows]
    is_shared = with_it > 1
    rows, grams, weights = rows[is_shared], grams[is_shared], weights[is_shared]
    mixed = grams * _MULTIPLIER
    buckets = (mixed >> np.uint64(40)) % np.uint64(N_BUCKETS)
    signs = np.where((mixed >> np.uint64(39)) & np.uint64(1), 1.0, -1.0)
    return rows, buckets.astype(np.int64), weights * signs


def _n_grams(texts: Sequence[str]) -> tuple[Numbers, npt.NDArray[np.uint64]]:
    """Text and hash of every character n-gram."""
    padded = [f" {plain(text)[:LONGEST_TEXT]} " for text in texts]
    everything = "".join(padded).encode("utf-32-le", "surrogatepass")
    codes = np.frombuffer(everything, dtype=np.uint32).astype(np.uint64)
    of_text = np.repeat(np.arange(len(texts)), [len(text) for text in padded])
    rows, grams = [], []
    for n in _N_GRAMS:
        n_starts = max(0, len(codes) - n + 1)
        found = np.full(n_starts, n, dtype=np.uint64)
        for offset in range(n):
            found = (found ^ codes[offset : offset + n_starts]) * _MULTIPLIER
            found ^= found >> np.uint64(29)
        is_inside = of_text[:n_starts] == of_text[n - 1 : n - 1 + n_starts]
        rows.append(of_text[:n_starts][is_inside])
        grams.append(found[is_inside])
    return np.concatenate(rows), np.concatenate(grams)
