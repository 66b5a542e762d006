"""Recognises an intent by one of its training texts in the message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from pydantic import Field

from gossamer.data.errors import DataError, InputError, Location, ModelFileError, place_prefix
from gossamer.data.nlu.examples import TrainingData
from gossamer.data.text.listing import warn_together
from gossamer.data.text.regexes import REGEX_SECONDS, Regex, RegexError
from gossamer.nlu.featurizers.patterns import NamedPattern, PatternSearch
from gossamer.nlu.pipeline.component import Component, ComponentOptions, EpochListener
from gossamer.nlu.pipeline.messages import (
    ComponentState,
    IntentPrediction,
    MessageBatch,
    TrainingBatch,
)
from gossamer.nlu.words import word_letter

_SPECIAL = frozenset("\\^$.|?*+()[]{}")


class KeywordIntentClassifierOptions(ComponentOptions):
    """Options of `KeywordIntentClassifier`.

    Attributes:
        case_sensitive: "Hi" does not match "hi".
        regex_timeout: seconds that a keyword may take on one text (Gossamer's own); when it takes
            longer it counts as not found.
    """

    case_sensitive: bool = True
    regex_timeout: float = Field(default=REGEX_SECONDS, gt=0)


class KeywordIntentClassifier(Component):
    r"""Every training text is a keyword: found as whole words in a message, it gives its intent.

    As in Rasa, a keyword is a regular expression (`hi|hello`, `\d+ tickets`), the first in the
    order of the training data that is found wins with confidence 1.0, a keyword of two intents
    counts for none, and when nothing is found the intent of an earlier classifier stays. The
    ranking of an earlier classifier stays in any case.

    Departures from Rasa: a text that is not a valid regular expression is refused in training,
    where Rasa fails on the first message; an empty match does not count; combining marks belong to
    the words they are in.
    """

    name: ClassVar[str] = "KeywordIntentClassifier"
    Options: ClassVar[type[ComponentOptions]] = KeywordIntentClassifierOptions
    provides: ClassVar[frozenset[str]] = frozenset({"intent"})
    reads: ClassVar[frozenset[str] | None] = frozenset({"intents", "texts"})

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self.options: KeywordIntentClassifierOptions
        self._keywords: list[tuple[str, NamedPattern]] = []
        self._search = PatternSearch(self.alias, self.options.regex_timeout)

    def check(self, data: TrainingData) -> Iterator[InputError]:
        """Texts that are not regular expressions."""
        for example in data.unique_examples():
            # Other texts are regular expressions in any case, and there may be many.
            if example.base_intent is not None and _SPECIAL.intersection(example.text):
                try:
                    self._compile(example.text, example.base_intent, example.where)
                except InputError as fault:
                    yield fault

    def train(
        self,
        data: TrainingData,
        batch: TrainingBatch,
        *,
        on_epoch: EpochListener | None = None,
    ) -> None:
        """Collect keywords. Raises `DataError` for a text that is not one."""
        intents: dict[str, str] = {}
        ambiguous: dict[str, Location | None] = {}
        places: dict[str, Location | None] = {}
        for example in batch.examples:
            intent = example.base_intent
            if intent is None:
                continue
            if intents.setdefault(example.text, intent) != intent:
                ambiguous.setdefault(example.text, example.where)
            places.setdefault(example.text, example.where)
        warn_together(
            f"{place_prefix(where)}'{text}' is an example of several intents, so "
            "it is a keyword of none"
            for text, where in ambiguous.items()
        )
        self._keywords = [
            (text, self._compile(text, intent, places[text]))
            for text, intent in intents.items()
            if text not in ambiguous
        ]

    def process(self, batch: MessageBatch) -> None:
        """Set the intent of each message in which a keyword is found."""
        for text, parse in zip(batch.texts, batch.parses, strict=True):
            for _, pattern in self._keywords:
                if any(end > start for start, end in self._search.spans(pattern, text)):
                    parse.intent = IntentPrediction(name=pattern.name, confidence=1.0)
                    break

    def state(self) -> ComponentState:
        """The keywords with their intents, in order."""
        keywords = [[text, pattern.name] for text, pattern in self._keywords]
        return ComponentState(json={"keywords": keywords})

    def restore(self, state: ComponentState) -> None:
        """Restore stored keywords. Raises `ModelFileError` when they do not fit."""
        stored: Any = state.json.get("keywords")
        if not isinstance(stored, list) or not all(
            isinstance(item, list) and [type(part) for part in item] == [str, str]
            for item in stored
        ):
            raise ModelFileError(
                f"{self.name} must be stored with pairs of keyword and intent", got=stored
            )
        try:
            self._keywords = [(text, self._compile(text, intent, None)) for text, intent in stored]
        except DataError as error:
            raise ModelFileError(error.must_hold, got=error.got) from error

    def _compile(self, text: str, intent: str, where: Location | None) -> NamedPattern:
        letter = word_letter(text)
        source = rf"\b{text}\b"
        if letter != r"\w":
            source = rf"(?<!{letter})(?:{text})(?!{letter})"
        try:
            regex = Regex.compile(source, ignore_case=not self.options.case_sensitive)
            return NamedPattern(intent, source, regex, where)
        except RegexError as error:
            raise DataError(
                f"a keyword must be a valid regular expression, but this is not: {error}",
                got=text,
                where=where,
                hint=f"escape characters such as ( or ?, or leave {self.name} out of the pipeline",
            ) from error
