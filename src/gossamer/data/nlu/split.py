"""Splitting examples into a training and a test set in which every intent has its share."""

from __future__ import annotations

import math
import random
from collections import defaultdict
from dataclasses import replace

from gossamer.data.errors import InputError
from gossamer.data.nlu.examples import Example, TrainingData


def split_examples(
    data: TrainingData, *, training_fraction: float = 0.8, random_seed: int | None = None
) -> tuple[TrainingData, TrainingData]:
    """Split data as `rasa data split nlu` does.

    Intents are split one by one, retrieval intents by their key. Each has at least one example
    on either side; an intent with a single one goes to the training side. The share of an intent
    is within one example of `training_fraction`, and is rounded such that the sum over intents
    keeps to it. Repeated examples count once, so that none is on both sides. Synonyms, regexes,
    lookup tables and responses go to both.

    Departures from Rasa: both sides keep the order of the data, and all responses (Rasa: the ones
    their examples need). The examples drawn differ from Rasa's for the same seed.

    Args:
        data: what to split.
        training_fraction: the share of the training side, above 0 and below 1.
        random_seed: the same seed gives the same parts; None draws new ones each time.

    Returns:
        The training side and the test side.

    Raises:
        InputError: the fraction is not between 0 and 1.
    """
    if not 0.0 < training_fraction < 1.0:
        raise InputError(
            "training_fraction must be above 0 and below 1", got=training_fraction, hint="0.8"
        )
    by_intent: defaultdict[str | None, list[int]] = defaultdict(list)
    examples = data.unique_examples()
    for position, example in enumerate(examples):
        by_intent[example.intent].append(position)
    draw = random.Random(random_seed)
    chosen: set[int] = set()
    n_seen = 0
    # Sorted, so that the draw does not depend on the order of the files.
    for _, positions in sorted(by_intent.items(), key=lambda item: (item[0] is not None, item[0])):
        n_seen += len(positions)
        target = round(training_fraction * n_seen) - len(chosen)
        share = training_fraction * len(positions)
        n_training = min(max(target, math.floor(share)), math.ceil(share))
        n_training = min(max(n_training, 1), max(len(positions) - 1, 1))
        draw.shuffle(positions)
        chosen.update(positions[:n_training])
    training: list[Example] = []
    test: list[Example] = []
    for position, example in enumerate(examples):
        (training if position in chosen else test).append(example)
    return replace(data, examples=tuple(training)), replace(data, examples=tuple(test))
