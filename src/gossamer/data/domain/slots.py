"""Slots: what a conversation remembers, and what of it a model sees.

The features are those of Rasa 3.6: see `Slot.features`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from gossamer.data.errors import Location

OTHER_VALUE = "__other__"
"""Any value of a categorical slot that its `values` do not name."""


class SlotType(StrEnum):
    """Types a slot may have, named as in a domain file."""

    TEXT = "text"
    BOOL = "bool"
    FLOAT = "float"
    LIST = "list"
    CATEGORICAL = "categorical"
    ANY = "any"


class MappingType(StrEnum):
    """How a slot may be filled, named as in a domain file."""

    FROM_ENTITY = "from_entity"
    FROM_INTENT = "from_intent"
    FROM_TRIGGER_INTENT = "from_trigger_intent"
    FROM_TEXT = "from_text"
    CUSTOM = "custom"


@dataclass(frozen=True, slots=True, kw_only=True)
class MappingCondition:
    """When a mapping counts.

    Attributes:
        active_loop: the loop that must be active; None: no loop may be.
        requested_slot: the slot that must be asked for, or None for any.
    """

    active_loop: str | None
    requested_slot: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotMapping:
    """One way to fill a slot.

    Attributes:
        type: which way.
        entity: for `from_entity`, the entity's type.
        role: the role it must have; None: it must have none (Rasa compares both for equality).
        group: as `role`.
        value: for `from_intent` and `from_trigger_intent`, what the slot is set to.
        intents: intents it counts for; empty for all.
        not_intents: intents it does not count for.
        conditions: one of them must hold, unless there are none.
        action: for `custom`, the action that fills it, or None.
        where: where it is written; does not count in comparisons.
    """

    type: MappingType
    entity: str | None = None
    role: str | None = None
    group: str | None = None
    value: Any = None
    intents: tuple[str, ...] = ()
    not_intents: tuple[str, ...] = ()
    conditions: tuple[MappingCondition, ...] = ()
    action: str | None = None
    where: Location | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """A slot as the domain declares it.

    Attributes:
        name: its name.
        type: its type.
        initial_value: value at the start of a conversation.
        influence_conversation: whether models see it.
        mappings: how it is filled, tried in order.
        values: of a categorical slot, lower-cased, `OTHER_VALUE` last; else empty.
        min_value: of a float slot, the value that becomes feature 0.
        max_value: of a float slot, the value that becomes feature 1.
        where: where it is written; does not count in comparisons.
    """

    name: str
    type: SlotType
    initial_value: Any = None
    influence_conversation: bool = True
    mappings: tuple[SlotMapping, ...] = ()
    values: tuple[str, ...] = ()
    min_value: float = 0.0
    max_value: float = 1.0
    where: Location | None = field(default=None, compare=False, repr=False)

    @property
    def feature_size(self) -> int:
        """How many numbers `features` gives; 0 when the slot does not influence."""
        if not self.influence_conversation:
            return 0
        if self.type is SlotType.CATEGORICAL:
            return len(self.values)
        return _SIZES[self.type]

    def coerce(self, value: Any) -> Any:
        """The value as the slot keeps it: a list slot wraps anything else in a list."""
        if self.type is SlotType.LIST and value is not None and not isinstance(value, list):
            return list(value) if isinstance(value, tuple) else [value]
        return value

    def features(self, value: Any) -> tuple[float, ...]:
        """What a model sees of a value, as in Rasa 3.6.

        | type | features |
        |---|---|
        | text | 1 when there is a value |
        | bool | 1 when there is a value that reads as a boolean; its truth |
        | float | 1 when there is a number; its place between `min_value` and `max_value`, clipped |
        | list | 1 when there is an item |
        | categorical | 1 at the value, whatever its case; at `OTHER_VALUE` for an unknown one |
        | any | none |

        A value that cannot be read gives zeros. *Shape:* (feature_size,).
        """
        size = self.feature_size
        if size == 0:
            return ()
        if self.type is SlotType.TEXT:
            return (float(value is not None),)
        if self.type is SlotType.LIST:
            return (float(bool(self.coerce(value))),)
        if self.type is SlotType.BOOL:
            truth = read_bool(value)
            return (0.0, 0.0) if truth is None else (1.0, float(truth))
        if self.type is SlotType.FLOAT:
            return self._float_features(value)
        if value is None:
            return (0.0,) * size
        text = str(value).lower()
        known = text if text in self.values else OTHER_VALUE
        return tuple(float(known == candidate) for candidate in self.values)

    def _float_features(self, value: Any) -> tuple[float, float]:
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            return (0.0, 0.0)
        if math.isnan(number):
            return (0.0, 0.0)
        clipped = min(max(number, self.min_value), self.max_value)
        return (1.0, (clipped - self.min_value) / (self.max_value - self.min_value))


_SIZES = {
    SlotType.TEXT: 1,
    SlotType.BOOL: 2,
    SlotType.FLOAT: 2,
    SlotType.LIST: 1,
    SlotType.ANY: 0,
}


def read_bool(value: Any) -> bool | None:
    """The truth of a slot's value as Rasa 3.6 reads it; None when it cannot be known.

    Numbers and texts of digits are true when they equal 1; "true" and "false" count in any case.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return value == 1
    if isinstance(value, str):
        if value.isnumeric():
            # Python reads no integers of thousands of digits.
            return value.isdecimal() and len(value) <= 100 and int(value) == 1
        return {"true": True, "false": False}.get(value.lower())
    return None
