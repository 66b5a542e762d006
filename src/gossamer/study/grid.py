"""Which runs a study makes: every combination of what is varied, once."""

from __future__ import annotations

import dataclasses
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from gossamer.data.errors import InputError
from gossamer.data.text.suggestions import nearest_or_all
from gossamer.sparse import Topology
from gossamer.study.run import InputLayer, Method, Run, Task

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
        input_layers: what comes before the sparse layers.
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
        """All runs, each once: seed by seed, small models first, so that a part is useful.

        At density 1.0 all topologies and methods are one, so it is run once; a limit on groups
        counts only where a topology has them.

        Args:
            task: what is learnt.

        Raises:
            InputError: an axis is empty, or has an invalid value.
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
                        topology=topology if method == Method.FIXED else Topology.UNIFORM,
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
            values = getattr(self, axis.name)
            if not isinstance(values, Mapping) and not values:
                raise InputError(f"a study needs at least one of its {axis.name}", got=())
        self._check_options()
        self._check_names()
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
        wrong += [
            ("sizes for a density must be at least one", d, "another density")
            for d, sizes in self.sizes_at.items()
            if not sizes
        ]
        for must_hold, got, hint in wrong:
            raise InputError(must_hold, got=got, hint=hint)

    def _check_names(self) -> None:
        kinds: tuple[tuple[str, type[StrEnum], Sequence[str]], ...] = (
            ("a topology", Topology, self.topologies),
            ("a method", Method, self.methods),
            ("an input layer", InputLayer, self.input_layers),
        )
        for what, kind, names in kinds:
            for name in names:
                if name not in list(kind):
                    raise InputError(
                        f"{what} must be a known one",
                        got=name,
                        hint=nearest_or_all(name, list(kind)),
                    )

    def _check_options(self) -> None:
        for options in (self.options, *self.variants):
            for name, value in options.items():
                try:
                    json.dumps(value, allow_nan=False)
                except (TypeError, ValueError) as error:
                    raise InputError(
                        f"the option {name} must be a value that JSON can express ({error})",
                        got=value,
                        hint="a number, a text, true, false, or a list of these",
                    ) from error
        both = sorted({name for variant in self.variants for name in variant} & set(self.options))
        if both:
            raise InputError(
                "an option must either be the same in all runs or be varied",
                got=both,
                hint="leaving it out of the options of all runs",
            )


def _without_idle_settings(run: Run) -> Run:
    """The run that represents all that would be the same training."""
    if run.density == 1.0:  # all topologies and methods are one
        run = dataclasses.replace(run, topology=Topology.BLOCKED, method=Method.FIXED)
    if run.density == 1.0 or not run.topology.shares_inputs:
        options = {name: value for name, value in run.options.items() if name != _GROUP_SIZE}
        run = dataclasses.replace(run, options=options)
    return run
