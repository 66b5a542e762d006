"""Cuts texts into words at white space and at punctuation next to it.

What is punctuation and what belongs to a word follows Rasa's WhitespaceTokenizer, so that models
of both see the same words: `10'000.00`, `a@b.com`, `x-y`, `$5` and `#tag` stay whole, `it's`
becomes `it` and `s`, and a closing `.`, `?` or `!` vanishes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar

import regex
from pydantic import Field, field_validator

from gossamer.data.errors import DataError
from gossamer.data.nlu.examples import Example
from gossamer.data.text.regexes import REGEX_SECONDS, Regex, RegexError
from gossamer.nlu.featurizers.patterns import NamedPattern, PatternSearch
from gossamer.nlu.pipeline.component import Component, ComponentOptions
from gossamer.nlu.pipeline.messages import MessageBatch, ResponseTexts, Token, TrainingBatch

# Each match becomes one blank. `regex` and `re` differ in what \w is for recent scripts; Rasa uses
# `regex`.
_PUNCTUATION = regex.compile(
    r"""
      [^\w\#@&]+ (?=\s|$)                                        # before white space or the end
    | (?:\s|^) [^\w\#@&]+ (?=[^0-9\s])                           # after it, no digit following
    | (?<=[^0-9\s]) [^\w._~:/?\#\[\]()@!$&*+,;=\-]+ (?=[^0-9\s]) # inside a word, no URL character
    """,
    regex.VERBOSE,
)

# Blocks of pictographs, and the joiners that glue them together. The range that begins at 24C2 is
# as wide in Rasa; it holds East Asian scripts too (see the class docstring).
_ONLY_EMOJI = re.compile(
    "[\U0001f600-\U0001f64f\U0001f300-\U0001f5ff\U0001f680-\U0001f6ff\U0001f1e0-\U0001f1ff"
    "\U00002702-\U000027b0\U000024c2-\U0001f251\u200c\u200d]+"
)


class WhitespaceTokenizerOptions(ComponentOptions):
    """Options of `WhitespaceTokenizer`.

    Attributes:
        intent_tokenization_flag: cut intent names at `intent_split_symbol`; changes the features of
            intents, not their names.
        intent_split_symbol: where intent names are cut.
        prefix_separator_symbol: where intent names are cut first, once; None for nowhere.
        token_pattern: a regular expression; its matches inside a token become tokens in its place,
            a token without a match stays. With one group, what the group matched counts.
        regex_timeout: seconds that `token_pattern` may take on one token (Gossamer's own); in
            training it is an error when it takes longer, in answers the token then stays.
        max_tokens: how many tokens of a message are read (Gossamer's own).
        max_characters: how many characters of a message are read (Gossamer's own).
    """

    renamed: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"case_sensitive": "lowercase of CountVectorsFeaturizer"}
    )

    intent_tokenization_flag: bool = False
    intent_split_symbol: str = "_"
    prefix_separator_symbol: str | None = None
    token_pattern: str | None = None
    regex_timeout: float = Field(default=REGEX_SECONDS, gt=0)
    max_tokens: int = Field(default=512, ge=1)
    max_characters: int = Field(default=20_000, ge=1)

    @field_validator("intent_split_symbol", "prefix_separator_symbol")
    @classmethod
    def _not_empty(cls, value: str | None) -> str | None:
        if value == "":
            raise ValueError("the symbol needs at least one character")
        return value

    @field_validator("token_pattern")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            pattern = Regex.compile(value)
        except RegexError as error:
            raise ValueError(f"not a regular expression: {error}") from error
        if pattern.n_groups > 1:
            raise ValueError("the pattern may hold one group at most; write (?:...) for the others")
        return value


class WhitespaceTokenizer(Component):
    """Cuts texts into words.

    A message longer than `max_tokens` or `max_characters` is cut: no component after this one sees
    the rest, and its parse says so. Training examples and responses of that length are refused.

    A text of punctuation or emoji only becomes one token; one of white space only has none.

    Departures from Rasa: with `token_pattern`, tokens are where the pattern matched, while Rasa
    takes the first occurrence of the same characters, which differs only for patterns that look
    at their surroundings; empty pieces of a cut intent name are left out.

    As in Rasa, a token whose characters all lie between U+24C2 and U+1F251 counts as emoji, and
    words in Hangul and other East Asian scripts lie there: a text of such words alone becomes one
    token, and next to other words they vanish.
    """

    name: ClassVar[str] = "WhitespaceTokenizer"
    Options: ClassVar[type[ComponentOptions]] = WhitespaceTokenizerOptions
    provides: ClassVar[frozenset[str]] = frozenset({"tokens"})
    #: Languages that do not put white space between words.
    unsupported_languages: ClassVar[frozenset[str]] = frozenset({"ja", "th", "zh"})

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self.options: WhitespaceTokenizerOptions
        pattern: str | None = self.options.token_pattern
        self._token_pattern = (
            None
            if pattern is None
            else NamedPattern("token_pattern", pattern, Regex.compile(pattern))
        )
        self._search = PatternSearch(self.alias, self.options.regex_timeout)

    def process(self, batch: MessageBatch) -> None:
        """Fill `batch.tokens`, and the tokens of a training batch's labels.

        Raises:
            DataError: training examples or responses are too long; the message names the first.
        """
        examples: Sequence[Example | None] = [None] * len(batch.texts)
        if isinstance(batch, TrainingBatch) and batch.examples:
            examples = batch.examples
        limit, most = self.options.max_characters, self.options.max_tokens
        batch.tokens = [
            self.tokenize(text[:limit], example)
            for text, example in zip(batch.texts, examples, strict=True)
        ]
        cut = [
            index
            for index, (text, tokens) in enumerate(zip(batch.texts, batch.tokens, strict=True))
            if len(tokens) > most or len(text) > limit
        ]
        if cut:
            if isinstance(batch, TrainingBatch | ResponseTexts):
                raise self._too_long(batch, cut)
            texts = list(batch.texts)
            for index in cut:
                batch.tokens[index] = tokens = batch.tokens[index][:most]
                texts[index] = texts[index][: tokens[-1].end if tokens else limit]
                batch.parses[index].is_truncated = True
            batch.texts = texts
        if isinstance(batch, TrainingBatch):
            batch.label_tokens = [self.tokenize_label(label) for label in batch.labels]
            if batch.responses is not None:
                batch.responses.tokens = list(map(self.tokenize_label, batch.responses.keys))

    def _too_long(self, batch: MessageBatch, cut: list[int]) -> DataError:
        first = cut[0]
        examples = batch.examples if isinstance(batch, TrainingBatch) else []
        example = examples[first] if examples else None
        what = "response" if isinstance(batch, ResponseTexts) else "training example"
        more = f"; there are {len(cut) - 1} more" if len(cut) > 1 else ""
        return DataError(
            f"a {what} may have {self.options.max_tokens} words and "
            f"{self.options.max_characters:,} characters{more}",
            got=batch.texts[first][:80],
            where=None if example is None else example.where,
            hint=f"cutting it, or larger values of max_tokens and max_characters of {self.name}",
        )

    def tokenize(self, text: str, example: Example | None = None) -> list[Token]:
        """The words of one text, in order, with their offsets in it.

        Args:
            text: what to cut.
            example: the training example it is of, for error messages.

        Raises:
            DataError: `token_pattern` takes too long on a training example.
        """
        if not text.strip():
            return []
        words = [
            word
            for word in _PUNCTUATION.sub(" ", text).split()
            if word.isascii() or not _ONLY_EMOJI.fullmatch(word)
        ]
        tokens: list[Token] = []
        offset = 0
        for word in words or [text]:
            start = text.index(word, offset)
            offset = start + len(word)
            tokens.append(Token(word, start, offset))
        if self._token_pattern is None:
            return tokens
        return self._refine(tokens, self._token_pattern, example)

    def tokenize_label(self, label: str) -> list[str]:
        """The tokens of an intent name: the name itself, unless the options cut it.

        A response key is cut into its intent and the rest in any case.
        """
        options = self.options
        separator = options.prefix_separator_symbol
        parts = [label] if separator is None else label.split(separator, maxsplit=1)
        parts = [piece for part in parts for piece in part.split("/")]
        if options.intent_tokenization_flag:
            parts = [piece for part in parts for piece in part.split(options.intent_split_symbol)]
        return [part for part in parts if part] or [label]

    def _refine(
        self, tokens: list[Token], pattern: NamedPattern, example: Example | None
    ) -> list[Token]:
        refined: list[Token] = []
        for token in tokens:
            spans = self._search.spans(pattern, token.text, example, group=pattern.regex.n_groups)
            pieces = [
                Token(token.text[start:end], token.start + start, token.start + end)
                for start, end in spans
                if end > start
            ]
            refined.extend(pieces or [token])
        return refined
