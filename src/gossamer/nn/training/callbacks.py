"""How other code takes part in the training loop: before, after each step, and at the end."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from torch import Tensor, nn

Loss: TypeAlias = Callable[[nn.Module], Tensor]
"""The loss of a network of the same kind on the current batch; each call computes it again."""

Companions: TypeAlias = Callable[[nn.Parameter], Iterable[Tensor]]
"""Tensors of a parameter's shape that the loop keeps for it: Adam's moments, running averages."""


class FitCallback:
    """What is called while `fit` trains; every method does nothing here."""

    def begin(self, network: nn.Module, n_steps: int) -> None:
        """Called once, before the optimiser is made: the network may still be changed.

        Args:
            network: to be trained.
            n_steps: how many steps the optimiser will take.
        """

    def step(self, network: nn.Module, loss: Loss, companions: Companions) -> None:
        """Called after each step of the optimiser.

        Args:
            network: in training; parameters must stay the same objects, of the same shape.
            loss: of the batch just learnt from.
            companions: what belongs to a parameter, to be changed with it.
        """

    def evaluated(self, network: nn.Module, scores: Mapping[str, float]) -> None:
        """Called after each evaluation on the held-out examples.

        Args:
            network: with the weights that were evaluated in place (the running average, where there
                is one).
            scores: loss ("t_loss") and metrics by name.
        """

    def should_stop(self) -> bool:
        """Asked after each epoch: whether it was the last."""
        return False

    def finish(self, network: nn.Module) -> None:
        """Called once when the final weights are in place: the network may be changed again."""


class EarlyStopping(FitCallback):
    """Ends training when the score on held-out examples no longer rises, and keeps the best.

    The rule is that of scikit-learn's `MLPClassifier`: a score less than `tol` above the best so
    far is not an improvement, and training ends after the first evaluation that brings more than
    `n_iter_no_change` of them in a row. In the end the network has the weights of the best score.

    It acts at evaluations only, so examples must be held out, and evaluated after every epoch
    (`evaluate_every_number_of_epochs=1`) for "in a row" to mean epochs.

    Args:
        metrics: the score is the mean of these; those that an evaluation lacks do not count.
        n_iter_no_change: how many evaluations in a row may bring no improvement.
        tol: the least improvement that counts.

    Attributes:
        scores: of all evaluations in the latest training.
        best_score: the highest of them; None before the first evaluation.
    """

    def __init__(
        self, metrics: Sequence[str], *, n_iter_no_change: int = 10, tol: float = 1e-4
    ) -> None:
        self._metrics = tuple(metrics)
        self._n_iter_no_change = n_iter_no_change
        self._tol = tol
        self.scores: list[float] = []
        self.best_score: float | None = None
        self._n_without = 0
        self._best_weights: dict[str, Any] | None = None

    def begin(self, network: nn.Module, n_steps: int) -> None:
        """Forget an earlier training."""
        self.scores, self.best_score, self._n_without = [], None, 0

    def evaluated(self, network: nn.Module, scores: Mapping[str, float]) -> None:
        """Record a score; keep the weights of the best.

        Raises:
            ValueError: the scores have none of the metrics.
        """
        found = [scores[name] for name in self._metrics if name in scores]
        if not found:
            raise ValueError(f"early stopping needs one of {self._metrics}: got {sorted(scores)}")
        score = sum(found) / len(found)
        self.scores.append(score)
        improves = self.best_score is None or score >= self.best_score + self._tol
        self._n_without = 0 if improves else self._n_without + 1
        if self.best_score is None or score > self.best_score:
            self.best_score = score
            self._best_weights = copy.deepcopy(network.state_dict())

    def should_stop(self) -> bool:
        """Whether the score has not risen for too long."""
        return self._n_without > self._n_iter_no_change

    def finish(self, network: nn.Module) -> None:
        """Put the best weights in place and release the copy."""
        if self._best_weights is not None:
            network.load_state_dict(self._best_weights)
        self._best_weights = None
