"""Intents by logistic regression over the features of whole texts."""

from __future__ import annotations

import warnings
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from gossamer.data.errors import ConfigError
from gossamer.nlu.classifiers.sentence_classifier import (
    Arrays,
    Doubles,
    SentenceClassifier,
    finite,
)
from gossamer.nlu.diet.features import Indices
from gossamer.nlu.pipeline.component import ComponentOptions
from gossamer.nlu.pipeline.messages import ComponentState
from gossamer.nn.features import Features, not_as_trained
from gossamer.nn.frozen.inputs import Table
from gossamer.nn.kernels.crf import padded

_ONE_AGAINST_ALL = "liblinear"


class LogisticRegressionClassifierOptions(ComponentOptions):
    """Options of `LogisticRegressionClassifier`; names and defaults are Rasa's.

    Attributes:
        max_iter: most iterations of the solver.
        solver: "lbfgs", "newton-cg", "sag" or "saga", which fit one softmax over all intents, or
            "liblinear", which fits each intent against all others.
        tol: the solver stops when the largest gradient, or change, is below this.
        random_state: seed of sag, saga and liblinear; the others draw nothing.
        ranking_length: most intents in the ranking; 0 for all.
    """

    max_iter: Annotated[int, Field(ge=1)] = 100
    solver: Literal["lbfgs", "liblinear", "newton-cg", "sag", "saga"] = "lbfgs"
    tol: Annotated[float, Field(gt=0.0, allow_inf_nan=False)] = 1e-4
    random_state: Annotated[int, Field(ge=0, lt=2**32)] | None = 42
    ranking_length: Annotated[int, Field(ge=0)] = 10


class LogisticRegressionClassifier(SentenceClassifier):
    """Logistic regression over all sentence features, sparse and dense.

    As in Rasa, L2 with C = 1, and each intent counts as much as any other, however many examples
    it has. It learns no entities. Departures from Rasa are those of `SentenceClassifier`; a solver
    that has not converged is reported with a warning that says which option to change.
    """

    name: ClassVar[str] = "LogisticRegressionClassifier"
    Options: ClassVar[type[ComponentOptions]] = LogisticRegressionClassifierOptions
    reads: ClassVar[frozenset[str] | None] = frozenset({"intents", "texts"})

    options: LogisticRegressionClassifierOptions

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self._n_sparse = 0
        self._weights = np.zeros((0, 0), dtype=np.float32)  # (n_labels, n_sparse + n_dense)
        self._bias = np.zeros(0, dtype=np.float32)
        self._table: Table | None = None

    def _learn(self, features: Features, numbers: Indices) -> None:
        if features.is_empty:
            raise ConfigError(
                f"{self.alias} needs features of whole texts",
                got="none for any training text",
                hint="CountVectorsFeaturizer before it",
            )
        weights, bias = self._fit(_matrix(features), numbers)
        self._n_sparse = features.n_sparse
        self._weights, self._bias = weights.astype(np.float32), bias.astype(np.float32)
        self._freeze()

    def _fit(self, matrix: Any, numbers: Indices) -> tuple[Doubles, Doubles]:
        """Weights and bias of each label. *Shape:* (n_labels, n_features), (n_labels,)."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits

        options = self.options
        settings = {
            "solver": options.solver,
            "max_iter": options.max_iter,
            "tol": options.tol,
            "random_state": options.random_state,
        }
        # The vectors are too short for threads, which would wait for each other.
        with threadpool_limits(1), warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("ignore")
            warnings.simplefilter("always", ConvergenceWarning)
            if options.solver == _ONE_AGAINST_ALL:
                counts = np.bincount(numbers)
                rows = []
                for label, count in enumerate(counts.tolist()):
                    # liblinear weighs the examples of the label itself only.
                    weight = {True: len(numbers) / (len(counts) * count), False: 1.0}
                    model = LogisticRegression(class_weight=weight, **settings)
                    model.fit(matrix, numbers == label)
                    rows.append((model.coef_[0], model.intercept_[0]))
                weights, bias = (np.array(part) for part in zip(*rows, strict=True))
            else:
                model = LogisticRegression(class_weight="balanced", **settings)
                model.fit(matrix, numbers)
                weights, bias = model.coef_, model.intercept_
        if caught:
            warnings.warn(
                f"{self.alias}: the solver {options.solver} has not converged in "
                f"{options.max_iter} iterations, so the intents could be learnt better; set a "
                "larger max_iter, or a larger tol",
                stacklevel=4,
            )
        if len(weights) == 1:  # two labels: the score of the second, against 0 for the first
            weights = np.concatenate([np.zeros_like(weights), weights])
            bias = np.concatenate([np.zeros_like(bias), bias])
        return weights, bias

    def _freeze(self) -> None:
        """Make the table that reads sparse features; kernels take rows of a padded width."""
        self._table = None
        if self._n_sparse > 0:
            n_labels = len(self.labels)
            table = np.zeros((self._n_sparse, padded(n_labels)), dtype=np.float32)
            table[:, :n_labels] = self._weights[:, : self._n_sparse].T
            self._table = Table(table, np.zeros(table.shape[1], dtype=np.float32))

    def _probabilities(self, features: Features) -> Doubles:
        n_dense = self._weights.shape[1] - self._n_sparse
        if features.n_sparse != self._n_sparse or features.n_dense != n_dense:
            raise not_as_trained(
                f"{self._n_sparse} sparse and {n_dense} dense columns",
                features.n_sparse + features.n_dense,
            )
        scores = self._bias.astype(np.float64)[None]
        if self._table is not None and features.sparse is not None:
            scores = scores + self._table(features.sparse)[:, : len(self.labels)]
        if features.dense is not None:
            weights = self._weights[:, self._n_sparse :]
            scores = scores + features.dense.astype(np.float64) @ weights.T
        if self.options.solver == _ONE_AGAINST_ALL:
            each = 1 / (1 + np.exp(-scores.clip(-500, 500)))
        else:
            each = np.exp(scores - scores.max(axis=1, keepdims=True))
        probabilities: Doubles = each / each.sum(axis=1, keepdims=True)
        return probabilities

    @property
    def _ranking_length(self) -> int:
        return self.options.ranking_length

    def _model_json(self) -> dict[str, Any]:
        return {"n_sparse": self._n_sparse}

    def _model_arrays(self) -> Arrays:
        return {"weights": self._weights, "bias": self._bias}

    def _restore_model(self, state: ComponentState) -> None:
        n_labels, n_sparse = len(self.labels), state.json["n_sparse"]
        weights = finite("weights", state.arrays["weights"], (n_labels, None))
        bias = finite("bias", state.arrays["bias"], (n_labels,))
        if type(n_sparse) is not int or not 0 <= n_sparse <= weights.shape[1]:
            raise ValueError(f"n_sparse must be from 0 to {weights.shape[1]}: {n_sparse!r:.80}")
        self._n_sparse = n_sparse
        self._weights, self._bias = weights.astype(np.float32), bias.astype(np.float32)
        self._freeze()


def _matrix(features: Features) -> Any:
    """All columns in one matrix of SciPy, the sparse ones first."""
    from scipy import sparse

    parts = [
        *([] if features.sparse is None else [features.sparse.to_scipy()]),
        *([] if features.dense is None else [sparse.csr_array(features.dense)]),
    ]
    return sparse.hstack(parts, format="csr", dtype=np.float64)
