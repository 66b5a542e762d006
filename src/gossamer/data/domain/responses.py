"""Responses: what an assistant says, in variations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gossamer.data.errors import Location


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotEquals:
    """A response's condition: a slot must have this value (texts compare in any case)."""

    slot: str
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Variation:
    """One way to say a response.

    Attributes:
        text: what is said, with `{slot}` where a slot's value goes, or None when `custom` is all.
        custom: any JSON for the channel, or None.
        image: address of a picture, or None.
        attachment: address or description of a file, or None.
        buttons: each with `title` and `payload`.
        quick_replies: as `buttons`.
        elements: cards for channels that show them.
        channel: the only channel it is meant for, or None for all.
        conditions: all must hold.
        metadata: anything the author attached.
        others: further keys, kept as they are (`id`, `button_type`).
        where: where it is written; does not count in comparisons.
    """

    text: str | None = None
    custom: Any = None
    image: str | None = None
    attachment: Any = None
    buttons: tuple[Mapping[str, Any], ...] = ()
    quick_replies: tuple[Mapping[str, Any], ...] = ()
    elements: tuple[Mapping[str, Any], ...] = ()
    channel: str | None = None
    conditions: tuple[SlotEquals, ...] = ()
    metadata: Any = None
    others: Mapping[str, Any] = field(default_factory=dict)
    where: Location | None = field(default=None, compare=False, repr=False)
