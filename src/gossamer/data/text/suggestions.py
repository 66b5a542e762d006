"""Mistyped names: which known one may be meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that looks most like `name`, whatever the case; None when none does.

    Args:
        name: what was written.
        known: what could be meant; of those that differ in case only, the first is taken.
    """
    by_lower: dict[str, str] = {}
    for candidate in known:
        by_lower.setdefault(candidate.lower(), candidate)
    found = difflib.get_close_matches(name.lower(), list(by_lower), n=1)
    return by_lower[found[0]] if found else None


def nearest_or_all(name: str, known: Sequence[str]) -> str:
    """A hint for an unknown name: the nearest known one, if one is near, and all of them."""
    guess = nearest(name, known)
    listed = f"one of {', '.join(known)}"
    return listed if guess is None else f"'{guess}', or {listed}"
