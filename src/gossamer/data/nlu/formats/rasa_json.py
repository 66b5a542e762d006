"""NLU data in Rasa's JSON (`rasa_nlu_data`), in which entities are given by their offsets."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Any

from gossamer.data.errors import DataError, Location
from gossamer.data.nlu.examples import (
    Entity,
    Example,
    LookupTable,
    RegexPattern,
    Synonym,
    TrainingData,
)
from gossamer.data.nlu.intents import intent_name
from gossamer.data.nlu.lookup_files import read_lookup_file
from gossamer.data.text.limits import MAX_DEPTH, is_too_deep

ROOT = "rasa_nlu_data"
_BRACES = re.compile(r'"(?:[^"\\]|\\.)*"|[{}]', re.DOTALL)
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_FOREIGN = {"luis_schema_version": "LUIS", "utterances": "wit.ai"}


class _Object(dict[str, Any]):
    """A JSON object that knows its line."""

    where: Location


def is_nlu_json(text: str, path: Path) -> bool:
    """Whether a JSON file holds NLU data.

    Raises:
        DataError: the file is not well-formed but names `rasa_nlu_data`, or is one of the formats
            of other services, which Rasa reads and this package does not.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        if f'"{ROOT}"' in text:
            _load(text, path)
        return False
    if not isinstance(content, dict):
        return False
    for key, service in _FOREIGN.items():
        if key in content:
            raise DataError(
                f"JSON must be Rasa's own ({ROOT}); that of {service} is not read",
                where=Location(path),
                hint="convert it with Rasa first: rasa data convert nlu",
            )
    return ROOT in content


def _load(text: str, path: Path) -> Any:
    """Read JSON whose objects know their lines."""
    # `object_pairs_hook` is called when an object closes, so the n-th call belongs to the n-th
    # closing brace; from it a stack leads to where the object opened.
    starts: list[int] = []
    opened: list[int] = []
    for match in _BRACES.finditer(text):
        if match[0] == "{":
            opened.append(match.start())
        elif match[0] == "}" and opened:
            starts.append(opened.pop())
    closing = iter(starts)
    line, counted = 1, 0

    def located(pairs: list[tuple[str, Any]]) -> _Object:
        nonlocal line, counted
        start = next(closing, 0)
        # Objects close roughly in the order of the file; count from the last known place.
        low, high = min(start, counted), max(start, counted)
        step = text.count("\n", low, high)
        line, counted = (line + step if start >= counted else line - step), start
        result = _Object(pairs)
        result.where = Location(path, line)
        if len(result) != len(pairs):
            raise DataError("a key must occur once in a JSON object", where=result.where)
        return result

    try:
        content = json.loads(text, object_pairs_hook=located)
    except json.JSONDecodeError as problem:
        raise DataError(
            f"a JSON file must be well-formed: {problem.msg}",
            where=Location(path, problem.lineno),
            hint="check commas and quotes on this line and the one before",
        ) from None
    except DataError:
        raise
    except ValueError as problem:  # a number of thousands of digits
        raise DataError(f"a JSON file must be readable: {problem}", where=Location(path)) from None
    except RecursionError:
        is_deep = True
    else:
        is_deep = is_too_deep(content)
    if is_deep:
        raise DataError(
            f"a JSON file must not be nested more than {MAX_DEPTH} levels deep",
            where=Location(path),
        )
    if _SURROGATE.search(text) is not None and not _is_unicode(content):
        raise DataError("a text must not hold half a surrogate pair", where=Location(path))
    return content


