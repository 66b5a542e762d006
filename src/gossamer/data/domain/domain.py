"""The domain: everything an assistant may understand, remember, say and do."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, Final

from gossamer.data.domain.reading_responses import plain_variations, variations_from
from gossamer.data.domain.responses import Variation
from gossamer.data.domain.slots import Slot
from gossamer.data.errors import Location

DEFAULT_INTENTS: Final = ("back", "nlu_fallback", "out_of_scope", "restart", "session_start")
"""Intents that every domain has, as in Rasa 3.6."""

ACTION_LISTEN: Final = "action_listen"
RULE_SNIPPET_ACTION: Final = "..."
DEFAULT_ACTIONS: Final = (
    ACTION_LISTEN,
    "action_restart",
    "action_session_start",
    "action_default_fallback",
    "action_deactivate_loop",
    "action_revert_fallback_events",
    "action_default_ask_affirmation",
    "action_default_ask_rephrase",
    "action_two_stage_fallback",
    "action_unlikely_intent",
    "action_back",
    RULE_SNIPPET_ACTION,
    "action_extract_slots",
)
"""Actions that every domain has, in the order of their labels, as in Rasa 3.6."""

REQUESTED_SLOT: Final = "requested_slot"
SESSION_METADATA_SLOT: Final = "session_started_metadata"
"""What a channel says of a conversation when it starts."""

KNOWLEDGE_BASE_ACTION: Final = "action_query_knowledge_base"
KNOWLEDGE_BASE_SLOTS: Final = (
    "knowledge_base_listed_objects",
    "knowledge_base_last_object",
    "knowledge_base_last_object_type",
)
"""Slots that a domain with `KNOWLEDGE_BASE_ACTION` has."""

_ADDED_SLOTS: Final = frozenset({REQUESTED_SLOT, SESSION_METADATA_SLOT, *KNOWLEDGE_BASE_SLOTS})

_NONE: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """An intent as the domain declares it.

    Attributes:
        name: its name.
        use_entities: entity types a model sees beside it; None for all that are not ignored.
        ignore_entities: entity types a model does not see beside it; wins over `use_entities`.
        where: where it is written; does not count in comparisons.
    """

    name: str
    use_entities: tuple[str, ...] | None = None
    ignore_entities: tuple[str, ...] = ()
    where: Location | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityType:
    """An entity type as the domain declares it.

    Attributes:
        name: its name.
        roles: roles it may have.
        groups: groups it may belong to.
        influence_conversation: False: no intent uses it unless its `use_entities` names it (in a
            file, where it has `ignore_entities` too: Rasa 3.6 fills that in otherwise).
        where: where it is written; does not count in comparisons.
    """

    name: str
    roles: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    influence_conversation: bool = True
    where: Location | None = field(default=None, compare=False, repr=False)

    @property
    def labels(self) -> tuple[str, ...]:
        """The type, then "type#role" and "type#group", as models see them."""
        return (self.name, *(f"{self.name}#{part}" for part in (*self.roles, *self.groups)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form: slots to ask for until all have a value.

    Attributes:
        name: its name.
        required_slots: in the order they are asked for.
        ignored_intents: messages with these intents fill none of its slots.
        where: where it is written; does not count in comparisons.
    """

    name: str
    required_slots: tuple[str, ...] = ()
    ignored_intents: tuple[str, ...] = ()
    where: Location | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionConfig:
    """When a new session begins.

    Attributes:
        expiration_time: minutes without a message after which it does; 0 for never.
        carry_over_slots: whether the new session keeps the slots.
    """

    expiration_time: float = 60.0
    carry_over_slots: bool = True


