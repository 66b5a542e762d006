"""Messages that name their intent directly: `/order@0.9{"size": "large"}`.

Buttons of a chat window send such messages, and test stories hold them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gossamer.data.text.limits import is_too_deep

_HEAD = re.compile(r"\s*/(?P<intent>[^\s{@]+)(?:@(?P<confidence>[0-9]*\.?[0-9]+))?\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectMessage:
    """What a direct message says.

    Attributes:
        intent: the intent.
        confidence: 1.0 when left out.
        values: entity types and values, as written; None when there is JSON but no valid one.
        start: offset of the JSON's first character.
        end: offset after the JSON.
    """

    intent: str
    confidence: float
    values: Mapping[str, Any] | None
    start: int
    end: int

    def entities(self) -> list[tuple[str, Any]]:
        """Types and values; a value that is a list gives one of each element."""
        return [
            (entity, each)
            for entity, value in (self.values or {}).items()
            for each in (value if isinstance(value, list) else [value])
        ]


def parse_direct_message(text: str) -> DirectMessage | None:
    """Read a direct message; None for other texts. What follows the JSON is ignored."""
    head = _HEAD.match(text)
    if head is None:
        return None
    start = end = head.end()
    values: Mapping[str, Any] | None = {}
    if text.startswith("{", start):
        try:
            values, end = json.JSONDecoder().raw_decode(text, start)
            values = None if is_too_deep(values) else values
        except (ValueError, RecursionError):
            values = None
    return DirectMessage(
        intent=head["intent"],
        confidence=1.0 if head["confidence"] is None else float(head["confidence"]),
        values=values,
        start=start,
        end=end,
    )
