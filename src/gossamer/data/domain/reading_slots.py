"""The slots of a domain: types, values and mappings."""

from __future__ import annotations

import warnings

from gossamer.data.domain.parts import Named
from gossamer.data.domain.slots import (
    OTHER_VALUE,
    MappingCondition,
    MappingType,
    Slot,
    SlotMapping,
    SlotType,
)
from gossamer.data.errors import DataError
from gossamer.data.text.suggestions import nearest
from gossamer.data.text.yaml_tree import YamlMapping, YamlNode, YamlScalar
from gossamer.data.text.yaml_values import (
    bool_of,
    is_null,
    items_of,
    mapping_of,
    number_of,
    optional_text,
    plain,
    text_of,
    texts_of,
    warn_unread,
)

_KEYS = ("type", "initial_value", "influence_conversation", "mappings")
_KEYS_OF_TYPE = {
    SlotType.CATEGORICAL: ("values",),
    SlotType.FLOAT: ("min_value", "max_value"),
}
_MAPPING_KEYS = (
    *("type", "entity", "role", "group", "value"),
    *("intent", "not_intent", "conditions", "action"),
)


def read_slot(named: Named) -> Slot:
    """A slot as Rasa 3 writes it.

    Departure from Rasa: types that are classes are refused, because reading a file must not import
    the code that it names.

    Raises:
        DataError: no type or an unknown one, an option that the type does not have, a value of the
            wrong kind, a range that is empty, a mapping that lacks what its type needs.
    """
    name = named.key.text
    body = _body(named)
    slot_type = _type(body, name)
    own_keys = _KEYS_OF_TYPE.get(slot_type, ())
    for key, _ in body.pairs:
        if key.text == "value_reset_delay":
            warnings.warn(
                f"{key.where}: 'value_reset_delay' has no effect, in Rasa too", stacklevel=2
            )
        elif key.text not in (*_KEYS, *own_keys):
            meant = nearest(key.text, (*_KEYS, *own_keys))
            raise DataError(
                f"a slot of type {slot_type} has the keys {', '.join((*_KEYS, *own_keys))}",
                got=key.text,
                where=key.where,
                hint=meant,
            )
    entries = body.entries
    influence = entries.get("influence_conversation")
    if influence is None:
        influences = slot_type is not SlotType.ANY
    else:
        influences = bool_of(influence, f"'influence_conversation' of slot '{name}'")
        if influences and slot_type is SlotType.ANY:
            raise DataError(
                "a slot of type any cannot influence the conversation",
                got=name,
                where=influence.where,
                hint="another type, or influence_conversation: false",
            )
    initial = entries.get("initial_value")
    low, high = (_limit(body, key) for key in ("min_value", "max_value"))
    slot = Slot(
        name=name,
        type=slot_type,
        initial_value=None if initial is None else plain(initial),
        influence_conversation=influences,
        mappings=tuple(
            _mapping(item, name)
            for item in items_of(
                entries.get("mappings"), f"'mappings' of slot '{name}'", "- type: from_text"
            )
        ),
        values=_values(body, name) if slot_type is SlotType.CATEGORICAL else (),
        min_value=0.0 if low is None else low,
        max_value=1.0 if high is None else high,
        where=named.where,
    )
    if slot_type is SlotType.FLOAT:
        _check_range(slot, initial)
    return slot


def _body(named: Named) -> YamlMapping:
    if named.body is None or is_null(named.body):
        raise DataError("a slot needs a type", got=named.key.text, where=named.where, hint="type:")
    return mapping_of(named.body, f"slot '{named.key.text}'", "type: text")


def _type(body: YamlMapping, name: str) -> SlotType:
    node = body.entries.get("type")
    if node is None or is_null(node):
        raise DataError("a slot needs a type", got=name, where=body.where, hint="type: text")
    text = text_of(node, f"the type of slot '{name}'")
    if text in tuple(SlotType):
        return SlotType(text)
    if "." in text:
        hint = (
            "categorical with the values that the class tells apart, float or bool; any, where "
            "models need not see it. Gossamer never imports code that is named in a file"
        )
    else:
        hint = nearest(text, tuple(SlotType)) or "any"
    raise DataError(
        f"the type of a slot must be one of {', '.join(SlotType)}",
        got=text,
        where=node.where,
        hint=hint,
    )


