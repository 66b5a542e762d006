"""Names of intents, entity types, roles and groups: where they are declared, and where used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

from gossamer.data.entities import Entity
from gossamer.data.stories.steps import OrStep, Rule, Story, UserStep
from gossamer.teach.corrections import Correction, MessageCorrection
from gossamer.teach.files.reading import ProjectFiles

Name: TypeAlias = tuple[str, ...]
"""`("intent", name)`, `("entity", name)`, `("role", entity, name)`, `("group", entity, name)`."""


def declared_names(files: ProjectFiles) -> frozenset[Name]:
    """Those of the domain; none where there is no domain."""
    domain = files.domain_now()
    if domain is None:
        return frozenset()
    found: set[Name] = {("intent", intent.name) for intent in domain.intents}
    for entity in domain.entities:
        found.add(("entity", entity.name))
        found |= {("role", entity.name, role) for role in entity.roles}
        found |= {("group", entity.name, group) for group in entity.groups}
    return frozenset(found)


def used_names(files: ProjectFiles) -> frozenset[Name]:
    """Those of examples, stories and rules."""
    found: set[Name] = set()
    for example in files.examples():
        found.update(_names(example.intent, example.entities))
    told: list[Story | Rule] = [*files.stories(), *files.rules()]
    for part in told:
        found.update(_told(part))
    return frozenset(found)


def names_of(correction: Correction) -> frozenset[Name]:
    """Those of a correction."""
    if isinstance(correction, MessageCorrection):
        return frozenset(_names(correction.example.intent, correction.example.entities))
    return frozenset(_told(correction.story))


def _told(part: Story | Rule) -> Iterator[Name]:
    for step in part.steps:
        for each in step.alternatives if isinstance(step, OrStep) else (step,):
            if isinstance(each, UserStep):
                yield from _names(each.intent, each.entities)


def _names(intent: str | None, entities: Sequence[Entity]) -> Iterator[Name]:
    if intent is not None:
        yield ("intent", intent.partition("/")[0])
    for entity in entities:
        yield ("entity", entity.entity)
        if entity.role is not None:
            yield ("role", entity.entity, entity.role)
        if entity.group is not None:
            yield ("group", entity.entity, entity.group)
