"""Intents, entity types, roles and groups that come into a domain."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gossamer.data.domain.domain import DEFAULT_INTENTS
from gossamer.data.errors import DataError
from gossamer.data.text.yaml_writer import double_quoted, yaml_text
from gossamer.teach.files.places import (
    add_key,
    append_item,
    entries,
    indented,
    is_block,
    last_line,
    refuse_shared,
)
from gossamer.teach.files.source import SourceFile, Splice


@dataclass(slots=True)
class NewNames:
    """What an example names that a domain may lack.

    Attributes:
        intent: its intent, without a key.
        labels: for each entity type its roles, then its groups.
    """

    intent: str
    labels: dict[str, tuple[list[str], list[str]]] = field(default_factory=dict)


@dataclass(slots=True)
class DomainEdits:
    """Changes of a file of a domain.

    Attributes:
        file: the file.
        splices: what changes in its text.
        content: what the file says afterwards, as plain values.
    """

    file: SourceFile
    splices: list[Splice] = field(default_factory=list)
    content: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.content = copy.deepcopy(self.file.tree.to_python())

    def add_names(self, section: str, new: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
        """Adds intents or entity types, with their roles and groups, after the others.

        Raises:
            DataError: the list cannot grow.
        """
        lines, flows, items = [], [], []
        for name, labels in new.items():
            used = {kind: list(labels_of) for kind, labels_of in labels.items() if labels_of}
            lines.append(f"- {yaml_text(name)}{':' if used else ''}")
            for kind, labels_of in used.items():
                parts = (f"- {yaml_text(label)}" for label in labels_of)
                lines += indented([f"{kind}:", *parts], "    ")
            options = ", ".join(f"{kind}: {_flow(labels_of)}" for kind, labels_of in used.items())
            quoted = double_quoted(name)
            flows.append(f"{{{quoted}: {{{options}}}}}" if used else quoted)
            items.append({name: used} if used else name)
        found = entries(self.file.root).get(section)
        if found is None:
            self.splices.append(add_key(self.file, self.file.root, [f"{section}:", *lines]))
        else:
            self.splices.append(append_item(self.file, *found, lines, ", ".join(flows)))
        self.content[section] = [*(self.content.get(section) or []), *items]

    def add_labels(self, name: str, new: Mapping[str, Sequence[str]]) -> None:
        """Adds roles and groups to an entity type of this file.

        Args:
            name: the entity type.
            new: what comes as "roles", and as "groups".

        Raises:
            DataError: the type is written in a way that cannot grow.
        """
        items = entries(self.file.root)["entities"][1]
        number, item = next(
            (number, item) for number, item in enumerate(items.value) if _name_of(item) == name
        )
        refuse_shared(self.file, item)
        if item.id == "scalar":
            self._add_options(items, item, new)
        else:
            known = entries(item.value[0][1]) if item.value[0][1].id == "mapping" else {}
            # What a list gets comes before a new list: both may go after the same line.
            for kind in sorted(new, key=lambda kind: kind not in known):
                self._add_option(item, kind, new[kind])
        said = self.content["entities"][number]
        said = said if isinstance(said, dict) else {said: {}}
        (key,) = said
        grown = {kind: [*(said[key].get(kind) or []), *labels] for kind, labels in new.items()}
        self.content["entities"][number] = {key: said[key] | grown}

    def _add_option(self, item: Any, kind: str, labels: Sequence[str]) -> None:
        """Adds roles or groups to an item that has options."""
        options = item.value[0][1]
        if options.id != "mapping" or not options.value:
            raise DataError(
                "an entity type that gets roles or groups must have its options in a mapping",
                where=self.file.where(item.start_mark.index),
            )
        found = entries(options).get(kind)
        added = [f"- {yaml_text(label)}" for label in labels]
        if found is not None:
            flow = ", ".join(map(double_quoted, labels))
            self.splices.append(append_item(self.file, *found, added, flow))
        elif is_block(options):
            self.splices.append(add_key(self.file, options, [f"{kind}:", *added]))
        else:
            end = options.value[-1][1].end_mark.index
            self.splices.append(Splice(end, end, f", {kind}: {_flow(labels)}"))

    def _add_options(self, items: Any, item: Any, new: Mapping[str, Sequence[str]]) -> None:
        """Gives options to an item that is a name alone."""
        start, end = item.start_mark.index, item.end_mark.index
        if not is_block(items):
            flow = ", ".join(f"{kind}: {_flow(labels)}" for kind, labels in new.items())
            self.splices += [Splice(start, start, "{"), Splice(end, end, f": {{{flow}}}}}")]
            return
        lines = []
        for kind, labels in new.items():
            lines += [f"{kind}:", *(f"- {yaml_text(label)}" for label in labels)]
        indent = " " * (self.file.column_of(items.start_mark.index) + 4)
        line = last_line(self.file, item)
        self.splices.append(Splice(end, end, ":"))
        self.splices.append(self.file.insert_after(line, indented(lines, indent)))


def add_to_domain(files: Sequence[SourceFile], names: NewNames) -> list[DomainEdits]:
    """What changes in the files of a domain so that it has all names.

    An intent or type goes where most of its kind are, a role or group to its type.

    Args:
        files: the files; none where a project has no domain.
        names: what an example names.

    Raises:
        DataError: a list of the domain cannot grow.
    """
    edits = [DomainEdits(file) for file in files]
    if not edits:
        return []
    if names.intent not in DEFAULT_INTENTS and not any(
        names.intent in _declared(edit, "intents") for edit in edits
    ):
        _largest(edits, "intents").add_names("intents", {names.intent: {}})
    new_types: dict[str, dict[str, list[str]]] = {}
    for name, (roles, groups) in names.labels.items():
        home = next((edit for edit in edits if name in _declared(edit, "entities")), None)
        if home is None:
            new_types[name] = {"roles": roles, "groups": groups}
            continue
        options = _declared(home, "entities")[name]
        new = {
            kind: [label for label in wanted if label not in (options.get(kind) or [])]
            for kind, wanted in (("roles", roles), ("groups", groups))
        }
        new = {kind: labels for kind, labels in new.items() if labels}
        if new:
            home.add_labels(name, new)
    if new_types:
        _largest(edits, "entities").add_names("entities", new_types)
    return [edit for edit in edits if edit.splices]


def _declared(edit: DomainEdits, section: str) -> dict[str, dict[str, Any]]:
    """Names of a section, with their options."""
    found: dict[str, dict[str, Any]] = {}
    for item in edit.content.get(section) or ():
        if isinstance(item, dict):
            found |= {str(name): options or {} for name, options in item.items()}
        else:
            found[str(item)] = {}
    return found


def _largest(edits: Sequence[DomainEdits], section: str) -> DomainEdits:
    return max(edits, key=lambda edit: len(_declared(edit, section)))


def _name_of(item: Any) -> str:
    node = item if item.id == "scalar" else item.value[0][0]
    return str(node.value)


def _flow(names: Sequence[str]) -> str:
    return f"[{', '.join(map(double_quoted, names))}]"