def _limit(body: YamlMapping, key: str) -> float | None:
    node = body.entries.get(key)
    return None if node is None else number_of(node, f"'{key}'")


def _check_range(slot: Slot, initial: YamlNode | None) -> None:
    if slot.min_value >= slot.max_value:
        raise DataError(
            "'min_value' of a slot must be below its 'max_value'",
            got=(slot.min_value, slot.max_value),
            where=slot.where,
        )
    if initial is not None and not is_null(initial):
        value = number_of(initial, f"'initial_value' of slot '{slot.name}'")
        if not slot.min_value <= value <= slot.max_value:
            warnings.warn(
                f"{initial.where}: the initial value {value} of slot '{slot.name}' is not between "
                f"{slot.min_value} and {slot.max_value}",
                stacklevel=2,
            )


def _values(body: YamlMapping, name: str) -> tuple[str, ...]:
    values: dict[str, None] = {}
    for item in items_of(body.entries.get("values"), f"'values' of slot '{name}'", "- value"):
        if not isinstance(item, YamlScalar):
            raise DataError(
                f"a value of slot '{name}' must be a text, a number, true or false",
                got=item.to_python(),
                where=item.where,
            )
        if item.value is None:
            warnings.warn(
                f"{item.where}: null among the values of slot '{name}' means that it is not set, "
                "and is left out; a text is meant? Put it in quotes",
                stacklevel=2,
            )
            continue
        value = str(item.value).lower()
        if value in values:
            warnings.warn(
                f"{item.where}: '{value}' is already among the values of slot '{name}'; "
                "upper and lower case are the same",
                stacklevel=2,
            )
        values[value] = None
    values.pop(OTHER_VALUE, None)
    return (*values, OTHER_VALUE)


def _mapping(node: YamlNode, slot: str) -> SlotMapping:
    what = f"a mapping of slot '{slot}'"
    body = mapping_of(node, what, "- type: from_text")
    entries = body.entries
    type_node = entries.get("type")
    known = ", ".join(MappingType)
    if type_node is None:
        raise DataError(
            f"{what} needs a type: {known}",
            got=body.to_python(),
            where=body.where,
            hint="type: from_entity",
        )
    text = text_of(type_node, f"the type of {what}")
    if text not in tuple(MappingType):
        raise DataError(
            f"the type of {what} must be one of {known}",
            got=text,
            where=type_node.where,
            hint=nearest(text, tuple(MappingType)) or "custom",
        )
    mapping_type = MappingType(text)
    warn_unread(body, _MAPPING_KEYS, what)
    needed = {
        MappingType.FROM_ENTITY: "entity",
        MappingType.FROM_INTENT: "value",
        MappingType.FROM_TRIGGER_INTENT: "value",
    }.get(mapping_type)
    if needed is not None and is_null(entries.get(needed)):
        raise DataError(
            f"{what} of type {mapping_type} needs the key '{needed}'",
            got=body.to_python(),
            where=body.where,
            hint=f"{needed}: ...",
        )
    value = entries.get("value")
    return SlotMapping(
        type=mapping_type,
        entity=optional_text(body, "entity", what),
        role=optional_text(body, "role", what),
        group=optional_text(body, "group", what),
        value=None if value is None else plain(value),
        intents=texts_of(entries.get("intent"), f"'intent' of {what}"),
        not_intents=texts_of(entries.get("not_intent"), f"'not_intent' of {what}"),
        conditions=tuple(
            _condition(item, what)
            for item in items_of(
                entries.get("conditions"), f"'conditions' of {what}", "- active_loop: my_form"
            )
        ),
        action=optional_text(body, "action", what),
        where=body.where,
    )


def _condition(node: YamlNode, what: str) -> MappingCondition:
    keys = ("active_loop", "requested_slot")
    body = mapping_of(node, f"a condition of {what}", "- active_loop: my_form")
    if not body.entries.keys() & set(keys):
        raise DataError(
            f"a condition of {what} must name 'active_loop'",
            got=body.to_python(),
            where=body.where,
            hint="active_loop: my_form, or active_loop: null for no form",
        )
    warn_unread(body, keys, f"a condition of {what}")
    loop, requested = (optional_text(body, key, f"a condition of {what}") for key in keys)
    return MappingCondition(active_loop=loop, requested_slot=requested)
