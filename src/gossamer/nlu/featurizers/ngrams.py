"""Cuts a text into the words or n-grams that count vectors count.

The same terms as scikit-learn's CountVectorizer makes, without importing scikit-learn when a
trained model is served. With `whole_words`, words of scripts with combining marks stay whole.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal, TypeAlias

from gossamer.nlu.words import words_of

Analyzer: TypeAlias = Literal["word", "char", "char_wb"]

#: What a word is: unlike scikit-learn's default it may have a single character.
WORD_PATTERN = r"(?u)\b\w+\b"
_WORD = re.compile(WORD_PATTERN)
_SPACES = re.compile(r"\s\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class NgramAnalyzer:
    """Text to terms.

    Attributes:
        analyzer: "word" for runs of words, "char" for runs of characters, "char_wb" for runs of
            characters inside words, each padded with a blank on both sides.
        min_ngram: shortest run.
        max_ngram: longest run.
        lowercase: lower-case the text first.
        strip_accents: remove accents: "ascii" then drops all that is not ASCII, "unicode"
            drops combining marks, None nothing.
        stop_words: words that do not count.
        whole_words: combining marks and joiners belong to words.
    """

    analyzer: Analyzer = "word"
    min_ngram: int = 1
    max_ngram: int = 1
    lowercase: bool = True
    strip_accents: Literal["ascii", "unicode"] | None = None
    stop_words: Collection[str] = ()
    whole_words: bool = False

    def __call__(self, text: str) -> list[str]:
        """The terms of a text, repetitions kept."""
        text = self._strip_accents(text.lower() if self.lowercase else text)
        if self.analyzer == "word":
            return self._word_ngrams(text)
        text = _SPACES.sub(" ", text)
        if self.analyzer == "char":
            return self._char_ngrams(text)
        return [ngram for word in text.split() for ngram in self._padded_ngrams(word)]

    @property
    def is_additive(self) -> bool:
        """Whether the terms of words joined by blanks are the terms of the words, added up."""
        return self.analyzer == "char_wb" or (self.analyzer == "word" and self.max_ngram == 1)

    def weight(self, term: str) -> int:
        """How much a known term says about a text.

        1 for words; for runs of characters the number of letters minus one, as single ones are in
        every text.
        """
        return 1 if self.analyzer == "word" else max(0, len(term.replace(" ", "")) - 1)

    def _strip_accents(self, text: str) -> str:
        if self.strip_accents is None or text.isascii():
            return text
        decomposed = unicodedata.normalize("NFKD", text)
        if self.strip_accents == "ascii":
            return decomposed.encode("ascii", "ignore").decode("ascii")
        return "".join(char for char in decomposed if not unicodedata.combining(char))

    def _word_ngrams(self, text: str) -> list[str]:
        keeps_marks = self.whole_words and not text.isascii()
        found = words_of(text) if keeps_marks else _WORD.findall(text)
        words = [word for word in found if word not in self.stop_words]
        return [
            " ".join(words[start : start + size])
            for size in range(self.min_ngram, min(self.max_ngram, len(words)) + 1)
            for start in range(len(words) - size + 1)
        ]

    def _char_ngrams(self, text: str) -> list[str]:
        return [
            text[start : start + size]
            for size in range(self.min_ngram, min(self.max_ngram, len(text)) + 1)
            for start in range(len(text) - size + 1)
        ]

    def _padded_ngrams(self, word: str) -> list[str]:
        padded = f" {word} "
        # A word shorter than the shortest run still counts, once and whole.
        return self._char_ngrams(padded) or [padded]
