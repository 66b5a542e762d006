"""What studies change about a training besides its options: see `Method` and `InputLayer`."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from gossamer.data.errors import ConfigError
from gossamer.nn.training.callbacks import Companions, FitCallback, Loss
from gossamer.sparse import Topology
from gossamer.sparse.rewire import SET, GradualPruning, Rewiring, RigL
from gossamer.study.input_layers import replace_input_layers
from gossamer.study.run import InputLayer, Method, Run, Task

# In shares of all steps. Changes end after three quarters, as in RigL's paper, and the rest of the
# training tunes what is left; pruning once leaves the same rest. Gradual pruning takes the middle.
_END = 0.75
_GRADUAL_BEGIN = 0.25
_N_CHANGES = 15  # exchanges of connections, and steps of gradual pruning
_FRACTION = 0.3  # of the connections exchanged at a time, at first: as in both papers


def callbacks_for(run: Run) -> list[FitCallback]:
    """The callbacks in the training of a run.

    Raises:
        ConfigError: the run's settings do not go together.
    """
    callbacks: list[FitCallback] = []
    if run.input_layer is not InputLayer.LEARNED:
        if run.task is Task.DIALOGUE:
            raise ConfigError(
                "the layer before the sparse ones can be changed for DIET only",
                got=f"{run.input_layer} with {run.task}",
                hint="the task intent or entity",
            )
        callbacks.append(_OtherInputLayer(run))
    if run.method is not Method.FIXED:
        if run.topology is not Topology.UNIFORM:
            raise ConfigError(
                f"the method {run.method} finds connections one by one",
                got=f"topology {run.topology}",
                hint="topology uniform",
            )
        if run.density == 1.0:
            raise ConfigError(
                f"the method {run.method} needs connections that do not exist",
                got=f"density {run.density:g}",
                hint="the method fixed, or a density below 1",
            )
        callbacks.append(_Rewired(run))
    return callbacks


def starting_density(run: Run) -> float:
    """The density that training begins with: methods that prune begin dense."""
    return 1.0 if run.method in (Method.ONE_SHOT, Method.GRADUAL) else run.density


class _Rewired(FitCallback):
    """Runs a method of `gossamer.sparse.rewire` over the length of a training."""

    def __init__(self, run: Run) -> None:
        self._make = _rewiring(run)
        self._rewiring: Rewiring | None = None

    def begin(self, network: nn.Module, n_steps: int) -> None:
        self._rewiring = self._make(n_steps)
        self._rewiring.begin(network)

    def step(self, network: nn.Module, loss: Loss, companions: Companions) -> None:
        if self._rewiring is not None:
            self._rewiring.step(network, loss, companions)

    def finish(self, network: nn.Module) -> None:
        if self._rewiring is not None:
            self._rewiring.finish(network)


def _rewiring(run: Run) -> Callable[[int], Rewiring]:
    """Makes the method for a number of steps."""

    def make(n_steps: int) -> Rewiring:
        end = max(2, round(_END * n_steps))
        begin = round(_GRADUAL_BEGIN * n_steps)
        if run.method is Method.ONE_SHOT:
            return GradualPruning(run.density, begin=end, end=end, every=1)
        if run.method is Method.GRADUAL:
            every = max(1, (end - begin) // _N_CHANGES)
            return GradualPruning(run.density, begin=begin, end=end, every=every)
        every = max(1, end // _N_CHANGES)
        if run.method is Method.SET:
            return SET(_FRACTION, every=every, end=end, seed=run.seed)
        return RigL(_FRACTION, every=every, end=end)

    return make


class _OtherInputLayer(FitCallback):
    def __init__(self, run: Run) -> None:
        self._run = run

    def begin(self, network: nn.Module, n_steps: int) -> None:
        replace_input_layers(
            network, self._run.input_layer, density=self._run.density, seed=self._run.seed
        )
