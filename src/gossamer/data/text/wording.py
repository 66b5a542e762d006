"""Words that many messages share."""

from __future__ import annotations

from collections.abc import Sequence


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number of things: "1 error", "2 errors", "1,200 stories".

    Args:
        number: how many.
        noun: one of them.
        plural: several of them; None for what English rules give ("story": "stories").
    """
    if number == 1:
        return f"1 {noun}"
    if plural is None:
        is_y = noun.endswith("y") and noun[-2:-1] not in tuple("aeiou")
        plural = f"{noun[:-1]}ies" if is_y else f"{noun}s"
    return f"{number:,} {plural}"


def joined_by_and(names: Sequence[str]) -> str:
    """Names in a sentence: "a", "a and b", "a, b and c"."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
