"""What people hand to the estimator, checked and brought into the objects training takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gossamer.data.errors import DataError
from gossamer.data.examples import Entity

EntityLike = Entity | Mapping[str, Any]
Texts = Sequence[str] | npt.NDArray[Any]


def plain(value: Any) -> Any:
    """The value as JSON has it: lists, dicts and Python's own numbers."""
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(part) for part in value]
    return value.item() if isinstance(value, np.generic) else value


def checked_texts(texts: Texts) -> list[str]:
    """The texts as a list. Raises `DataError` when one is no string."""
    if isinstance(texts, str):
        raise DataError("texts must be a sequence of strings", got=texts, hint="[text]")
    checked = list(texts)
    for number, text in enumerate(checked):
        if not isinstance(text, str):
            raise DataError(f"text number {number} must be a string", got=text)
    return checked


def checked_classes(
    y: Sequence[Any] | npt.NDArray[Any] | None, texts: Sequence[str]
) -> tuple[npt.NDArray[Any] | None, dict[Any, str]]:
    """The sorted intents, and the name each is trained under; (None, {}) without intents.

    Raises:
        DataError: there is not one for each text, or one is neither string nor integer.
    """
    if y is None:
        return None, {}
    labels = np.asarray(y)
    if labels.shape != (len(texts),):
        raise DataError(
            "fit needs one intent for each text", got=f"{labels.shape} for {len(texts)} texts"
        )
    if labels.dtype.kind not in "iuUO" or any(
        not isinstance(label, str | int | np.integer) or label == "" for label in labels
    ):
        raise DataError("intents must be non-empty strings or integers", got=labels[:3].tolist())
    if len({isinstance(label, str) for label in labels}) > 1:
        raise DataError("intents must be all strings or all integers", got=labels[:3].tolist())
    classes = np.unique(labels)
    with_text = {label for text, label in zip(texts, labels.tolist(), strict=True) if text.strip()}
    without = [label for label in classes.tolist() if label not in with_text]
    if without:
        raise DataError("each intent needs a text that is not blank", got=without)
    return classes, class_names(classes)


def class_names(classes: npt.NDArray[Any]) -> dict[Any, str]:
    """The name under which each class is trained.

    A slash would make a retrieval intent of it, so it becomes a blank; what would then be the same
    name gets a number.
    """
    names: dict[Any, str] = {}
    taken: set[str] = set()
    for label in classes.tolist():
        name = str(label).replace("/", " ")
        unique, number = name, 2
        while unique in taken:
            unique, number = f"{name} {number}", number + 1
        taken.add(unique)
        names[label] = unique
    return names


def checked_entities(
    entities: Sequence[Sequence[EntityLike]] | None, texts: Sequence[str]
) -> list[tuple[Entity, ...]]:
    """The entities of each text, in order of their start.

    Raises:
        DataError: there is not one list for each text, or an entity does not fit its text.
    """
    if entities is None:
        return [()] * len(texts)
    if len(entities) != len(texts):
        raise DataError(
            "fit needs one list of entities for each text",
            got=f"{len(entities)} lists for {len(texts)} texts",
            hint="an empty list for a text without entities",
        )
    return [
        tuple(
            sorted((_entity(part, text, number) for part in found), key=lambda e: (e.start, e.end))
        )
        for number, (text, found) in enumerate(zip(texts, entities, strict=True))
    ]


def _entity(part: EntityLike, text: str, number: int) -> Entity:
    if not isinstance(part, Entity):
        unknown = set(part) - {"start", "end", "entity", "value", "role", "group"}
        missing = {"start", "end", "entity"} - set(part)
        if unknown or missing:
            raise DataError(
                f"an entity of text number {number} needs start, end and entity, and may have "
                "value, role and group",
                got=dict(part),
            )
        value = part.get("value", text[part["start"] : part["end"]])
        part = Entity(**{**part, "value": value})
    if not 0 <= part.start < part.end <= len(text):
        raise DataError(
            f"an entity of text number {number} must lie within the text's {len(text)} characters",
            got=(part.start, part.end),
        )
    return part
