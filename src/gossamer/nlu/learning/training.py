"""What is the same in every network's training: seed, held-out examples, reports."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from gossamer.data.errors import ConfigError, InputError
from gossamer.nlu.learning.options import LearningOptions
from gossamer.nlu.pipeline.component import EpochListener, EpochReport
from gossamer.nn.training.batching import stratified_holdout
from gossamer.nn.training.fit import EpochResult

Indices = npt.NDArray[np.int64]

_MAX_SEED = 2**31


def seed_of(options: LearningOptions) -> int:
    """The option `random_seed`, or a fresh one."""
    return secrets.randbelow(_MAX_SEED) if options.random_seed is None else options.random_seed


def hold_out(
    options: LearningOptions, labels: Indices | None, n_examples: int, rng: np.random.Generator
) -> tuple[Indices, Indices | None]:
    """Numbers of the examples to train on, and of those to evaluate on or None.

    Args:
        options: say how many are held out.
        labels: label of each example; None: all are equal. *Shape:* (n_examples,).
        n_examples: how many examples there are.
        rng: draws them.

    Raises:
        ConfigError: this many cannot be held out.
    """
    number = options.evaluate_on_number_of_examples
    if number == 0:
        return np.arange(n_examples), None
    try:
        strata = np.zeros(n_examples, dtype=np.int64) if labels is None else labels
        return stratified_holdout(strata.tolist(), number, rng)
    except ValueError as error:
        raise ConfigError(
            "evaluate_on_number_of_examples does not fit the training data",
            got=number,
            hint=str(error),
        ) from error


def held_out_faults(options: LearningOptions, labels: Sequence[str]) -> Iterator[InputError]:
    """Why this many examples cannot be held out, known before training.

    Args:
        options: say how many are held out.
        labels: of the examples to train on; with one label each, none when they are all equal.
    """
    if options.evaluate_on_number_of_examples > 0:
        numbers = np.unique(np.array(labels), return_inverse=True)[1]
        try:
            hold_out(options, numbers, len(labels), np.random.default_rng(0))
        except InputError as fault:
            yield fault


def reporter(
    name: str, n_epochs: int, on_epoch: EpochListener | None
) -> Callable[[EpochResult], None] | None:
    """Reports a component's epochs to a listener, if there is one."""
    if on_epoch is None:
        return None

    def report(result: EpochResult) -> None:
        on_epoch(
            EpochReport(
                component=name,
                epoch=result.epoch,
                n_epochs=n_epochs,
                metrics=result.metrics,
                seconds=result.seconds,
            )
        )

    return report
