"""Values that a slot is compared with or set to, but cannot have.

At run time a response's condition holds when the values are equal, texts in any case; what a slot
was set to is not turned into its type. So a bool is never equal to the text "true".
"""

from __future__ import annotations

from typing import Any

from gossamer.data.domain.slots import MappingType, Slot, SlotType, read_bool
from gossamer.data.nlu.checks import Severity

Problem = tuple[Severity, str]

_TEXTUAL = (MappingType.FROM_ENTITY, MappingType.FROM_TEXT)
_WRITTEN = (MappingType.FROM_INTENT, MappingType.FROM_TRIGGER_INTENT)
_KINDS = {
    SlotType.BOOL: "a bool",
    SlotType.FLOAT: "a number",
    SlotType.LIST: "a list",
    SlotType.TEXT: "a text",
    SlotType.CATEGORICAL: "a text",
}


def comparison_problem(slot: Slot, value: Any) -> Problem | None:
    """Why a condition that a slot has this value may never hold, or None.

    An error when it cannot: the slot is of another type, and nothing but actions could set it to
    such a value. A warning when that is unlikely.
    """
    if value is None or slot.type is SlotType.ANY or _is_set_to(slot, value):
        return None
    if slot.type is SlotType.CATEGORICAL:
        return _unknown_value(slot, value)
    if _has_type(slot, value):
        return _out_of_range(slot, value)
    texts_come = isinstance(value, str) and _is_filled_with_texts(slot)
    is_never = slot.type is not SlotType.TEXT and not texts_come
    return (
        Severity.ERROR if is_never else Severity.WARNING,
        f"compares the slot '{slot.name}' of type {slot.type} with {_kind(value)}, {value!r}, "
        f"which is {'never' if is_never else 'hardly ever'} equal to {_KINDS[slot.type]}"
        + _hint(slot, value),
    )


def setting_problem(slot: Slot, value: Any) -> Problem | None:
    """What is doubtful about setting a slot to a value, or None.

    An error when it would count as not set.
    """
    if value is None or slot.type in (SlotType.ANY, SlotType.TEXT, SlotType.LIST):
        return None
    if slot.type is SlotType.CATEGORICAL:
        return _unknown_value(slot, value)
    if _has_type(slot, value):
        return _out_of_range(slot, value)
    is_read = read_bool(value) is not None if slot.type is SlotType.BOOL else is_number(value)
    told = f"sets the slot '{slot.name}' of type {slot.type} to {_kind(value)}, {value!r}"
    if not is_read:
        return Severity.ERROR, f"{told}, which counts as not set"
    return (
        Severity.WARNING,
        f"{told}, which no condition finds equal to {_KINDS[slot.type]}" + _hint(slot, value),
    )


def is_number(value: Any) -> bool:
    """Whether a float slot can read a value."""
    try:
        float(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return True


def _unknown_value(slot: Slot, value: Any) -> Problem | None:
    if str(value).lower() in slot.values:
        return None
    return Severity.WARNING, (
        f"names {value!r}, which is not among the values of slot '{slot.name}' "
        f"({', '.join(slot.values)})"
    )


def _out_of_range(slot: Slot, value: Any) -> Problem | None:
    if slot.type is not SlotType.FLOAT or slot.min_value <= value <= slot.max_value:
        return None
    return Severity.WARNING, (
        f"names {value!r}, which is not between the limits of slot '{slot.name}', "
        f"{slot.min_value} and {slot.max_value}"
    )


def _has_type(slot: Slot, value: Any) -> bool:
    match slot.type:
        case SlotType.BOOL:  # 1 == True, as in Rasa
            return isinstance(value, int | float) and value in (0, 1)
        case SlotType.FLOAT:
            return isinstance(value, int | float) and not isinstance(value, bool)
        case SlotType.LIST:
            return isinstance(value, list)
        case _:
            return isinstance(value, str)


def _is_set_to(slot: Slot, value: Any) -> bool:
    """Whether the domain itself gives the slot this value."""
    given = (
        slot.initial_value,
        *(mapping.value for mapping in slot.mappings if mapping.type in _WRITTEN),
    )
    return any(
        each == value and isinstance(each, bool) == isinstance(value, bool)
        for each in map(slot.coerce, given)
    )


def _is_filled_with_texts(slot: Slot) -> bool:
    return slot.type is not SlotType.LIST and any(
        mapping.type in _TEXTUAL for mapping in slot.mappings
    )


def _kind(value: Any) -> str:
    for kind, name in (
        (bool, "a bool"),
        (str, "a text"),
        (int | float, "a number"),
        (list, "a list"),
    ):
        if isinstance(value, kind):
            return name
    return "a mapping"


def _hint(slot: Slot, value: Any) -> str:
    if isinstance(value, str):
        if slot.type is SlotType.BOOL and read_bool(value) is not None:
            return f"; {str(read_bool(value)).lower()} without quotes is a bool"
        if slot.type is SlotType.FLOAT and is_number(value):
            return f"; {value} without quotes is a number"
        if slot.type is SlotType.LIST:
            return f"; [{value}] is a list"
    return f'; "{value}" in quotes is a text' if slot.type is SlotType.TEXT else ""
