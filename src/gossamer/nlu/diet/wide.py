"""The wide path: label scores that are linear in a text's weighted counts.

Wide and deep learning (Cheng et al. 2016, arXiv:1606.07792): the scores of a linear model and of a
network are added. The linear one remembers which words speak for which label; it is what carries
labels of a handful of examples. Departure from the paper: it is a support vector machine, one
label against the rest, fitted by itself. Learned step by step along with the network it is less
often right than that, and with one loss for both the network fits a handful of examples before the
linear model has learnt anything.

Counts are weighted as text classifiers weigh them (TF-IDF with sublinear counts, Manning et al.
2008, sections 6.2 and 6.4): one and the logarithm of the count, times the inverse document
frequency, the counts of each featurizer brought to one length. A zero that is stored counts as one
that is not. Taken all together, pieces of words would outweigh the words. Dense features of a text,
such as a language model's vector, are brought to the same length and stand beside the counts.
"""

from __future__ import annotations

import warnings

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from gossamer.nlu.diet.batches import DIETData
from gossamer.nlu.diet.features import Indices
from gossamer.nlu.diet.frozen.wide import LENGTH, unit_length, weighted
from gossamer.nn.csr import CsrMatrix
from gossamer.nn.features import Features
from gossamer.nn.inputs import SparseInputTable

_SCALE = 7.0  # of decision values, about -1 and 1, beside the logits of a network
_UNITS_AT_A_TIME = 16  # what a table's kernels take


class WidePath(nn.Module):
    """See the module's docstring. All scores are zero before `fit`; gradients do not reach it.

    Args:
        n_features: sparse columns of the texts.
        n_labels: how many labels.
        n_dense: dense columns of the texts.
    """

    idf: Tensor
    part: Tensor
    dense: Tensor | None

    def __init__(self, n_features: int, n_labels: int, n_dense: int = 0) -> None:
        super().__init__()
        self.n_labels = n_labels
        units = -(-n_labels // _UNITS_AT_A_TIME) * _UNITS_AT_A_TIME
        self.table = SparseInputTable(n_features, units)
        nn.init.zeros_(self.table.weight)
        self.table.requires_grad_(False)
        self.register_buffer("idf", torch.ones(n_features))
        self.register_buffer("part", torch.zeros(n_features, dtype=torch.int16))
        self.register_buffer("dense", torch.zeros(n_dense, n_labels) if n_dense > 0 else None)

    @torch.no_grad()
    def fit(
        self,
        counts: Features,
        labels: npt.NDArray[np.int64],
        weights: npt.NDArray[np.float32] | None = None,
    ) -> None:
        """Fit the linear model: squared hinge loss and L2 with C = 1, scikit-learn's `LinearSVC`.

        Args:
            counts: sparse and dense ones. *Shape:* (n_texts, n_features) and (n_texts, n_dense).
            labels: of each text. *Shape:* (n_texts,).
            weights: what the loss of each text is multiplied by; None for 1. *Shape:* (n_texts,).
        """
        from scipy.sparse import csr_array, hstack
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.svm import LinearSVC

        if counts.sparse is None:
            return
        self._learn_frequencies(counts.sparse, counts.parts)
        counted = np.ones(len(labels), dtype=bool) if weights is None else weights > 0
        known = np.unique(labels[counted])
        if len(known) < 2:
            return
        texts = self.weighted(counts.sparse).to_scipy().astype(np.float64) / LENGTH
        if self.dense is not None and counts.dense is not None:
            texts = hstack([texts, csr_array(unit_length(counts.dense).astype(np.float64))]).tocsr()
        model = LinearSVC(random_state=0)
        with warnings.catch_warnings():  # a model that is nearly fitted is as good
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(
                texts[counted], labels[counted], None if weights is None else weights[counted]
            )
        if len(known) == 2:  # scikit-learn has one row of weights for both
            model.coef_ = np.concatenate([-model.coef_, model.coef_])
            model.intercept_ = np.concatenate([-model.intercept_, model.intercept_])
        n_features = len(self.idf)
        weight = torch.from_numpy(model.coef_.T * _SCALE).float()
        self.table.weight.zero_()
        self.table.weight[:, known] = weight[:n_features] / LENGTH
        if self.dense is not None:
            self.dense.zero_()
            self.dense[:, known] = weight[n_features:]
        self.table.bias.fill_(-_SCALE)  # of labels without an example: the value of "not this one"
        self.table.bias[known] = torch.from_numpy(model.intercept_ * _SCALE).float()

    def _learn_frequencies(self, matrix: CsrMatrix, parts: tuple[int, ...]) -> None:
        """Take the inverse document frequencies, ln((1 + n) / (1 + df)) + 1, of training texts.

        A feature that no text has counts for nothing, as a word that is not in the vocabulary does:
        otherwise texts that are kept back would differ from texts that are new.
        """
        n_texts, n_features = matrix.shape
        frequency = np.bincount(matrix.indices[matrix.data != 0], minlength=n_features)
        idf = np.where(frequency > 0, np.log((1 + n_texts) / (1 + frequency)) + 1, 0)
        self.idf.copy_(torch.from_numpy(idf.astype(np.float32)))
        if parts:
            part = np.repeat(np.arange(len(parts)), parts)
            self.part.copy_(torch.from_numpy(part.astype(np.int16)))

    def forward(self, counts: CsrMatrix, dense: npt.NDArray[np.float32] | None = None) -> Tensor:
        """Scores.

        *Shape:* (n_texts, n_features) and (n_texts, n_dense) -> (n_texts, n_labels).
        """
        scores: Tensor = self.table(self.weighted(counts))[:, : self.n_labels]
        if self.dense is None or dense is None:
            return scores
        return scores + torch.from_numpy(unit_length(dense)) @ self.dense

    def weighted(self, counts: CsrMatrix) -> CsrMatrix:
        """The counts as the table reads them. *Shape:* (n_texts, n_features), kept."""
        return weighted(counts, self.idf.numpy(), self.part.numpy())


def fit_wide_path(wide: WidePath | None, data: DIETData, examples: Indices) -> None:
    """Fit the wide path, where there is one, to the examples of these numbers."""
    if wide is not None and data.labels is not None:
        weights = None if data.weights is None else data.weights[examples]
        wide.fit(data.text.counts.rows(examples), data.labels[examples], weights)
