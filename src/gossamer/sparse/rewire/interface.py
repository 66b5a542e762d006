"""The interface between a training loop and a method that changes connections."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Iterable
from typing import Protocol

import torch
from torch import Tensor, nn

from gossamer.sparse.errors import complaint

Loss = Callable[[nn.Module], Tensor]
"""The loss of the current batch, computed with the module it is given."""

Companions = Callable[[nn.Parameter], Iterable[Tensor]]
"""The tensors of a weight's shape that are kept for it elsewhere; they change along with it."""


class Rewiring(Protocol):
    """A method that changes a model's connections while it is trained."""

    @property
    def n_rewired(self) -> int:
        """How many connections were changed since `begin`."""
        ...

    def begin(self, module: nn.Module) -> None:
        """Check the model; call it once, before the optimiser is made.

        Args:
            module: what will be trained.

        Raises:
            ValueError: the method cannot work on the model's layers.
        """
        ...

    def step(self, module: nn.Module, loss: Loss | None, companions: Companions) -> None:
        """Do what is due; call it after every step of the optimiser.

        Args:
            module: what is trained.
            loss: the loss of the batch just learnt from. Methods that need no gradient of their own
                take None.
            companions: the tensors kept for a weight elsewhere (moments, running averages).

        Raises:
            RuntimeError: `begin` was not called.
            ValueError: the method needs the loss and got None.
        """
        ...

    def finish(self, module: nn.Module) -> None:
        """Give the model its final connections, in place.

        Call it when training has ended and the weights to keep (a running average, say) are in
        place.

        Args:
            module: what was trained.

        Raises:
            RuntimeError: `begin` was not called.
        """
        ...


def optimizer_companions(optimizer: torch.optim.Optimizer) -> Companions:
    """Say which tensors an optimiser keeps for a weight.

    Args:
        optimizer: a PyTorch one.

    Returns:
        A function that gives, for a weight, the tensors of its shape in the optimiser's state
        (momentum, Adam's moments); none before the optimiser's first step.
    """

    def companions(weight: nn.Parameter) -> Iterable[Tensor]:
        kept = optimizer.state.get(weight, {}).values()
        return [one for one in kept if isinstance(one, Tensor) and one.shape == weight.shape]

    return companions


def checked_steps(name: str, value: object, *, least: int) -> int:
    """Check a number of training steps.

    Args:
        name: the argument's name, for the message.
        value: what a caller gave.
        least: the smallest that is allowed.

    Returns:
        The value as an int.

    Raises:
        TypeError: it is not an integer (a bool is refused).
        ValueError: it is too small.
    """
    hint = "a number of optimiser steps"
    if isinstance(value, bool) or not isinstance(value, numbers.Integral):
        raise TypeError(complaint(f"{name} must be an integer", got=value, hint=hint))
    if int(value) < least:
        raise ValueError(complaint(f"{name} must be at least {least}", got=value, hint=hint))
    return int(value)


def checked_fraction(value: object) -> float:
    """Check the share of connections to change at once.

    Args:
        value: what a caller gave.

    Returns:
        A float in (0, 1].

    Raises:
        TypeError: it is not a real number (a bool is refused).
        ValueError: it lies outside (0, 1].
    """
    hint = "0.3, as in the papers"
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise TypeError(complaint("fraction must be a real number", got=value, hint=hint))
    if not 0.0 < float(value) <= 1.0:
        raise ValueError(complaint("fraction must lie in (0, 1]", got=value, hint=hint))
    return float(value)


def not_begun(got: str) -> RuntimeError:
    """What to raise when a method is used before `begin` or after `finish`."""
    return RuntimeError(
        complaint("begin(module) must be called first", got=got, hint="one begin for each training")
    )
