"""What can be taught to a project: its intents, entities, actions, slots, as a page lists them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gossamer.data.domain.domain import DEFAULT_INTENTS, RULE_SNIPPET_ACTION, Domain
from gossamer.data.nlu.examples import Example

MOST_VALUES: Final = 20
"""Values that are shown of an entity type, the most frequent first."""

_OUT_OF_SCOPE: Final = "out_of_scope"
_OUTSIDE = re.compile(r"(?:out_?of_?(?:scope|domain)|oos|ood|off_?topic)")
_ORDINARY_KEYS: Final = ("other", "general", "default", "out_of_scope")


@dataclass(frozen=True, slots=True, kw_only=True)
class EntityDescription:
    """An entity type.

    Attributes:
        name: its name.
        n_mentions: annotations of it in examples.
        roles: declared or annotated ones, sorted.
        groups: as `roles`.
        values: some values of annotations, the most frequent first.
    """

    name: str
    n_mentions: int
    roles: tuple[str, ...]
    groups: tuple[str, ...]
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotDescription:
    """A slot; `values` are those of a categorical one, else empty."""

    name: str
    type: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectDescription:
    """What can be taught to a project.

    Attributes:
        intents: number of examples by intent, sorted by name; retrieval intents with their keys;
            0 for one that is only declared.
        entities: by name.
        actions: all that have a name, in the domain's order.
        responses: names, sorted.
        slots: in the domain's order.
        forms: names.
        out_of_scope: the intent of messages that the assistant is not for, or the name that it
            would get.
        has_out_of_scope: whether it has examples.
        has_test_messages: whether the folder `tests` holds examples.
        has_test_stories: whether it holds test stories.
    """

    intents: Mapping[str, int]
    entities: tuple[EntityDescription, ...]
    actions: tuple[str, ...]
    responses: tuple[str, ...]
    slots: tuple[SlotDescription, ...]
    forms: tuple[str, ...]
    out_of_scope: str
    has_out_of_scope: bool
    has_test_messages: bool
    has_test_stories: bool

    def to_json(self) -> dict[str, Any]:
        """As JSON; intents are a list of `{"name", "n_examples"}`."""
        return {
            "intents": [{"name": name, "n_examples": n} for name, n in self.intents.items()],
            "entities": [
                {
                    "name": entity.name,
                    "n_mentions": entity.n_mentions,
                    "roles": list(entity.roles),
                    "groups": list(entity.groups),
                    "values": list(entity.values),
                }
                for entity in self.entities
            ],
            "actions": list(self.actions),
            "responses": list(self.responses),
            "slots": [
                {"name": slot.name, "type": slot.type, "values": list(slot.values)}
                for slot in self.slots
            ],
            "forms": list(self.forms),
            "out_of_scope": self.out_of_scope,
            "has_out_of_scope": self.has_out_of_scope,
            "has_test_messages": self.has_test_messages,
            "has_test_stories": self.has_test_stories,
        }


def describe(
    examples: Iterable[Example],
    domain: Domain | None,
    *,
    has_test_messages: bool,
    has_test_stories: bool,
) -> ProjectDescription:
    """What can be taught to a project of these examples and this domain."""
    examples = tuple(examples)
    counts = Counter(example.intent for example in examples if example.intent is not None)
    bases = {intent.partition("/")[0] for intent in counts}
    declared = () if domain is None else domain.intent_names
    idle = [name for name in declared if name not in bases and name not in DEFAULT_INTENTS]
    intents = {name: counts[name] for name in sorted({*counts, *idle})}
    outside = out_of_scope_intent(counts, declared)
    return ProjectDescription(
        intents=intents,
        entities=tuple(_entities(examples, domain)),
        actions=()
        if domain is None
        else tuple(name for name in domain.action_names if name != RULE_SNIPPET_ACTION),
        responses=() if domain is None else tuple(sorted(domain.responses)),
        slots=()
        if domain is None
        else tuple(
            SlotDescription(name=slot.name, type=slot.type.value, values=slot.values)
            for slot in domain.slots
        ),
        forms=() if domain is None else tuple(domain.forms),
        out_of_scope=outside,
        has_out_of_scope=counts[outside] > 0,
        has_test_messages=has_test_messages,
        has_test_stories=has_test_stories,
    )


def out_of_scope_intent(counts: Mapping[str, int], declared: Iterable[str] = ()) -> str:
    """The intent of messages that the assistant is not for.

    It is one whose name says so ("out_of_scope", "OutOfScope", "oos"), or `out_of_scope`. Of
    retrieval intents ("out_of_scope/other") the one with the key "other", else with most examples.

    Args:
        counts: number of examples by intent.
        declared: intents of the domain.
    """
    found = [name for name in counts if _is_outside(name.partition("/")[0])]
    if not found:
        own = [name for name in declared if _is_outside(name)]
        return min(own, key=lambda name: (name == _OUT_OF_SCOPE, name), default=_OUT_OF_SCOPE)
    return min(
        found,
        key=lambda name: (
            "/" in name,
            name.rpartition("/")[2] not in _ORDINARY_KEYS,
            -counts[name],
        ),
    )


def _is_outside(name: str) -> bool:
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|[ .-]+", "_", name).lower()
    return _OUTSIDE.fullmatch(words) is not None


def _entities(examples: Iterable[Example], domain: Domain | None) -> Iterable[EntityDescription]:
    values: dict[str, Counter[str]] = {}
    roles: dict[str, set[str]] = {}
    groups: dict[str, set[str]] = {}
    for declared in () if domain is None else domain.entities:
        values[declared.name] = Counter()
        roles[declared.name] = set(declared.roles)
        groups[declared.name] = set(declared.groups)
    for example in examples:
        for entity in example.entities:
            name = entity.entity
            values.setdefault(name, Counter())[str(entity.value)] += 1
            for labels, label in ((roles, entity.role), (groups, entity.group)):
                known = labels.setdefault(name, set())
                if label is not None:
                    known.add(label)
    for name in sorted(values):
        yield EntityDescription(
            name=name,
            n_mentions=values[name].total(),
            roles=tuple(sorted(roles[name])),
            groups=tuple(sorted(groups[name])),
            values=tuple(value for value, _ in values[name].most_common(MOST_VALUES)),
        )
