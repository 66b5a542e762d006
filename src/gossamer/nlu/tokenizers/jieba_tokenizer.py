"""The words of Chinese texts, cut by jieba."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import regex
from pydantic import field_validator

from gossamer.data.errors import InputError, Location, ModelFileError
from gossamer.data.fingerprints import fingerprint
from gossamer.data.nlu.examples import TrainingData
from gossamer.nlu.pipeline.component import ComponentOptions, EpochListener
from gossamer.nlu.pipeline.messages import ComponentState, Token, TrainingBatch
from gossamer.nlu.tokenizers.jieba_words import UserWord, jieba_with, read_user_words
from gossamer.nlu.tokenizers.tokenizer import Tokenizer, TokenizerOptions

_GRAPHEME = regex.compile(r"\X")
# A letter, digit or mark that is not Chinese.
_OTHER = regex.compile(r"[[\w]--[\p{Han}]]", regex.VERSION1)


class JiebaTokenizerOptions(TokenizerOptions):
    """Options of `JiebaTokenizer`: those of all tokenizers, and one of its own.

    Attributes:
        dictionary_path: a file of words that jieba should know, or a folder of such files; None for
            jieba's own words. A line has a word, and after blanks, if wanted, how often it occurs
            and its part of speech ("云计算 5 n"). Relative to where training runs, as in Rasa.
    """

    dictionary_path: str | None = None

    @field_validator("dictionary_path")
    @classmethod
    def _is_named(cls, value: str | None) -> str | None:
        if value is not None and not value.strip():
            raise ValueError("the path of a dictionary needs a name")
        return value


class JiebaTokenizer(Tokenizer):
    """Cuts texts as jieba does; as in Rasa, punctuation is a token.

    Words of `dictionary_path` are stored with the model, which answers without the file.

    jieba prints while it starts, and keeps its words in a file in the folder for temporary files
    that every user may write. Here it does neither.

    Departures from Rasa: blanks are no tokens; words of other scripts, which jieba cuts into their
    characters, stay whole, and so does what one sees as one sign, such as an emoji of several;
    `dictionary_path` may be a file.
    """

    name: ClassVar[str] = "JiebaTokenizer"
    Options: ClassVar[type[ComponentOptions]] = JiebaTokenizerOptions
    reads: ClassVar[frozenset[str] | None] = frozenset()
    needs: ClassVar[tuple[str, ...]] = ("jieba",)

    options: JiebaTokenizerOptions

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self._words: tuple[UserWord, ...] = ()
        self._jieba: Any = None

    def check_machine(self, where: Location | None = None) -> Iterator[InputError]:
        """What is wrong with the dictionaries."""
        try:
            read_user_words(self.options.dictionary_path, where)
        except InputError as fault:
            yield fault

    def files_read(self) -> str:
        """A checksum of the dictionaries."""
        words = read_user_words(self.options.dictionary_path)
        return fingerprint(list(words)) if words else ""

    def train(
        self,
        data: TrainingData,
        batch: TrainingBatch,
        *,
        on_epoch: EpochListener | None = None,
    ) -> None:
        """Read the dictionaries. Raises `DataError` when that cannot be."""
        self._words, self._jieba = read_user_words(self.options.dictionary_path), None

    def cut(self, text: str, document: Any) -> Iterator[Token]:
        """The words of a text, without blanks."""
        if self._jieba is None:
            self._jieba = jieba_with(self._words)
        # Only where there is more than ASCII does jieba cut what belongs together.
        is_plain = text.isascii()
        ends = set() if is_plain else {match.end() for match in _GRAPHEME.finditer(text)}
        start = end = 0
        for word in self._jieba.cut(text):
            if end > 0 and not is_plain and (end not in ends or _is_within_word(text, end)):
                end += len(word)
                continue
            if text[start:end].strip():
                yield Token(text[start:end], start, end)
            start, end = end, end + len(word)
        if text[start:end].strip():
            yield Token(text[start:end], start, end)

    def state(self) -> ComponentState:
        """The words of the dictionaries."""
        return ComponentState(json={"words": [[word.text, word.frequency] for word in self._words]})

    def restore(self, state: ComponentState) -> None:
        """Restore stored words. Raises `ModelFileError` when they do not fit."""
        stored: Any = state.json.get("words")
        if not isinstance(stored, list) or not all(map(UserWord.fits, stored)):
            raise ModelFileError(
                f"{self.name} must be stored with a list of words and their counts", got=stored
            )
        self._words, self._jieba = tuple(UserWord(*item) for item in stored), None


def _is_within_word(text: str, place: int) -> bool:
    """Whether a word of another script than Chinese goes on at a place; jieba knows ASCII."""
    pair = text[place - 1 : place + 1]
    return not pair.isascii() and all(map(_OTHER.match, pair))
