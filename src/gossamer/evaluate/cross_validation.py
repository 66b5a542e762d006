"""Cross-validation: train on most of the data, test on the rest, in turns."""

from __future__ import annotations

import dataclasses
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from gossamer.data.errors import DataError, InputError
from gossamer.data.installed import TRAINING, require
from gossamer.data.nlu.examples import Example, TrainingData
from gossamer.evaluate.nlu import (
    NLUEvaluation,
    TextParser,
    evaluate_parses,
    pipeline_extractors,
    pipeline_fallback_threshold,
)
from gossamer.nlu.pipeline.messages import Parse


@dataclass(frozen=True, kw_only=True)
class Fold:
    """One turn.

    Attributes:
        train: scores on the part that was trained on.
        test: scores on the part that was held out.
    """

    train: NLUEvaluation
    test: NLUEvaluation


@dataclass(frozen=True, kw_only=True)
class CrossValidation:
    """All turns.

    Attributes:
        folds: in order.
        pooled: scores over the held-out parts of all folds together; every example counts once.
    """

    folds: tuple[Fold, ...]
    pooled: NLUEvaluation


def cross_validate(
    data: TrainingData,
    train: Callable[[TrainingData, int], TextParser],
    *,
    n_folds: int = 5,
    random_seed: int | None = None,
    extractors: Sequence[str] | None = None,
) -> CrossValidation:
    """Cross-validate a way of training.

    Folds are stratified by whole intents, retrieval keys included. As in Rasa, intents with fewer
    examples than folds are left out (a warning names them), and so are examples without an intent;
    synonyms, regexes and lookup tables go into every training part.

    Args:
        data: annotated examples; repeated ones count once.
        train: makes a parser from training data; its second argument is the fold, from 0 on.
        n_folds: how many parts, at least 2.
        random_seed: of the shuffling; None gives other folds each time, as in Rasa.
        extractors: see `evaluate_parses`; None means those of the first parser's pipeline.

    Raises:
        InputError: fewer than two folds, or scikit-learn is not installed.
        DataError: fewer than two intents have enough examples.
    """
    require("cross-validation", *TRAINING)
    from sklearn.model_selection import StratifiedKFold

    if n_folds < 2:
        raise InputError("cross-validation needs at least 2 folds", got=n_folds, hint="--folds 5")
    examples = _frequent_enough(data.unique_examples(), n_folds)
    threshold: float | None = None
    splitter = StratifiedKFold(n_folds, shuffle=True, random_state=random_seed)
    folds: list[Fold] = []
    tested: list[Example] = []
    parsed: list[Parse] = []
    intents = [str(example.intent) for example in examples]
    for index, (kept, held_out) in enumerate(splitter.split(np.zeros(len(examples)), intents)):
        train_part = [examples[i] for i in kept]
        test_part = [examples[i] for i in held_out]
        parser = train(dataclasses.replace(data, examples=tuple(train_part)), index)
        threshold = pipeline_fallback_threshold(parser)
        if extractors is None:
            extractors = pipeline_extractors(parser)
        train_parses = parser.parse_many([example.text for example in train_part])
        test_parses = parser.parse_many([example.text for example in test_part])
        folds.append(
            Fold(
                train=evaluate_parses(
                    train_part, train_parses, extractors=extractors, fallback_threshold=threshold
                ),
                test=evaluate_parses(
                    test_part, test_parses, extractors=extractors, fallback_threshold=threshold
                ),
            )
        )
        tested += test_part
        parsed += test_parses
    pooled = evaluate_parses(tested, parsed, extractors=extractors, fallback_threshold=threshold)
    return CrossValidation(folds=tuple(folds), pooled=pooled)


def _frequent_enough(examples: Sequence[Example], n_folds: int) -> list[Example]:
    counts = Counter(example.intent for example in examples if example.intent)
    rare = sorted(intent for intent, count in counts.items() if count < n_folds)
    if rare:
        warnings.warn(
            f"left out of the {n_folds} folds, for lack of examples: {', '.join(rare)}",
            stacklevel=3,
        )
    n_without = sum(1 for example in examples if not example.intent)
    if n_without:
        warnings.warn(
            f"left out of the folds: {n_without} examples without an intent", stacklevel=3
        )
    kept = [e for e in examples if e.intent and counts[e.intent] >= n_folds]
    n_intents = len({example.intent for example in kept})
    if n_intents < 2:
        raise DataError(
            f"at least two intents must have {n_folds} examples or more each",
            got=f"{n_intents} such intents",
            hint="fewer folds, or more examples",
        )
    return kept
