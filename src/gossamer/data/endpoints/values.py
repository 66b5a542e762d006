"""Typed values of `endpoints.yml` and `credentials.yml`, or an error that names the line.

A text counts as it is written: a token `0123` stays that. What comes from an environment variable
is a text, so numbers and truth values are also read from texts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from gossamer.data.errors import ConfigError, DataError, Location
from gossamer.data.text.suggestions import nearest
from gossamer.data.text.yaml_tree import YamlList, YamlMapping, YamlNode, YamlScalar
from gossamer.data.text.yaml_values import is_null, plain

T = TypeVar("T")

Reader: TypeAlias = Callable[[str, YamlNode], Any]
Readers: TypeAlias = Mapping[str, tuple[str, Reader]]
"""By key: the name of the attribute, and what reads it."""


def mapping_of(name: str, node: YamlNode, hint: str | None = None) -> YamlMapping:
    """A section, which must be a mapping."""
    if not isinstance(node, YamlMapping):
        raise ConfigError(
            f"'{name}' must be a mapping", got=shown(node), where=node.where, hint=hint
        )
    return node


def shown(node: YamlNode) -> str:
    """What a message may show of a value in place of which something else belongs."""
    if isinstance(node, YamlScalar):
        return node.text.rpartition("@")[2]  # of an address without its password
    return "a list" if isinstance(node, YamlList) else "a mapping"


def given_in(
    name: str, node: YamlMapping, known: Collection[str]
) -> dict[str, tuple[YamlScalar, YamlNode]]:
    """Keys and values that are not null.

    Raises:
        ConfigError: a key is not a known one.
    """
    for key, _ in node.pairs:
        if key.text not in known:
            meant = nearest(key.text, known)
            keys = f"has the keys {', '.join(known)}" if known else "has no keys"
            raise ConfigError(
                f"'{name}' {keys}",
                got=key.text,
                where=key.where,
                hint=None if meant is None else f"'{meant}'",
            )
    return {key.text: (key, value) for key, value in node.pairs if not is_null(value)}


def options_in(name: str, node: YamlMapping, readers: Readers) -> dict[str, Any]:
    """Attributes from a section.

    Raises:
        ConfigError: a key is not a known one, or a value is not what it should be.
    """
    options: dict[str, Any] = {}
    for key, (_, value) in given_in(name, node, readers).items():
        attribute, read = readers[key]
        options[attribute] = read(key, value)
    return options


def made(kind: Callable[..., T], options: Mapping[str, Any], where: Location) -> T:
    """An object of these options, whose faults are told with a place."""
    try:
        return kind(**options)
    except ConfigError as error:
        raise ConfigError(error.must_hold, got=error.got, where=where, hint=error.hint) from None


def text_of(key: str, node: YamlNode) -> str:
    """A text, or a number as it is written."""
    if not isinstance(node, YamlScalar):
        raise ConfigError(f"'{key}' must be a text", got=shown(node), where=node.where)
    return node.text


def texts_of(key: str, node: YamlNode) -> dict[str, str]:
    """Texts by name."""
    if not isinstance(node, YamlMapping):
        raise ConfigError(f"'{key}' must be a mapping of texts", where=node.where)
    return {name.text: text_of(name.text, value) for name, value in node.pairs}


def text_list_of(key: str, node: YamlNode) -> tuple[str, ...]:
    """One text, or a list of at least one."""
    items = node.items if isinstance(node, YamlList) else (node,)
    texts = tuple(text_of(key, item) for item in items)
    if not texts or not all(texts):
        raise ConfigError(
            f"'{key}' must have at least one name, none of them empty",
            where=node.where,
            hint=f"{key}: [name]",
        )
    return texts


def path_of(key: str, node: YamlNode) -> Path:
    """A file that exists."""
    path = Path(text_of(key, node))
    if not path.is_file():
        raise ConfigError(f"'{key}' must name a file", got=str(path), where=node.where)
    return path


def login_of(key: str, node: YamlNode) -> tuple[str, str]:
    """User name and password."""
    texts = texts_of(key, node)
    if set(texts) != {"username", "password"}:
        raise ConfigError(
            f"'{key}' must have the keys username and password", got=list(texts), where=node.where
        )
    return texts["username"], texts["password"]


def seconds_of(key: str, node: YamlNode) -> float:
    """A number."""
    value = node.to_python()
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            value = None
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise ConfigError(f"'{key}' must be a number of seconds", got=shown(node), where=node.where)
    return float(value)


def port_of(key: str, node: YamlNode) -> int:
    """A port."""
    text = node.text if isinstance(node, YamlScalar) else ""
    port = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    if not 0 < port < 65536:
        raise ConfigError(
            f"'{key}' must be a number from 1 to 65535", got=shown(node), where=node.where
        )
    return port


def truth_of(key: str, node: YamlNode) -> bool:
    """True or false."""
    text = node.text.lower() if isinstance(node, YamlScalar) else ""
    if text not in ("true", "false"):
        raise ConfigError(f"'{key}' must be true or false", got=shown(node), where=node.where)
    return text == "true"


def own_options(section: YamlMapping, *left_out: str) -> dict[str, Any]:
    """What a class of the user's own is given: plain values by key."""
    try:
        return {key.text: plain(node) for key, node in section.pairs if key.text not in left_out}
    except DataError as error:
        raise ConfigError(error.must_hold, got=error.got, where=error.where) from None
