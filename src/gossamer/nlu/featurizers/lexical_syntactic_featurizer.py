"""What a token and its neighbours look like: case, digits, first and last letters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, TypeAlias

import numpy as np
from pydantic import field_validator

from gossamer.data.errors import ConfigError, ModelFileError
from gossamer.data.nlu.examples import TrainingData
from gossamer.nlu.pipeline.component import Component, ComponentOptions, EpochListener
from gossamer.nlu.pipeline.messages import (
    ComponentState,
    FeatureBlock,
    MessageBatch,
    Token,
    TrainingBatch,
)
from gossamer.nn.csr import CsrMatrix

#: Features that depend on the token's text alone.
_OF_TEXT: Mapping[str, Callable[[str], object]] = MappingProxyType(
    {
        "digit": str.isdigit,
        "low": str.islower,
        "prefix2": lambda text: text[:2],
        "prefix5": lambda text: text[:5],
        "suffix1": lambda text: text[-1:],
        "suffix2": lambda text: text[-2:],
        "suffix3": lambda text: text[-3:],
        "suffix5": lambda text: text[-5:],
        "title": str.istitle,
        "upper": str.isupper,
    }
)
_OF_POSITION = ("BOS", "EOS")
#: Those of its part of speech, which some tokenizers tell.
_OF_SPEECH: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {"pos": lambda pos: pos, "pos2": lambda pos: pos[:2]}
)
_CACHED_TOKENS = 20_000
_LONGEST_CACHED_TOKEN = 64

#: Offset from the current token, feature, value as text.
_Column: TypeAlias = tuple[int, str, str]


class LexicalSyntacticFeaturizerOptions(ComponentOptions):
    """Options of `LexicalSyntacticFeaturizer`.

    Attributes:
        alias: the name by which `featurizers` of a classifier refers to these features.
        features: a list of features for each token of a window. With n lists the window begins
            n // 2 tokens before the current one. Available: low, title, upper, digit (Python's
            `str.islower` and so on), prefix2, prefix5, suffix1, suffix2, suffix3, suffix5, BOS and
            EOS (first and last token of the text); with SpacyTokenizer also pos and pos2 (the
            fine-grained part of speech, and its first two letters).
    """

    alias: str | None = None
    features: tuple[tuple[str, ...], ...] = (
        ("low", "title", "upper"),
        ("BOS", "EOS", "low", "upper", "title", "digit"),
        ("low", "title", "upper"),
    )

    @field_validator("features")
    @classmethod
    def _are_known(cls, value: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
        known = [*_OF_POSITION, *_OF_TEXT, *_OF_SPEECH]
        for feature in (feature for features in value for feature in features):
            if feature not in known:
                raise ValueError(f"'{feature}' is not a feature; available: {', '.join(known)}")
        if not any(value):
            raise ValueError("at least one feature is needed")
        return value


class LexicalSyntacticFeaturizer(Component):
    """Features of how the tokens in a window look. Sequence features only, as in Rasa.

    Training collects every (offset, feature, value) that occurs. There is a column for each, in the
    order of offset, feature, value; a true-or-false feature therefore takes two columns. Values
    that training has not seen, and places outside the text, contribute nothing. Where training goes
    on, columns keep their places, and new ones come after them.

    `pos` and `pos2` need a tokenizer that tells parts of speech, and are refused without one.
    """

    name: ClassVar[str] = "LexicalSyntacticFeaturizer"
    Options: ClassVar[type[ComponentOptions]] = LexicalSyntacticFeaturizerOptions
    provides: ClassVar[frozenset[str]] = frozenset({"features"})
    requires: ClassVar[frozenset[str]] = frozenset({"tokens"})
    reads: ClassVar[frozenset[str] | None] = frozenset({"texts"})

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self.options: LexicalSyntacticFeaturizerOptions
        lists = self.options.features
        first = -(len(lists) // 2)
        # Per offset: features of the word, features of the position; each sorted, each once.
        self._window = [
            (
                first + index,
                sorted(set(features) & {*_OF_TEXT, *_OF_SPEECH}),
                sorted(set(features) & set(_OF_POSITION)),
            )
            for index, features in enumerate(lists)
        ]
        self._columns: dict[_Column, int] = {}
        self._cache: dict[tuple[int, str, str], tuple[int, ...]] = {}
        self._at_ends: dict[tuple[int, bool, bool], tuple[int, ...]] = {}

    @property
    def required(self) -> frozenset[str]:
        """Tokens, and their parts of speech where a feature reads these."""
        reads = any(feature in _OF_SPEECH for _, of_word, _ in self._window for feature in of_word)
        return self.requires | {"parts of speech"} if reads else self.requires

    @property
    def n_features(self) -> int:
        """Number of columns."""
        return len(self._columns)

    def can_go_on_from(self, earlier: Component) -> bool:
        """Always."""
        return True

    def train(
        self,
        data: TrainingData,
        batch: TrainingBatch,
        *,
        on_epoch: EpochListener | None = None,
    ) -> None:
        """Collect the values that occur in the batch.

        Raises:
            ConfigError: parts of speech are wanted, and no token has one.
        """
        if "parts of speech" in self.required and not any(
            token.pos for tokens in batch.tokens for token in tokens
        ):
            raise ConfigError(
                f"pos and pos2 of {self.alias} need parts of speech, but no token has one",
                hint="a spaCy model with a tagger, or features without pos and pos2",
            )
        seen: set[_Column] = set()
        for offset, of_word, of_position in self._window:
            words: set[tuple[str, str]] = set()
            for tokens in batch.tokens:
                last = len(tokens) - 1
                for index in range(max(0, offset), min(last, last + offset) + 1):
                    words.add((tokens[index].text, tokens[index].pos))
                    seen.update(
                        (offset, f, str(_at(f, index == 0, index == last))) for f in of_position
                    )
            seen.update((offset, f, _of_word(f, *word)) for f in of_word for word in words)
        known: Sequence[_Column] = () if self.start is None else list(self.start.part._columns)
        self._set_columns([*known, *sorted(seen.difference(known))])

    def process(self, batch: MessageBatch) -> None:
        """Append a block with sequence features."""
        if not self._columns:
            return
        indices: list[int] = []
        indptr = [0]
        for tokens in batch.tokens:
            self._add_rows(tokens, indices, indptr)
        block = CsrMatrix(
            np.ones(len(indices), dtype=np.float32),
            np.array(indices, dtype=np.int32),
            np.array(indptr, dtype=np.int32),
            (len(indptr) - 1, self.n_features),
        )
        batch.blocks.append(FeatureBlock(origin=self.alias, sequence=block))

    def state(self) -> ComponentState:
        """The columns, in order."""
        return ComponentState(json={"columns": [list(column) for column in self._columns]})

    def restore(self, state: ComponentState) -> None:
        """Restore stored columns. Raises `ModelFileError` when they do not fit."""
        stored: Any = state.json.get("columns")
        offsets = {offset: [*of_word, *at] for offset, of_word, at in self._window}
        if not isinstance(stored, list) or not all(
            isinstance(column, list)
            and [type(part) for part in column] == [int, str, str]
            and column[1] in offsets.get(column[0], ())
            for column in stored
        ):
            raise ModelFileError(
                f"{self.name} must be stored with columns of offset, feature and value that its "
                "options ask for",
                got=stored,
            )
        columns = [(offset, feature, value) for offset, feature, value in stored]
        if len(columns) != len(set(columns)):
            raise ModelFileError(f"{self.name}: stored columns must differ")
        self._set_columns(columns)

    def _set_columns(self, columns: list[_Column]) -> None:
        self._columns = {column: index for index, column in enumerate(columns)}
        self._cache = {}
        self._at_ends = {
            (offset, is_first, is_last): self._of_position(offset, of_position, is_first, is_last)
            for offset, _, of_position in self._window
            for is_first in (False, True)
            for is_last in (False, True)
        }

    def _add_rows(self, tokens: list[Token], indices: list[int], indptr: list[int]) -> None:
        last = len(tokens) - 1
        for current in range(last + 1):
            row: list[int] = []
            for offset, _, _ in self._window:
                index = current + offset
                if not 0 <= index <= last:
                    continue
                row.extend(self._at_ends[offset, index == 0, index == last])
                token = tokens[index]
                columns = self._cache.get((offset, token.text, token.pos))
                row.extend(self._of_token(offset, token) if columns is None else columns)
            row.sort()
            indices.extend(row)
            indptr.append(len(indices))

    def _of_position(
        self, offset: int, features: Sequence[str], is_first: bool, is_last: bool
    ) -> tuple[int, ...]:
        """Columns of a token's place in its text at an offset."""
        found = ((offset, f, str(_at(f, is_first, is_last))) for f in features)
        return tuple(self._columns[column] for column in found if column in self._columns)

    def _of_token(self, offset: int, token: Token) -> tuple[int, ...]:
        """Columns of one token at an offset."""
        text, pos = token.text, token.pos
        features = next(of_word for at, of_word, _ in self._window if at == offset)
        found = ((offset, feature, _of_word(feature, text, pos)) for feature in features)
        columns = tuple(self._columns[column] for column in found if column in self._columns)
        if len(text) <= _LONGEST_CACHED_TOKEN:
            if len(self._cache) >= _CACHED_TOKENS:
                self._cache.clear()
            self._cache[offset, text, pos] = columns
        return columns


def _of_word(feature: str, text: str, pos: str) -> str:
    of_speech = _OF_SPEECH.get(feature)
    return str(_OF_TEXT[feature](text)) if of_speech is None else of_speech(pos)


def _at(feature: str, is_first: bool, is_last: bool) -> bool:
    return is_first if feature == "BOS" else is_last
