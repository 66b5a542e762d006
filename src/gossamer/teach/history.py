"""What was taught, from the records of the journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from gossamer.data.entities import Entity
from gossamer.data.nlu.examples import Example
from gossamer.teach.corrections import (
    Correction,
    MessageCorrection,
    correction_json,
    correction_of,
)
from gossamer.teach.files.journal import Step
from gossamer.teach.files.patch import Patch
from gossamer.teach.files.undo import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Taught:
    """A correction that was written into a project.

    Attributes:
        id: its number, from 1.
        when: seconds since 1970, UTC.
        who: who taught it.
        senders: whose messages it came from, as far as that is known.
        correction: what was taught.
        patch: what it changed in the files. It is that of the last time it was written: undoing an
            earlier correction may write later ones anew.
        is_undone: whether it was taken out again.
        undone_when: when it was, or None.
        undone_by: who took it out, or None.
    """

    id: int
    when: float
    who: str
    correction: Correction
    patch: Patch
    is_undone: bool = False
    undone_when: float | None = None
    undone_by: str | None = None
    senders: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As JSON, with the `diff` and the `files` of the patch."""
        return {
            "id": self.id,
            "when": self.when,
            "who": self.who,
            "senders": list(self.senders),
            "correction": correction_json(self.correction),
            "is_undone": self.is_undone,
            "undone_when": self.undone_when,
            "undone_by": self.undone_by,
            **self.patch.to_json(),
        }


def history_of(records: Iterable[Mapping[str, Any]]) -> dict[int, Taught]:
    """All that was taught and not erased, by its number."""
    found: dict[int, Taught] = {}
    for record in records:
        if record["record"] == "taught":
            found[record["id"]] = Taught(
                id=record["id"],
                when=record["when"],
                who=record["who"],
                correction=correction_of(record["correction"]),
                patch=Step.of(record["files"]).patch,
                senders=tuple(record.get("senders", ())),
            )
        elif record["record"] == "undone":
            found[record["id"]] = replace(
                found[record["id"]],
                is_undone=True,
                undone_when=record["when"],
                undone_by=record["who"],
            )
        for number, other in record.get("others", {}).items():
            if int(number) in found:  # else it was erased
                patch = Step.of(other["files"]).patch
                found[int(number)] = replace(found[int(number)], patch=patch)
    return found


def entries_of(records: Iterable[Mapping[str, Any]]) -> dict[int, Entry]:
    """What is taught and not undone, by its number, as undoing needs it."""
    found: dict[int, Entry] = {}
    for record in records:
        if record["record"] == "taught":
            found[record["id"]] = Entry(
                id=record["id"],
                correction=correction_of(record["correction"]),
                step=Step.of(record["files"]),
                replaced=tuple(map(_example_of, record["replaced"])),
            )
        elif record["record"] == "undone":
            del found[record["id"]]
        for number, other in record.get("others", {}).items():
            if int(number) in found:  # else it was erased
                found[int(number)] = replace(
                    found[int(number)],
                    step=Step.of(other["files"]),
                    replaced=tuple(map(_example_of, other["replaced"])),
                )
    return found


def example_json(example: Example) -> dict[str, Any]:
    """An example as the journal keeps it; its intent may be missing, its entities of any value."""
    correction = MessageCorrection(example)
    return {key: value for key, value in correction_json(correction).items() if key != "kind"}


def _example_of(content: Mapping[str, Any]) -> Example:
    text = content["text"]
    return Example(
        text=text,
        intent=content["intent"],
        entities=tuple(
            Entity(**{"value": text[part["start"] : part["end"]]} | part)
            for part in content["entities"]
        ),
    )
