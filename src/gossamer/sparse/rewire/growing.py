"""Sparse from start to end, with connections that move: SET and RigL."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from gossamer.sparse.errors import checked_seed, complaint
from gossamer.sparse.linear import RandomlyConnectedLinear
from gossamer.sparse.rewire.gradients import dense_gradients
from gossamer.sparse.rewire.interface import (
    Companions,
    Loss,
    checked_fraction,
    checked_steps,
    not_begun,
)
from gossamer.sparse.rewire.layers import (
    magnitudes,
    rewirable_layers,
    rewire_layer,
    strongest_of_each,
)
from gossamer.sparse.seeds import Purpose, Stream, fresh_seed

_Layers = list[tuple[str, RandomlyConnectedLinear]]


class _Change(NamedTuple):
    """Which stored weights stay, and where connections grow."""

    keep: NDArray[np.bool_]
    grow: NDArray[np.int64]


class _Growing(ABC):
    """What SET and RigL share: when layers are rewired, and what is never dropped."""

    def __init__(self, fraction: float, every: int, end: int) -> None:
        self._fraction = checked_fraction(fraction)
        self._every = checked_steps("every", every, least=1)
        self._end = checked_steps("end", end, least=1)
        self._step: int | None = None
        self._n_rewired = 0

    @property
    def n_rewired(self) -> int:
        """How many connections were created since `begin`."""
        return self._n_rewired

    @abstractmethod
    def fraction_at(self, step: int) -> float:
        """The share of a layer's connections that is exchanged at a step (1 is the first)."""

    @abstractmethod
    def _changes(
        self, module: nn.Module, layers: _Layers, fraction: float, loss: Loss | None
    ) -> list[_Change]: ...

    def begin(self, module: nn.Module) -> None:
        """Start counting steps; see `Rewiring.begin`.

        Raises:
            ValueError: a sparse layer has another topology than `uniform`, two modules share a
                weight, or no layer is sparse and trained.
        """
        rewirable_layers(module)
        self._step, self._n_rewired = 0, 0

    def step(self, module: nn.Module, loss: Loss | None, companions: Companions) -> None:
        """Exchange connections when due; see `Rewiring.step`."""
        if self._step is None:
            raise not_begun("step")
        self._step += 1
        fraction = self.fraction_at(self._step)
        if fraction == 0.0:
            return
        layers = rewirable_layers(module)
        changes = self._changes(module, layers, fraction, loss)
        for (_, layer), change in zip(layers, changes, strict=True):
            if len(change.grow) > 0:
                keep, grow = torch.from_numpy(change.keep), torch.from_numpy(change.grow)
                self._n_rewired += rewire_layer(layer, keep, grow, companions)

    def finish(self, module: nn.Module) -> None:
        """Nothing to do: the layers are in their final form already. See `Rewiring.finish`."""
        if self._step is None:
            raise not_begun("finish")
        self._step = None

    def _is_due(self, step: int) -> bool:
        return step > 0 and step % self._every == 0 and step < self._end


class SET(_Growing):
    """Sparse evolutionary training (Mocanu et al. 2018): weak connections for random ones.

    Every `every` steps each layer drops the share `fraction` of its positive weights and the same
    share of its negative ones, those nearest zero (a weight of zero counts as positive), and grows
    as many connections, drawn evenly from all places that are then free. New weights are zero, as
    in the authors' implementation with masks; a dropped connection that is drawn again starts at
    zero too.

    Departures from the paper: the interval is in steps, not epochs; the strongest connection of
    each output and of each input is never dropped, so that no unit loses its last one (layers keep
    the guarantee of `draw_connectivity`; fewer are dropped where these are nearly all); companions
    of new weights are set to zero.

    It works on the sparse layers of topology `uniform`, with as many connections before and after.
    Frozen and dense layers, biases and other modules are left alone.

    Args:
        fraction: share of connections exchanged at a time, in (0, 1].
        every: steps between two exchanges, 1 or more; the paper's is an epoch.
        end: from this step on (1 is the first) nothing changes.
        seed: fixes the random places. None draws one from torch's global generator.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: one is out of range.
    """

    def __init__(
        self, fraction: float = 0.3, *, every: int, end: int, seed: int | None = None
    ) -> None:
        super().__init__(fraction, every, end)
        self._seed = fresh_seed() if seed is None else checked_seed(seed)
        self._stream = Stream(self._seed, Purpose.GROWTH)

    def begin(self, module: nn.Module) -> None:
        """Start counting steps and drawing; raises as `Rewiring.begin`."""
        super().begin(module)
        self._stream = Stream(self._seed, Purpose.GROWTH)

    def fraction_at(self, step: int) -> float:
        """The share of a layer's connections that is exchanged at a step (1 is the first)."""
        return self._fraction if self._is_due(step) else 0.0

    def _changes(
        self, module: nn.Module, layers: _Layers, fraction: float, loss: Loss | None
    ) -> list[_Change]:
        return [self._change(layer, fraction) for _, layer in layers]

    def _change(self, layer: RandomlyConnectedLinear, fraction: float) -> _Change:
        is_negative = (layer.weight.detach() < 0).cpu().numpy()
        protected = _protected(layer)
        keep = np.ones(len(is_negative), dtype=np.bool_)
        for side in (is_negative, ~is_negative):
            n_dropped = round(fraction * int(side.sum()))
            keep &= _weakest_dropped(layer, side & ~protected, n_dropped)
        is_free = _free_places(layer, keep)
        keys = self._stream.keys(int(is_free.sum()))
        chosen = np.argsort(keys, kind="stable")[: int((~keep).sum())]
        return _Change(keep, np.flatnonzero(is_free)[chosen])


