"""From a pipeline's feature blocks to the features DIET's network reads; without PyTorch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gossamer.nlu.pipeline.messages import FeatureBlock, FeatureMatrix
from gossamer.nn.csr import CsrMatrix, hstack, vstack
from gossamer.nn.features import Features, not_as_trained

Indices = npt.NDArray[np.int64]

_TEXTS_AT_A_TIME = 32
_ATTENTION = 2**22  # pairs of tokens in a part, padding included


class FeatureWidths(NamedTuple):
    """Sparse and dense columns of some features."""

    n_sparse: int
    n_dense: int

    @classmethod
    def of(cls, features: Features) -> FeatureWidths:
        """Widths of given features."""
        return cls(features.n_sparse, features.n_dense)


class TextWidths(NamedTuple):
    """Widths of the sequence and of the sentence features of some texts."""

    sequence: FeatureWidths
    sentence: FeatureWidths

    @classmethod
    def of(cls, text: TextFeatures) -> TextWidths:
        """Widths of given features."""
        return cls(FeatureWidths.of(text.sequence), FeatureWidths.of(text.sentence))


class TokenChoice(NamedTuple):
    """Tokens of some texts.

    Attributes:
        rows: their numbers. *Shape:* (n_tokens,).
        lengths: how many each text has. *Shape:* (n_texts,).
    """

    rows: Indices
    lengths: Indices


@dataclass(frozen=True, slots=True)
class TextFeatures:
    """Features of texts, packed: tokens of all texts one after the other.

    Attributes:
        sequence: one row a token.
        sentence: one row a text.
        lengths: tokens of each text. *Shape:* (n_texts,), int64.
        all_columns: `sentence` before columns were left out, with other texts perhaps; None where
            none was.
        rows: those of `all_columns` that are these texts; None for all. *Shape:* (n_texts,).
    """

    sequence: Features
    sentence: Features
    lengths: Indices
    all_columns: Features | None = None
    rows: Indices | None = None

    @property
    def counts(self) -> Features:
        """What the wide path reads: all sentence features, chosen here as no training step does."""
        if self.all_columns is None:
            return self.sentence
        return self.all_columns if self.rows is None else self.all_columns.rows(self.rows)

    def texts(self, chosen: Indices, tokens: TokenChoice | None = None) -> TextFeatures:
        """The given texts.

        Args:
            chosen: numbers of the texts. *Shape:* (n_chosen,).
            tokens: of these texts; None for their own.
        """
        tokens = self.tokens_of(chosen) if tokens is None else tokens
        return TextFeatures(
            self.sequence.rows(tokens.rows),
            self.sentence.rows(chosen),
            tokens.lengths,
            self.all_columns,
            chosen if self.rows is None else self.rows[chosen],
        )

    def followed_by(self, others: TextFeatures) -> TextFeatures:
        """These texts and then others, which must have features of the same widths.

        The wide path reads neither: `all_columns` is None.
        """
        return TextFeatures(
            _below(self.sequence, others.sequence),
            _below(self.sentence, others.sentence),
            np.concatenate([self.lengths, others.lengths]),
        )

    def starts(self) -> Indices:
        """First row of each text's tokens. *Shape:* (n_texts,)."""
        starts: Indices = np.cumsum(self.lengths) - self.lengths
        return starts

    def tokens_of(self, chosen: Indices, starts: Indices | None = None) -> TokenChoice:
        """The tokens of the given texts, in order.

        Args:
            chosen: numbers of the texts. *Shape:* (n_chosen,).
            starts: what `starts()` gives, where that is known already.
        """
        lengths = self.lengths[chosen]
        starts = (self.starts() if starts is None else starts)[chosen]
        return TokenChoice(runs_of_numbers(starts, lengths), lengths)


class KeptColumns:
    """Which sparse columns a network reads.

    Args:
        kept: their numbers, ascending. *Shape:* (n_kept,).
        n_columns: how many there are to choose from.
    """

    def __init__(self, kept: Indices, n_columns: int) -> None:
        self.kept = kept
        self.n_columns = n_columns
        self._new = np.full(n_columns, -1, dtype=np.int32)
        self._new[kept] = np.arange(len(kept))
        self._parts: tuple[tuple[int, ...], tuple[int, ...]] | None = None  # before and after

    @classmethod
    def telling(cls, features: Features) -> KeptColumns | None:
        """The columns that tell training rows apart; None where no sparse column is ever set.

        Columns that are never set go. Of those that are set in one and the same row alone, such as
        a rare word and the n-grams that no other word has, the first one stays: to a network that
        learns from these rows they are all equivalent.
        """
        matrix = features.sparse
        if matrix is None or matrix.nnz == 0:
            return None
        counts = np.bincount(matrix.indices, minlength=matrix.shape[1])
        keep = counts > 1
        is_alone = counts[matrix.indices] == 1
        rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
        _, first = np.unique(rows[is_alone], return_index=True)
        keep[matrix.indices[is_alone][first]] = True
        return cls(np.flatnonzero(keep), matrix.shape[1])

    def places(self, columns: Indices) -> Indices:
        """Where columns are among the kept ones; -1 for -1 and for those that are not kept."""
        found: Indices = np.where(columns < 0, -1, self._new[columns]).astype(np.int64)
        return found

    def and_those(self, others: Indices) -> KeptColumns:
        """These columns, and others of these numbers."""
        return KeptColumns(np.union1d(self.kept, others), self.n_columns)

    def of(self, features: Features) -> Features:
        """The features with these columns only; the dense ones stay."""
        matrix = features.sparse
        if matrix is None:
            return features
        if matrix.shape[1] != self.n_columns:
            raise not_as_trained(f"{self.n_columns} sparse columns", matrix.shape[1])
        columns = self._new[matrix.indices]
        is_kept = columns >= 0
        before = np.concatenate([[0], np.cumsum(is_kept)]).astype(np.int32)
        chosen = CsrMatrix(
            matrix.data[is_kept],
            columns[is_kept],
            before[matrix.indptr],
            (matrix.shape[0], len(self.kept)),
        )
        if self._parts is None or self._parts[0] != features.parts:
            ends = np.searchsorted(self.kept, np.cumsum(features.parts)).tolist()
            self._parts = (features.parts, tuple(np.diff([0, *ends]).tolist()))
        return Features(chosen, features.dense, self._parts[1])


