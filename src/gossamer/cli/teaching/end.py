"""The end of teaching: what was taught, and a model that has learnt it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gossamer.data.text.wording import counted
from gossamer.teach import MessageCorrection, Taught

if TYPE_CHECKING:
    pass


def told(taught: Sequence[Taught]) -> str:
    """What was taught, in a sentence."""
    n_messages = sum(isinstance(each.correction, MessageCorrection) for each in taught)
    n_stories = len(taught) - n_messages
    parts = [
        *([counted(n_messages, "message")] if n_messages else []),
        *([counted(n_stories, "story", "stories")] if n_stories else []),
    ]
    return f"Taught: {' and '.join(parts) if parts else 'nothing'}."
