"""The responses of a domain, and those of NLU data, which are written alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gossamer.data.domain.responses import SlotEquals, Variation
from gossamer.data.errors import DataError, InputError, Location
from gossamer.data.text.yaml_tree import YamlMapping, YamlNode, YamlScalar
from gossamer.data.text.yaml_values import (
    is_null,
    items_of,
    mapping_from,
    mapping_of,
    optional_text,
    plain,
    scalar_from,
    text_of,
    tree_of,
    warn_unread,
)

_HINT = '- text: "Hello"'
_OTHERS = ("id", "button_type")
_KNOWN = (
    *("text", "custom", "image", "attachment", "buttons", "quick_replies", "elements"),
    *("channel", "condition", "metadata", *_OTHERS),
)


def read_variations(name: str, node: YamlNode, where: Location) -> tuple[Variation, ...]:
    """The variations of a response, each a mapping; `where` is the place of its name.

    Raises:
        DataError: no list; a variation that says nothing, or a part of it of the wrong type.
    """
    what = f"response '{name}'"
    if is_null(node):
        raise DataError(f"{what} needs variations", where=where, hint=_HINT)
    return tuple(_variation(item, what) for item in items_of(node, what, _HINT))


def with_texts(node: YamlNode) -> YamlNode:
    """A response whose variations are mappings: a plain text, as in Rasa 1, becomes one."""
    if isinstance(node, YamlMapping | YamlScalar):
        return node
    return dataclasses.replace(
        node,
        items=tuple(
            mapping_from(item.where, [(scalar_from(item.where, "text"), item)])
            if isinstance(item, YamlScalar)
            else item
            for item in node.items
        ),
    )


def variations_from(name: str, raw: Iterable[Mapping[str, Any]]) -> tuple[Variation, ...]:
    """Variations from plain values.

    Raises:
        DataError: as `read_variations`, without a place.
    """
    try:
        nowhere = Location(Path())
        read = read_variations(name, tree_of(list(raw), nowhere), nowhere)
    except InputError as error:
        raise DataError(error.must_hold, got=error.got, hint=error.hint) from None
    return tuple(dataclasses.replace(variation, where=None) for variation in read)


def _variation(node: YamlNode, what: str) -> Variation:
    what = f"a variation of {what}"
    body = mapping_of(node, what, _HINT)
    entries = body.entries
    custom = entries.get("custom")
    text = entries.get("text")
    if is_null(text) and (custom is None or not plain(custom)):
        raise DataError(
            f"{what} needs a text, or 'custom'",
            got=body.to_python(),
            where=body.where,
            hint=_HINT,
        )
    warn_unread(body, _KNOWN, what)
    return Variation(
        text=None if text is None or is_null(text) else _said(text, what),
        custom=None if custom is None else plain(custom),
        image=optional_text(body, "image", what),
        attachment=_optional(body, "attachment"),
        buttons=_cards(body, "buttons", what),
        quick_replies=_cards(body, "quick_replies", what),
        elements=_cards(body, "elements", what),
        channel=optional_text(body, "channel", what),
        conditions=tuple(
            _condition(item, what)
            for item in items_of(entries.get("condition"), f"'condition' of {what}", "- type: slot")
        ),
        metadata=_optional(body, "metadata"),
        others={
            key.text: plain(value)
            for key, value in body.pairs
            if key.text not in _KNOWN or key.text in _OTHERS
        },
        where=body.where,
    )


def _said(node: YamlNode, what: str) -> str:
    """A text, which may be blank."""
    if isinstance(node, YamlScalar) and isinstance(node.value, str):
        return node.text
    return text_of(node, f"the text of {what}")


def _optional(body: YamlMapping, key: str) -> Any:
    node = body.entries.get(key)
    return None if node is None else plain(node)


def _cards(body: YamlMapping, key: str, what: str) -> tuple[Mapping[str, Any], ...]:
    items = items_of(body.entries.get(key), f"'{key}' of {what}", "- title: Yes")
    return tuple(
        plain(mapping_of(item, f"an item of '{key}' of {what}", "- title: Yes")) for item in items
    )


def _condition(node: YamlNode, what: str) -> SlotEquals:
    what = f"a condition of {what}"
    example = "{type: slot, name: my_slot, value: ...}"
    body = mapping_of(node, what, example)
    kind, name, value = (body.entries.get(key) for key in ("type", "name", "value"))
    if not isinstance(kind, YamlScalar) or kind.value != "slot":
        raise DataError(
            f"{what} must be of type slot", got=body.to_python(), where=body.where, hint=example
        )
    if name is None or value is None:
        raise DataError(
            f"{what} needs 'name' and 'value'",
            got=body.to_python(),
            where=body.where,
            hint=example,
        )
    return SlotEquals(slot=text_of(name, f"'name' of {what}"), value=plain(value))


def plain_variations(raw: Iterable[Mapping[str, Any]]) -> list[Any]:
    """Variations as JSON values."""
    return [plain(tree_of(part, Location(Path()))) for part in raw]
