"""Which runs a study makes: every combination of what is varied, once."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from gossamer.data.errors import InputError
from gossamer.sparse import Topology
from gossamer.study.runs import InputLayer, Method, Run, Task

_GROUP_SIZE = "max_group_size"
_NOTHING: Mapping[Any, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """What is varied, each as the values it takes.

    Attributes:
        densities: shares of connections, in [0, 1].
        sizes: widths of the transformer.
        sizes_at: widths for single densities, in place of `sizes`.
        seeds: one run each.
        epochs: lengths of training.
        topologies: how connections are drawn.
        methods: how they are found; those that change them run on `uniform` alone.
        input_layers: what stands before the sparse layers.
        variants: options of DIETClassifier or TEDPolicy that go together.
        options: options of all runs.
    """

    densities: tuple[float, ...] = (1.0, 0.2, 0.05, 0.01)
    sizes: tuple[int, ...] = (8, 16, 32, 64, 128, 256)
    sizes_at: Mapping[float, tuple[int, ...]] = field(default_factory=lambda: _NOTHING)
    seeds: tuple[int, ...] = (0, 1, 2)
    epochs: tuple[int, ...] = (30,)
    topologies: tuple[Topology, ...] = (Topology.BLOCKED,)
    methods: tuple[Method, ...] = (Method.FIXED,)
    input_layers: tuple[InputLayer, ...] = (InputLayer.LEARNED,)
    variants: tuple[Mapping[str, Any], ...] = (_NOTHING,)
    options: Mapping[str, Any] = field(default_factory=lambda: _NOTHING)

    def runs(self, task: Task) -> list[Run]:
        """All runs, each once: seed by seed, small models first, so that a part is of use.

        At density 1.0 all topologies and methods are one, so it is run once; a limit on groups
        counts only where a topology has them.

        Args:
            task: what is learnt.

        Raises:
            InputError: an axis is empty, or has a value that cannot be.
        """
        self._check()
        found: dict[str, Run] = {}
        for seed, epochs, variant in itertools.product(self.seeds, self.epochs, self.variants):
            for density, size in self._models():
                for topology, method, input_layer in itertools.product(
                    self.topologies, self.methods, self.input_layers
                ):
                    run = Run(
                        task=task,
                        density=density,
                        size=size,
                        seed=seed,
                        epochs=epochs,
                        topology=topology if method is Method.FIXED else Topology.UNIFORM,
                        method=method,
                        input_layer=input_layer,
                        options={**self.options, **variant},
                    )
                    run = _without_idle_settings(run)
                    found.setdefault(run.key(""), run)
        return list(found.values())

    def _models(self) -> list[tuple[float, int]]:
        models = [
            (density, size)
            for density in self.densities
            for size in self.sizes_at.get(density, self.sizes)
        ]
        return sorted(models, key=lambda model: (model[1] ** 2 * model[0], model[1]))

    def _check(self) -> None:
        for axis in dataclasses.fields(self):
            if isinstance(getattr(self, axis.name), tuple) and not getattr(self, axis.name):
                raise InputError(f"a study needs at least one of its {axis.name}", got=())
        wrong: list[tuple[str, object, str]] = [
            ("a density must lie between 0 and 1", d, "0.2")
            for d in self.densities
            if not 0.0 <= d <= 1.0
        ]
        every_size = itertools.chain(self.sizes, *self.sizes_at.values())
        wrong += [("a size must be at least 1", s, "64") for s in every_size if s < 1]
        wrong += [("a seed must be 0 or more", s, "0,1,2") for s in self.seeds if s < 0]
        wrong += [("there must be at least one epoch", e, "30") for e in self.epochs if e < 1]
        wrong += [
            ("sizes for a density must be for one of the densities", d, str(self.densities))
            for d in self.sizes_at
            if d not in self.densities
        ]
        for must_hold, got, hint in wrong:
            raise InputError(must_hold, got=got, hint=hint)


def _without_idle_settings(run: Run) -> Run:
    """The run that stands for all that would be the same training."""
    if run.density == 1.0:  # all topologies and methods are one
        run = dataclasses.replace(run, topology=Topology.BLOCKED, method=Method.FIXED)
    if run.density == 1.0 or not run.topology.shares_inputs:
        options = {name: value for name, value in run.options.items() if name != _GROUP_SIZE}
        run = dataclasses.replace(run, options=options)
    return run
