"""How other code takes part in the training loop: before, after each step, and at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from torch import Tensor, nn

Loss: TypeAlias = Callable[[nn.Module], Tensor]
"""The loss of a network of the same kind on the present batch; each call computes it anew."""

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

    def finish(self, network: nn.Module) -> None:
        """Called once when the final weights are in place: the network may be changed again."""
