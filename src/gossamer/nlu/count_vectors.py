"""Counts of words or character n-grams, for each token alone and for the whole text."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from gossamer.data.errors import ModelFileError
from gossamer.data.examples import TrainingData
from gossamer.nlu.component import Component, ComponentOptions, EpochListener
from gossamer.nlu.count_options import CountVectorsFeaturizerOptions
from gossamer.nlu.messages import ComponentState, FeatureBlock, MessageBatch, TrainingBatch
from gossamer.nlu.ngrams import NgramAnalyzer
from gossamer.nlu.sparse_rows import SparseRow, rows_to_csr, sum_rows
from gossamer.nlu.vocabulary import learn_vocabulary

_NUMBER = re.compile(r"\b[0-9]+\b")
_CACHED_TOKENS = 20_000
_LONGEST_CACHED_TOKEN = 64


class CountVectorsFeaturizer(Component):
    """Bags of words or n-grams over a vocabulary learnt in training.

    Every token is counted alone, so word n-grams longer than one occur in sentence features only;
    the sentence feature counts the tokens joined by blanks. A standalone run of digits counts as
    the word `__NUMBER__`. With the word analyzer the intents get features too, over a vocabulary
    of their own unless it is shared: `ask_price` is one word, `ask-price` is two. When no intent's
    name holds a word that counts, the intents have no features.

    With `OOV_token`, a token that is not a word of the vocabulary counts as that token, provided
    training has seen it.

    Departures from Rasa: its shared vocabulary also has columns for the words of whole retrieval
    intents ("faq/ask_price"), which nothing here would use. `OOV_token` and `OOV_words` apply to
    texts only; Rasa applies them to intents as well, where a shared vocabulary then makes one
    feature of all intents whose names are not a single lower-case word.
    """

    name: ClassVar[str] = "CountVectorsFeaturizer"
    Options: ClassVar[type[ComponentOptions]] = CountVectorsFeaturizerOptions
    provides: ClassVar[frozenset[str]] = frozenset({"features"})
    requires: ClassVar[frozenset[str]] = frozenset({"tokens"})

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self.options: CountVectorsFeaturizerOptions
        self._analyze = self._make_analyzer(())
        self._oov_words = self.options.oov_words
        self._vocabulary: dict[str, int] = {}
        self._label_vocabulary: dict[str, int] = {}
        self._cache: dict[str, tuple[str, SparseRow]] = {}

    @property
    def n_features(self) -> int:
        """Number of columns of the features of texts."""
        return len(self._vocabulary)

    @property
    def vocabulary(self) -> Sequence[str]:
        """The terms of texts, in the order of their columns."""
        return list(self._vocabulary)

    def train(
        self,
        data: TrainingData,
        batch: TrainingBatch,
        *,
        on_epoch: EpochListener | None = None,
    ) -> None:
        """Learn the vocabularies. Warns of options without effect and of nothing to learn."""
        options = self.options
        for problem in options.without_effect():
            warnings.warn(f"{self.alias}: {problem}", stacklevel=2)
        self._analyze = self._make_analyzer(_stop_words(options))
        texts = self._documents(batch)
        labels = self._label_documents(batch) if options.analyzer == "word" else []
        if options.use_shared_vocab:
            both = texts + labels
            self._vocabulary = self._fit(both, options.min_df, what="texts and intents")
            self._label_vocabulary = self._vocabulary if labels else {}
        else:
            self._vocabulary = self._fit(texts, options.min_df, what="texts")
            # Names need not hold countable words: classifiers do without their features.
            self._label_vocabulary = self._fit(labels, 1, what=None) if labels else {}
        self._cache = {}
        oov_token = options.oov_token
        if oov_token is not None and oov_token not in self._vocabulary:
            warnings.warn(
                f"{self.alias}: OOV_token '{options.OOV_token}' has no effect, for no training "
                "text holds it; write it into some examples, or list rare words in OOV_words",
                stacklevel=2,
            )

    def process(self, batch: MessageBatch) -> None:
        """Append a block of sequence and sentence features; for a training batch, of labels too."""
        if self._vocabulary:
            batch.blocks.append(self._text_block(batch))
        if isinstance(batch, TrainingBatch) and self._label_vocabulary:
            batch.label_blocks.append(self._label_block(batch))

    def state(self) -> ComponentState:
        """The vocabulary of texts, in order, and the stop words."""
        return ComponentState(
            json={
                "vocabulary": list(self._vocabulary),
                "stop_words": sorted(self._analyze.stop_words),
            }
        )

    def restore(self, state: ComponentState) -> None:
        """Take over a stored vocabulary. Raises `ModelFileError` when it does not fit."""
        vocabulary, stop_words = (self._terms(state, key) for key in ("vocabulary", "stop_words"))
        self._vocabulary = {term: column for column, term in enumerate(vocabulary)}
        self._label_vocabulary = {}
        self._analyze = self._make_analyzer(stop_words)
        self._cache = {}

    def _make_analyzer(self, stop_words: Iterable[str]) -> NgramAnalyzer:
        options = self.options
        return NgramAnalyzer(
            analyzer=options.analyzer,
            min_ngram=options.min_ngram,
            max_ngram=options.max_ngram,
            lowercase=options.lowercase,
            strip_accents=options.strip_accents,
            stop_words=frozenset(stop_words),
        )

    def _terms(self, state: ComponentState, key: str) -> list[str]:
        terms: Any = state.json.get(key)
        if (
            not isinstance(terms, list)
            or not all(isinstance(term, str) for term in terms)
            or len(set(terms)) != len(terms)
        ):
            raise ModelFileError(
                f"{self.name} must be stored with a list of different words as '{key}'", got=terms
            )
        return terms

    def _clean(self, text: str) -> str:
        text = _NUMBER.sub("__NUMBER__", text)
        return text.lower() if self.options.lowercase else text

    def _replace_oov_words(self, word: str) -> str:
        oov_token = self.options.oov_token
        return word if oov_token is None or word not in self._oov_words else oov_token

    def _documents(self, batch: TrainingBatch) -> list[str]:
        """What the vocabulary is learnt from: the texts, or their words where those are enough."""
        words = {
            token: self._replace_oov_words(self._clean(token))
            for token in dict.fromkeys(token.text for text in batch.tokens for token in text)
        }
        if self._analyze.is_additive and not self.options.needs_frequencies:
            return list(words.values())
        return [" ".join(words[token.text] for token in tokens) for tokens in batch.tokens]

    def _label_documents(self, batch: TrainingBatch) -> list[str]:
        tokens = dict(zip(batch.labels, batch.label_tokens, strict=True))
        intents: Iterable[str | None] = (example.base_intent for example in batch.examples)
        if not self.options.needs_frequencies:
            intents = dict.fromkeys(intents)
        return [" ".join(tokens[intent]) for intent in intents if intent is not None]

    def _fit(self, documents: list[str], min_df: float, *, what: str | None) -> dict[str, int]:
        """Terms and their columns; none when nothing counts, with a warning that tells `what`."""
        try:
            terms = learn_vocabulary(
                map(self._analyze, documents),
                min_df=min_df,
                max_df=self.options.max_df,
                max_features=self.options.max_features,
            )
        except ValueError as error:
            if what is not None:
                warnings.warn(
                    f"{self.alias}: no features of {what}, for there is nothing to count: {error}",
                    stacklevel=3,
                )
            return {}
        return {term: column for column, term in enumerate(terms)}

    def _text_block(self, batch: MessageBatch) -> FeatureBlock:
        found = [[self._look_up(token.text) for token in tokens] for tokens in batch.tokens]
        sequence = rows_to_csr([row for text in found for _, row in text], self.n_features)
        sentence = (
            sum_rows(sequence, batch.lengths)
            if self._analyze.is_additive
            else rows_to_csr(
                [self._count(" ".join(word for word, _ in text)) for text in found], self.n_features
            )
        )
        return FeatureBlock(origin=self.alias, sequence=sequence, sentence=sentence)

    def _label_block(self, batch: TrainingBatch) -> FeatureBlock:
        rows = [
            _count(
                (term for token in tokens for term in self._analyze(token)), self._label_vocabulary
            )
            for tokens in batch.label_tokens
        ]
        return FeatureBlock(
            origin=self.alias, sequence=rows_to_csr(rows, len(self._label_vocabulary))
        )

    def _look_up(self, token: str) -> tuple[str, SparseRow]:
        """The word that a token counts as, and its counts."""
        known = self._cache.get(token)
        if known is not None:
            return known
        word = self._clean(token)
        oov_token = self.options.oov_token
        if oov_token is not None and word not in self._vocabulary:
            word = oov_token if oov_token in self._vocabulary else self._replace_oov_words(word)
        result = word, self._count(word)
        if len(token) <= _LONGEST_CACHED_TOKEN:
            if len(self._cache) >= _CACHED_TOKENS:
                self._cache.clear()
            self._cache[token] = result
        return result

    def _count(self, text: str) -> SparseRow:
        return _count(self._analyze(text), self._vocabulary)


def _count(terms: Iterable[str], vocabulary: dict[str, int]) -> SparseRow:
    counts = Counter(vocabulary[term] for term in terms if term in vocabulary)
    columns = sorted(counts)
    return (
        np.array(columns, dtype=np.int32),
        np.array([counts[column] for column in columns], dtype=np.float32),
    )


def _stop_words(options: CountVectorsFeaturizerOptions) -> Iterable[str]:
    if options.stop_words is None or options.analyzer != "word":
        return ()
    if isinstance(options.stop_words, str):
        from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

        words: Iterable[str] = ENGLISH_STOP_WORDS
        return words
    return options.stop_words
