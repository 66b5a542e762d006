"""Intents by a support vector machine over dense features of whole texts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import BeforeValidator, Field

from gossamer.data.errors import ConfigError
from gossamer.nlu.classifiers.sentence_classifier import (
    LARGEST,
    Arrays,
    Doubles,
    SentenceClassifier,
    finite,
)
from gossamer.nlu.classifiers.support_vectors import (
    Kernel,
    SupportVectors,
    probabilities,
)
from gossamer.nlu.diet.features import Indices
from gossamer.nlu.pipeline.component import ComponentOptions
from gossamer.nlu.pipeline.messages import ComponentState, MessageBatch
from gossamer.nn.features import Features, not_as_trained

PositiveFloat = Annotated[float, Field(gt=0.0, le=LARGEST)]


def _as_list(value: Any) -> Any:
    """One value is a list of it."""
    return value if isinstance(value, list | tuple) else [value]


class SklearnIntentClassifierOptions(ComponentOptions):
    """Options of `SklearnIntentClassifier`; names and defaults are Rasa's.

    Of `C`, `gamma` and `kernels` every combination is tried, and the one with the best score in a
    cross-validation is used; a single value is a list of one.

    Attributes:
        C: how much an example on the wrong side costs.
        gamma: how fast similarity falls with distance; the linear kernel does not read it.
        kernels: any of "linear", "rbf", "poly" (of degree 3) and "sigmoid".
        max_cross_validation_folds: most folds; fewer where the rarest intent has fewer than five
            examples for each.
        scoring_function: what the combinations are compared by, by the name scikit-learn gives it.
    """

    ignored: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"num_threads": "as many threads are used as cores are free"}
    )

    C: Annotated[tuple[PositiveFloat, ...], BeforeValidator(_as_list), Field(min_length=1)] = (
        *(1, 2, 5, 10, 20, 100),
    )
    gamma: Annotated[tuple[PositiveFloat, ...], BeforeValidator(_as_list), Field(min_length=1)] = (
        0.1,
    )
    kernels: Annotated[tuple[Kernel, ...], BeforeValidator(_as_list), Field(min_length=1)] = (
        Kernel.LINEAR,
    )
    max_cross_validation_folds: Annotated[int, Field(ge=2)] = 5
    scoring_function: Literal[
        "f1_weighted",
        "f1_macro",
        "f1_micro",
        "accuracy",
        "balanced_accuracy",
        "precision_weighted",
        "precision_macro",
        "precision_micro",
        "recall_weighted",
        "recall_macro",
        "recall_micro",
        "jaccard_weighted",
        "jaccard_macro",
        "jaccard_micro",
        "matthews_corrcoef",
    ] = "f1_weighted"

    def without_effect(self) -> Iterator[str]:
        """`gamma` where no kernel reads it."""
        if set(self.kernels) == {Kernel.LINEAR} and "gamma" in self.model_fields_set:
            yield "gamma has no effect with the linear kernel"


class SklearnIntentClassifier(SentenceClassifier):
    """A support vector machine over all dense sentence features.

    As in Rasa, options are chosen by cross-validation, and each intent counts as much as any
    other, however many examples it has. Departures from Rasa, besides those of
    `SentenceClassifier`: a probability for each intent is made of all pairs of intents with one
    scale, found on examples that were not learnt from, as `support_vectors` says; Rasa has LIBSVM
    find two numbers for each pair, which is deprecated in scikit-learn, and may then name another
    intent than the machine itself. An intent with a single example is learnt and not scored in the
    cross-validation; Rasa leaves it out of some of the folds it learns from.
    """

    name: ClassVar[str] = "SklearnIntentClassifier"
    Options: ClassVar[type[ComponentOptions]] = SklearnIntentClassifierOptions
    reads: ClassVar[frozenset[str] | None] = frozenset({"intents", "texts"})

    options: SklearnIntentClassifierOptions

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self._machine: SupportVectors | None = None

    def _features(self, batch: MessageBatch) -> Features:
        return Features(dense=super()._features(batch).dense)

    def _learn(self, features: Features, numbers: Indices) -> None:
        from gossamer.nlu.classifiers.svm_training import Candidate, fit

        if features.dense is None:
            raise ConfigError(
                f"{self.alias} needs dense features of whole texts, such as word vectors",
                got="none for any training text",
                hint="SpacyFeaturizer, LanguageModelFeaturizer or StaticVectorsFeaturizer before "
                "it; or LogisticRegressionClassifier, which reads sparse features too",
            )
        options = self.options
        self._machine = fit(
            features.dense.astype(np.float64),
            numbers,
            [
                Candidate(kernel, C, gamma)
                for kernel in options.kernels
                for gamma in (options.gamma[:1] if kernel is Kernel.LINEAR else options.gamma)
                for C in options.C
            ],
            most_folds=options.max_cross_validation_folds,
            scoring=options.scoring_function,
        )

    def _probabilities(self, features: Features) -> Doubles:
        machine = self._machine
        width = 0 if machine is None else machine.vectors.shape[1]
        if machine is None or features.dense is None or features.n_dense != width:
            raise not_as_trained(f"{width} dense columns", features.n_dense)
        return probabilities(machine.decisions(features.dense.astype(np.float64)), machine.scale)

    def _model_json(self) -> dict[str, Any]:
        machine = self._machine
        if machine is None:
            return {}
        return {
            "kernel": machine.kernel.value,
            "gamma": machine.gamma,
            "scale": machine.scale,
            "counts": machine.counts.tolist(),
        }

    def _model_arrays(self) -> Arrays:
        machine = self._machine
        if machine is None:
            return {}
        return {
            "vectors": machine.vectors.astype(np.float32),
            "factors": machine.factors,
            "offsets": machine.offsets,
        }

    def _restore_model(self, state: ComponentState) -> None:
        json, arrays, n_labels = state.json, state.arrays, len(self.labels)
        counts = json["counts"]
        vectors = finite("vectors", arrays["vectors"], (None, None))
        if (
            not isinstance(counts, list)
            or len(counts) != n_labels
            or not all(type(count) is int and count >= 0 for count in counts)
            or sum(counts) != len(vectors)
        ):
            raise ValueError(f"{n_labels} labels must share {len(vectors)} vectors: {counts!r:.80}")
        numbers = {name: float(json[name]) for name in ("gamma", "scale")}
        if not all(0 < number <= LARGEST for number in numbers.values()):
            raise ValueError(f"gamma and scale must be above 0, up to {LARGEST:g}: {numbers}")
        self._machine = SupportVectors(
            Kernel(json["kernel"]),
            numbers["gamma"],
            vectors,
            np.array(counts, dtype=np.int64),
            finite("factors", arrays["factors"], (n_labels - 1, len(vectors))),
            finite("offsets", arrays["offsets"], (n_labels * (n_labels - 1) // 2,)),
            numbers["scale"],
        )
