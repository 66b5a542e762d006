"""Counts of words or character n-grams, for each token alone and for the whole text."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

from gossamer.data.errors import ModelFileError
from gossamer.data.nlu.examples import TrainingData
from gossamer.nlu.featurizers.count_options import CountVectorsFeaturizerOptions
from gossamer.nlu.featurizers.ngrams import NgramAnalyzer
from gossamer.nlu.featurizers.sparse_rows import rows_to_csr
from gossamer.nlu.featurizers.term_counts import TermCounter, WordRules, count_terms
from gossamer.nlu.featurizers.vocabulary import learn_vocabulary
from gossamer.nlu.pipeline.component import Component, ComponentOptions, EpochListener
from gossamer.nlu.pipeline.messages import (
    ComponentState,
    FeatureBlock,
    MessageBatch,
    ResponseTexts,
    Token,
    TrainingBatch,
)


class CountVectorsFeaturizer(Component):
    """Bags of words or n-grams over a vocabulary learnt in training.

    Every token is counted alone, so word n-grams longer than one occur in sentence features only;
    the sentence feature counts the tokens joined by blanks. A standalone run of digits counts as
    the word `__NUMBER__`. With the word analyzer the intents get features too, over a vocabulary
    of their own unless it is shared: `ask_price` is one word, `ask-price` is two. When no intent's
    name contains a word that counts, the intents have no features. What response selectors learn to
    tell apart is treated likewise: response keys as intents, the texts of responses as texts, each
    over a vocabulary of their own unless it is shared.

    Where training goes on, the vocabulary of texts keeps its terms, and new ones come after them.

    With `OOV_token`, a token that is not a word of the vocabulary counts as that token, provided
    training has seen it.

    Departures from Rasa: its shared vocabulary has columns for response keys and responses also
    where no response selector uses them. `OOV_token` and `OOV_words` apply to texts only; Rasa
    applies them to intents as well, where a shared vocabulary then makes one feature of all intents
    whose names are not a single lower-case word.
    """

    name: ClassVar[str] = "CountVectorsFeaturizer"
    Options: ClassVar[type[ComponentOptions]] = CountVectorsFeaturizerOptions
    provides: ClassVar[frozenset[str]] = frozenset({"features"})
    requires: ClassVar[frozenset[str]] = frozenset({"tokens"})
    reads: ClassVar[frozenset[str] | None] = frozenset({"intents", "response_texts", "texts"})

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self.options: CountVectorsFeaturizerOptions
        self._rules = WordRules(self.options)
        self._analyze = self._make_analyzer(())
        self._texts = self._counter({})
        self._responses = self._counter({})
        self._label_vocabulary: dict[str, int] = {}
        self._key_vocabulary: dict[str, int] = {}

    @property
    def n_features(self) -> int:
        """Number of columns of the features of texts."""
        return len(self._texts.vocabulary)

    def can_go_on_from(self, earlier: Component) -> bool:
        """Always."""
        return True

    @property
    def vocabulary(self) -> Sequence[str]:
        """The terms of texts, in the order of their columns."""
        return list(self._texts.vocabulary)

    def train(
        self,
        data: TrainingData,
        batch: TrainingBatch,
        *,
        on_epoch: EpochListener | None = None,
    ) -> None:
        """Learn the vocabularies. Warns when there is nothing to learn."""
        options = self.options
        self._analyze = self._make_analyzer(_stop_words(options))
        texts, responses = self._documents(batch.tokens), self._response_documents(batch)
        labels, keys = self._label_documents(batch), self._key_documents(batch)
        if options.use_shared_vocab:
            everything = texts + labels + keys + responses
            shared = self._grown(self._fit(everything, options.min_df, what="texts and intents"))
            self._texts = self._counter(shared)
            self._responses = self._counter(shared if responses else {})
            self._label_vocabulary = shared if labels else {}
            self._key_vocabulary = shared if keys else {}
        else:
            found = self._grown(self._fit(texts, options.min_df, what="texts"))
            self._texts = self._counter(found)
            self._responses = self._counter(
                self._fit(responses, 1, what="responses" if responses else None)
            )
            # Names need not hold countable words: classifiers do without their features.
            self._label_vocabulary = self._fit(labels, 1, what=None)
            self._key_vocabulary = self._fit(keys, 1, what=None)
        alone = self._texts.words_alone(batch.tokens)
        if alone:
            self._texts = self._counter(dict(self._texts.vocabulary), alone)
        oov_token = options.oov_token
        if oov_token is not None and oov_token not in self._texts.vocabulary:
            warnings.warn(
                f"{self.alias}: OOV_token '{options.OOV_token}' has no effect, as no training "
                "text holds it; write it into some examples, or list rare words in OOV_words",
                stacklevel=2,
            )

    def process(self, batch: MessageBatch) -> None:
        """Append a block of sequence and sentence features; for a training batch, of labels too."""
        counter = self._responses if isinstance(batch, ResponseTexts) else self._texts
        if counter.vocabulary:
            sequence, sentence, known = counter.features(batch.tokens)
            batch.blocks.append(
                FeatureBlock(origin=self.alias, sequence=sequence, sentence=sentence, known=known)
            )
        if not isinstance(batch, TrainingBatch):
            return
        if self._label_vocabulary:
            batch.label_blocks.append(self._label_block(batch.label_tokens, self._label_vocabulary))
        if self._key_vocabulary and batch.responses is not None:
            batch.responses.blocks.append(
                self._label_block(batch.responses.tokens, self._key_vocabulary)
            )

    def state(self) -> ComponentState:
        """The vocabulary of texts, in order, the stop words, and the words known alone."""
        return ComponentState(
            json={
                "vocabulary": list(self._texts.vocabulary),
                "stop_words": sorted(self._analyze.stop_words),
                "alone": sorted(self._texts.alone),
            }
        )

    def restore(self, state: ComponentState) -> None:
        """Restore a stored vocabulary. Raises `ModelFileError` when it does not fit."""
        vocabulary, stop_words = (self._terms(state, key) for key in ("vocabulary", "stop_words"))
        self._analyze = self._make_analyzer(stop_words)
        columns = {term: column for column, term in enumerate(vocabulary)}
        alone = self._terms(state, "alone") if "alone" in state.json else [self._rules.number]
        self._texts = self._counter(columns, alone)
        self._responses, self._label_vocabulary, self._key_vocabulary = self._counter({}), {}, {}

    def _counter(self, vocabulary: dict[str, int], alone: Iterable[str] = ()) -> TermCounter:
        return TermCounter(vocabulary, self._analyze, self._rules, frozenset(alone))

    def _make_analyzer(self, stop_words: Iterable[str]) -> NgramAnalyzer:
        options = self.options
        return NgramAnalyzer(
            analyzer=options.analyzer,
            min_ngram=options.min_ngram,
            max_ngram=options.longest_ngram,
            lowercase=options.lowercase,
            strip_accents=options.strip_accents,
            stop_words=frozenset(stop_words),
            whole_words=options.whole_words,
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

    def _documents(self, tokens: Sequence[Sequence[Token]]) -> list[str]:
        """What a vocabulary is learnt from: the texts, or their words where those are enough."""
        documents = [[self._rules.text(token) for token in text] for text in tokens]
        words = {
            token: self._rules.in_training(token)
            for token in dict.fromkeys(token for text in documents for token in text)
        }
        if self._analyze.is_additive and not self.options.needs_frequencies:
            return list(words.values())
        return [" ".join(words[token] for token in text) for text in documents]

    def _response_documents(self, batch: TrainingBatch) -> list[str]:
        if batch.responses is None or batch.responses.texts is None:
            return []
        return self._documents(batch.responses.texts.tokens)

    def _label_documents(self, batch: TrainingBatch) -> list[str]:
        tokens = dict(zip(batch.labels, batch.label_tokens, strict=True))
        return self._name_documents([each.base_intent for each in batch.examples], tokens)

    def _key_documents(self, batch: TrainingBatch) -> list[str]:
        if batch.responses is None:
            return []
        tokens = dict(zip(batch.responses.keys, batch.responses.tokens, strict=True))
        return self._name_documents([each.response_key for each in batch.examples], tokens)

    def _name_documents(
        self, names: Iterable[str | None], tokens: dict[str, list[str]]
    ) -> list[str]:
        """The tokens of the examples' labels; none with an analyzer that does not read labels."""
        if self.options.analyzer != "word":
            return []
        if not self.options.needs_frequencies:
            names = dict.fromkeys(names)
        return [" ".join(tokens[name]) for name in names if name is not None]

    def _fit(self, documents: list[str], min_df: float, *, what: str | None) -> dict[str, int]:
        """Terms and their columns; none when nothing counts, with a warning that names `what`."""
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
                    f"{self.alias}: no features of {what}, as there is nothing to count: {error}",
                    stacklevel=3,
                )
            return {}
        return {term: column for column, term in enumerate(terms)}

    def _grown(self, found: dict[str, int]) -> dict[str, int]:
        """The terms that training goes on from, and those that were found after them."""
        if self.start is None:
            return found
        terms = dict.fromkeys([*self.start.part.vocabulary, *found])
        return {term: column for column, term in enumerate(terms)}

    def _label_block(self, tokens: list[list[str]], vocabulary: dict[str, int]) -> FeatureBlock:
        rows = [
            count_terms((term for token in label for term in self._analyze(token)), vocabulary)
            for label in tokens
        ]
        return FeatureBlock(origin=self.alias, sequence=rows_to_csr(rows, len(vocabulary)))


def _stop_words(options: CountVectorsFeaturizerOptions) -> Iterable[str]:
    if options.stop_words is None or options.analyzer != "word":
        return ()
    if isinstance(options.stop_words, str):
        from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

        words: Iterable[str] = ENGLISH_STOP_WORDS
        return words
    return options.stop_words
