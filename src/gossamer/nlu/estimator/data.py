"""From the arguments of `fit` to training examples with weights."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from gossamer.data.errors import DataError
from gossamer.data.nlu.examples import Example, TrainingData
from gossamer.data.text.listing import shortlist
from gossamer.nlu.estimator.entities import checked_entities
from gossamer.nlu.estimator.inputs import checked_texts, checked_weights
from gossamer.nlu.estimator.labels import checked_classes, checked_labels, class_names


class FitData(NamedTuple):
    """What `fit` trains on.

    Attributes:
        training: different examples, none of them blank.
        classes: sorted; None without intents.
        weights: of each example, with a mean of 1; None where all are equal.
            *Shape:* (n_examples,).
    """

    training: TrainingData
    classes: npt.NDArray[Any] | None
    weights: npt.NDArray[np.float32] | None

    @property
    def strata(self) -> npt.NDArray[np.int64]:
        """A number for the intent of each example, 0 without. *Shape:* (n_examples,)."""
        intents = [str(example.intent) for example in self.training.examples]
        numbers: npt.NDArray[np.int64] = np.unique(intents, return_inverse=True)[1]
        return numbers


def fit_data(
    X: Any, y: Any, entities: Any, sample_weight: Any, *, with_intents: bool, with_entities: bool
) -> FitData:
    """Check the arguments of `fit` and combine them.

    Equal examples become one, as in Rasa; their weights are added. Texts of weight zero are left
    out, and blank ones, with a warning.

    Raises:
        DataError: see `DIETClassifier.fit`.
    """
    texts = checked_texts(X)
    if y is None and entities is None:
        raise DataError(
            "fit needs intents, entities or both",
            hint="fit(texts, intents), or fit(texts, entities=...)",
        )
    if not texts:
        raise DataError("X must hold at least one text", got=[])
    labels = checked_labels(y, len(texts)) if y is not None and with_intents else None
    found = checked_entities(entities, texts)
    weights = checked_weights(sample_weight, len(texts))
    counted = np.ones(len(texts), dtype=bool) if weights is None else weights > 0
    names: dict[Any, str] = {}
    classes = None
    if labels is not None:
        of_texts = [text for text, counts in zip(texts, counted, strict=True) if counts]
        classes = checked_classes(labels[counted], of_texts)
        names = class_names(classes)
    _warn_of_blank([i for i, text in enumerate(texts) if counted[i] and not text.strip()])
    examples: dict[tuple[Any, ...], Example] = {}
    totals: dict[tuple[Any, ...], float] = {}
    intents = [None] * len(texts) if labels is None else [names.get(n) for n in labels.tolist()]
    for i in np.flatnonzero(counted):
        text, intent, parts = texts[i], intents[i], found[i]
        if text.strip():
            key = (text, intent, repr(parts))
            examples.setdefault(key, Example(text=text, intent=intent, entities=parts))
            totals[key] = totals.get(key, 0.0) + (1.0 if weights is None else weights[i])
    if not examples:
        raise DataError("X must hold a text that is not blank", hint="texts with words in them")
    if labels is None and not any(example.entities for example in examples.values()):
        raise DataError(
            "without intents, entities must hold at least one entity",
            hint="fit(texts, intents), or entities such as (0, 5, 'city')",
        )
    if labels is None and not with_entities:
        raise DataError(
            "with entity_recognition=False, fit needs intents",
            hint="fit(texts, intents), or entity_recognition=True",
        )
    return FitData(
        TrainingData(examples=tuple(examples.values())),
        classes,
        None if weights is None else _normalised(np.array(list(totals.values()))),
    )


def _normalised(totals: npt.NDArray[np.float64]) -> npt.NDArray[np.float32] | None:
    if np.allclose(totals, totals[0]):
        return None
    normalised: npt.NDArray[np.float32] = (totals / totals.mean()).astype(np.float32)
    return normalised


def _warn_of_blank(blank: list[int]) -> None:
    if blank:
        what = "1 text is" if len(blank) == 1 else f"{len(blank)} texts are"
        warnings.warn(
            f"{what} blank and not learnt from, at index {shortlist([str(i) for i in blank])}",
            stacklevel=4,
        )
