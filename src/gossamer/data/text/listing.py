"""Long lists in messages: the first few of them, and how many more there are."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence

_MOST_WARNINGS = 3


def shortlist(parts: Sequence[str], *, most: int = 3, separator: str = ", ") -> str:
    """The first parts of a list as text, with "and 12 more" where there are more than `most`."""
    shown = separator.join(parts[:most])
    return shown if len(parts) <= most else f"{shown} and {len(parts) - most} more"


def warn_together(
    messages: Iterable[str], *, stacklevel: int = 1, category: type[UserWarning] = UserWarning
) -> None:
    """Give several warnings of one kind as one, with their number and the first of them.

    Args:
        messages: one for each; equal ones count once. Without any, nothing happens.
        stacklevel: as in `warnings.warn`, seen from the caller.
        category: the kind of warning.
    """
    different = list(dict.fromkeys(messages))
    if not different:
        return
    text = different[0]
    if len(different) > 1:
        shown = "".join(f"\n- {message}" for message in different[:_MOST_WARNINGS])
        rest = len(different) - _MOST_WARNINGS
        more = f"\n- and {rest} more" if rest > 0 else ""
        text = f"{len(different)} warnings of one kind:{shown}{more}"
    warnings.warn(text, category, stacklevel=stacklevel + 1)
