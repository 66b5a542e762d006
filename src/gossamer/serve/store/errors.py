"""What can go wrong with stored conversations through no fault of the caller's."""

from __future__ import annotations


class StoreError(RuntimeError):
    """A fault of stored conversations. Its message is for the log, not for clients."""


class StoreUnavailable(StoreError):
    """The database does not answer, or cannot write now; trying again later may succeed.

    Nothing was written, unless the message says that this is not known.
    """


class ConversationBusy(StoreError):
    """Another holder kept the conversation for as long as the caller was ready to wait."""


class LeaseLost(StoreError):
    """Another holder took the conversation over, or it was deleted; nothing was written."""


class ReminderGone(StoreError):
    """The reminder was fired, replaced or cancelled meanwhile; nothing was written."""
