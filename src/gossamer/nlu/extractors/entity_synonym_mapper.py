"""Replaces the values of entities by those that training data gives for them."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from gossamer.data.entities import Entity
from gossamer.data.errors import Location, ModelFileError, place_prefix
from gossamer.data.nlu.examples import TrainingData
from gossamer.data.text.listing import warn_together
from gossamer.nlu.pipeline.component import Component, ComponentOptions, EpochListener
from gossamer.nlu.pipeline.messages import (
    ComponentState,
    MessageBatch,
    TrainingBatch,
)


class EntitySynonymMapperOptions(ComponentOptions):
    """Options of `EntitySynonymMapper`: it has none."""


class EntitySynonymMapper(Component):
    """Maps what was said to what was meant, ignoring case: "Big Apple" to "New York".

    Learns from synonym items and from annotations whose value differs from their text; when two
    contradict, the later one wins and a warning says so. A value also maps to itself, whatever its
    case. As in Rasa, the entity type of a synonym does not matter.
    """

    name: ClassVar[str] = "EntitySynonymMapper"
    Options: ClassVar[type[ComponentOptions]] = EntitySynonymMapperOptions
    requires: ClassVar[frozenset[str]] = frozenset({"entities"})
    reads: ClassVar[frozenset[str] | None] = frozenset({"entities", "synonyms"})

    def __init__(self, options: ComponentOptions, *, alias: str | None = None) -> None:
        super().__init__(options, alias=alias)
        self._synonyms: dict[str, Any] = {}

    def train(
        self,
        data: TrainingData,
        batch: TrainingBatch,
        *,
        on_epoch: EpochListener | None = None,
    ) -> None:
        """Collect synonyms: explicit ones first, then those that annotations imply."""
        self._synonyms = {}
        contradictions: list[str] = []
        for synonym in data.synonyms:
            if synonym.text != synonym.value:
                contradictions += self._learn(synonym.text, synonym.value, synonym.where)
        for example in data.unique_examples():
            for entity in example.entities:
                text = example.text[entity.start : entity.end]
                if isinstance(entity.value, str) and entity.value != text:
                    contradictions += self._learn(text, entity.value, example.where)
        warn_together(contradictions)
        values = [synonym.value for synonym in data.synonyms] + list(self._synonyms.values())
        for value in values:
            if isinstance(value, str):
                self._synonyms.setdefault(value.lower(), value)

    def process(self, batch: MessageBatch) -> None:
        """Replace values that are known, and add this component to their `processors`."""
        for parse in batch.parses:
            parse.entities = [self._map(entity) for entity in parse.entities]

    def state(self) -> ComponentState:
        """The synonyms."""
        return ComponentState(json={"synonyms": dict(self._synonyms)})

    def restore(self, state: ComponentState) -> None:
        """Restore stored synonyms. Raises `ModelFileError` when they do not fit."""
        stored: Any = state.json.get("synonyms")
        if not isinstance(stored, dict) or not all(isinstance(key, str) for key in stored):
            raise ModelFileError(f"{self.name} must be stored with a map of synonyms", got=stored)
        self._synonyms = dict(stored)

    def _learn(self, text: str, value: Any, where: Location | None) -> list[str]:
        """Add a synonym; gives what it contradicts, if anything."""
        key = text.lower()
        known = self._synonyms.get(key, value)
        self._synonyms[key] = value
        if known == value:
            return []
        place = place_prefix(where)
        return [
            f"{place}'{text}' is a synonym of '{value}' here but of {known!r} elsewhere; "
            f"{value!r} is used"
        ]

    def _map(self, entity: Entity) -> Entity:
        value = self._synonyms.get(str(entity.value).lower(), entity.value)
        if value == entity.value:
            return entity
        processors = (*entity.processors, self.name)
        return dataclasses.replace(entity, value=value, processors=processors)
