"""Configurations compared: each trained on less and less data, several times, and tested."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import mean
from typing import Any, Generic, TypeVar

from gossamer.data.errors import InputError

ConfigT = TypeVar("ConfigT")
DataT = TypeVar("DataT")
ModelT = TypeVar("ModelT")


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedModel:
    """One training, and how well its model did.

    Attributes:
        config: name of the configuration.
        run: number of the run, from 1.
        exclude_percentage: share of the training data that was to be left out.
        n_trained: how many stories or examples it was trained on.
        random_seed: of the run.
        figures: how well it did, by name; empty when training failed.
        seconds: that training took, or None.
        failure: why training failed, or None.
    """

    config: str
    run: int
    exclude_percentage: float
    n_trained: int
    random_seed: int
    figures: Mapping[str, float] = field(default_factory=dict)
    seconds: float | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A figure that models are compared by.

    Attributes:
        name: in `ComparedModel.figures`.
        title: to be read.
        most: the best possible value.
        is_count: whether values are whole numbers.
    """

    name: str
    title: str
    most: float = 1.0
    is_count: bool = False


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All trainings of a comparison.

    Attributes:
        kind: "core" for dialogue, "nlu" for understanding.
        trained_on: what is counted in training, "stories" or "examples".
        configs: names, in order.
        exclude_percentages: in order.
        n_runs: how often each was trained.
        measures: what is compared, the most important first.
        models: all trainings, run by run.
    """

    kind: str
    trained_on: str
    configs: tuple[str, ...]
    exclude_percentages: tuple[float, ...]
    n_runs: int
    measures: tuple[Measure, ...]
    models: tuple[ComparedModel, ...]

    @property
    def failures(self) -> list[ComparedModel]:
        """Trainings that failed."""
        return [model for model in self.models if model.failure is not None]

    @property
    def n_trained(self) -> list[float]:
        """For each percentage, how much was trained on: the mean over runs."""
        return [
            mean(m.n_trained for m in self.models if m.exclude_percentage == percentage)
            for percentage in self.exclude_percentages
        ]

    def of(self, config: str, exclude_percentage: float) -> list[ComparedModel]:
        """The trainings of a configuration with a share of the data left out, run by run."""
        return [
            model
            for model in self.models
            if model.config == config and model.exclude_percentage == exclude_percentage
        ]

    def results(self) -> dict[str, list[list[float | None]]]:
        """The content of Rasa's `results.json`.

        For each configuration and run, the first measure with each percentage; None where training
        failed (Rasa: 0.0 in `test nlu`).
        """
        first = self.measures[0].name
        found = {
            (model.config, model.run, model.exclude_percentage): model.figures.get(first)
            for model in self.models
        }
        return {
            config: [
                [found[config, run, percentage] for percentage in self.exclude_percentages]
                for run in range(1, self.n_runs + 1)
            ]
            for config in self.configs
        }

    def rows(self) -> list[dict[str, Any]]:
        """All trainings, as JSON."""
        return [
            {
                "config": model.config,
                "run": model.run,
                "exclude_percentage": model.exclude_percentage,
                f"n_{self.trained_on}": model.n_trained,
                "random_seed": model.random_seed,
                **{each.name: model.figures.get(each.name) for each in self.measures},
                "seconds": model.seconds,
                "failure": model.failure,
            }
            for model in self.models
        ]


@dataclass(frozen=True, kw_only=True)
class Turn(Generic[DataT, ModelT]):
    """What one run trains and tests on.

    Attributes:
        parts: what to train on and how much that is, for each percentage.
        test: gives figures of a model.
    """

    parts: Sequence[tuple[DataT, int]]
    test: Callable[[ModelT], Mapping[str, float]]


ModelListener = Callable[[ComparedModel, int, int], None]
"""Called after each training and test with its result, how many are done, and of how many."""


def compare_models(
    configs: Mapping[str, ConfigT],
    draw: Callable[[int], Turn[DataT, ModelT]],
    train: Callable[[ConfigT, DataT, int], ModelT],
    *,
    kind: str,
    trained_on: str,
    measures: Sequence[Measure],
    random_seed: int,
    exclude_percentages: Sequence[float],
    runs: int,
    on_model: ModelListener | None,
) -> Comparison:
    """Train and test all configurations, run by run, on what `draw` gives for the run's seed.

    A training that raises an `InputError` counts as failed, with its message; another error is not
    caught. Of the measures those are kept that a model has, and always the first.
    """
    models: list[ComparedModel] = []
    n_all = runs * len(exclude_percentages) * len(configs)
    for run in range(1, runs + 1):
        seed = random_seed + run - 1
        turn = draw(seed)
        for percentage, (data, size) in zip(exclude_percentages, turn.parts, strict=True):
            for name, config in configs.items():
                model = ComparedModel(
                    config=name,
                    run=run,
                    exclude_percentage=percentage,
                    n_trained=size,
                    random_seed=seed,
                )
                begin = time.perf_counter()
                try:
                    trained = train(config, data, seed)
                except InputError as error:
                    model = dataclasses.replace(model, failure=str(error))
                else:
                    seconds = time.perf_counter() - begin
                    model = dataclasses.replace(model, figures=turn.test(trained), seconds=seconds)
                models.append(model)
                if on_model is not None:
                    on_model(model, len(models), n_all)
    found = {name for model in models for name in model.figures}
    return Comparison(
        kind=kind,
        trained_on=trained_on,
        configs=tuple(configs),
        exclude_percentages=tuple(exclude_percentages),
        n_runs=runs,
        measures=tuple(each for each in measures if each.name in found or each is measures[0]),
        models=tuple(models),
    )


def check_comparison(
    configs: Mapping[str, Any], percentages: Sequence[float], runs: int, trained_on: str
) -> None:
    """Refuse a comparison of nothing.

    Raises:
        InputError: there is nothing to compare, a percentage or the number of runs is out of range.
    """
    if not configs:
        raise InputError("there must be a configuration to compare")
    if runs < 1:
        raise InputError("there must be one run at least", got=runs, hint="runs: 3")
    for percentage in percentages:
        if not 0 <= percentage < 100:
            raise InputError(
                f"a percentage of {trained_on} to leave out must be at least 0 and below 100",
                got=percentage,
            )
    if not percentages or len(set(percentages)) < len(percentages):
        raise InputError(
            f"there must be percentages of {trained_on} to leave out, each once",
            got=list(percentages),
            hint="0 25 50 75",
        )
