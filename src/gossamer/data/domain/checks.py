"""What is doubtful in a domain: everything that can be found, at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from gossamer.data.domain.domain import Domain
from gossamer.data.domain.responses import Variation
from gossamer.data.domain.slots import MappingType, Slot, SlotMapping, SlotType
from gossamer.data.domain.value_checks import comparison_problem, setting_problem
from gossamer.data.errors import Location
from gossamer.data.nlu.checks import Finding, Severity
from gossamer.data.text.suggestions import nearest

_UTTER = "utter_"
_LOOPS = ("action_two_stage_fallback",)  # Rasa's loop that is not a form
# A name in single braces; what is in double ones, or in JSON, is not a slot.
_PLACEHOLDER = re.compile(r"(?<!\{)\{(\w[\w.-]*)\}(?!\})")


def check_domain(domain: Domain) -> list[Finding]:
    """Everything doubtful in a domain that shows without stories and NLU data.

    Errors: a form asks for a slot, or a mapping or a response's condition names a slot, form,
    intent, entity type or action, that is not declared; a response's condition that cannot hold,
    as it compares the slot with a value of another type; a mapping or an initial value that the
    slot's type cannot read; an entity type that an intent uses and that is not declared. Warnings:
    a value that a slot hardly has, a slot that a form cannot ask
    for, a condition that has no effect, an `utter_...` action without its response, a validation of
    an unknown form, a placeholder that is not a slot, a role, group, entity type or intent that is
    named but not declared, a categorical slot without values, a response without variations.

    Args:
        domain: with the responses of the NLU data, if there are any (`Domain.with_responses`).

    Returns:
        Findings in the order of the checks, and within a check of the domain.
    """
    return [
        finding
        for check in (_check_intents, _check_slots, _check_forms, _check_actions, _check_responses)
        for finding in check(domain)
    ]


def _warning(message: str, where: Location | None = None) -> Finding:
    return Finding(Severity.WARNING, message, where)


def _error(message: str, where: Location | None = None) -> Finding:
    return Finding(Severity.ERROR, message, where)


def _unknown(
    names: Iterable[str],
    known: Iterable[str],
    kind: str,
    by: str,
    where: Location | None,
    finding: Callable[[str, Location | None], Finding] = _error,
) -> Iterator[Finding]:
    """A finding for each name that is not known."""
    known = tuple(known)
    for name in names:
        if name not in known:
            meant = nearest(name, known)
            advice = f"; did you mean '{meant}'?" if meant else ""
            yield finding(f"{by} names the {kind} '{name}', which is not declared{advice}", where)


def _check_intents(domain: Domain) -> Iterator[Finding]:
    entities = [entity.name for entity in domain.entities]
    for intent in domain.intents:
        by, kind = f"intent '{intent.name}'", "entity type"
        used, ignored = (
            dict.fromkeys(intent.use_entities or ()),
            dict.fromkeys(intent.ignore_entities),
        )
        yield from _unknown(used, entities, kind, by, intent.where)
        yield from _unknown(
            (name for name in ignored if name not in used),
            *(entities, kind, by, intent.where, _warning),
        )
        if "/" in intent.name:
            yield _warning(
                f"intent '{intent.name}' has a key; a domain lists retrieval intents without "
                f"keys: '{intent.name.partition('/')[0]}'",
                intent.where,
            )


def _check_slots(domain: Domain) -> Iterator[Finding]:
    for slot in domain.slots:
        if slot.type is SlotType.CATEGORICAL and len(slot.values) == 1:
            yield _warning(
                f"categorical slot '{slot.name}' has no values; all look alike to models",
                slot.where,
            )
        initial = setting_problem(slot, slot.initial_value)
        if initial is not None and slot.type is not SlotType.FLOAT:  # read_slot reports those
            yield Finding(initial[0], f"the initial value {initial[1]}", slot.where)
        for mapping in slot.mappings:
            yield from _check_mapping(domain, slot, mapping)
            yield from _check_conditions(domain, slot, mapping)


def _check_mapping(domain: Domain, slot: Slot, mapping: SlotMapping) -> Iterator[Finding]:
    by, where = f"a mapping of slot '{slot.name}'", mapping.where or slot.where
    if mapping.type is MappingType.FROM_ENTITY and mapping.entity is not None:
        entities = {entity.name: entity for entity in domain.entities}
        yield from _unknown([mapping.entity], entities, "entity type", by, where)
        entity = entities.get(mapping.entity)
        if entity is not None:
            roles = [] if mapping.role is None else [mapping.role]
            yield from _unknown(roles, entity.roles, "role", by, where, _warning)
            groups = [] if mapping.group is None else [mapping.group]
            yield from _unknown(groups, entity.groups, "group", by, where, _warning)
    if mapping.type in (MappingType.FROM_INTENT, MappingType.FROM_TRIGGER_INTENT):
        problem = setting_problem(slot, mapping.value)
        if problem is not None:
            yield Finding(problem[0], f"{by} {problem[1]}", where)
    yield from _unknown(mapping.intents, domain.intent_names, "intent", by, where)
    yield from _unknown(mapping.not_intents, domain.intent_names, "intent", by, where, _warning)
    if mapping.action is not None:
        yield from _unknown([mapping.action], domain.action_names, "action", by, where)


def _check_conditions(domain: Domain, slot: Slot, mapping: SlotMapping) -> Iterator[Finding]:
    by, where = f"a condition of slot '{slot.name}'", mapping.where or slot.where
    for condition in mapping.conditions:
        loop, requested = condition.active_loop, condition.requested_slot
        if requested is not None:
            yield from _unknown([requested], domain.slot_by_name, "slot", by, where)
        if loop is None:
            if requested is not None:
                yield _warning(
                    f"{by} names a requested slot but no active loop, so that no slot is "
                    "requested; it counts whenever no loop is active",
                    where,
                )
            continue
        yield from _unknown([loop], (*domain.forms, *_LOOPS), "form", by, where)
        form = domain.forms.get(loop)
        if (
            form is not None
            and form.required_slots
            and slot.name not in form.required_slots
            and mapping.type is not MappingType.FROM_TRIGGER_INTENT
        ):
            yield _warning(f"{by} names form '{loop}', which does not ask for it", where)


def _check_forms(domain: Domain) -> Iterator[Finding]:
    actions = frozenset(domain.action_names)
    for form in domain.forms.values():
        by = f"form '{form.name}'"
        yield from _unknown(form.required_slots, domain.slot_by_name, "slot", by, form.where)
        yield from _unknown(
            form.ignored_intents, domain.intent_names, "intent", by, form.where, _warning
        )
        if form.name in domain.actions:  # the action server asks
            continue
        for slot in form.required_slots:
            asking = (
                f"{kind}_ask_{name}"
                for name in (f"{form.name}_{slot}", slot)
                for kind in ("action", "utter")
            )
            if not actions.intersection(asking):
                yield _warning(
                    f"{by} cannot ask for slot '{slot}': there is neither a response "
                    f"'utter_ask_{slot}' nor an action 'action_ask_{slot}'",
                    form.where,
                )


def _check_actions(domain: Domain) -> Iterator[Finding]:
    retrieving = {name.partition("/")[0] for name in domain.responses if "/" in name}
    for action in domain.actions:
        if action.startswith(_UTTER):
            if action not in domain.responses and action not in retrieving:
                yield _warning(f"action '{action}' has no response", domain.where)
        elif action.startswith("validate_"):
            form = action.removeprefix("validate_")
            if form not in domain.forms:
                yield _warning(
                    f"action '{action}' validates the form '{form}', which is not declared",
                    domain.where,
                )


def _check_responses(domain: Domain) -> Iterator[Finding]:
    for name, variations in domain.responses.items():
        by = f"response '{name}'"
        if not variations:
            yield _warning(f"{by} has no variations, so that nothing is said", domain.where)
        for variation in variations:
            where = variation.where or domain.where
            slots = [condition.slot for condition in variation.conditions]
            yield from _unknown(slots, domain.slot_by_name, "slot", f"a condition of {by}", where)
            for condition in variation.conditions:
                slot = domain.slot_by_name.get(condition.slot)
                problem = None if slot is None else comparison_problem(slot, condition.value)
                if problem is not None:
                    yield Finding(problem[0], f"a condition of {by} {problem[1]}", where)
            for placeholder in dict.fromkeys(_placeholders(variation)):
                if placeholder not in domain.slot_by_name:
                    yield _warning(
                        f"{by} holds '{{{placeholder}}}', which is not a slot; unless an action "
                        "gives its value, it is said as it is written",
                        where,
                    )


def _placeholders(variation: Variation) -> Iterator[str]:
    """Names in braces, wherever Rasa puts values in."""
    for part in (
        *(variation.text, variation.image, variation.custom, variation.attachment),
        *(variation.buttons, variation.quick_replies),
    ):
        for text in _texts(part):
            yield from _PLACEHOLDER.findall(text)


def _texts(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict):
        for value in part.values():
            yield from _texts(value)
    elif isinstance(part, list | tuple):
        for value in part:
            yield from _texts(value)
