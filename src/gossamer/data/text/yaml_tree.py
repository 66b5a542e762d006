r"""YAML as a tree whose every node knows its line.

Rasa's reading of YAML is kept: always version 1.2 (`yes`, `no`, `on` and `off` are texts, `017` is
17), no key twice, `${NAME}` in plain scalars replaced from the environment, and `\u00e9` decoded
everywhere in a file that is pure ASCII.

Departures from Rasa: the last decoding is done scalar by scalar, not in the file as a whole, and
leaves control characters as written, so it cannot break the file's structure; dates stay texts, as
in YAML 1.2's core schema; tags other than the core ones are refused.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from gossamer.data.errors import DataError, InputError, Location
from gossamer.data.text.limits import MAX_DEPTH, MAX_YAML_NODES
from gossamer.data.text.yaml_nodes import TAG, read_nodes, too_deep

_TEXT_TAGS = frozenset({f"{TAG}{name}" for name in ("str", "timestamp", "value", "merge")})
_VARIABLE = re.compile(r"\$\{([^}^{]+)\}")
_SURROGATE = re.compile("[\ud800-\udfff]")
_MOST_DIGITS = 300
ESCAPE = re.compile(r"(?<!\\)((?:\\\\)*)((?:\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8})+)")


@dataclass(frozen=True, slots=True)
class YamlScalar:
    """A text, number, truth value or null.

    Attributes:
        where: its first line (that of the `|` for a block).
        text: the text as written, env variables and escapes replaced; "404" for 404.
        value: what it means in YAML 1.2.
        style: how it is quoted: "" (plain), "'", '"', "|" or ">".
    """

    where: Location
    text: str
    value: Any
    style: str

    def to_python(self) -> Any:
        """The plain value."""
        return self.value


@dataclass(frozen=True, slots=True)
class YamlList:
    """A list of nodes."""

    where: Location
    items: tuple[YamlNode, ...]

    def to_python(self) -> list[Any]:
        """The plain values."""
        return [item.to_python() for item in self.items]


@dataclass(frozen=True, slots=True)
class YamlMapping:
    """Nodes by their key; `entries` finds them by the key's text."""

    where: Location
    pairs: tuple[tuple[YamlScalar, YamlNode], ...]
    entries: Mapping[str, YamlNode]

    def to_python(self) -> dict[Any, Any]:
        """The plain keys and values."""
        return {key.value: node.to_python() for key, node in self.pairs}


YamlNode: TypeAlias = YamlScalar | YamlList | YamlMapping


def parse_yaml_tree(
    text: str, path: Path, *, error: type[InputError] = DataError
) -> YamlNode | None:
    """Read YAML.

    Args:
        text: the whole file.
        path: the file, for locations.
        error: what is raised.

    Returns:
        The tree; None when the file holds nothing.

    Raises:
        InputError: (of the kind `error`) not valid YAML 1.2, a key twice, a tag, an environment
            variable that is not set, an anchor inside itself, more than `MAX_YAML_NODES` nodes or
            `MAX_DEPTH` levels, an integer of more than 300 digits.
    """
    node = read_nodes(text, path, error)
    if node is None:
        return None
    return _Builder(path, error, decode_escapes=text.isascii()).build(node)


