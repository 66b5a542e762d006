"""Which examples are held out to evaluate on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gossamer.data.errors import ConfigError, InputError
from gossamer.nlu.learning.options import LearningOptions
from gossamer.nn.training.batching import Indices, stratified_holdout


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


def hold_out(
    options: LearningOptions, labels: Indices | None, n_examples: int, rng: np.random.Generator
) -> tuple[Indices, Indices | None]:
    """Numbers of the examples to train on, and of those to evaluate on or None."""
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
