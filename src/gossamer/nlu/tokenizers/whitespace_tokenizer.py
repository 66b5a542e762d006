"""Cuts texts into words at white space and at punctuation next to it.

What is punctuation and what belongs to a word follows Rasa's WhitespaceTokenizer, so that models
of both see the same words: `10'000.00`, `a@b.com`, `x-y`, `$5` and `#tag` stay whole, `it's`
becomes `it` and `s`, and a closing `.`, `?` or `!` vanishes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import regex

from gossamer.nlu.pipeline.component import ComponentOptions
from gossamer.nlu.pipeline.messages import Token
from gossamer.nlu.tokenizers.tokenizer import Tokenizer, TokenizerOptions
from gossamer.nlu.words import INVISIBLE, JOINERS

# Each match becomes one blank. `regex` and `re` differ in what \w is: for `regex`, which Rasa uses,
# combining marks and joiners belong to a word. The last part takes what else does.
_PUNCTUATION = r"""
      [^\w\#@&]+ (?=\s|$)                                          # before white space or the end
    | (?:\s|^) [^\w\#@&]+ (?=[^0-9\s])                             # after it, no digit following
    | (?<=[^0-9\s]) [^\w._~:/?\#\[\]()@!$&*+,;=\-%s]+ (?=[^0-9\s]) # inside a word, no URL character
    """
_RASAS_PUNCTUATION = regex.compile(_PUNCTUATION % "", regex.VERBOSE)
_VISIBLE_PUNCTUATION = regex.compile(_PUNCTUATION % INVISIBLE, regex.VERBOSE)

# Blocks of pictographs, and the joiners that glue them together. The range that begins at 24C2 is
# as wide in Rasa; it holds East Asian scripts too.
_ONLY_EMOJI = re.compile(
    "[\U0001f600-\U0001f64f\U0001f300-\U0001f5ff\U0001f680-\U0001f6ff\U0001f1e0-\U0001f1ff"
    f"\U00002702-\U000027b0\U000024c2-\U0001f251{JOINERS}]+"
)
_LETTER = regex.compile(r"[\p{L}\p{N}]")


class WhitespaceTokenizerOptions(TokenizerOptions):
    """Options of `WhitespaceTokenizer`: those of all tokenizers, and one of its own.

    Attributes:
        whole_words: keep the words of all scripts (Gossamer's own): words in Korean and other East
            Asian scripts are no emoji, invisible signs such as soft hyphens and marks of
            direction do not cut a word, and are not at its ends. False for Rasa's way.
    """

    rasas: ClassVar[Mapping[str, Any]] = MappingProxyType({"whole_words": False})

    whole_words: bool = True


class WhitespaceTokenizer(Tokenizer):
    """Cuts texts into words at white space, without the punctuation around them.

    A text of punctuation or emoji only becomes one token. Otherwise as `Tokenizer` says.

    Departure from Rasa: see the option `whole_words`. In Rasa a token whose characters all lie
    between U+24C2 and U+1F251 counts as emoji, and words in Hangul and other East Asian scripts lie
    there: a text of such words alone becomes one token, and next to other words they vanish.
    """

    name: ClassVar[str] = "WhitespaceTokenizer"
    Options: ClassVar[type[ComponentOptions]] = WhitespaceTokenizerOptions
    #: They do not put white space between words.
    unsupported_languages: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "ja": "SpacyTokenizer",
            "th": "SpacyTokenizer",
            "zh": "JiebaTokenizer or SpacyTokenizer",
        }
    )

    options: WhitespaceTokenizerOptions

    def cut(self, text: str, document: Any) -> Iterator[Token]:
        """The words of a text."""
        keeps_all = self.options.whole_words and not text.isascii()
        punctuation = _VISIBLE_PUNCTUATION if keeps_all else _RASAS_PUNCTUATION
        offset = 0
        for word in punctuation.sub(" ", text).split():
            if not word.isascii():
                if keeps_all:
                    word = word.strip(INVISIBLE + JOINERS)
                if not word or (
                    _ONLY_EMOJI.fullmatch(word) and not (keeps_all and _LETTER.search(word))
                ):
                    continue
            start = text.index(word, offset)
            offset = start + len(word)
            yield Token(word, start, offset)
