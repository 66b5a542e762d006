"""What all tokenizers share: their options, limits, `token_pattern`, and the tokens of labels."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

from pydantic import Field, field_validator

from gossamer.data.nlu.examples import Example
from gossamer.data.text.regexes import REGEX_SECONDS, Regex, RegexError
from gossamer.nlu.featurizers.patterns import NamedPattern, PatternSearch
from gossamer.nlu.pipeline.component import Component, ComponentOptions
from gossamer.nlu.pipeline.long_texts import cut_texts
from gossamer.nlu.pipeline.messages import MessageBatch, Token, TrainingBatch


class TokenizerOptions(ComponentOptions):
    """Options of all tokenizers.

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


class Tokenizer(Component):
    """Cuts texts into words; a subclass says where, by `cut`.

    A message longer than `max_tokens` or `max_characters` is cut: no component after this one sees
    the rest, and its parse says so. Training examples and responses of that length are refused.

    A text of white space only has no token, every other has at least one.

    Departures from Rasa: with `token_pattern`, tokens are where the pattern matched, while Rasa
    takes the first occurrence of the same characters, which differs only for patterns that look
    at their surroundings; empty pieces of a cut intent name are left out.

    Attributes:
        unsupported_languages: it cannot cut, each with what can.
    """

    provides: ClassVar[frozenset[str]] = frozenset({"tokens"})
    unsupported_languages: ClassVar[Mapping[str, str]] = MappingProxyType({})

    options: TokenizerOptions

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        pattern = self.options.token_pattern
        self._token_pattern = (
            None
            if pattern is None
            else NamedPattern("token_pattern", pattern, Regex.compile(pattern))
        )
        self._search = PatternSearch(self.alias, self.options.regex_timeout)

    @abstractmethod
    def cut(self, text: str, document: Any) -> Iterable[Token]:
        """The words of a text that is not blank, in order.

        Args:
            text: not longer than `max_characters`.
            document: what a language library made of it, or of a longer text that begins with it;
                None without such a library.
        """

    def process(self, batch: MessageBatch) -> None:
        """Fill `batch.tokens`, and the tokens of a training batch's labels.

        Raises:
            DataError: training examples or responses are too long; the message names the first.
        """
        examples: Sequence[Example | None] = [None] * len(batch.texts)
        if isinstance(batch, TrainingBatch) and batch.examples:
            examples = batch.examples
        limit, most = self.options.max_characters, self.options.max_tokens
        documents = batch.documents or [None] * len(batch.texts)
        batch.tokens = [
            self.tokenize(text[:limit], example, document)
            for text, example, document in zip(batch.texts, examples, documents, strict=True)
        ]
        ends: dict[int, int] = {}
        for index, (text, tokens) in enumerate(zip(batch.texts, batch.tokens, strict=True)):
            if len(tokens) > most or len(text) > limit:
                batch.tokens[index] = kept = tokens[:most]
                ends[index] = kept[-1].end if kept else limit
        cut_texts(
            batch,
            ends,
            limit=f"{most} words and {limit:,} characters",
            remedy=f"larger values of max_tokens and max_characters of {self.name}",
        )
        if isinstance(batch, TrainingBatch):
            batch.label_tokens = [self.tokenize_label(label) for label in batch.labels]
            if batch.responses is not None:
                batch.responses.tokens = list(map(self.tokenize_label, batch.responses.keys))

    def tokenize(
        self, text: str, example: Example | None = None, document: Any = None
    ) -> list[Token]:
        """The words of one text, in order, with their offsets in it.

        Args:
            text: what to cut.
            example: the training example it is of, for error messages.
            document: as for `cut`.

        Raises:
            DataError: `token_pattern` takes too long on a training example.
        """
        if not text.strip():
            return []
        tokens = list(self.cut(text, document)) or [Token(text, 0, len(text))]
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
                Token(token.text[start:end], token.start + start, token.start + end, pos=token.pos)
                for start, end in spans
                if end > start
            ]
            is_whole = len(pieces) == 1 and pieces[0].text == token.text
            refined.extend([token] if is_whole or not pieces else pieces)
        return refined
