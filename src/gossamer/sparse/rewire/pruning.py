"""Dense at first, sparse in the end: the weights of least magnitude are removed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from gossamer.sparse.connectivity import Connectivity, Topology
from gossamer.sparse.convert import sparsify
from gossamer.sparse.errors import checked_density, complaint
from gossamer.sparse.linear import RandomlyConnectedLinear, stored_weights
from gossamer.sparse.rewire.interface import Companions, Loss, checked_steps, not_begun
from gossamer.sparse.rewire.layers import become, magnitudes, never_pruned, prunable_layers


class Scope(StrEnum):
    """Among which weights the greatest are looked for.

    Attributes:
        LAYER: in each layer on its own, which then has the given density.
        GLOBAL: in all layers at once, which have it together.
    """

    LAYER = "layer"
    GLOBAL = "global"

    @classmethod
    def _missing_(cls, value: object) -> Scope:
        valid = ", ".join(repr(member.value) for member in cls)
        raise ValueError(complaint("scope must be a known name", got=value, hint=f"one of {valid}"))


def magnitude_prune(
    module: nn.Module,
    density: float,
    *,
    scope: Scope | str = Scope.LAYER,
    include_linear: bool = False,
) -> nn.Module:
    """Keep the weights of greatest magnitude of a model's dense layers, in place.

    A layer keeps `max(in, out, round(density * in * out))` weights, the count of `uniform` layers
    (see `draw_connectivity`), and becomes a sparse layer of topology `uniform`. As in those no
    unit is left unconnected: the strongest weight of each output and of each input is kept. Where
    fewer than `in + out - 1` weights are left, the tiled identity is kept instead. Of equal
    magnitudes the first is kept. With `scope="global"` the counts hold for all layers together.

    A layer that keeps all its weights stays as it is (an `nn.Linear` becomes the dense
    `RandomlyConnectedLinear` that computes the same). Optimisers made before hold the dense
    weights; make a new one to train further.

    Args:
        module: the model; a bare layer too.
        density: share of weights to keep, in [0, 1].
        scope: "layer" or "global".
        include_linear: prune `nn.Linear`s too (those that `sparsify` would replace); otherwise
            `RandomlyConnectedLinear`s of density 1.0 only. Sparse layers are left alone.

    Returns:
        The same module, or, for a bare `nn.Linear`, the layer that takes its place.

    Raises:
        TypeError: the density is not a real number.
        ValueError: the density lies outside [0, 1], the scope is unknown, there is no dense layer,
            or a weight is tied.
    """
    density = checked_density(density)
    scope = Scope(scope)
    if include_linear:
        module = sparsify(
            module,
            1.0,
            topology=Topology.UNIFORM,
            seed=0,
            keep_weights=True,
        )
    layers = prunable_layers(module, trained_only=False)
    counts = [_count(layer, density) for layer in layers]
    strengths = [magnitudes(layer.weight) for layer in layers]
    for strength, count in zip(strengths, counts, strict=True):
        must = never_pruned(strength, count)
        strength.reshape(-1)[must] = np.inf
    if scope is Scope.LAYER:
        masks = [_greatest(s, count) for s, count in zip(strengths, counts, strict=True)]
    else:
        ends = np.cumsum([strength.size for strength in strengths])[:-1]
        chosen = _greatest(np.concatenate([s.reshape(-1) for s in strengths]), sum(counts))
        masks = [
            part.reshape(s.shape) for part, s in zip(np.split(chosen, ends), strengths, strict=True)
        ]
    for layer, mask in zip(layers, masks, strict=True):
        _make_sparse(layer, mask)
    return module


@dataclass(slots=True)
class _Pruned:
    """The state of a layer: True for pruned weights, and how many stay in the end."""

    gone: Tensor
    n_last: int

    @property
    def n_left(self) -> int:
        return int((~self.gone).sum())


class GradualPruning:
    """Gradual magnitude pruning (Zhu and Gupta 2017, arXiv:1710.01878).

    From step `begin` to step `end`, every `every` steps, weights of least magnitude are pruned
    until a layer's share of pruned weights is (the paper's equation 1, initial sparsity 0)

        s_last * (1 - (1 - (step - begin) / (end - begin)) ** 3)

    Until `finish` layers stay dense, and pruned weights are set to zero after each step, whatever
    the optimiser did to them. A pruned weight stays pruned. (The paper chooses again by magnitude
    each time; as pruned weights are not trained there, they hardly ever come back.) When a weight
    is pruned its companions are set to zero, running averages among them. `finish` makes the layers
    sparse, of topology `uniform`.

    In the end each layer has `max(in, out, round(density * in * out))` weights, the count of
    `uniform` layers, and no unit is unconnected: what must be kept is chosen as in
    `magnitude_prune`, a departure from the paper.

    It works on the `RandomlyConnectedLinear`s of density 1.0. Sparse and frozen layers, biases and
    other modules are left alone.

    Args:
        density: share of weights to keep, in [0, 1].
        begin: step before which all weights are kept, 0 or more (1 is the first step).
        end: step at which the last weights are pruned, `begin` or more. It is one of the steps
            at which weights are pruned even if `every` does not divide `end - begin`.
        every: steps between two prunings, 1 or more.

    Raises:
        TypeError: an argument has the wrong type.
        ValueError: one is out of range.
    """

    def __init__(self, density: float, *, begin: int, end: int, every: int) -> None:
        self._density = checked_density(density)
        self._begin = checked_steps("begin", begin, least=0)
        self._end = checked_steps("end", end, least=max(1, self._begin))
        self._every = checked_steps("every", every, least=1)
        self._step = 0
        self._pruned: dict[RandomlyConnectedLinear, _Pruned] = {}
        self._n_rewired = 0

    @property
    def n_rewired(self) -> int:
        """How many weights were pruned since `begin`."""
        return self._n_rewired

    def progress_at(self, step: int) -> float:
        """Which share of all weights that will be pruned is pruned at a step, in [0, 1]."""
        if step >= self._end:
            return 1.0
        if step < self._begin:
            return 0.0
        last = step - (step - self._begin) % self._every
        return 1.0 - (1.0 - (last - self._begin) / (self._end - self._begin)) ** 3

    def begin(self, module: nn.Module) -> None:
        """Find the layers to prune; see `Rewiring.begin`.

        Raises:
            ValueError: there is no dense `RandomlyConnectedLinear` to train, or two modules share
                a weight.
        """
        self._pruned = {
            layer: _Pruned(
                torch.zeros_like(layer.weight, dtype=torch.bool), _count(layer, self._density)
            )
            for layer in prunable_layers(module, trained_only=True)
        }
        self._step, self._n_rewired = 0, 0

    @torch.no_grad()
    def step(self, module: nn.Module, loss: Loss | None, companions: Companions) -> None:
        """Prune when due, and keep pruned weights at zero; see `Rewiring.step`."""
        if not self._pruned:
            raise not_begun("step")
        before = self.progress_at(self._step)
        self._step += 1
        progress = self.progress_at(self._step)
        for layer, pruned in self._pruned.items():
            if progress > before:
                self._prune(layer, pruned, progress)
                for tensor in companions(layer.weight):
                    tensor.masked_fill_(pruned.gone, 0.0)
            if progress > 0.0:
                layer.weight.masked_fill_(pruned.gone, 0.0)

    def finish(self, module: nn.Module) -> None:
        """Make the layers sparse, in place; see `Rewiring.finish`.

        Where training ended before the last pruning, the rest is pruned now. Each layer gets a
        new weight parameter.
        """
        if not self._pruned:
            raise not_begun("finish")
        for layer, pruned in self._pruned.items():
            self._prune(layer, pruned, 1.0)
            _make_sparse(layer, (~pruned.gone).cpu().numpy())
        self._pruned = {}

    def _prune(self, layer: RandomlyConnectedLinear, pruned: _Pruned, progress: float) -> None:
        n_all = layer.weight.numel()
        n_left = n_all - round(progress * (n_all - pruned.n_last))
        n_gone = pruned.n_left - n_left
        if n_gone <= 0:
            return
        strength = magnitudes(layer.weight)
        strength[pruned.gone.cpu().numpy()] = -1.0
        strength.reshape(-1)[never_pruned(strength, pruned.n_last)] = np.inf
        pruned.gone = torch.from_numpy(~_greatest(strength, n_left)).to(layer.weight.device)
        self._n_rewired += n_gone


def _count(layer: RandomlyConnectedLinear, density: float) -> int:
    n_in, n_out = layer.in_features, layer.out_features
    return max(n_in, n_out, round(density * n_in * n_out))


def _greatest(strength: NDArray[np.float64], n_kept: int) -> NDArray[np.bool_]:
    """True for the greatest, of equal ones the first. *Shape:* as given."""
    mask = np.zeros(strength.size, dtype=np.bool_)
    mask[np.argsort(-strength.reshape(-1), kind="stable")[:n_kept]] = True
    return mask.reshape(strength.shape)


def _make_sparse(layer: RandomlyConnectedLinear, mask: NDArray[np.bool_]) -> None:
    connectivity = Connectivity.from_mask(mask)
    if not connectivity.is_dense:
        become(layer, connectivity, stored_weights(layer.weight.detach(), connectivity))
