"""How often the terms of a vocabulary occur in tokens and in the texts these make up."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from gossamer.nlu.featurizers.count_options import CountVectorsFeaturizerOptions
from gossamer.nlu.featurizers.ngrams import NgramAnalyzer
from gossamer.nlu.featurizers.sparse_rows import SparseRow, rows_to_csr, sum_rows
from gossamer.nlu.pipeline.messages import Token
from gossamer.nlu.words import without_invisible
from gossamer.nn.csr import CsrMatrix

_NUMBER = re.compile(r"\b[0-9]+\b")
_NUMBER_WORD = "__NUMBER__"
_CACHED_TOKENS = 20_000
_LONGEST_CACHED_TOKEN = 64


class WordRules:
    """Which word a token counts as.

    Its lemma, where it has one and lemmas count; a standalone run of digits is the word
    `__NUMBER__`.

    Args:
        options: of the featurizer.

    Attributes:
        number: the word that a standalone run of digits counts as.
    """

    def __init__(self, options: CountVectorsFeaturizerOptions) -> None:
        self._lowercase = options.lowercase
        self._use_lemma = options.use_lemma
        self._whole_words = options.whole_words
        self.number = _NUMBER_WORD.lower() if options.lowercase else _NUMBER_WORD
        self._oov_token = options.oov_token
        self._oov_words = options.oov_words

    def text(self, token: Token) -> str:
        """What counts of a token: its lemma or its text."""
        return (self._use_lemma and token.lemma) or token.text

    def in_training(self, token: str) -> str:
        """The word that training learns from."""
        return self._without_oov_words(self._clean(token))

    def known(self, token: str, vocabulary: Mapping[str, int]) -> str:
        """The word that is looked up in a vocabulary."""
        word = self._clean(token)
        if self._oov_token is None or word in vocabulary:
            return word
        return self._oov_token if self._oov_token in vocabulary else self._without_oov_words(word)

    def kind(self, word: str) -> str:
        """The word itself, or that of all numbers for a number, however written ("$5.00")."""
        is_number = self.number in word and not any(map(str.isalnum, word.replace(self.number, "")))
        return self.number if is_number else word

    def telling(self, word: str) -> str:
        """A word without what many tokens count as: numbers, and `OOV_token`."""
        if word == self._oov_token:
            return ""
        return word.replace(self.number, " ") if "__" in word else word

    def _clean(self, token: str) -> str:
        text = without_invisible(token) if self._whole_words else token
        word = _NUMBER.sub(_NUMBER_WORD, text)
        return word.lower() if self._lowercase else word

    def _without_oov_words(self, word: str) -> str:
        return word if self._oov_token is None or word not in self._oov_words else self._oov_token


class TermFeatures(NamedTuple):
    """Counts of terms.

    Attributes:
        sequence: in each token alone. *Shape:* (n_tokens, n_terms).
        sentence: in the tokens of each text joined by blanks. *Shape:* (n_texts, n_terms).
        known: see `FeatureBlock`. *Shape:* (n_tokens,).
    """

    sequence: CsrMatrix
    sentence: CsrMatrix
    known: npt.NDArray[np.float32]


class _Counted(NamedTuple):
    """The word that a token counts as, its counts, and how much of it is known."""

    word: str
    row: SparseRow
    known: float


class TermCounter:
    """Counts the terms of one vocabulary. Counts of frequent tokens are cached.

    A token is known by the share of its terms in the vocabulary, weighted by
    `NgramAnalyzer.weight`. Numbers and `OOV_token` say nothing, and neither does a token without a
    term of some weight, unless training has seen a text of such tokens alone: "42" may be an
    answer.

    Args:
        vocabulary: terms and their columns.
        analyze: cuts a text into terms.
        rules: which word a token counts as.
        alone: words that say nothing by themselves, of texts of such words only.
    """

    def __init__(
        self,
        vocabulary: Mapping[str, int],
        analyze: NgramAnalyzer,
        rules: WordRules,
        alone: Collection[str] = (),
    ) -> None:
        self.vocabulary = vocabulary
        self.alone = frozenset(alone)
        self._analyze = analyze
        self._rules = rules
        self._cache: dict[str, _Counted] = {}

    def features(self, tokens: Sequence[Sequence[Token]]) -> TermFeatures:
        """Counts in tokens and texts."""
        n_terms = len(self.vocabulary)
        found = [[self._look_up(self._rules.text(token)) for token in text] for text in tokens]
        sequence = rows_to_csr([counted.row for text in found for counted in text], n_terms)
        known = np.array([counted.known for text in found for counted in text], dtype=np.float32)
        if self._analyze.is_additive:
            lengths = np.array([len(text) for text in found], dtype=np.int64)
            return TermFeatures(sequence, sum_rows(sequence, lengths), known)
        whole = [self._count(" ".join(counted.word for counted in text)) for text in found]
        return TermFeatures(sequence, rows_to_csr(whole, n_terms), known)

    def words_alone(self, tokens: Iterable[Sequence[Token]]) -> frozenset[str]:
        """What to take as `alone`: the words of those texts in which no word says anything."""
        alone: set[str] = set()
        for text in tokens:
            found = [self._look_up(self._rules.text(token)) for token in text]
            if all(np.isnan(counted.known) for counted in found):
                alone.update(self._rules.kind(each.word) for each in found if len(each.row[0]))
        return frozenset(alone)

    def _look_up(self, token: str) -> _Counted:
        """The word that a token counts as, its counts, and how much of it is known."""
        counted = self._cache.get(token)
        if counted is not None:
            return counted
        word = self._rules.known(token, self.vocabulary)
        terms = self._analyze(word)
        result = _Counted(word, count_terms(terms, self.vocabulary), self._known(word, terms))
        if len(token) <= _LONGEST_CACHED_TOKEN:
            if len(self._cache) >= _CACHED_TOKENS:
                self._cache.clear()
            self._cache[token] = result
        return result

    def _known(self, word: str, terms: Sequence[str]) -> float:
        if self.alone and self._rules.kind(word) in self.alone:
            return 1.0
        telling = self._rules.telling(word)
        if telling != word:
            terms = self._analyze(telling)
        weights = [self._analyze.weight(term) for term in terms]
        known = sum(
            weight for term, weight in zip(terms, weights, strict=True) if term in self.vocabulary
        )
        total = sum(weights)
        return known / total if total else math.nan

    def _count(self, text: str) -> SparseRow:
        return count_terms(self._analyze(text), self.vocabulary)


def count_terms(terms: Iterable[str], vocabulary: Mapping[str, int]) -> SparseRow:
    """Columns and counts of those terms that the vocabulary has."""
    counts = Counter(vocabulary[term] for term in terms if term in vocabulary)
    columns = sorted(counts)
    return (
        np.array(columns, dtype=np.int32),
        np.array([counts[column] for column in columns], dtype=np.float32),
    )
