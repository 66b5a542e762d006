"""Which pipeline understands best, and how many examples it takes."""

from __future__ import annotations

import random
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeVar

from gossamer.data.errors import DataError
from gossamer.data.nlu.examples import TrainingData
from gossamer.data.nlu.split import split_examples
from gossamer.evaluate.comparison import (
    Comparison,
    Measure,
    ModelListener,
    Turn,
    check_comparison,
    compare_models,
)
from gossamer.evaluate.nlu import TextParser, evaluate_nlu

ConfigT = TypeVar("ConfigT")

LEAST_EXAMPLES: Final = 5
"""Intents with fewer examples are left out, as in Rasa."""

_TRAINING_FRACTION = 0.8
_MEASURES = (
    Measure(name="intent weighted F1", title="Weighted F1 of intents"),
    Measure(name="entity span micro F1", title="F1 of entities, strict spans"),
    Measure(name="response weighted F1", title="Weighted F1 of responses"),
)


def compare_nlu(
    configs: Mapping[str, ConfigT],
    data: TrainingData,
    *,
    train: Callable[[ConfigT, TrainingData, int], TextParser],
    random_seed: int,
    exclude_percentages: Sequence[float] = (0, 25, 50, 75),
    runs: int = 3,
    on_model: ModelListener | None = None,
) -> Comparison:
    """Train each configuration on fewer and fewer examples, several times, and test each model.

    In a run, a fifth of the examples of each intent is held out to test on, and of the others more
    and more are left out, intent by intent. All configurations of a run are trained and tested on
    the same examples with the same seed, `random_seed` in the first run and one more in each
    further one. Synonyms, regexes, lookup tables and responses are never left out.

    As `rasa test nlu --config a.yml b.yml`. Departures: all examples are trained on where 0% are
        left out (Rasa leaves out one of each intent); what is left out with a smaller percentage is
        also left out with a larger one (Rasa draws anew); entities and responses are compared, too.

    Args:
        configs: what to compare, by name.
        data: annotated examples; repeated ones count once.
        train: makes a parser from a configuration, training data and a seed.
        random_seed: decides what is held out and left out, and is handed to `train`.
        exclude_percentages: shares of the examples to leave out, at least 0 and below 100.
        runs: how often to train each.
        on_model: called after each training and test.

    Returns:
        The result of each training. One that raises an `InputError` counts as failed, with its
        message; another error is not caught.

    Raises:
        InputError: there is nothing to compare, a percentage or the number of runs is out of range.
        DataError: fewer than two intents have `LEAST_EXAMPLES`.
    """
    check_comparison(configs, exclude_percentages, runs, "examples")
    usable = _frequent_enough(data)

    def draw(seed: int) -> Turn[TrainingData, TextParser]:
        training, held_out = split_examples(
            usable, training_fraction=_TRAINING_FRACTION, random_seed=seed
        )

        def test(parser: TextParser) -> dict[str, float]:
            # Where no intent was predicted at all, none is right.
            figures = {_MEASURES[0].name: 0.0} | evaluate_nlu(parser, held_out).headline()
            return {each.name: figures[each.name] for each in _MEASURES if each.name in figures}

        kept = keep_examples(training, exclude_percentages, random_seed=seed)
        return Turn(parts=[(part, len(part.examples)) for part in kept], test=test)

    return compare_models(
        configs,
        draw,
        train,
        kind="nlu",
        trained_on="examples",
        measures=_MEASURES,
        random_seed=random_seed,
        exclude_percentages=exclude_percentages,
        runs=runs,
        on_model=on_model,
    )


def keep_examples(
    data: TrainingData, exclude_percentages: Sequence[float], *, random_seed: int
) -> list[TrainingData]:
    """Leave out shares of each intent's examples; a larger share contains the smaller ones.

    At least one example of each intent stays. The share of an intent is within one example of the
    percentage, and rounded up or down at random, so that the sum over intents keeps to it.

    Args:
        data: any.
        exclude_percentages: shares to leave out.
        random_seed: the same seed leaves out the same examples.

    Returns:
        For each share, the data that stay, in order.
    """
    draw = random.Random(random_seed)
    by_intent: defaultdict[str, list[int]] = defaultdict(list)
    for position, example in enumerate(data.examples):
        by_intent[example.intent or ""].append(position)
    orders: list[tuple[list[int], float]] = []
    for _, positions in sorted(by_intent.items()):
        draw.shuffle(positions)
        orders.append((positions, draw.random()))
    parts = []
    for percentage in exclude_percentages:
        out: set[int] = set()
        for positions, rounding in orders:
            n_out = int(percentage / 100 * len(positions) + rounding)
            out.update(positions[: min(n_out, len(positions) - 1)])
        kept = tuple(e for position, e in enumerate(data.examples) if position not in out)
        parts.append(replace(data, examples=kept))
    return parts


def _frequent_enough(data: TrainingData) -> TrainingData:
    examples = data.unique_examples()
    counts = Counter(example.intent for example in examples if example.intent)
    rare = sorted(intent for intent, count in counts.items() if count < LEAST_EXAMPLES)
    if rare:
        warnings.warn(
            f"intents with fewer than {LEAST_EXAMPLES} examples are left out of the comparison: "
            f"{', '.join(rare)}",
            stacklevel=3,
        )
    kept = [e for e in examples if e.intent and counts[e.intent] >= LEAST_EXAMPLES]
    n_intents = len({example.base_intent for example in kept})
    if n_intents < 2:
        raise DataError(
            f"at least two intents must have {LEAST_EXAMPLES} examples or more each",
            got=f"{n_intents} such intents",
            hint="more examples",
        )
    return replace(data, examples=tuple(kept))
