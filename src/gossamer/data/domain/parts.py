"""A domain file cut into named parts, and the parts of several files merged."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, field

from gossamer.data.domain.domain import SessionConfig
from gossamer.data.errors import DataError, Location
from gossamer.data.nlu.formats.rasa_yaml import check_version
from gossamer.data.text.yaml_tree import YamlList, YamlMapping, YamlNode, YamlScalar
from gossamer.data.text.yaml_values import (
    bool_of,
    is_null,
    mapping_from,
    mapping_of,
    number_of,
    text_of,
    warn_unread,
)
from gossamer.data.top_keys import TOP_KEYS


@dataclass(frozen=True, slots=True)
class Named:
    """A part with a name.

    Attributes:
        key: where its name is written.
        body: what is said of it; None when nothing is, not even null.
    """

    key: YamlScalar
    body: YamlNode | None = None

    @property
    def where(self) -> Location:
        """The line of the name."""
        return self.key.where


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainParts:
    """What a domain says, by name, not yet understood.

    Attributes:
        intents: as the other parts, by name and in order.
        entities: entity types.
        slots: slots.
        responses: responses.
        actions: declared actions.
        forms: forms.
        e2e_actions: texts as their own names.
        session: None when it is not written.
        store_entities_as_slots: None when it is not written.
    """

    intents: dict[str, Named] = field(default_factory=dict)
    entities: dict[str, Named] = field(default_factory=dict)
    slots: dict[str, Named] = field(default_factory=dict)
    responses: dict[str, Named] = field(default_factory=dict)
    actions: dict[str, Named] = field(default_factory=dict)
    forms: dict[str, Named] = field(default_factory=dict)
    e2e_actions: dict[str, Named] = field(default_factory=dict)
    session: SessionConfig | None = None
    store_entities_as_slots: bool | None = None


def parts_of(tree: YamlMapping) -> DomainParts:
    """The parts of a file.

    Of Rasa 1 are read: `templates` for `responses`, and `forms` as a list, whose forms are run by
    the action server.

    Raises:
        DataError: a version above 3.1, a part of the wrong type, a name twice, a slot without
            mappings in a file of version 3.
    """
    version = tree.entries.get("version")
    check_version(version)
    warn_unread(tree, TOP_KEYS, "a domain")
    entries = tree.entries
    responses = _by_key(entries.get("responses"), "responses")
    for name, response in _by_key(entries.get("templates"), "templates").items():
        _refuse_second(name, response, responses)
        responses[name] = response
    actions = _by_item(entries.get("actions"), "actions")
    forms_node = entries.get("forms")
    if isinstance(forms_node, YamlList):
        forms = _by_item(forms_node, "forms")
        for name, form in forms.items():
            if form.body is None:
                actions.setdefault(name, Named(form.key))
                forms[name] = Named(form.key, mapping_from(form.where, ()))
    else:
        forms = _by_key(forms_node, "forms")
    slots = _by_key(entries.get("slots"), "slots")
    if isinstance(version, YamlScalar) and version.text.strip() >= "3":
        _refuse_unmapped(slots)
    return DomainParts(
        intents=_by_item(entries.get("intents"), "intents"),
        entities=_by_item(entries.get("entities"), "entities"),
        slots=slots,
        responses=responses,
        actions=actions,
        forms=forms,
        e2e_actions=_by_item(entries.get("e2e_actions"), "e2e_actions"),
        session=_session(entries.get("session_config")),
        store_entities_as_slots=_store_entities(entries.get("config")),
    )


def _by_key(node: YamlNode | None, section: str) -> dict[str, Named]:
    """The parts of a section that is a mapping."""
    if node is None or is_null(node) or (isinstance(node, YamlList) and not node.items):
        return {}
    mapping = mapping_of(node, f"'{section}'", "a name, a colon, and the rest indented below")
    return {text_of(key, f"a name in '{section}'"): Named(key, body) for key, body in mapping.pairs}


def _by_item(node: YamlNode | None, section: str) -> dict[str, Named]:
    """The parts of a section that is a list."""
    if node is None or is_null(node) or (isinstance(node, YamlMapping) and not node.pairs):
        return {}
    if not isinstance(node, YamlList):
        raise DataError(
            f"'{section}' must be a list",
            got=node.to_python(),
            where=node.where,
            hint="a dash and a blank before each name",
        )
    result: dict[str, Named] = {}
    for item in node.items:
        if isinstance(item, YamlMapping):
            if len(item.pairs) != 1:
                raise DataError(
                    f"an item of '{section}' must be a name, or a name with options below it",
                    got=item.to_python(),
                    where=item.where,
                    hint="a colon after the name, and its options indented further",
                )
            (pair,) = item.pairs
            named = Named(*pair)
        elif isinstance(item, YamlScalar):
            named = Named(item)
        else:
            raise DataError(
                f"an item of '{section}' must not be a list", got=item.to_python(), where=item.where
            )
        name = text_of(named.key, f"an item of '{section}'")
        _refuse_second(name, named, result)
        result[name] = named
    return result


def _refuse_second(name: str, second: Named, known: dict[str, Named]) -> None:
    if name in known:
        raise DataError(
            "a name must occur once in its section of a domain",
            got=name,
            where=second.where,
            hint=f"it is in line {known[name].where.line} already; remove one of them",
        )


def _refuse_unmapped(slots: dict[str, Named]) -> None:
    for name, slot in slots.items():
        if isinstance(slot.body, YamlMapping):
            mappings = slot.body.entries.get("mappings")
            if is_null(mappings) or (isinstance(mappings, YamlList) and not mappings.items):
                raise DataError(
                    "a slot needs mappings since Rasa 3",
                    got=name,
                    where=slot.where,
                    hint="mappings: [{type: from_entity, entity: ...}] or [{type: custom}]; or "
                    'version: "2.0", if the file was written for Rasa 2',
                )


def _session(node: YamlNode | None) -> SessionConfig | None:
    if node is None or is_null(node):
        return None
    keys = ("session_expiration_time", "carry_over_slots_to_new_session")
    mapping = mapping_of(node, "'session_config'", f"{keys[0]}: 60")
    warn_unread(mapping, keys, "'session_config'")
    time, carry_over = (mapping.entries.get(key) for key in keys)
    default = SessionConfig()
    minutes = default.expiration_time if time is None or is_null(time) else number_of(time, keys[0])
    if minutes < 0 and time is not None:
        raise DataError(
            f"{keys[0]} must not be negative", got=minutes, where=time.where, hint="0 for never"
        )
    return SessionConfig(
        expiration_time=minutes,
        carry_over_slots=(
            default.carry_over_slots if carry_over is None else bool_of(carry_over, keys[1])
        ),
    )


def _store_entities(node: YamlNode | None) -> bool | None:
    if node is None or is_null(node):
        return None
    key = "store_entities_as_slots"
    mapping = mapping_of(node, "'config' of a domain", f"{key}: true")
    warn_unread(mapping, (key,), "'config' of a domain")
    value = mapping.entries.get(key)
    return None if value is None else bool_of(value, key)


def merge_parts(parts: Iterable[DomainParts]) -> DomainParts:
    """The parts of several files as those of one.

    As in Rasa: of two parts of one name the first counts, with a warning; a session configuration
    that is not the default counts before one that is. Departure: Rasa drops the `config` of every
    file but the first.
    """
    first, *others = parts
    for other in others:
        first = _merge(first, other)
    return first


def _merge(first: DomainParts, second: DomainParts) -> DomainParts:
    stored = first.store_entities_as_slots
    return DomainParts(
        intents=_united("intent", first.intents, second.intents),
        entities=_united("entity", first.entities, second.entities),
        slots=_united("slot", first.slots, second.slots),
        responses=_united("response", first.responses, second.responses),
        actions=_united("action", first.actions, second.actions),
        forms=_united("form", first.forms, second.forms),
        e2e_actions=_united("end-to-end action", first.e2e_actions, second.e2e_actions),
        session=_merged_session(first.session, second.session),
        store_entities_as_slots=second.store_entities_as_slots if stored is None else stored,
    )


def _united(kind: str, first: dict[str, Named], second: dict[str, Named]) -> dict[str, Named]:
    for name, part in second.items():
        if name in first:
            warnings.warn(
                f"{part.where}: {kind} '{name}' is already at {first[name].where}; that one counts",
                stacklevel=2,
            )
    return first | {name: part for name, part in second.items() if name not in first}


def _merged_session(
    first: SessionConfig | None, second: SessionConfig | None
) -> SessionConfig | None:
    default = SessionConfig()
    if first is None or (first == default and second is not None):
        return second
    if second is not None and second not in (default, first):
        warnings.warn(f"two files have a session_config; {first} counts", stacklevel=2)
    return first
