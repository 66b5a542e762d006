"""Plain models that DIET is compared with: linear models for intents, a feature CRF for entities.

Each answers with a `Parse`, so that one piece of code scores them and us. They are well-known
recipes and take no seed: their results are the same each time.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from baseline_svm import make_svm
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from gossamer.data import Entity, TrainingData
from gossamer.data.errors import InputError
from gossamer.evaluate.entities import covering_entity
from gossamer.evaluate.spans import entity_label
from gossamer.nlu.pipeline.messages import (
    EntityPrediction,
    IntentPrediction,
    MessageBatch,
    Parse,
    Token,
)
from gossamer.nlu.tokenizers.whitespace_tokenizer import (
    WhitespaceTokenizer,
    WhitespaceTokenizerOptions,
)

CRF = "CRF"
"""The name the feature CRF gives as extractor."""

_CRF_PARAMETERS = {
    "c1": 0.1,
    "c2": 0.01,
    "max_iterations": 100,
    "feature.possible_transitions": True,
}
_WINDOW = (-2, -1, 0, 1, 2)
_LONGEST_AFFIX = 4


class Model(Protocol):
    """A trained contestant.

    Attributes:
        n_weights: numbers that were learned.
        extractors: what finds its entities; empty when it finds none.
        knows_intents: whether it predicts intents.
        has_probabilities: whether the confidence of an intent is a probability.
    """

    n_weights: int
    extractors: tuple[str, ...]
    knows_intents: bool
    has_probabilities: bool

    def parse_many(self, texts: Sequence[str], /) -> list[Parse]:
        """One parse for each text, in order, with tokens."""
        ...

    def size_mib(self, folder: Path, /) -> float:
        """Size of its file, written into an empty folder, in MiB."""
        ...


class LinearIntents:
    """A linear classifier over TF-IDF of words and of character n-grams.

    The confidence of the SVM is its largest decision value, which is not a probability.
    """

    knows_intents = True
    extractors: tuple[str, ...] = ()

    def __init__(self, model: Pipeline, data: TrainingData) -> None:
        train = [e for e in data.unique_examples() if e.base_intent is not None]
        if len({example.base_intent for example in train}) < 2:
            raise InputError("a linear classifier needs at least two intents", hint="more data")
        self._model = model.fit([e.text for e in train], [e.base_intent for e in train])
        last = self._model[-1]
        self.has_probabilities = hasattr(last, "predict_proba")
        self.n_weights = int(last.coef_.size + last.intercept_.size)

    def parse_many(self, texts: Sequence[str]) -> list[Parse]:
        """Parses with intents, without entities."""
        tokens = tokenized(texts)
        if self.has_probabilities:
            scores = self._model.predict_proba(texts)
        else:
            scores = self._model.decision_function(texts)
            if scores.ndim == 1:  # of two classes
                scores = np.stack([-scores, scores], axis=1)
        best = scores.argmax(axis=1)
        names = self._model.classes_
        return [
            Parse(
                text=text,
                tokens=words,
                intent=IntentPrediction(name=str(names[i]), confidence=float(row[i])),
            )
            for text, words, row, i in zip(texts, tokens, scores, best, strict=True)
        ]

    def size_mib(self, folder: Path) -> float:
        """Size of its pickle."""
        path = folder / "model.pickle"
        path.write_bytes(pickle.dumps(self._model))
        return path.stat().st_size / 2**20


def train_svm(data: TrainingData) -> LinearIntents:
    """The SVM of `baseline_svm`."""
    return LinearIntents(make_svm(), data)


def train_logistic(data: TrainingData) -> LinearIntents:
    """Logistic regression over the features of the SVM; C = 10, as TF-IDF rows have length 1."""
    features = make_svm()[0]
    return LinearIntents(make_pipeline(features, LogisticRegression(C=10.0, max_iter=1000)), data)


class FeatureCRF:
    """A linear-chain CRF over written features of the words, python-crfsuite.

    Features of a token and of its two neighbours on either side: the word in lower case, its shape,
    prefixes and suffixes of up to four characters, title, upper case, digits; BOS and EOS. Tags are
    BIO over Gossamer's whitespace tokens; a token takes the annotation that covers most of it.
    L-BFGS, 100 iterations, c1 = 0.1, c2 = 0.01.
    """

    knows_intents = False
    has_probabilities = False
    extractors: tuple[str, ...] = (CRF,)

    def __init__(self, data: TrainingData, folder: Path) -> None:
        import pycrfsuite

        examples = data.unique_examples()
        trainer = pycrfsuite.Trainer(verbose=False, algorithm="lbfgs")
        trainer.set_params(_CRF_PARAMETERS)
        self._of_label: dict[str, Entity] = {}
        for example, tokens in zip(examples, tokenized([e.text for e in examples]), strict=True):
            if tokens:
                trainer.append(token_features(tokens), bio_tags(tokens, example.entities))
            for entity in example.entities:
                self._of_label.setdefault(entity_label(entity), entity)
        if not self._of_label:
            raise InputError("a feature CRF needs annotated entities", hint="more data")
        self._path = folder / "model.crfsuite"
        trainer.train(str(self._path))
        self._tagger = pycrfsuite.Tagger()
        self._tagger.open(str(self._path))
        info = self._tagger.info()
        self.n_weights = len(info.state_features) + len(info.transitions)

    def parse_many(self, texts: Sequence[str]) -> list[Parse]:
        """Parses with entities, without intents."""
        return [
            Parse(text=text, tokens=tokens, entities=self._entities(text, tokens))
            for text, tokens in zip(texts, tokenized(texts), strict=True)
        ]

    def _entities(self, text: str, tokens: Sequence[Token]) -> list[EntityPrediction]:
        if not tokens:
            return []
        found = []
        for start, end, label in bio_spans(tokens, self._tagger.tag(token_features(tokens))):
            of_label = self._of_label[label]
            found.append(
                EntityPrediction(
                    start=start,
                    end=end,
                    entity=of_label.entity,
                    role=of_label.role,
                    group=of_label.group,
                    value=text[start:end],
                    extractor=CRF,
                )
            )
        return found

    def size_mib(self, folder: Path) -> float:
        """Size of the file that CRFsuite wrote."""
        return self._path.stat().st_size / 2**20


class Together:
    """A model for intents and another for entities, asked one after the other."""

    knows_intents = True

    def __init__(self, intents: LinearIntents, entities: FeatureCRF) -> None:
        self._intents, self._entities = intents, entities
        self.n_weights = intents.n_weights + entities.n_weights
        self.extractors = entities.extractors
        self.has_probabilities = intents.has_probabilities

    def parse_many(self, texts: Sequence[str]) -> list[Parse]:
        """Parses with intents and entities."""
        parses = self._intents.parse_many(texts)
        for parse, other in zip(parses, self._entities.parse_many(texts), strict=True):
            parse.entities = other.entities
        return parses

    def size_mib(self, folder: Path) -> float:
        """Both files together."""
        return self._intents.size_mib(folder) + self._entities.size_mib(folder)


def tokenized(texts: Sequence[str]) -> list[Sequence[Token]]:
    """The tokens of each text, as Gossamer's WhitespaceTokenizer cuts them."""
    batch = MessageBatch(texts=list(texts))
    WhitespaceTokenizer(WhitespaceTokenizerOptions()).process(batch)
    return list(batch.tokens)


