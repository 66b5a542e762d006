"""The entities that a spaCy model finds: cities, dates, amounts, names."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, ClassVar

from gossamer.data.entities import Entity
from gossamer.data.nlu.examples import TrainingData
from gossamer.nlu.languages.spacy_models import language_of
from gossamer.nlu.languages.spacy_nlp import readable
from gossamer.nlu.pipeline.component import Component, ComponentOptions, EpochListener
from gossamer.nlu.pipeline.messages import MessageBatch, TrainingBatch

if TYPE_CHECKING:
    from spacy.tokens import Doc

_FINDERS = ("ner", "entity_ruler", "span_ruler")


class SpacyEntityExtractorOptions(ComponentOptions):
    """Options of `SpacyEntityExtractor`.

    Attributes:
        dimensions: what to look for ("GPE", "DATE", ...), as the spaCy model names it; None, or
            none named, for all.
    """

    dimensions: tuple[str, ...] | None = None


class SpacyEntityExtractor(Component):
    """Adds the entities that the spaCy model of `SpacyNLP` knows; nothing is learnt.

    As in Rasa the model reads the text as it was written, whatever `case_sensitive` of SpacyNLP
    says, as names are hard to find in lower case; so a text with capitals is read twice. Entities
    come after those of earlier extractors, and have no confidence.
    """

    name: ClassVar[str] = "SpacyEntityExtractor"
    Options: ClassVar[type[ComponentOptions]] = SpacyEntityExtractorOptions
    reads: ClassVar[frozenset[str] | None] = frozenset()
    provides: ClassVar[frozenset[str]] = frozenset({"entities"})
    requires: ClassVar[frozenset[str]] = frozenset({"documents"})
    needs: ClassVar[tuple[str, ...]] = ("spacy",)

    options: SpacyEntityExtractorOptions

    def train(
        self,
        data: TrainingData,
        batch: TrainingBatch,
        *,
        on_epoch: EpochListener | None = None,
    ) -> None:
        """Warn of dimensions that the model does not know."""
        labels = language_of(batch.documents[0]).pipe_labels
        known = {label for finder in _FINDERS for label in labels.get(finder, ())}
        wanted = self.options.dimensions
        unknown = [] if wanted is None else [name for name in wanted if name not in known]
        if unknown or not known:
            told = f"does not know {', '.join(unknown)}" if unknown else "knows no entities"
            listed = f"; it knows {', '.join(sorted(known))}" if known else ""
            warnings.warn(f"{self.alias}: the spaCy model {told}{listed}", stacklevel=2)

    def process(self, batch: MessageBatch) -> None:
        """Append what the model finds in each text."""
        wanted = self.options.dimensions
        documents = _as_written(batch)
        for text, document, parse in zip(batch.texts, documents, batch.parses, strict=True):
            parse.entities += [
                Entity(
                    start=found.start_char,
                    end=found.end_char,
                    entity=found.label_,
                    value=text[found.start_char : found.end_char],
                    extractor=self.name,
                )
                for found in document.ents
                if not wanted or found.label_ in wanted
            ]


def _as_written(batch: MessageBatch) -> list[Doc]:
    """The documents of the texts in their own case."""
    documents = list(batch.documents)
    texts = {
        index: text
        for index, text in enumerate(map(readable, batch.texts))
        if text != documents[index].text
    }
    if texts:
        found = language_of(documents[0]).pipe(texts.values())
        for index, document in zip(texts, found, strict=True):
            documents[index] = document
    return documents
