"""The objects that pass from one pipeline component to the next.

Work is done on batches: a `MessageBatch` holds many texts at once, and its features are packed,
the tokens of all texts one after the other with no padding, so that a single message and a whole
training set go through the same code.

Dimensions: `n_texts` messages, `n_tokens` tokens of all messages together, `n_features` columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from gossamer.data.entities import Entity
from gossamer.data.nlu.examples import Example
from gossamer.nlu.pipeline.parse import NO_INTENT as NO_INTENT
from gossamer.nlu.pipeline.parse import IntentPrediction as IntentPrediction
from gossamer.nlu.pipeline.parse import Parse as Parse
from gossamer.nlu.pipeline.parse import Token as Token
from gossamer.nn.csr import CsrMatrix

FeatureMatrix: TypeAlias = CsrMatrix | npt.NDArray[np.float32]

EntityPrediction: TypeAlias = Entity
"""What extractors find: an `Entity` with the name of its extractor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureBlock:
    """One featurizer's features of a batch.

    Attributes:
        origin: the featurizer's alias, unique in a pipeline; consumers filter by it.
        sequence: one row a token, float32, or None. A sparse matrix of SciPy becomes a
            `CsrMatrix`. *Shape:* (n_tokens, n_features).
        sentence: likewise, one row a text.
            *Shape:* (n_texts, n_features).
        known: how much of each token the featurizer knows from training, in [0, 1], NaN where it
            cannot tell; None when it knows no words, only their looks. *Shape:* (n_tokens,).
        patterns: the name of each column where columns are regexes and lookup tables, which
            several may share; else empty.
    """

    origin: str
    sequence: FeatureMatrix | None = None
    sentence: FeatureMatrix | None = None
    known: npt.NDArray[np.float32] | None = None
    patterns: Sequence[str] = ()

    def __post_init__(self) -> None:
        for part in ("sequence", "sentence"):
            matrix = getattr(self, part)
            if hasattr(matrix, "tocsr"):
                object.__setattr__(self, part, CsrMatrix.of(matrix))


@dataclass(slots=True, kw_only=True)
class MessageBatch:
    """Texts on their way through a pipeline; components fill it in.

    Attributes:
        texts: the messages; a tokenizer cuts those that are too long.
        tokens: per text its tokens; every text has at least one once a tokenizer has run, except
            a text with nothing but white space, which has none.
        blocks: one per featurizer, in pipeline order.
        documents: per text what a language library made of it, for the components that read that;
            empty without such a library.
        parses: the result per text.
    """

    texts: Sequence[str]
    tokens: list[list[Token]] = field(default_factory=list)
    blocks: list[FeatureBlock] = field(default_factory=list)
    documents: list[Any] = field(default_factory=list)
    parses: list[Parse] = field(init=False)

    def __post_init__(self) -> None:
        self.parses = [Parse(text=text) for text in self.texts]

    @property
    def lengths(self) -> npt.NDArray[np.int64]:
        """Tokens per text. *Shape:* (n_texts,)."""
        return np.array([len(tokens) for tokens in self.tokens], dtype=np.int64)


@dataclass(slots=True, kw_only=True)
class ResponseTexts(MessageBatch):
    """The texts of responses, with tokens and features as messages have them.

    They go through tokenizer and featurizers after the training batch.
    """


@dataclass(slots=True, kw_only=True)
class ResponseLabels:
    """What response selectors learn to tell apart.

    Attributes:
        keys: sorted response keys ("faq/ask_price").
        tokens: per key the tokens it was cut into; empty before a tokenizer has run.
        blocks: features of the keys, as `TrainingBatch.label_blocks` has them of the intents.
        texts: a response for each of `keys`; None when no component reads them.
    """

    keys: Sequence[str]
    tokens: list[list[str]] = field(default_factory=list)
    blocks: list[FeatureBlock] = field(default_factory=list)
    texts: ResponseTexts | None = None


@dataclass(slots=True, kw_only=True)
class TrainingBatch(MessageBatch):
    """The unique training examples, as a batch, with what classifiers learn from.

    Attributes:
        examples: the annotated examples, parallel to `texts`.
        labels: sorted base intents.
        label_tokens: per label the tokens it was cut into by the tokenizer; one, the label itself,
            unless `intent_tokenization_flag` says otherwise. Empty before a tokenizer has run.
        label_blocks: features of the labels, sequence features only: `sequence` has one row for
            each of `labels` (the sum over its tokens), `sentence` is None.
        responses: None when no component selects responses.
        is_last_reader: whether the component that trains now is the last that reads features, and
            so may drop `blocks`; those of a large data set take much memory.
    """

    examples: Sequence[Example]
    labels: Sequence[str]
    label_tokens: list[list[str]] = field(default_factory=list)
    label_blocks: list[FeatureBlock] = field(default_factory=list)
    responses: ResponseLabels | None = None
    is_last_reader: bool = False

    def drop_read_features(self) -> None:
        """Release the texts' features if no component reads them any more."""
        if self.is_last_reader:
            self.blocks = []


@dataclass(frozen=True, slots=True)
class ComponentState:
    """What a component has learnt, in parts that can be stored without running code.

    Attributes:
        json: plain JSON values.
        arrays: numbers by name.
    """

    json: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