def token_features(tokens: Sequence[Token]) -> list[list[str]]:
    """The CRF's features of each token: its own and its neighbours', each with its distance."""
    own = [_own_features(token.text) for token in tokens]
    rows = []
    for position in range(len(tokens)):
        row = ["bias"]
        for offset in _WINDOW:
            other = position + offset
            if 0 <= other < len(tokens):
                row += [f"{offset}:{feature}" for feature in own[other]]
        if position == 0:
            row.append("BOS")
        if position == len(tokens) - 1:
            row.append("EOS")
        rows.append(row)
    return rows


def _own_features(word: str) -> list[str]:
    lower = word.lower()
    longest = min(_LONGEST_AFFIX, len(lower))
    features = [f"word={lower}", f"shape={word_shape(word)}"]
    features += [f"prefix={lower[:n]}" for n in range(1, longest + 1)]
    features += [f"suffix={lower[-n:]}" for n in range(1, longest + 1)]
    for name, holds in (
        ("title", word.istitle()),
        ("upper", word.isupper()),
        ("digit", word.isdigit()),
    ):
        if holds:
            features.append(name)
    return features


def word_shape(word: str) -> str:
    """Upper case as X, lower case as x, digits as d, others as they are: "Xxx-dd"."""
    return "".join(
        "X" if c.isupper() else "x" if c.islower() else "d" if c.isdigit() else c for c in word
    )


def bio_tags(tokens: Sequence[Token], entities: Sequence[Entity]) -> list[str]:
    """B-, I- or O for each token; it belongs to the entity that covers most of it."""
    tags = []
    before: Entity | None = None
    for token in tokens:
        entity = covering_entity(token, entities)
        if entity is None:
            tags.append("O")
        else:
            tags.append(f"{'I' if entity is before else 'B'}-{entity_label(entity)}")
        before = entity
    return tags


def bio_spans(tokens: Sequence[Token], tags: Sequence[str]) -> list[tuple[int, int, str]]:
    """Start, end and label of what the tags name; an I- after another label begins an entity."""
    spans: list[tuple[int, int, str]] = []
    before = "O"
    for token, tag in zip(tokens, tags, strict=True):
        label = tag[2:]
        if tag != "O":
            if tag.startswith("I-") and before != "O" and before[2:] == label:
                start, _, _ = spans.pop()
                spans.append((start, token.end, label))
            else:
                spans.append((token.start, token.end, label))
        before = tag
    return spans


def train_peer(name: str, data: TrainingData, folder: Path) -> Model:
    """A peer by its name; `folder` must live as long as it does.

    Raises:
        InputError: the data have no entities or too few intents.
    """
    if name == "svm":
        return train_svm(data)
    if name == "lr":
        return train_logistic(data)
    if name == "crf":
        return FeatureCRF(data, folder)
    return Together(train_svm(data), FeatureCRF(data, folder))