#: Of sequence and of sentence features; None for all columns.
Columns = tuple[KeptColumns | None, KeptColumns | None]


def runs_of_numbers(starts: Indices, sizes: Indices) -> Indices:
    """Whole numbers from each start on, one run after the other. *Shape:* (sum of `sizes`,)."""
    offsets = starts - (np.cumsum(sizes) - sizes)
    numbers: Indices = np.arange(int(sizes.sum())) + np.repeat(offsets, sizes)
    return numbers


def telling_columns(text: TextFeatures) -> Columns:
    """The columns that tell training texts apart; see `KeptColumns.telling`."""
    return KeptColumns.telling(text.sequence), KeptColumns.telling(text.sentence)


def text_features(
    blocks: Sequence[FeatureBlock], lengths: Indices, *, use_sequence: bool = True
) -> TextFeatures:
    """Put the blocks of a batch side by side: sparse columns in one matrix, dense in another.

    Args:
        blocks: in pipeline order.
        lengths: tokens of each text.
        use_sequence: False leaves sequence features out.
    """
    sequence = [b.sequence for b in blocks if b.sequence is not None] if use_sequence else []
    sentence = [b.sentence for b in blocks if b.sentence is not None]
    return TextFeatures(_side_by_side(sequence), _side_by_side(sentence), lengths)


def label_features(blocks: Sequence[FeatureBlock], n_labels: int) -> Features:
    """Features of the labels; one column for each label when the featurizers give none."""
    found = _side_by_side([b.sequence for b in blocks if b.sequence is not None])
    if found.is_empty:
        return Features(dense=np.eye(n_labels, dtype=np.float32))
    return found


def token_identities(sequence: Features) -> Indices:
    """A number for each token that is the same where all its features are the same.

    Rasa compares dense features, or a random projection of the sparse ones; exact comparison
    gives what both aim at. *Shape:* (n_tokens,), int64.
    """
    keys: dict[bytes, int] = {}
    dense, matrix = sequence.dense, sequence.sparse
    n_tokens = len(dense) if dense is not None else matrix.shape[0] if matrix is not None else 0
    ids = np.empty(n_tokens, dtype=np.int64)
    for row in range(n_tokens):
        key = b"" if dense is None else dense[row].tobytes()
        if matrix is not None:
            part = slice(matrix.indptr[row], matrix.indptr[row + 1])
            key += matrix.indices[part].tobytes() + matrix.data[part].tobytes()
        ids[row] = keys.setdefault(key, len(keys))
    return ids


def _below(one: Features, other: Features) -> Features:
    """The rows of one and then those of the other."""
    matrix, dense = None, None
    if one.sparse is not None and other.sparse is not None:
        matrix = vstack([one.sparse, other.sparse])
    if one.dense is not None and other.dense is not None:
        dense = np.concatenate([one.dense, other.dense])
    return Features(matrix, dense)


def _side_by_side(blocks: Sequence[FeatureMatrix]) -> Features:
    dense = [b for b in blocks if isinstance(b, np.ndarray) and b.shape[1] > 0]
    csr = [b for b in blocks if not isinstance(b, np.ndarray) and b.shape[1] > 0]
    return Features(
        hstack(csr) if csr else None,
        np.hstack(dense).astype(np.float32, copy=False) if dense else None,
        tuple(int(block.shape[1]) for block in csr),
    )


def parts_by_length(order: Indices, lengths: Indices) -> Iterator[Indices]:
    """The texts, ordered by length, in parts whose attention takes a bounded memory."""
    start = 0
    while start < len(order):
        end = min(start + _TEXTS_AT_A_TIME, len(order))
        while end - start > 1 and (end - start) * lengths[order[end - 1]] ** 2 > _ATTENTION:
            end -= 1
        yield order[start:end]
        start = end


def rows_of(block: FeatureBlock, rows: Indices) -> FeatureBlock:
    """The given rows of a block's sequence features. *Shape:* of `rows` (n_chosen,)."""
    sequence = None if block.sequence is None else block.sequence[rows]
    return FeatureBlock(origin=block.origin, sequence=sequence)
