"""The wide path: label scores that are linear in a text's weighted counts.

Wide and deep learning (Cheng et al. 2016, arXiv:1606.07792): a linear model and a network are
trained side by side and their scores added. The linear one remembers which words speak for which
label; it is what carries labels of a handful of examples. Departure from the paper: each has a loss
of its own (see `DIETNetwork`).

Counts are weighted as text classifiers weigh them (TF-IDF with sublinear counts, Manning et al.
2008, sections 6.2 and 6.4): one and the logarithm of the count, times the inverse document
frequency, the counts of each featurizer brought to one length. Taken all together, pieces of words
would outweigh the words.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse
from torch import Tensor, nn

from gossamer.nn.inputs import Features, SparseInputTable

#: Euclidean, of a text's weighted counts of one featurizer.
LENGTH = 6.0
_UNITS_AT_A_TIME = 16  # what a table's kernels take


class WidePath(nn.Module):
    """See the module's docstring. Weights start at zero.

    Args:
        n_features: sparse columns of the texts.
        n_labels: how many labels.
        dropout: share of a text's values that are left out in training.
    """

    idf: Tensor
    part: Tensor

    def __init__(self, n_features: int, n_labels: int, *, dropout: float) -> None:
        super().__init__()
        self.n_labels = n_labels
        self.dropout = dropout
        units = -(-n_labels // _UNITS_AT_A_TIME) * _UNITS_AT_A_TIME
        self.table = SparseInputTable(n_features, units)
        nn.init.zeros_(self.table.weight)
        self.register_buffer("idf", torch.ones(n_features))
        self.register_buffer("part", torch.zeros(n_features, dtype=torch.int16))

    def learn_frequencies(self, counts: Features) -> None:
        """Take the inverse document frequencies, ln((1 + n) / (1 + df)) + 1, of training texts.

        Args:
            counts: sparse ones count. *Shape:* (n_texts, n_features).
        """
        matrix = counts.sparse
        if matrix is None:
            return
        n_texts, n_features = matrix.shape
        frequency = np.bincount(matrix.indices, minlength=n_features)
        idf = np.log((1 + n_texts) / (1 + frequency)) + 1
        self.idf.copy_(torch.from_numpy(idf.astype(np.float32)))
        if counts.parts:
            part = np.repeat(np.arange(len(counts.parts)), counts.parts)
            self.part.copy_(torch.from_numpy(part.astype(np.int16)))

    def forward(self, counts: sparse.csr_array) -> Tensor:
        """Scores. *Shape:* (n_texts, n_features) -> (n_texts, n_labels)."""
        rate = self.dropout if self.training else 0.0
        scores: Tensor = self.table(self.weighted(counts), dropout=rate)
        return scores[:, : self.n_labels]

    def weighted(self, counts: sparse.csr_array) -> sparse.csr_array:
        """The counts as the table reads them. *Shape:* (n_texts, n_features), kept."""
        return sparse.csr_array(
            (self.weights(counts), counts.indices, counts.indptr), shape=counts.shape
        )

    def weights(self, counts: sparse.csr_array) -> npt.NDArray[np.float32]:
        """The stored values of `weighted`. *Shape:* (n_texts, n_features) -> (n_stored,)."""
        columns = counts.indices
        values = self.idf.numpy()[columns]
        if (counts.data != 1).any():  # seldom in one short text
            values = values * (1 + np.log(np.maximum(np.abs(counts.data), 1)))
        part = self.part.numpy()[columns].astype(np.int64)
        if counts.shape[0] > 1:  # each text has parts of its own
            n_parts = int(part.max(initial=0)) + 1
            part += n_parts * np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
        lengths = np.sqrt(np.bincount(part, weights=values**2))
        weights: npt.NDArray[np.float32] = (values * (LENGTH / lengths[part])).astype(np.float32)
        return weights
