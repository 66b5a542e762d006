"""What classifiers that read the features of whole texts share: examples, ranking, storing."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from gossamer.data.errors import DataError, InputError
from gossamer.data.installed import missing_part
from gossamer.data.nlu.examples import TrainingData
from gossamer.nlu.diet.features import Indices, text_features
from gossamer.nlu.learning.coverage import coverage, tells_texts_apart, trust
from gossamer.nlu.learning.restoring import refusing_what_does_not_fit
from gossamer.nlu.pipeline.component import Component, ComponentOptions, EpochListener
from gossamer.nlu.pipeline.messages import (
    ComponentState,
    IntentPrediction,
    MessageBatch,
    TrainingBatch,
)
from gossamer.nn.features import Features

Doubles = npt.NDArray[np.float64]
Arrays = dict[str, npt.NDArray[Any]]

LARGEST = 1e15
"""Of a stored number; with larger ones, sums and products would not be finite."""


class SentenceClassifier(Component):
    """Learns intents from sentence features with scikit-learn, and answers without it.

    Departures from Rasa: fewer than two intents are an error; a text of which next to nothing is
    known (see `gossamer.nlu.learning.coverage`) gets no intent and an empty ranking, and where
    little is known, confidences are lower.

    Attributes:
        labels: the intents it tells apart, in the order of the probabilities.
    """

    provides: ClassVar[frozenset[str]] = frozenset({"intent"})
    requires: ClassVar[frozenset[str]] = frozenset({"tokens", "features"})

    labels: tuple[str, ...]

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self.labels = ()
        self._trusts_all = False

    # -- what each classifier has of its own -----------------------------------------------------

    @abstractmethod
    def _learn(self, features: Features, numbers: Indices) -> None:
        """Fit a model.

        Args:
            features: one row an example.
            numbers: which of `labels` each example has; each occurs. *Shape:* (n_examples,).
        """

    @abstractmethod
    def _probabilities(self, features: Features) -> Doubles:
        """Of each label for each row, as the fitted model has it. *Shape:* (n_rows, n_labels)."""

    @abstractmethod
    def _model_arrays(self) -> Arrays:
        """The fitted model."""

    @abstractmethod
    def _restore_model(self, state: ComponentState) -> None:
        """Restore what `_model_arrays` and `_model_json` gave; `labels` are set.

        Raises:
            KeyError: an array is missing.
            ValueError: what is stored does not fit together.
        """

    def _model_json(self) -> dict[str, Any]:
        """What of the fitted model is not in arrays."""
        return {}

    def _features(self, batch: MessageBatch) -> Features:
        """What it reads of a batch: one row a text."""
        return text_features(batch.blocks, batch.lengths, use_sequence=False).sentence

    @property
    def _ranking_length(self) -> int:
        """Most intents in a ranking; 0 for all."""
        return 10

    # -- training --------------------------------------------------------------------------------

    def check(self, data: TrainingData) -> Iterator[InputError]:
        """A missing library, or too few intents."""
        missing = missing_part(f"training {self.alias}", "scipy", "sklearn")
        if missing is not None:
            yield missing
        examples = [example for example in data.unique_examples() if example.text.strip()]
        intents = sorted({example.base_intent for example in examples if example.base_intent})
        if len(intents) < 2:
            yield self._too_few(intents)

    def train(
        self,
        data: TrainingData,
        batch: TrainingBatch,
        *,
        on_epoch: EpochListener | None = None,
    ) -> None:
        """Learn from the examples with an intent.

        Raises:
            DataError: there are fewer than two intents.
            ConfigError: there are no features it can read.
        """
        chosen = [
            number
            for number, example in enumerate(batch.examples)
            if batch.tokens[number] and example.base_intent is not None
        ]
        intents = [str(batch.examples[number].base_intent) for number in chosen]
        self.labels = tuple(sorted(set(intents)))
        if len(self.labels) < 2:
            raise self._too_few(self.labels)
        shares = coverage(batch.blocks, batch.lengths)
        self._trusts_all = not tells_texts_apart(shares[batch.lengths > 0])
        features = self._features(batch)
        batch.drop_read_features()
        number_of = {label: number for number, label in enumerate(self.labels)}
        numbers = np.array([number_of[intent] for intent in intents], dtype=np.int64)
        self._learn(features.rows(np.array(chosen, dtype=np.int64)), numbers)

    def _too_few(self, intents: Sequence[str]) -> DataError:
        return DataError(
            f"{self.alias} needs examples of at least two intents",
            got=list(intents),
            hint=f"adding examples of another intent, or a pipeline without {self.name}",
        )

    # -- answering -------------------------------------------------------------------------------

    @property
    def intents(self) -> Collection[str]:
        """The intents it can tell apart."""
        return self.labels

    def process(self, batch: MessageBatch) -> None:
        """Set intent and ranking of every text of which something is known."""
        if not self.labels:
            return
        known = self._trust(batch)
        chosen = np.flatnonzero((known > 0) & (batch.lengths > 0))
        if len(chosen) == 0:
            return
        rows = self._probabilities(self._features(batch).rows(chosen))
        for number, row in zip(chosen.tolist(), rows, strict=True):
            parse, factor = batch.parses[number], float(known[number])
            order = np.argsort(-row, kind="stable")  # of equal ones the first in the alphabet
            ranking = [
                IntentPrediction(name=self.labels[i], confidence=float(row[i]) * factor)
                for i in order.tolist()
            ]
            parse.intent = ranking[0]
            parse.intent_ranking = ranking[: self._ranking_length or None]

    def _trust(self, batch: MessageBatch) -> Doubles:
        """What the probabilities of each text are multiplied by. *Shape:* (n_texts,)."""
        if self._trusts_all:
            return np.ones(len(batch.texts))
        return trust(coverage(batch.blocks, batch.lengths))

    # -- storing ---------------------------------------------------------------------------------

    def state(self) -> ComponentState:
        """The labels and the fitted model."""
        if not self.labels:
            return ComponentState()
        return ComponentState(
            json={
                "labels": list(self.labels),
                "trusts_all": self._trusts_all,
                **self._model_json(),
            },
            arrays=self._model_arrays(),
        )

    def restore(self, state: ComponentState) -> None:
        """Restore a stored model. Raises `ModelFileError` when it does not fit."""
        if not state.json:
            return
        with refusing_what_does_not_fit("labels"):
            labels = state.json["labels"]
            if (
                not isinstance(labels, list)
                or not all(isinstance(label, str) for label in labels)
                or len(set(labels)) < max(2, len(labels))
            ):
                raise ValueError(f"labels must be two texts or more that differ: {labels!r:.80}")
            self.labels = tuple(labels)
            self._trusts_all = bool(state.json["trusts_all"])
            self._restore_model(state)


def finite(name: str, array: npt.NDArray[Any], shape: tuple[int | None, ...]) -> Doubles:
    """A stored array as float64.

    Args:
        name: of the array, for the message.
        array: what is stored.
        shape: what it must have; None for any size.

    Raises:
        ValueError: it has another shape, or is not of real numbers up to `LARGEST`.
    """
    fits = array.ndim == len(shape) and all(
        wanted in (None, found) for wanted, found in zip(shape, array.shape, strict=True)
    )
    if (
        not fits
        or array.dtype.kind != "f"
        or not (np.abs(array.astype(np.float64)) <= LARGEST).all()
    ):
        raise ValueError(
            f"{name} must be numbers up to {LARGEST:g} of shape {shape}: {array.dtype}, "
            f"{array.shape}"
        )
    return array.astype(np.float64)