def _is_unicode(content: Any) -> bool:
    try:
        json.dumps(content, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def parse_rasa_json(text: str, path: Path) -> TrainingData:
    """Read NLU data in Rasa's JSON.

    Args:
        text: the whole file.
        path: the file, for locations; names of lookup files are relative to its folder.

    Raises:
        DataError: not well-formed; a part of the wrong type; an entity outside its text.
    """
    content = _load(text, path)
    root = content.get(ROOT) if isinstance(content, _Object) else None
    if not isinstance(root, _Object):
        raise DataError(f"JSON of NLU data must have the key '{ROOT}'", where=Location(path))
    synonyms: list[Synonym] = []
    for item in _items(root, "entity_synonyms"):
        value = _need(item, "value", str | int | float)
        for word in _need(item, "synonyms", list):
            if not isinstance(word, str):
                raise DataError("a synonym must be a text", got=word, where=item.where)
            # Rasa compares and replaces values as texts.
            synonyms.append(Synonym(text=word, value=str(value), where=item.where))
    known = {"common_examples", "regex_features", "lookup_tables", "entity_synonyms"}
    # `intent_examples` and `entity_examples` were once the parts of `common_examples`.
    older = ("intent_examples", "entity_examples")
    for key in root:
        if key not in known and key not in older:
            raise DataError(
                f"'{ROOT}' has the keys {', '.join(sorted(known))}", got=key, where=root.where
            )
    return TrainingData(
        examples=tuple(
            _example(item) for key in ("common_examples", *older) for item in _items(root, key)
        ),
        synonyms=tuple(synonyms),
        regexes=tuple(
            RegexPattern(
                name=_need(item, "name", str), pattern=_need(item, "pattern", str), where=item.where
            )
            for item in _items(root, "regex_features")
        ),
        lookups=tuple(_lookup(item) for item in _items(root, "lookup_tables")),
    )


def _items(root: _Object, key: str) -> list[_Object]:
    items = root.get(key)
    if items is None:
        return []
    if not isinstance(items, list):
        raise DataError(f"'{key}' must be a list", got=items, where=root.where)
    for item in items:
        if not isinstance(item, _Object):
            raise DataError(f"items of '{key}' must be objects", got=item, where=root.where)
    return items


def _need(item: _Object, key: str, kind: Any) -> Any:
    value = item.get(key)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise DataError(
            f"'{key}' is missing or of the wrong type", got=dict(item), where=item.where
        )
    return value


def _lookup(item: _Object) -> LookupTable:
    name, elements = _need(item, "name", str), _need(item, "elements", str | list)
    if isinstance(elements, str):
        elements = read_lookup_file(elements, item.where)
    if not all(isinstance(element, str) for element in elements):
        raise DataError("elements of a lookup table must be texts", got=name, where=item.where)
    return LookupTable(name=name, elements=tuple(elements), where=item.where)


def _example(item: _Object) -> Example:
    text = _need(item, "text", str)
    if not text.strip():
        raise DataError("an example needs a text", where=item.where)
    intent = item.get("intent")
    if intent is not None and not isinstance(intent, str):
        raise DataError("'intent' must be a text", got=intent, where=item.where)
    entities = _items(item, "entities")
    ignored = {key for key in item if key not in ("text", "intent", "entities", "metadata")}
    ignored |= {key for entity in entities for key in entity if key not in _ENTITY_KEYS}
    if ignored:
        warnings.warn(
            f"{item.where}: keys that are not used: {', '.join(sorted(ignored))}", stacklevel=2
        )
    return Example(
        text=text,
        intent=intent_name(intent, item.where) if intent else None,
        entities=tuple(
            sorted((_entity(entity, text) for entity in entities), key=lambda e: e.span[0])
        ),
        metadata=_plain(item.get("metadata")),
        where=item.where,
    )


_ENTITY_KEYS = ("start", "end", "value", "entity", "role", "group")


def _entity(item: _Object, text: str) -> Entity:
    start, end = _need(item, "start", int), _need(item, "end", int)
    if not 0 <= start < end <= len(text):
        raise DataError(
            "an entity must lie inside its text",
            got=dict(item),
            where=item.where,
            hint=f"0 <= start < end <= {len(text)}",
        )
    for key in ("role", "group"):
        if item.get(key) is not None:
            _need(item, key, str)
    name = _need(item, "entity", str)
    if not name:
        raise DataError("an entity needs a name", where=item.where)
    value = item.get("value")
    return Entity(
        start=start,
        end=end,
        entity=name,
        value=text[start:end] if value is None else _plain(value),
        role=item.get("role"),
        group=item.get("group"),
    )


def _plain(value: Any) -> Any:
    """Ordinary dicts and lists, without locations."""
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return value
