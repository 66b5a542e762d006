"""What a spaCy model makes of texts, for the components that read it."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field

from gossamer.data.errors import ConfigError, InputError, Location, ModelFileError
from gossamer.data.nlu.examples import TrainingData
from gossamer.nlu.languages.spacy_models import folder_checksum, load_spacy_model, model_fault
from gossamer.nlu.pipeline.component import Component, ComponentOptions, EpochListener
from gossamer.nlu.pipeline.long_texts import cut_texts
from gossamer.nlu.pipeline.messages import ComponentState, MessageBatch, TrainingBatch

if TYPE_CHECKING:
    from spacy.language import Language

_TEXTS_AT_A_TIME = 64
# spaCy takes signs off words one by one, in time that grows with their square: 20,000 in a row
# took a minute.
_LONGEST_RUN = 500
_LONG_RUN = re.compile(rf"[^\w\s]{{{_LONGEST_RUN}}}(?=[^\w\s])")
_STORED = ("name", "version", "language")


class SpacyNLPOptions(ComponentOptions):
    """Options of `SpacyNLP`.

    Attributes:
        model: an installed package ("en_core_web_md"), the folder of a model, or "blank:" with the
            code of a language ("blank:de") for spaCy's tokenizer of that language alone.
        case_sensitive: False lower-cases texts before spaCy reads them, as in Rasa.
        max_characters: how many characters of a message are read (Gossamer's own).
    """

    model: str = ""
    case_sensitive: bool = False
    max_characters: int = Field(default=20_000, ge=1, le=1_000_000)


class SpacyNLP(Component):
    """Gives each text to a spaCy model; what it finds, other components read.

    A model is loaded once in a process, without its parser, as in Rasa. With a model file, only
    the name, version and language of the spaCy model are stored: it must be installed where
    the assistant answers, too. If it has another version there, a warning says so.

    A message longer than `max_characters` is cut, and so is one with more than 500 signs in a row;
    such training examples are refused.

    Departures from Rasa: offsets are right also where lower case is longer than upper case (the
    Turkish İ becomes i); half a surrogate pair, which spaCy refuses, is read as U+FFFD.
    """

    name: ClassVar[str] = "SpacyNLP"
    Options: ClassVar[type[ComponentOptions]] = SpacyNLPOptions
    reads: ClassVar[frozenset[str] | None] = frozenset()
    provides: ClassVar[frozenset[str]] = frozenset({"documents"})
    needs: ClassVar[tuple[str, ...]] = ("spacy",)

    options: SpacyNLPOptions

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self._language: Language | None = None

    @property
    def language(self) -> Language:
        """The spaCy model. Raises `ConfigError` when it cannot be loaded."""
        if self._language is None:
            self._language = load_spacy_model(self.options.model)
        return self._language

    def check_machine(self, where: Location | None = None) -> Iterator[InputError]:
        """Whether the model is there; it is not loaded."""
        fault = model_fault(self.options.model, where)
        if fault is not None:
            yield fault

    def files_read(self) -> str:
        """Name and version of the model, and of a folder a checksum, as versions may stay."""
        known = " ".join(map(str, _identity(self.language).values()))
        return f"{known} {folder_checksum(self.options.model)}".rstrip()

    def train(
        self,
        data: TrainingData,
        batch: TrainingBatch,
        *,
        on_epoch: EpochListener | None = None,
    ) -> None:
        """Load the model. Raises `ConfigError` when it cannot be loaded."""
        self._language = load_spacy_model(self.options.model)

    def process(self, batch: MessageBatch) -> None:
        """Fill `batch.documents`."""
        limit = self.options.max_characters
        cut_texts(
            batch,
            {index: limit for index, text in enumerate(batch.texts) if len(text) > limit},
            limit=f"{limit:,} characters",
            remedy=f"a larger value of max_characters of {self.name}",
        )
        runs = ((index, _LONG_RUN.search(text)) for index, text in enumerate(batch.texts))
        cut_texts(
            batch,
            {index: run.end() for index, run in runs if run is not None},
            limit=f"{_LONGEST_RUN:,} signs in a row",
            remedy="blanks between them",
        )
        lower = not self.options.case_sensitive
        texts = (readable(lower_cased(text) if lower else text) for text in batch.texts)
        batch.documents = list(self.language.pipe(texts, batch_size=_TEXTS_AT_A_TIME))

    def state(self) -> ComponentState:
        """Name, version and language of the spaCy model."""
        return ComponentState(json=_identity(self.language))

    def restore(self, state: ComponentState) -> None:
        """Load the model that was trained with. Raises `ModelFileError` when that cannot be."""
        stored = {key: state.json.get(key) for key in _STORED}
        if not all(isinstance(value, str) for value in stored.values()):
            raise ModelFileError(
                f"{self.name} must be stored with name, version and language of its spaCy model",
                got=stored,
            )
        try:
            found = _identity(self.language)
        except ConfigError as error:
            raise ModelFileError(error.must_hold, got=error.got, hint=error.hint) from error
        if found != stored:
            was, now = (" ".join(map(str, part.values())) for part in (stored, found))
            warnings.warn(
                f"{self.alias}: the assistant was trained with another spaCy model than is "
                f"installed here, so its answers may differ: {was} then, {now} now",
                stacklevel=2,
            )


def lower_cased(text: str) -> str:
    """A text in lower case, as long as before.

    In lower case the Turkish İ has two characters; the first is taken.
    """
    lower = text.lower()
    if len(lower) == len(text):
        return lower
    return "".join(char if len(char.lower()) == 1 else char.lower()[0] for char in text).lower()


def readable(text: str) -> str:
    """A text with U+FFFD for each half of a surrogate pair, which spaCy cannot read."""
    if text.isascii():
        return text
    return "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in text)


def _identity(language: Language) -> dict[str, Any]:
    meta = language.meta
    values = (meta.get("name", ""), meta.get("version", ""), language.lang)
    return dict(zip(_STORED, map(str, values), strict=True))
