"""Long lists in messages: the first few of them, and how many there are besides."""

from __future__ import annotations

from collections.abc import Sequence


def shortlist(parts: Sequence[str], *, most: int = 3, separator: str = ", ") -> str:
    """The first parts of a list as text, with "and 12 more" where there are more than `most`."""
    shown = separator.join(parts[:most])
    return shown if len(parts) <= most else f"{shown} and {len(parts) - most} more"
