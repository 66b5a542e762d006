"""The wide path: label scores that are linear in a text's weighted counts.

Wide and deep learning (Cheng et al. 2016, arXiv:1606.07792): a linear model and a network are
trained together and their scores added. The linear one remembers which words speak for which label;
it is what carries labels of a handful of examples.

Counts are weighted as text classifiers weigh them (TF-IDF, Manning et al. 2008, section 6.4): the
square root of the count times the inverse document frequency, each text brought to one length.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import torch
from scipy import sparse
from torch import Tensor, nn

from gossamer.nn.inputs import SparseInputTable

#: Euclidean, of a text's weighted counts; chosen on held-out training data, 3 and 6 being level.
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

    def __init__(self, n_features: int, n_labels: int, *, dropout: float) -> None:
        super().__init__()
        self.n_labels = n_labels
        self.dropout = dropout
        units = -(-n_labels // _UNITS_AT_A_TIME) * _UNITS_AT_A_TIME
        self.table = SparseInputTable(n_features, units)
        nn.init.zeros_(self.table.weight)
        self.register_buffer("idf", torch.ones(n_features))

    def learn_frequencies(self, counts: sparse.csr_array) -> None:
        """Take the inverse document frequencies, ln((1 + n) / (1 + df)) + 1, of training texts.

        Args:
            counts: *Shape:* (n_texts, n_features).
        """
        n_texts, n_features = counts.shape
        frequency = np.bincount(counts.indices, minlength=n_features)
        idf = np.log((1 + n_texts) / (1 + frequency)) + 1
        self.idf.copy_(torch.from_numpy(idf.astype(np.float32)))

    def forward(self, counts: sparse.csr_array) -> Tensor:
        """Scores. *Shape:* (n_texts, n_features) -> (n_texts, n_labels)."""
        rate = self.dropout if self.training else 0.0
        scores: Tensor = self.table(self.weighted(counts), dropout=rate)
        return scores[:, : self.n_labels]

    def weights_of_one(self, counts: sparse.csr_array) -> npt.NDArray[np.float32]:
        """The values of `weighted` for a single text. *Shape:* (1, n_features) -> (n_stored,)."""
        values = np.sqrt(np.abs(counts.data)) * self.idf.numpy()[counts.indices]
        length = math.sqrt(float(values @ values))
        weights: npt.NDArray[np.float32] = values * np.float32(LENGTH / (length or 1.0))
        return weights

    def weighted(self, counts: sparse.csr_array) -> sparse.csr_array:
        """The counts as the table reads them. *Shape:* (n_texts, n_features), kept."""
        values = np.sqrt(np.abs(counts.data)) * self.idf.numpy()[counts.indices]
        totals = np.concatenate([[0.0], np.cumsum(values.astype(np.float64) ** 2)])
        lengths = np.sqrt(np.diff(totals[counts.indptr]))
        factors = LENGTH / np.where(lengths > 0, lengths, 1.0)
        values = values * np.repeat(factors, np.diff(counts.indptr))
        return sparse.csr_array(
            (values.astype(np.float32), counts.indices, counts.indptr), shape=counts.shape
        )