class _Builder:
    """Turns the nodes of a reader into ours."""

    def __init__(self, path: Path, error: type[InputError], *, decode_escapes: bool) -> None:
        self.path = path
        self.error = error
        self.decode_escapes = decode_escapes
        self.done: dict[int, YamlNode] = {}  # aliases share one node
        self.open: set[int] = set()
        self.sizes: dict[int, tuple[int, int]] = {}  # nodes and levels, aliases written out
        self.most = MAX_YAML_NODES.value()

    def build(self, node: Any) -> YamlNode:
        if id(node) in self.done:
            return self.done[id(node)]
        where = Location(self.path, node.start_mark.line + 1)
        if id(node) in self.open:
            raise self.error("an anchor must not contain itself", where=where)
        if len(self.open) >= MAX_DEPTH:
            raise too_deep(self.error, where)
        self.open.add(id(node))
        result: YamlNode
        if node.id == "scalar":
            result = self.scalar(node, where)
        elif node.id == "sequence" and node.tag == f"{TAG}seq":
            result = YamlList(where, tuple(self.build(item) for item in node.value))
        elif node.id == "mapping" and node.tag == f"{TAG}map":
            result = self.mapping(node, where)
        else:
            raise self.tag_error(node, where)
        self.open.discard(id(node))
        self.done[id(node)] = result
        self.sizes[id(result)] = self.size(result, where)
        return result

    def size(self, node: YamlNode, where: Location) -> tuple[int, int]:
        """How many nodes and levels there would be if each alias were written out."""
        parts: list[tuple[int, int]] = []
        if isinstance(node, YamlList):
            parts = [self.sizes[id(item)] for item in node.items]
        elif isinstance(node, YamlMapping):
            parts = [self.sizes[id(part)] for pair in node.pairs for part in pair]
        n_nodes = 1 + sum(part for part, _ in parts)
        n_levels = 1 + max((levels for _, levels in parts), default=0)
        if n_levels > MAX_DEPTH:
            raise too_deep(self.error, where)
        if n_nodes > self.most:
            raise self.error(
                f"a YAML file must have at most {self.most:,} nodes, aliases ('*') written out",
                got=n_nodes,
                where=where,
                hint=f"fewer aliases, or {MAX_YAML_NODES.variable}={10 * self.most} in the "
                "environment",
            )
        return n_nodes, n_levels

    def tag_error(self, node: Any, where: Location) -> InputError:
        return self.error(
            "a YAML tag must be one of the core schema",
            got=node.tag,
            where=where,
            hint="leave the tag out",
        )

    def scalar(self, node: Any, where: Location) -> YamlScalar:
        style = node.style or ""
        text: str = node.value
        if style != '"' and self.decode_escapes and "\\" in text:
            text = ESCAPE.sub(lambda match: self.unescaped(match, where), text)
        if _SURROGATE.search(text) is not None:
            text = self.whole(text, where)
        if style == "" and "${" in text:
            expanded = _VARIABLE.sub(lambda match: self.variable(match[1], where), text)
            if expanded != text:
                return YamlScalar(where, expanded, expanded, style)
        try:
            return YamlScalar(where, text, _value(str(node.tag), text), style)
        except KeyError:
            raise self.tag_error(node, where) from None
        except ValueError:
            raise self.error(
                "a YAML scalar must fit its type",
                got=text,
                where=where,
                hint="quote it if it is a text",
            ) from None

    def variable(self, name: str, where: Location) -> str:
        value = os.environ.get(name)
        if value is None:
            raise self.error(
                "an environment variable that a file names must be set",
                got=f"${{{name}}}",
                where=where,
                hint=f"export {name}=..., or quotes around the text if it is not a variable",
            )
        return value

    def whole(self, text: str, where: Location) -> str:
        """A text with each surrogate pair made one character."""
        try:
            return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        except UnicodeDecodeError:
            raise self.error(
                "a text must not hold half a surrogate pair", got=text, where=where
            ) from None

    def unescaped(self, match: re.Match[str], where: Location) -> str:
        codes = re.findall(r"\\[uU]([0-9a-fA-F]+)", match[2])
        try:
            # Through UTF-16, so that a surrogate pair becomes one character.
            decoded = "".join(chr(int(code, 16)) for code in codes)
            decoded = decoded.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
        except (ValueError, OverflowError):
            raise self.error("an escape must mean a character", got=match[2], where=where) from None
        if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in decoded):
            return match[0]
        return match[1] + decoded

    def mapping(self, node: Any, where: Location) -> YamlMapping:
        own: dict[str, tuple[YamlScalar, YamlNode]] = {}
        merged: dict[str, tuple[YamlScalar, YamlNode]] = {}
        for key_node, value_node in node.value:
            key = self.build(key_node)
            if not isinstance(key, YamlScalar):
                raise self.error("a key must be a text or a number", where=key.where)
            if value_node.value == "" and not value_node.style:  # left out: readers differ on where
                value_node.start_mark = key_node.start_mark
            value = self.build(value_node)
            if key_node.tag == f"{TAG}merge":
                for part in value.items if isinstance(value, YamlList) else (value,):
                    if not isinstance(part, YamlMapping):
                        raise self.error("'<<' must be given a mapping", where=key.where)
                    for pair in part.pairs:
                        merged.setdefault(pair[0].text, pair)
                continue
            if key.text in own:
                raise self.error(
                    "a key must occur once in a mapping",
                    got=key.text,
                    where=key.where,
                    hint=f"it is in line {own[key.text][0].where.line} already; a dash may be "
                    "missing between two items",
                )
            own[key.text] = (key, value)
        pairs = merged | own
        return YamlMapping(
            where, tuple(pairs.values()), {text: node for text, (_, node) in pairs.items()}
        )


def _value(tag: str, text: str) -> Any:
    """What a scalar means. Raises KeyError for an unknown tag, ValueError for a bad number."""
    if tag in _TEXT_TAGS:
        return text
    return {
        f"{TAG}null": lambda _: None,
        f"{TAG}bool": _boolean,
        f"{TAG}int": _integer,
        f"{TAG}float": _float,
    }[tag](text)


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def _integer(text: str) -> int:
    digits = text.replace("_", "").lower()
    unsigned = digits.lstrip("+-")
    base = {"0x": 16, "0o": 8, "0b": 2}.get(unsigned[:2], 10)
    if len(unsigned) > _MOST_DIGITS:  # it would fit neither a float nor the time to print it
        raise ValueError(text)
    return int(digits, base)


def _float(text: str) -> float:
    digits = text.replace("_", "").lower()
    return float(digits.replace(".inf", "inf").replace(".nan", "nan"))
