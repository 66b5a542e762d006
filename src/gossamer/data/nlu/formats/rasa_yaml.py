"""Reading NLU data in Rasa's YAML, versions 2.x and 3.x.

What Rasa skips with a warning (an item of an unknown kind, a line without a dash) is an error
here, because it is data that its author meant.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType
from typing import Any

from gossamer.data.errors import DataError, Location
from gossamer.data.nlu.examples import Example, LookupTable, RegexPattern, Synonym, TrainingData
from gossamer.data.nlu.formats.annotations import parse_annotated
from gossamer.data.nlu.intents import intent_name
from gossamer.data.text.yaml_tree import (
    YamlList,
    YamlMapping,
    YamlNode,
    YamlScalar,
    parse_yaml_tree,
)
from gossamer.data.text.yaml_values import warn_unread
from gossamer.data.top_keys import DOMAIN_KEYS, TOP_KEYS

NEWEST_VERSION = (3, 1)
_KINDS = ("intent", "synonym", "regex", "lookup")
_MAY_BE_NLU = re.compile(r"""^\s*[{"']*(?:nlu|responses)["']?\s*:""", re.MULTILINE)
_IS_NLU = re.compile(r"^nlu[ \t]*:", re.MULTILINE)
_BLANKS = " \r\n"  # what Rasa strips; tabs stay


def is_nlu_yaml(text: str, path: Path) -> bool:
    """Whether YAML holds NLU data: a key `nlu`, or `responses` in a file that is no domain.

    A text in which no line starts with either key is not parsed at all, so other YAML files of a
    project may be as broken as they like.

    Raises:
        DataError: a line starts with one of the keys, and the file is not well-formed.
    """
    if _IS_NLU.search(text) is not None:
        return True
    if _MAY_BE_NLU.search(text) is None:
        return False
    tree = parse_yaml_tree(text, path)
    if not isinstance(tree, YamlMapping):
        return False
    keys = tree.entries.keys()
    return "nlu" in keys or ("responses" in keys and not keys & DOMAIN_KEYS - {"responses"})


def parse_rasa_yaml(text: str, path: Path) -> TrainingData:
    """Read the NLU part of a Rasa YAML file.

    Args:
        text: the whole file.
        path: the file, for locations.

    Raises:
        DataError: not well-formed YAML; a version above 3.1; an item that is not an intent,
            synonym, regex or lookup; examples that are not written as such; a broken annotation.
    """
    tree = parse_yaml_tree(text, path)
    if tree is None:
        return TrainingData()
    if not isinstance(tree, YamlMapping):
        raise DataError(
            "NLU data must be a mapping with the key 'nlu'", where=tree.where, hint="nlu:"
        )
    check_version(tree.entries.get("version"))
    warn_unread(tree, TOP_KEYS, "a file of NLU data")
    reader = _Reader()
    nlu = tree.entries.get("nlu")
    if nlu is not None and _is_null(nlu) and len(tree.pairs) - ("version" in tree.entries) == 1:
        warnings.warn(f"{nlu.where}: 'nlu' is empty; an empty list is []", stacklevel=2)
    if isinstance(nlu, YamlList):
        for item in nlu.items:
            reader.read_item(item)
    elif nlu is not None and not _is_null(nlu):
        raise DataError("'nlu' must be a list", where=nlu.where, hint="- intent: greet")
    return TrainingData(
        examples=tuple(reader.examples),
        synonyms=tuple(reader.synonyms),
        regexes=tuple(reader.regexes),
        lookups=tuple(
            LookupTable(name=name, elements=tuple(elements), where=where)
            for name, (where, elements) in reader.lookups.items()
        ),
        responses=_responses(tree.entries.get("responses")),
    )


def _is_null(node: YamlNode) -> bool:
    return isinstance(node, YamlScalar) and node.value is None


def check_version(node: YamlNode | None) -> None:
    """Refuse a file whose key `version` is above 3.1 or not a version; Rasa skips such a file.

    Raises:
        DataError: it is.
    """
    if node is None:
        return
    text = node.text.strip() if isinstance(node, YamlScalar) else ""
    if re.fullmatch(r"\d+(\.\d+)*", text) is None:
        raise DataError(
            "'version' must be a version number", got=text, where=node.where, hint='version: "3.1"'
        )
    if tuple(int(part) for part in text.split(".")) > NEWEST_VERSION:
        raise DataError(
            "the version of a training data file must not be above 3.1",
            got=text,
            where=node.where,
            hint='version: "3.1", if the file says nothing that is newer',
        )


def _responses(node: YamlNode | None) -> MappingProxyType[str, tuple[dict[str, Any], ...]]:
    result: dict[str, tuple[dict[str, Any], ...]] = {}
    if node is None or _is_null(node):
        return MappingProxyType(result)
    if not isinstance(node, YamlMapping):
        raise DataError("'responses' must be a mapping", where=node.where, hint="utter_greet:")
    for key, variations in node.pairs:
        parts = variations.items if isinstance(variations, YamlList) else ()
        mappings = tuple(part.to_python() for part in parts if isinstance(part, YamlMapping))
        if not isinstance(variations, YamlList) or len(mappings) < len(parts):
            raise DataError(
                "a response must be a list of variations, each a mapping",
                got=key.text,
                where=variations.where,
                hint='- text: "Hello"',
            )
        result[key.text] = mappings
    return MappingProxyType(result)


class _Reader:
    """Collects the items of one file."""

    def __init__(self) -> None:
        self.examples: list[Example] = []
        self.synonyms: list[Synonym] = []
        self.regexes: list[RegexPattern] = []
        # Tables of one name are one table within a file, as in Rasa.
        self.lookups: dict[str, tuple[Location, list[str]]] = {}

    def read_item(self, item: YamlNode) -> None:
        if not isinstance(item, YamlMapping):
            raise DataError(
                f"an item of 'nlu' must be a mapping with one of {', '.join(_KINDS)}",
                got=item.to_python(),
                where=item.where,
                hint="- intent: greet",
            )
        kinds = [kind for kind in _KINDS if kind in item.entries]
        if len(kinds) != 1:
            raise DataError(
                f"an item of 'nlu' must have exactly one of the keys {', '.join(_KINDS)}",
                got=list(item.entries),
                where=item.where,
                hint="a dash before each item",
            )
        (kind,) = kinds
        allowed = {kind, "examples"} | ({"metadata"} if kind == "intent" else set())
        for key, _ in item.pairs:
            if key.text not in allowed:
                raise DataError(
                    f"an item of kind '{kind}' has the keys {', '.join(sorted(allowed))}",
                    got=key.text,
                    where=key.where,
                )
        name = item.entries[kind]
        if not isinstance(name, YamlScalar) or name.value is None or not name.text.strip():
            raise DataError(
                f"an item of kind '{kind}' needs a name", where=name.where, hint=f"{kind}: name"
            )
        if kind == "intent":
            self.read_intent(name, item)
            return
        elements = list(_block(item, name, "examples"))
        if kind == "lookup":
            _, known = self.lookups.setdefault(name.text, (name.where, []))
            known.extend(element for element, _ in elements)
            return
        if not elements:
            _warn_empty(kind, name)
        for element, where in elements:
            if kind == "synonym":
                self.synonyms.append(Synonym(text=element, value=name.text, where=where))
            else:
                self.regexes.append(RegexPattern(name=name.text, pattern=element, where=where))

    def read_intent(self, name: YamlScalar, item: YamlMapping) -> None:
        intent = intent_name(name.text, name.where)
        metadata = item.entries.get("metadata")
        intent_metadata = None if metadata is None else metadata.to_python()
        examples = item.entries.get("examples")
        n_before = len(self.examples)
        texts: Iterator[tuple[str, Any, Location]]
        if isinstance(examples, YamlList):
            texts = (_listed_example(entry) for entry in examples.items)
        else:
            texts = ((text, None, where) for text, where in _block(item, name, "examples"))
        for annotated, example_metadata, where in texts:
            text, entities = parse_annotated(annotated, where)
            if not text.strip():
                raise DataError("an example needs a text", where=where, hint="remove the line")
            self.examples.append(
                Example(
                    text=text,
                    intent=intent,
                    entities=entities,
                    metadata=example_metadata,
                    intent_metadata=intent_metadata,
                    where=where,
                )
            )
        if len(self.examples) == n_before:
            _warn_empty("intent", name)


def _warn_empty(kind: str, name: YamlScalar) -> None:
    warnings.warn(f"{name.where}: {kind} '{name.text}' has no examples", stacklevel=2)


def _block(item: YamlMapping, name: YamlScalar, key: str) -> Iterator[tuple[str, Location]]:
    """The lines of a block of items, without their dashes."""
    node = item.entries.get(key)
    if node is None or _is_null(node):
        return
    if not isinstance(node, YamlScalar):
        raise DataError(
            f"'{key}' of '{name.text}' must be a block of lines, each with a dash",
            got=node.to_python(),
            where=node.where,
            hint=f"{key}: |",
        )
    if node.style == ">":
        raise DataError(
            f"'{key}' must not be a folded block ('>'), which joins its lines",
            where=node.where,
            hint=f"{key}: |",
        )
    path, line = node.where.path, node.where.line
    for number, content in enumerate(node.text.split("\n"), start=1):
        stripped = content.strip(_BLANKS)
        if not stripped:
            continue
        # The lines of a quoted text are not lines of the file.
        known = node.style == "|" and line is not None
        where = Location(path, line + number) if known and line is not None else node.where
        if not stripped.startswith("-"):
            raise DataError(
                f"each line of '{key}' must begin with a dash",
                got=stripped,
                where=where,
                hint=f"- {stripped}",
            )
        element = stripped[1:].strip(_BLANKS)
        if not element:
            raise DataError(
                "an example needs a text", got=stripped, where=where, hint="remove the line"
            )
        yield element, where


def _listed_example(node: YamlNode) -> tuple[str, Any, Location]:
    """An example of the form {text, metadata}.

    Departure from Rasa: blanks at the ends of a double-quoted text are kept, so that every text
    can be written; Rasa drops them.
    """
    text_node = node.entries.get("text") if isinstance(node, YamlMapping) else None
    if not isinstance(node, YamlMapping) or not isinstance(text_node, YamlScalar):
        raise DataError(
            "an example in a list must be a mapping with the key 'text'",
            got=node.to_python(),
            where=node.where,
            hint="'- text: hello' for each, or 'examples: |' before lines with a dash",
        )
    for key, _ in node.pairs:
        if key.text not in ("text", "metadata"):
            raise DataError("an example has the keys text, metadata", got=key.text, where=key.where)
    text = text_node.text
    exact = text_node.style == '"'
    text = text if exact else text.strip(_BLANKS)
    if text.startswith("- "):
        text = text[2:] if exact else text[2:].strip(_BLANKS)
    metadata = node.entries.get("metadata")
    return text, None if metadata is None else metadata.to_python(), text_node.where
