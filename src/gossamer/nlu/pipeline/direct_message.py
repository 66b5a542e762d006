"""Reads messages that name their intent directly: `/order@0.9{"size": "large"}`.

Buttons of a chat window send such messages. The pipeline always ends with this component, and what
it reads replaces what classifiers and extractors found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar

from gossamer.data.entities import Entity
from gossamer.data.errors import MessageWarning, ModelFileError
from gossamer.data.nlu.direct_message import DirectMessage, parse_direct_message
from gossamer.data.nlu.examples import TrainingData
from gossamer.data.nlu.intents import FALLBACK_INTENT
from gossamer.data.text.listing import warn_together
from gossamer.nlu.pipeline.component import Component, ComponentOptions, EpochListener
from gossamer.nlu.pipeline.messages import (
    ComponentState,
    IntentPrediction,
    MessageBatch,
    Parse,
    TrainingBatch,
)

if TYPE_CHECKING:  # a parse needs no domain
    from gossamer.data.domain.domain import Domain

#: Intents that every assistant knows, whatever its data.
_ALWAYS_KNOWN = frozenset({"restart", "back", "session_start", "out_of_scope", FALLBACK_INTENT})


class DirectMessageOptions(ComponentOptions):
    """Options of `DirectMessageHandler`: it has none."""


class DirectMessageHandler(Component):
    """Overrides the parse of messages of the form `/intent@confidence{"entity": value}`.

    Confidence (1.0 when left out) and entities are optional; what follows is ignored. A value that
    is a list gives an entity for each element. Entities span the JSON text. When the intent is not
    one of the training data, a warning says so and the usual prediction stays; entity types that
    training data does not have are dropped with a warning.
    """

    name: ClassVar[str] = "RegexMessageHandler"
    Options: ClassVar[type[ComponentOptions]] = DirectMessageOptions
    provides: ClassVar[frozenset[str]] = frozenset({"intent", "entities"})

    def __init__(
        self, options: ComponentOptions | None = None, *, alias: str | None = None
    ) -> None:
        super().__init__(DirectMessageOptions() if options is None else options, alias=alias)
        self._intents: frozenset[str] = frozenset()
        self._entity_types: frozenset[str] = frozenset()
        self._of_domain: frozenset[str] = frozenset()
        self._types_of_domain: frozenset[str] = frozenset()

    def take_domain(self, domain: Domain) -> None:
        """Know the names of a domain, too: a button may name what no training text has.

        They are not stored; the domain is.
        """
        self._of_domain = frozenset(domain.intent_names)
        self._types_of_domain = frozenset(entity.name for entity in domain.entities)

    def train(
        self,
        data: TrainingData,
        batch: TrainingBatch,
        *,
        on_epoch: EpochListener | None = None,
    ) -> None:
        """Collect the names of intents and entity types."""
        self._intents = frozenset(data.intents)
        self._entity_types = frozenset(data.entity_types)

    def process(self, batch: MessageBatch) -> None:
        """Replace intent, ranking and entities of direct messages."""
        faults: list[str] = []
        for parse in batch.parses:
            self._read(parse.text, parse, faults)
        warn_together(faults, category=MessageWarning)

    def state(self) -> ComponentState:
        """The known names."""
        return ComponentState(
            json={"intents": sorted(self._intents), "entity_types": sorted(self._entity_types)}
        )

    def restore(self, state: ComponentState) -> None:
        """Restore stored names. Raises `ModelFileError` when they do not fit."""
        stored: list[Any] = [state.json.get(key) for key in ("intents", "entity_types")]
        if not all(
            isinstance(names, list) and all(isinstance(name, str) for name in names)
            for names in stored
        ):
            raise ModelFileError(f"{self.name} must be stored with lists of names", got=stored)
        self._intents, self._entity_types = map(frozenset, stored)

    def _read(self, text: str, parse: Parse, faults: list[str]) -> None:
        message = parse_direct_message(text)
        if message is None:
            return
        name = message.intent
        if not any(name in known for known in (self._intents, self._of_domain, _ALWAYS_KNOWN)):
            faults.append(
                f"the message {text[:80]!r} names the intent '{name}', which the assistant does "
                "not have; it is understood as an ordinary text"
            )
            return
        if message.confidence > 1:
            faults.append(
                f"the message {text[:80]!r} names the confidence {message.confidence:g}; it is 1"
            )
        parse.intent = IntentPrediction(name=name, confidence=min(1.0, message.confidence))
        parse.intent_ranking = [parse.intent]
        parse.entities = list(self._entities(text, message, faults))

    def _entities(self, text: str, message: DirectMessage, faults: list[str]) -> Iterator[Entity]:
        if message.values is None:
            faults.append(
                f"the entities of the message {text[:80]!r} are not valid JSON and are left out"
            )
            return
        known = self._entity_types | self._types_of_domain
        faults.extend(
            f"the message {text[:80]!r} names the entity '{entity}', which the assistant "
            "does not have; it is left out"
            for entity in message.values
            if entity not in known
        )
        for entity, value in message.entities():
            if entity in known:
                yield Entity(
                    start=message.start,
                    end=message.end,
                    entity=entity,
                    value=value,
                    extractor=self.name,
                )


def direct_parser(domain: Domain) -> Callable[[str], Parse]:
    """Understands messages like /greet{"name": "Ada"}, and no others."""
    handler = DirectMessageHandler()
    handler.take_domain(domain)

    def parse(text: str) -> Parse:
        batch = MessageBatch(texts=[text])
        handler.process(batch)
        return batch.parses[0]

    return parse
