"""Converts domains of Rasa 1 and 2 to the layout of Rasa 3.

What `rasa data migrate` of Rasa 3.6 does to a domain is done here to its parts: mappings of forms
move to their slots, with conditions; a slot without mappings of its own that is named like an
entity is filled from it, unless it says `auto_fill: false`; a slot that is still without mappings
is filled by code (`custom`).

Departures, where the result would not mean what the domain meant:

- entities with roles, groups or options count as entities, and a slot is filled whatever the role
  or the group;
- `store_entities_as_slots: false` keeps slots from being filled by entities of their name;
- a slot with mappings of its own that does not say `auto_fill` is in Rasa 3's form already;
- types of Rasa 1 (`unfeaturized`) and paths of Rasa's own classes become today's types.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gossamer.data.domain.domain import EntityType
from gossamer.data.domain.parts import DomainParts, Named
from gossamer.data.domain.reading_responses import with_texts
from gossamer.data.errors import DataError
from gossamer.data.text.yaml_tree import YamlList, YamlMapping, YamlNode, YamlScalar
from gossamer.data.text.yaml_values import (
    bool_of,
    is_null,
    items_of,
    mapping_from,
    mapping_of,
    plain,
    scalar_from,
    tree_of,
    with_entry,
    without,
)

_CLASS = re.compile(r"rasa(?:_core|\.core|\.shared\.core)\.slots\.(\w+)Slot")
_TYPES = {
    "text": "text",
    "boolean": "bool",
    "float": "float",
    "list": "list",
    "categorical": "categorical",
    "any": "any",
    "unfeaturized": "any",
}
_FORM_KEYS = ("required_slots", "ignored_intents")


def migrate(parts: DomainParts, entities: Sequence[EntityType]) -> DomainParts:
    """The parts in the layout of Rasa 3; those that have it already stay as they are.

    Args:
        parts: the parts of the whole domain.
        entities: its entity types.

    Raises:
        DataError: a form of unknown layout, a slot that is not a mapping.
    """
    mappings = {name: _own_mappings(slot) for name, slot in parts.slots.items()}
    forms: dict[str, Named] = {}
    for name, form in parts.forms.items():
        forms[name], asked = _form(form)
        for slot, moved in asked.items():
            if slot in mappings:
                mappings[slot] = _joined(mappings[slot], moved, form=name, slot=slot)
            elif moved:
                warnings.warn(
                    f"{moved[0].where}: what fills slot '{slot}' in form '{name}' is not read, "
                    "because there is no such slot",
                    stacklevel=2,
                )
    fills = parts.store_entities_as_slots is not False
    by_name = {entity.name: entity for entity in entities} if fills else {}
    return replace(
        parts,
        forms=forms,
        slots={
            name: _slot(slot, mappings[name], by_name.get(name))
            for name, slot in parts.slots.items()
        },
        responses={
            name: replace(response, body=with_texts(response.body))
            for name, response in parts.responses.items()
            if response.body is not None
        },
    )


def _form(named: Named) -> tuple[Named, dict[str, list[YamlMapping]]]:
    """A form of Rasa 3, and the mappings that it had for its slots."""
    name = named.key.text
    if named.body is None or is_null(named.body):
        return named, {}
    body = mapping_of(named.body, f"form '{name}'", "required_slots:")
    if "required_slots" in body.entries:
        strangers = [key for key, _ in body.pairs if key.text not in _FORM_KEYS]
        if strangers:
            warnings.warn(
                f"{strangers[0].where}: not read in form '{name}', as in Rasa: "
                f"{', '.join(key.text for key in strangers)}; slots belong under required_slots, "
                "indented further",
                stacklevel=2,
            )
        body = without(body, *(key.text for key in strangers))
    elif "ignored_intents" in body.entries:
        raise DataError(
            "a form with 'ignored_intents' needs 'required_slots'",
            got=name,
            where=named.where,
            hint="required_slots: []",
        )
    else:
        body = mapping_from(body.where, [(scalar_from(body.where, "required_slots"), body)])
    required = body.entries["required_slots"]
    if not isinstance(required, YamlMapping):
        return replace(named, body=body), {}
    asked = {
        key.text: [
            mapping_of(
                item, f"a mapping of slot '{key.text}' in form '{name}'", "- type: from_text"
            )
            for item in items_of(node, f"slot '{key.text}' in form '{name}'", "- type: from_text")
        ]
        for key, node in required.pairs
    }
    slots = YamlList(required.where, tuple(key for key, _ in required.pairs))
    return replace(named, body=with_entry(body, "required_slots", slots)), asked


def _own_mappings(slot: Named) -> list[YamlNode]:
    if not isinstance(slot.body, YamlMapping):
        return []
    what = f"'mappings' of slot '{slot.key.text}'"
    return list(items_of(slot.body.entries.get("mappings"), what, "- type: from_text"))


def _joined(
    known: Sequence[YamlNode], moved: Sequence[YamlMapping], *, form: str, slot: str
) -> list[YamlNode]:
    """The mappings of a slot with those that a form had for it.

    A known mapping that says the same counts in this form too; one without conditions counts
    everywhere already.
    """
    result: list[YamlNode] = []
    rest = list(moved)
    for mapping in known:
        if isinstance(mapping, YamlMapping):
            said = plain(without(mapping, "conditions"))
            same = next((i for i, other in enumerate(rest) if plain(other) == said), None)
            if same is not None:
                conditions = mapping.entries.get("conditions")
                added = _condition(rest.pop(same), form, slot)
                if isinstance(conditions, YamlList) and conditions.items:
                    both = replace(conditions, items=(*conditions.items, added))
                    mapping = with_entry(mapping, "conditions", both)
        result.append(mapping)
    for mapping in rest:
        condition = YamlList(mapping.where, (_condition(mapping, form, slot),))
        result.append(with_entry(mapping, "conditions", condition))
    return result


def _condition(mapping: YamlMapping, form: str, slot: str) -> YamlNode:
    """When a mapping of a form counts: texts and intents only while their slot is asked for."""
    condition = {"active_loop": form}
    kind = mapping.entries.get("type")
    if kind is None or plain(kind) not in ("from_entity", "from_trigger_intent"):
        condition["requested_slot"] = slot
    return tree_of(condition, mapping.where)


def _slot(named: Named, mappings: Sequence[YamlNode], entity: EntityType | None) -> Named:
    """A slot of Rasa 3; `entity` has its name."""
    body = named.body
    if not isinstance(body, YamlMapping):
        return named
    name = named.key.text
    auto_fill = body.entries.get("auto_fill")
    is_filled = auto_fill is None or bool_of(auto_fill, f"'auto_fill' of slot '{name}'")
    if entity is not None and is_filled and (auto_fill is not None or not _own_mappings(named)):
        present = [plain(mapping) for mapping in mappings]
        mappings = [
            *mappings,
            *(tree_of(new, named.where) for new in _from_entity(entity) if new not in present),
        ]
    if not mappings:
        mappings = [tree_of({"type": "custom"}, named.where)]
    body = without(body, "auto_fill")
    body = with_entry(body, "mappings", YamlList(named.where, tuple(mappings)))
    return replace(named, body=_with_type(body))


def _from_entity(entity: EntityType) -> list[dict[str, Any]]:
    """Mappings that fill a slot from an entity, whatever its role or its group."""
    base = {"type": "from_entity", "entity": entity.name}
    return [
        base,
        *(base | {"role": role} for role in entity.roles),
        *(base | {"group": group} for group in entity.groups),
    ]


def _with_type(body: YamlMapping) -> YamlMapping:
    """A slot whose type has today's name."""
    node = body.entries.get("type")
    if not isinstance(node, YamlScalar) or not isinstance(node.value, str):
        return body
    match = _CLASS.fullmatch(node.text)
    text = match[1].lower() if match else node.text
    if text == "unfeaturized" or match:
        return with_entry(body, "type", scalar_from(node.where, _TYPES.get(text, node.text)))
    return body
