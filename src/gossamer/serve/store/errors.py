"""What can go wrong with stored conversations through no fault of the caller's."""

from __future__ import annotations


class StoreUnavailable(RuntimeError):
    """The database does not answer, or cannot write now; trying again later may succeed.

    Nothing was written, unless the message says that this is not known.
    """


class ConversationBusy(RuntimeError):
    """Another holder kept the conversation for as long as the caller was ready to wait."""


class LeaseLost(RuntimeError):
    """Another holder took the conversation over, or it was deleted; nothing was written."""


class ReminderGone(RuntimeError):
    """The reminder was fired, replaced or cancelled meanwhile; nothing was written."""
