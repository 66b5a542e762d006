"""Typed values out of YAML trees, or an error that names the line; and plain values as trees.

Not by pydantic, which reads the options of components: here a text counts as it is written (a token
`0123`), some faults are warnings, and an adapter for lines is longer than what it would replace.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from gossamer.data.errors import DataError, Location
from gossamer.data.text.suggestions import nearest
from gossamer.data.text.yaml_tree import YamlList, YamlMapping, YamlNode, YamlScalar


def is_null(node: YamlNode | None) -> bool:
    """Whether there is no value: no node, or null."""
    return node is None or (isinstance(node, YamlScalar) and node.value is None)


def text_of(node: YamlNode, what: str) -> str:
    """A text that is not blank; `what` names it in errors.

    Raises:
        DataError: it is something else.
    """
    scalar = node if isinstance(node, YamlScalar) else None
    if scalar is not None and isinstance(scalar.value, str) and scalar.text.strip():
        return scalar.text
    is_value = scalar is not None and scalar.value is not None and scalar.text.strip()
    raise DataError(
        f"{what} must be a text",
        got=node.to_python(),
        where=node.where,
        hint=f'"{scalar.text}", with the quotes' if scalar is not None and is_value else None,
    )


def texts_of(node: YamlNode | None, what: str) -> tuple[str, ...]:
    """Texts from a list or from one text; none from null.

    Raises:
        DataError: it is something else.
    """
    if node is None or is_null(node):
        return ()
    if isinstance(node, YamlMapping):
        raise DataError(
            f"{what} must be a list of texts", got=node.to_python(), where=node.where, hint="- name"
        )
    items = node.items if isinstance(node, YamlList) else (node,)
    return tuple(text_of(item, f"an item of {what}") for item in items)


def bool_of(node: YamlNode, what: str) -> bool:
    """A truth value.

    Raises:
        DataError: it is something else.
    """
    if not isinstance(node, YamlScalar) or not isinstance(node.value, bool):
        raise DataError(f"{what} must be true or false", got=node.to_python(), where=node.where)
    return node.value


def number_of(node: YamlNode, what: str) -> float:
    """A finite number.

    Raises:
        DataError: it is something else.
    """
    value = node.value if isinstance(node, YamlScalar) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise DataError(f"{what} must be a number", got=node.to_python(), where=node.where)
    return value


def mapping_of(node: YamlNode, what: str, hint: str | None = None) -> YamlMapping:
    """A mapping.

    Raises:
        DataError: it is something else.
    """
    if not isinstance(node, YamlMapping):
        raise DataError(
            f"{what} must be a mapping", got=node.to_python(), where=node.where, hint=hint
        )
    return node


def items_of(node: YamlNode | None, what: str, hint: str | None = None) -> tuple[YamlNode, ...]:
    """The items of a list; none from null.

    Raises:
        DataError: it is something else.
    """
    if node is None or is_null(node):
        return ()
    if not isinstance(node, YamlList):
        raise DataError(f"{what} must be a list", got=node.to_python(), where=node.where, hint=hint)
    return node.items


def optional_text(mapping: YamlMapping, key: str, what: str) -> str | None:
    """The text of a key of a mapping, which `what` names in errors; None when it is absent or null.

    Raises:
        DataError: it is something else.
    """
    node = mapping.entries.get(key)
    return None if node is None or is_null(node) else text_of(node, f"'{key}' of {what}")


def plain(node: YamlNode) -> Any:
    """The value of a node as JSON: keys are texts.

    Raises:
        DataError: a number is not finite.
    """
    if isinstance(node, YamlMapping):
        return {key.text: plain(value) for key, value in node.pairs}
    if isinstance(node, YamlList):
        return [plain(item) for item in node.items]
    if isinstance(node.value, float) and not math.isfinite(node.value):
        raise DataError("a number must be finite", got=node.text, where=node.where)
    return node.value


def tree_of(value: Any, where: Location) -> YamlNode:
    """A JSON value as a tree, all of it at one place.

    Raises:
        DataError: it is of another type.
    """
    if isinstance(value, Mapping):
        return mapping_from(
            where,
            ((scalar_from(where, str(key)), tree_of(part, where)) for key, part in value.items()),
        )
    if isinstance(value, list | tuple):
        return YamlList(where, tuple(tree_of(part, where) for part in value))
    if value is None or isinstance(value, str | bool | int | float):
        return scalar_from(where, value)
    raise DataError(
        "a value must be a text, a number, true, false, null, a list or a mapping", got=value
    )


def scalar_from(where: Location, value: str | bool | float | None) -> YamlScalar:
    """A scalar that is in no file."""
    return YamlScalar(where, "" if value is None else str(value), value, '"')


def mapping_from(where: Location, pairs: Iterable[tuple[YamlScalar, YamlNode]]) -> YamlMapping:
    """A mapping of these pairs; a later one of the same key replaces the earlier one."""
    by_key = {key.text: (key, value) for key, value in pairs}
    return YamlMapping(
        where, tuple(by_key.values()), {text: value for text, (_, value) in by_key.items()}
    )


def with_entry(mapping: YamlMapping, key: str, value: YamlNode) -> YamlMapping:
    """The mapping with a key set."""
    return mapping_from(mapping.where, (*mapping.pairs, (scalar_from(value.where, key), value)))


def without(mapping: YamlMapping, *keys: str) -> YamlMapping:
    """The mapping without some keys."""
    return mapping_from(mapping.where, (pair for pair in mapping.pairs if pair[0].text not in keys))


def warn_unread(mapping: YamlMapping, known: Collection[str], what: str) -> None:
    """Warn of keys that are not read, with what may have been meant."""
    for key, _ in mapping.pairs:
        if key.text not in known:
            meant = nearest(key.text, known)
            advice = f"did you mean '{meant}'?" if meant else f"known: {', '.join(known)}"
            warnings.warn(
                f"{key.where}: {what} has a key '{key.text}', which is not read; {advice}",
                stacklevel=3,
            )