@dataclass(frozen=True, kw_only=True)
class Domain:
    """Everything an assistant may understand, remember, say and do.

    Attributes:
        intents: sorted by name, `DEFAULT_INTENTS` among them.
        entities: sorted by name.
        slots: in order; after those declared, as in Rasa 3.6, `requested_slot` where there are
            forms, those of the knowledge base where its action is, `session_started_metadata`.
        responses: name to variations.
        forms: by name.
        actions: declared ones, in order. A default action or a form that is declared is run by the
            action server in place of the built-in one.
        action_texts: texts that may be said without being a response (end-to-end learning).
        send_domain: actions whose calls carry the domain even where others' do not: those with
            `send_domain: true`, and those named `validate_...` that do not mention it.
        session: when a new session begins.
        store_entities_as_slots: whether entities in stories fill slots that are mapped from them.
        content: the domain as plain JSON values of Rasa 3's layout, for the action server.
        where: the file or folder; does not count in comparisons.
    """

    intents: tuple[Intent, ...] = tuple(Intent(name=name) for name in DEFAULT_INTENTS)
    entities: tuple[EntityType, ...] = ()
    slots: tuple[Slot, ...] = ()
    responses: Mapping[str, tuple[Variation, ...]] = field(default_factory=lambda: _NONE)
    forms: Mapping[str, Form] = field(default_factory=lambda: _NONE)
    actions: tuple[str, ...] = ()
    action_texts: tuple[str, ...] = ()
    send_domain: frozenset[str] = frozenset()
    session: SessionConfig = SessionConfig()
    store_entities_as_slots: bool = True
    content: Mapping[str, Any] = field(default_factory=lambda: _NONE, compare=False, repr=False)
    where: Location | None = field(default=None, compare=False, repr=False)

    @cached_property
    def intent_names(self) -> tuple[str, ...]:
        """Sorted."""
        return tuple(intent.name for intent in self.intents)

    @cached_property
    def action_names(self) -> tuple[str, ...]:
        """All actions with a name, in the order of their labels, as in Rasa 3.6.

        First the default ones, then those declared, responses by name, forms; each once.
        """
        names = (*DEFAULT_ACTIONS, *self.actions, *sorted(self.responses), *self.forms)
        return tuple(dict.fromkeys(names))

    @cached_property
    def action_labels(self) -> tuple[str, ...]:
        """What a policy chooses from: `action_names`, then `action_texts`."""
        return (*self.action_names, *self.action_texts)

    @cached_property
    def action_index(self) -> Mapping[str, int]:
        """The number of each of `action_labels`."""
        return MappingProxyType({label: i for i, label in enumerate(self.action_labels)})

    @cached_property
    def entity_labels(self) -> tuple[str, ...]:
        """Entity types, then all "type#role", then all "type#group", as models see them."""
        return (
            *(entity.name for entity in self.entities),
            *(f"{entity.name}#{role}" for entity in self.entities for role in entity.roles),
            *(f"{entity.name}#{group}" for entity in self.entities for group in entity.groups),
        )

    @cached_property
    def slot_by_name(self) -> Mapping[str, Slot]:
        """Slots by name."""
        return MappingProxyType({slot.name: slot for slot in self.slots})

    def used_entities(self, intent: str) -> frozenset[str]:
        """Entity labels that a model sees beside an intent; all for an unknown one.

        Departure from Rasa 3.6: where an intent has `ignore_entities`, Rasa uses roles and groups
        of an entity without influence but not the entity itself.
        """
        return self._used_entities.get(intent, frozenset(self.entity_labels))

    @cached_property
    def _used_entities(self) -> Mapping[str, frozenset[str]]:
        return {intent.name: self._used_by(intent) for intent in self.intents}

    def _used_by(self, intent: Intent) -> frozenset[str]:
        labels: set[str] = set()
        for entity in self.entities:
            if entity.name in intent.ignore_entities:
                continue
            if intent.use_entities is None:
                is_used = entity.influence_conversation
            else:
                is_used = entity.name in intent.use_entities
            if is_used:
                labels.update(entity.labels)
        return frozenset(labels)

    @property
    def is_empty(self) -> bool:
        """Whether nothing is declared."""
        return not (
            self.actions
            or self.action_texts
            or self.responses
            or self.forms
            or self.entities
            or any(intent.name not in DEFAULT_INTENTS for intent in self.intents)
            or any(slot.name not in _ADDED_SLOTS for slot in self.slots)
        )

    def with_responses(self, responses: Mapping[str, Sequence[Mapping[str, Any]]]) -> Domain:
        """The domain with responses from elsewhere (`TrainingData.responses`) added.

        As in Rasa 3.6, they count before those of the same name in the domain, with a warning
        where they differ. Each retrieval response ("utter_faq/ask_price") of the result brings the
        action that says it ("utter_faq").

        Args:
            responses: name to variations as written.

        Raises:
            DataError: a variation says nothing, or a part of it is of the wrong type.
        """
        read = {name: variations_from(name, raw) for name, raw in responses.items()}
        for name, variations in read.items():
            if self.responses.get(name, variations) != variations:
                warnings.warn(
                    f"response '{name}' is written twice, in the domain and in NLU data; that of "
                    "the NLU data counts",
                    stacklevel=2,
                )
        merged = {**self.responses, **read}
        retrieving = dict.fromkeys(name.partition("/")[0] for name in merged if "/" in name)
        new = tuple(name for name in retrieving if name not in self.actions)
        if not read and not new:
            return self
        raw_responses = {name: plain_variations(raw) for name, raw in responses.items()}
        content = {
            **self.content,
            "responses": {**self.content.get("responses", {}), **raw_responses},
            "actions": [*self.content.get("actions", ()), *new],
        }
        content = {key: value for key, value in content.items() if value not in ([], {})}
        return replace(self, responses=merged, actions=(*self.actions, *new), content=content)
