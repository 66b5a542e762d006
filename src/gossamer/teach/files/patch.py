"""A change of text files, as lines that go and lines that come."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

CONTEXT: Final = 3
"""Lines of context around a change, as in a unified diff."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunk:
    """A place where lines are replaced.

    Attributes:
        line: number of lines before it in the old file.
        before: the old lines, with their line ends; none where lines are only added.
        after: the new lines.
        above: up to `CONTEXT` lines before it, the same in both files.
        below: up to `CONTEXT` lines after it. May overlap the next hunk's `above`.
    """

    line: int
    before: tuple[str, ...]
    after: tuple[str, ...]
    above: tuple[str, ...]
    below: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """What changes in a file.

    Attributes:
        path: relative to the project, with slashes.
        is_new: whether there was no such file.
        is_removed: whether there is no such file afterwards.
        hunks: from top to bottom; line ends, and a byte order mark, are as in the file.
    """

    path: str
    is_new: bool
    is_removed: bool
    hunks: tuple[Hunk, ...]

    def to_json(self) -> dict[str, Any]:
        """`{"path", "is_new", "is_removed", "n_added", "n_removed"}`, counting lines."""
        return {
            "path": self.path,
            "is_new": self.is_new,
            "is_removed": self.is_removed,
            "n_added": sum(len(hunk.after) for hunk in self.hunks),
            "n_removed": sum(len(hunk.before) for hunk in self.hunks),
        }


@dataclass(frozen=True, slots=True)
class Patch:
    """A change of several files.

    Attributes:
        files: in the order of their paths.
    """

    files: tuple[FileChange, ...]

    def diff(self) -> str:
        """As a unified diff, with paths relative to the project; "" where nothing changes.

        `git apply` and `patch -p1` take it.
        """
        return "".join(line for change in self.files for line in _diff_lines(change))

    def to_json(self) -> dict[str, Any]:
        """`{"files": [...], "diff": "..."}`; see `FileChange.to_json`."""
        return {"files": [change.to_json() for change in self.files], "diff": self.diff()}


def lines_of(text: str) -> list[str]:
    r"""Lines with their ends; only `\n` ends a line, so that they are those of editors and YAML."""
    lines = [f"{line}\n" for line in text.split("\n")]
    lines[-1] = lines[-1][:-1]
    return lines if lines[-1] else lines[:-1]


def change_of(path: str, before: str | None, after: str | None) -> FileChange:
    """What changes between two texts of a file; None where there is no file."""
    old, new = lines_of(before or ""), lines_of(after or "")
    hunks = []
    matcher = difflib.SequenceMatcher(None, old, new)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag != "equal":
            hunks.append(
                Hunk(
                    line=i1,
                    before=tuple(old[i1:i2]),
                    after=tuple(new[j1:j2]),
                    above=tuple(old[max(0, i1 - CONTEXT) : i1]),
                    below=tuple(old[i2 : i2 + CONTEXT]),
                )
            )
    return FileChange(
        path=path, is_new=before is None, is_removed=after is None, hunks=tuple(hunks)
    )


def patch_of(changes: Mapping[str, tuple[str | None, str | None]]) -> Patch:
    """The patch of files by path, given each one's text before and after."""
    return Patch(
        tuple(
            change_of(path, before, after)
            for path, (before, after) in sorted(changes.items())
            if before != after
        )
    )


def _diff_lines(change: FileChange) -> Iterator[str]:
    yield f"--- {'/dev/null' if change.is_new else f'a/{change.path}'}\n"
    yield f"+++ {'/dev/null' if change.is_removed else f'b/{change.path}'}\n"
    shift = 0
    for group in _groups(change.hunks):
        lines = list(_body(group))
        n_old = sum(line[0] in " -" for line in lines)
        n_new = sum(line[0] in " +" for line in lines)
        first = group[0]
        start = first.line - len(first.above)
        yield f"@@ -{_range(start, n_old)} +{_range(start + shift, n_new)} @@\n"
        shift += n_new - n_old
        for line in lines:
            yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _groups(hunks: Sequence[Hunk]) -> Iterator[list[Hunk]]:
    """Hunks whose context meets, together."""
    group: list[Hunk] = []
    for hunk in hunks:
        if group:
            last = group[-1]
            between = hunk.line - last.line - len(last.before)
            if between > len(last.below) + len(hunk.above) or between > 2 * CONTEXT:
                yield group
                group = []
        group.append(hunk)
    if group:
        yield group


def _body(group: Sequence[Hunk]) -> Iterator[str]:
    yield from (f" {line}" for line in group[0].above)
    for number, hunk in enumerate(group):
        yield from (f"-{line}" for line in hunk.before)
        yield from (f"+{line}" for line in hunk.after)
        below = list(hunk.below)
        if number + 1 < len(group):
            after = group[number + 1]
            between = after.line - hunk.line - len(hunk.before)
            # What the one's context below and the other's above do not say twice.
            below = below[:between]
            n_missing = between - len(below)
            below += after.above[len(after.above) - n_missing :] if n_missing else ()
        yield from (f" {line}" for line in below)


def _range(start: int, count: int) -> str:
    return f"{start + 1 if count else start},{count}"