class RigL(_Growing):
    """Rigged lottery (Evci et al. 2020): weak connections for those that the gradient asks for.

    At each multiple of `every` before `end` a layer drops the share
    `fraction / 2 * (1 + cos(pi * step / end))` (rounded) of its weights, those of least magnitude,
    and grows as many where the gradient of the dense kernel is greatest in magnitude (of equal
    ones the first). Weights that grow, and their companions, start at zero. A connection that would
    be dropped and grown at once stays as it is, as in the authors' implementation.

    Departures from the paper: the gradient is that of the batch just learnt from, at the weights
    after the step, and the optimiser's step is taken as well (the paper's update takes its place);
    the strongest connection of each output and of each input is never dropped, so that no unit
    loses its last one (layers keep the guarantee of `draw_connectivity`; fewer are dropped where
    these are nearly all).

    It works on the sparse layers of topology `uniform`, with as many connections before and after.
    Frozen and dense layers, biases and other modules are left alone.

    Args:
        fraction: share of connections exchanged at first, in (0, 1].
        every: steps between two exchanges, 1 or more.
        end: from this step on (1 is the first) nothing changes; the paper's is three quarters of
            the training.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: one is out of range.
    """

    def __init__(self, fraction: float = 0.3, *, every: int = 100, end: int) -> None:
        super().__init__(fraction, every, end)

    def fraction_at(self, step: int) -> float:
        """The share of a layer's connections that is exchanged at a step (1 is the first)."""
        if not self._is_due(step):
            return 0.0
        return self._fraction / 2 * (1 + math.cos(math.pi * step / self._end))

    def step(self, module: nn.Module, loss: Loss | None, companions: Companions) -> None:
        """Exchange connections when due; the loss is needed. See `Rewiring.step`."""
        super().step(module, _given(loss), companions)

    def _changes(
        self, module: nn.Module, layers: _Layers, fraction: float, loss: Loss | None
    ) -> list[_Change]:
        gradients = dense_gradients(module, _given(loss))
        return [
            self._change(layer, magnitudes(gradients[name]).reshape(-1), fraction)
            for name, layer in layers
        ]

    def _change(
        self, layer: RandomlyConnectedLinear, gradient: NDArray[np.float64], fraction: float
    ) -> _Change:
        n_dropped = round(fraction * layer.connectivity.n_weights)
        keep = _weakest_dropped(layer, ~_protected(layer), n_dropped)
        free = np.flatnonzero(_free_places(layer, keep))
        strongest = np.argsort(-gradient[free], kind="stable")[: int((~keep).sum())]
        grow = free[strongest]
        positions = layer.connectivity.positions()
        keep |= np.isin(positions, grow)
        return _Change(keep, np.setdiff1d(grow, positions))


def _given(loss: Loss | None) -> Loss:
    if loss is None:
        raise ValueError(
            complaint(
                "RigL needs the loss, to see where connections are wanted",
                got=loss,
                hint="step(module, lambda copied: criterion(copied(x), y), companions)",
            )
        )
    return loss


def _protected(layer: RandomlyConnectedLinear) -> NDArray[np.bool_]:
    """True for the strongest weight of each output and of each input. *Shape:* (n_weights,)."""
    positions = layer.connectivity.positions()
    strength = np.full(layer.out_features * layer.in_features, -1.0)
    strength[positions] = magnitudes(layer.weight)
    kept = strongest_of_each(strength.reshape(layer.out_features, layer.in_features))
    return np.isin(positions, kept)


def _weakest_dropped(
    layer: RandomlyConnectedLinear, can_go: NDArray[np.bool_], n_dropped: int
) -> NDArray[np.bool_]:
    """False for the weights of least magnitude, of those that can go. *Shape:* (n_weights,)."""
    candidates = np.flatnonzero(can_go)
    order = np.argsort(magnitudes(layer.weight)[candidates], kind="stable")
    keep = np.ones(len(can_go), dtype=np.bool_)
    keep[candidates[order[:n_dropped]]] = False
    return keep


def _free_places(layer: RandomlyConnectedLinear, keep: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """True where no connection is, or stays. *Shape:* (out_features * in_features,)."""
    free = np.ones(layer.out_features * layer.in_features, dtype=np.bool_)
    free[layer.connectivity.positions()[keep]] = False
    return free
