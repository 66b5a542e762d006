"""A running average of weights over training steps; it generalises better than the last weights.

Polyak averaging with exponential weights (Polyak and Juditsky 1992; the growing decay is that of
TensorFlow's ExponentialMovingAverage). Rasa has nothing like it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

_STEPS_BETWEEN_UPDATES = 16  # touching all weights at every step would cost a tenth of the time


class WeightAverage:
    """Keeps the average of some parameters.

    At step n the average moves towards the weights by 1 - d, d the lesser of `decay` and
    (1 + n) / (4 + n), so that it looks back over at most a third of the steps so far.

    Args:
        parameters: what to average.
        decay: share of the average kept at each step, in (0, 1).
    """

    def __init__(self, parameters: Iterable[nn.Parameter], decay: float) -> None:
        self._parameters = list(parameters)
        self._average: list[Tensor] = [p.detach().clone() for p in self._parameters]
        self._decay = decay
        self._step = 0

    @property
    def has_begun(self) -> bool:
        """Whether weights have been averaged; until then there is nothing to use."""
        return self._step >= _STEPS_BETWEEN_UPDATES

    @property
    def is_due(self) -> bool:
        """Whether the next `update` reads the weights."""
        return (self._step + 1) % _STEPS_BETWEEN_UPDATES == 0

    def companions(self, parameter: nn.Parameter) -> list[Tensor]:
        """The average of a parameter; none for one that is not averaged."""
        pairs = zip(self._parameters, self._average, strict=True)
        return [average for own, average in pairs if own is parameter]

    @torch.no_grad()
    def update(self) -> None:
        """Add the current weights; call it after every step of the optimiser."""
        self._step += 1
        if self._step % _STEPS_BETWEEN_UPDATES == 0:
            decay = min(self._decay, (1 + self._step) / (4 + self._step))
            share = 1 - decay**_STEPS_BETWEEN_UPDATES
            for average, parameter in zip(self._average, self._parameters, strict=True):
                average.lerp_(parameter, share)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Inside the block the parameters hold the average; afterwards, their own values."""
        self.use()
        try:
            yield
        finally:
            self.use()

    @torch.no_grad()
    def use(self) -> None:
        """Exchange average and parameters; nothing happens before the average has begun."""
        if not self.has_begun:
            return
        for parameter, average in zip(self._parameters, self._average, strict=True):
            own = parameter.clone()
            parameter.copy_(average)
            average.copy_(own)
