"""An entity, wherever it comes from: an annotation, an extractor, a story or a conversation."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gossamer.data.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Entity:
    """Something that a message names.

    An annotation has a place, a type and a value. One that was found also has an extractor, and
    confidences where the extractor gives them. One of a story may be without a place.

    Attributes:
        start: offset of the first character in the plain text, or None without a place.
        end: offset after the last character, or None.
        entity: the entity type.
        value: what was said or meant: a text, or what an annotation or extractor makes of it; ""
            in a story that gives only the type.
        role: the part it plays ("departure"), or None.
        group: the group it belongs to, or None.
        extractor: name of the component that found it, or None.
        confidence: of the type; `role_confidence` and `group_confidence` of role and group.
        processors: components that have changed it.
        text: the span of the message, where the extractor gives it.
        additional_info: all that the extractor knows of it, where that is more than the value.
        others: what JSON of another program says besides, or None.
    """

    start: int | None = None
    end: int | None = None
    entity: str
    value: Any = ""
    role: str | None = None
    group: str | None = None
    extractor: str | None = None
    confidence: float | None = None
    role_confidence: float | None = None
    group_confidence: float | None = None
    processors: tuple[str, ...] = ()
    text: str | None = None
    additional_info: Mapping[str, Any] | None = None
    others: Mapping[str, Any] | None = None

    def __repr__(self) -> str:
        """Only what it has."""
        parts = ((name, getattr(self, name)) for name in self.__slots__)
        shown = (f"{name}={part!r}" for name, part in parts if part is not None and part != ())
        return f"Entity({', '.join(shown)})"

    @property
    def has_place(self) -> bool:
        """Whether it has a place in a text."""
        return self.start is not None and self.end is not None

    @property
    def span(self) -> tuple[int, int]:
        """Start and end. Raises `ValueError` when it has no place."""
        if self.start is None or self.end is None:
            raise ValueError(f"an entity must have its place in the text (got {self})")
        return self.start, self.end

    def to_dict(self) -> dict[str, Any]:
        """JSON of Rasa's shape, absent parts left out (`confidence_entity`, `role`, ...).

        As in Rasa, the confidence is called `confidence` where there is `additional_info`.
        """
        parts: dict[str, Any] = {
            "entity": self.entity,
            "start": self.start,
            "end": self.end,
            "text": self.text,
            _confidence_key(self.additional_info): self.confidence,
            "additional_info": self.additional_info,
            "role": self.role,
            "confidence_role": self.role_confidence,
            "group": self.group,
            "confidence_group": self.group_confidence,
        }
        result = {key: part for key, part in parts.items() if part is not None}
        result["value"] = self.value
        if self.extractor is not None:
            result["extractor"] = self.extractor
        if self.processors:
            result["processors"] = list(self.processors)
        return result if self.others is None else result | dict(self.others)

    @classmethod
    def from_dict(cls, content: object) -> Entity:
        """The entity that JSON of Rasa's shape describes; `to_dict` gives the same again.

        Raises:
            DataError: it is not a mapping that names the type.
        """
        if not isinstance(content, Mapping) or not isinstance(content.get("entity"), str):
            raise DataError('an entity must be a mapping with the key "entity"', got=content)
        places = (content.get(key) for key in ("start", "end"))
        start, end = (place if isinstance(place, int) else None for place in places)
        processors = content.get("processors")
        entity = cls(
            start=start,
            end=end,
            entity=content["entity"],
            value=content.get("value"),
            role=content.get("role"),
            group=content.get("group"),
            extractor=content.get("extractor"),
            confidence=content.get(_confidence_key(content.get("additional_info"))),
            role_confidence=content.get("confidence_role"),
            group_confidence=content.get("confidence_group"),
            processors=tuple(processors) if isinstance(processors, list) else (),
            text=content.get("text"),
            additional_info=content.get("additional_info"),
        )
        written = entity.to_dict()
        others = {key: x for key, x in content.items() if key not in written or written[key] != x}
        return dataclasses.replace(entity, others=others) if others else entity


def _confidence_key(additional_info: object) -> str:
    return "confidence_entity" if additional_info is None else "confidence"
