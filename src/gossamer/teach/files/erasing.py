"""Leaving nothing of what was taught in the journal, for the person whose words it has."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any


def erased(
    records: Sequence[Mapping[str, Any]], number: int, *, who: str, when: float
) -> list[dict[str, Any]]:
    """Records of a journal without a correction that was undone.

    What stays of it is that it was there: its number, who taught it, and who erased it when. Lines
    of it that others have around theirs go too, with those beyond them; fewer lines are left by
    which a later undoing tells equal places apart.

    Args:
        records: of the journal.
        number: of a correction that was undone.
        who: erases it.
        when: seconds since 1970.
    """
    taught = next(each for each in records if _is(each, "taught", number))
    undone = next(each for each in records if _is(each, "undone", number))
    lines = {
        line
        for files in (taught["files"], undone["files"])
        for part in files
        for hunk in part["hunks"]
        for line in (*hunk[1], *hunk[2])
    }
    result: list[dict[str, Any]] = []
    for record in records:
        if record is taught:
            continue
        if record is undone:
            record = {
                "record": "erased",
                "id": number,
                "when": when,
                "who": who,
                "taught": {"when": taught["when"], "who": taught["who"]},
                "undone": {"when": undone["when"], "who": undone["who"]},
                "others": undone["others"],
            }
        result.append(_without_lines(record, lines))
    return result


def _is(record: Mapping[str, Any], kind: str, number: int) -> bool:
    return bool(record["record"] == kind and record["id"] == number)


def _without_lines(record: Mapping[str, Any], lines: Collection[str]) -> dict[str, Any]:
    result = dict(record)
    if "files" in record:
        result["files"] = [_part_without(part, lines) for part in record["files"]]
    if "others" in record:
        result["others"] = {
            key: {**other, "files": [_part_without(part, lines) for part in other["files"]]}
            for key, other in record["others"].items()
        }
    return result


def _part_without(part: Mapping[str, Any], lines: Collection[str]) -> dict[str, Any]:
    hunks = []
    for line, before, after, above, below in part["hunks"]:
        last = max((i for i, each in enumerate(above) if each in lines), default=-1)
        first = next((i for i, each in enumerate(below) if each in lines), len(below))
        hunks.append([line, before, after, above[last + 1 :], below[:first]])
    return {**part, "hunks": hunks}
