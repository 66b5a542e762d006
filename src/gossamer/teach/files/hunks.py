"""Doing a change of a file, or undoing it where other lines have changed since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gossamer.teach.files.patch import FileChange, Hunk, lines_of


class Moved(ValueError):
    """The lines of a change are not where they must be."""


def inverse(change: FileChange) -> FileChange:
    """The change that takes this one back."""
    hunks: list[Hunk] = []
    shift = 0
    for hunk in change.hunks:
        new = replace(hunk, line=hunk.line + shift, before=hunk.after, after=hunk.before)
        hunks.append(new)
        shift += len(hunk.after) - len(hunk.before)
    return FileChange(
        path=change.path,
        is_new=change.is_removed,
        is_removed=change.is_new,
        hunks=tuple(hunks),
    )


def applied(change: FileChange, before: str | None) -> str | None:
    """The text after a change; None where it takes the file away.

    Args:
        change: what changes.
        before: the text that it was made for; None: no file.

    Raises:
        Moved: the text is another one.
    """
    lines = lines_of(before or "")
    result: list[str] = []
    done = 0
    for hunk in change.hunks:
        end = hunk.line + len(hunk.before)
        if tuple(lines[hunk.line : end]) != hunk.before or hunk.line < done:
            raise Moved(change.path)
        result += (*lines[done : hunk.line], *hunk.after)
        done = end
    text = "".join((*result, *lines[done:]))
    return None if change.is_removed else text


def reverted(change: FileChange, text: str | None, *, is_strict: bool = False) -> str | None:
    """A text without a change that was done to it, or to an earlier state of it.

    The lines that came are looked for near their place, with the lines around them.

    Args:
        change: what changed.
        text: the text; None: no file.
        is_strict: whether the lines next to each place must be the same as then.

    Raises:
        Moved: they are not there any more, or it is unclear where what went is to come back.
    """
    if text is None:
        raise Moved(change.path)
    lines = lines_of(text)
    places: list[tuple[int, Hunk]] = []
    shift = 0
    for hunk in change.hunks:
        places.append((_place(hunk, lines, hunk.line + shift, is_strict=is_strict), hunk))
        shift += len(hunk.after) - len(hunk.before)
    last = len(lines)
    for place, hunk in reversed(places):
        if place + len(hunk.after) > last:
            raise Moved(change.path)
        lines[place : place + len(hunk.after)] = hunk.before
        last = place
    left = "".join(lines)
    if change.is_new:
        if left.strip():
            raise Moved(change.path)
        return None
    return left


def _place(hunk: Hunk, lines: Sequence[str], expected: int, *, is_strict: bool) -> int:
    """The line at which the new lines of a change are, the likeliest one."""
    n = len(hunk.after)
    best: tuple[int, int, int] | None = None
    for place in range(len(lines) - n + 1):
        if tuple(lines[place : place + n]) != hunk.after:
            continue
        above = _n_alike(hunk.above[::-1], lines[max(0, place - len(hunk.above)) : place][::-1])
        below = _n_alike(hunk.below, lines[place + n : place + n + len(hunk.below)])
        is_apart = (hunk.above and not above) or (hunk.below and not below)
        if is_apart and (is_strict or n == 0):  # nothing else says where what went was
            continue
        candidate = (above + below, -abs(place - expected), place)
        best = candidate if best is None else max(best, candidate)
    if best is None:
        raise Moved
    return best[2]


def _n_alike(meant: Sequence[str], found: Sequence[str]) -> int:
    n = 0
    for one, other in zip(meant, found, strict=False):
        if one.rstrip("\r\n") != other.rstrip("\r\n"):
            break
        n += 1
    return n
