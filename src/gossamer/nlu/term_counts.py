"""How often the terms of a vocabulary occur in tokens and in the texts these make up."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from scipy import sparse

from gossamer.nlu.count_options import CountVectorsFeaturizerOptions
from gossamer.nlu.messages import Token
from gossamer.nlu.ngrams import NgramAnalyzer
from gossamer.nlu.sparse_rows import SparseRow, rows_to_csr, sum_rows

_NUMBER = re.compile(r"\b[0-9]+\b")
_CACHED_TOKENS = 20_000
_LONGEST_CACHED_TOKEN = 64


class WordRules:
    """Which word a token counts as.

    A standalone run of digits is the word `__NUMBER__`.

    Args:
        options: of the featurizer.
    """

    def __init__(self, options: CountVectorsFeaturizerOptions) -> None:
        self._lowercase = options.lowercase
        self._oov_token = options.oov_token
        self._oov_words = options.oov_words

    def in_training(self, token: str) -> str:
        """The word that training learns from."""
        return self._without_oov_words(self._clean(token))

    def known(self, token: str, vocabulary: Mapping[str, int]) -> str:
        """The word that is looked up in a vocabulary."""
        word = self._clean(token)
        if self._oov_token is None or word in vocabulary:
            return word
        return self._oov_token if self._oov_token in vocabulary else self._without_oov_words(word)

    def _clean(self, token: str) -> str:
        word = _NUMBER.sub("__NUMBER__", token)
        return word.lower() if self._lowercase else word

    def _without_oov_words(self, word: str) -> str:
        return word if self._oov_token is None or word not in self._oov_words else self._oov_token


class TermCounter:
    """Counts the terms of one vocabulary. Counts of the commoner tokens are kept.

    Args:
        vocabulary: terms and their columns.
        analyze: cuts a text into terms.
        rules: which word a token counts as.
    """

    def __init__(
        self, vocabulary: Mapping[str, int], analyze: NgramAnalyzer, rules: WordRules
    ) -> None:
        self.vocabulary = vocabulary
        self._analyze = analyze
        self._rules = rules
        self._cache: dict[str, tuple[str, SparseRow]] = {}

    def features(
        self, tokens: Sequence[Sequence[Token]]
    ) -> tuple[sparse.csr_array, sparse.csr_array]:
        """Counts in each token alone, and in the tokens of each text joined by blanks.

        *Shape:* (n_tokens, n_terms), (n_texts, n_terms).
        """
        n_terms = len(self.vocabulary)
        found = [[self._look_up(token.text) for token in text] for text in tokens]
        sequence = rows_to_csr([row for text in found for _, row in text], n_terms)
        if self._analyze.is_additive:
            lengths = np.array([len(text) for text in found], dtype=np.int64)
            return sequence, sum_rows(sequence, lengths)
        whole = [self._count(" ".join(word for word, _ in text)) for text in found]
        return sequence, rows_to_csr(whole, n_terms)

    def _look_up(self, token: str) -> tuple[str, SparseRow]:
        """The word that a token counts as, and its counts."""
        known = self._cache.get(token)
        if known is not None:
            return known
        word = self._rules.known(token, self.vocabulary)
        result = word, self._count(word)
        if len(token) <= _LONGEST_CACHED_TOKEN:
            if len(self._cache) >= _CACHED_TOKENS:
                self._cache.clear()
            self._cache[token] = result
        return result

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
