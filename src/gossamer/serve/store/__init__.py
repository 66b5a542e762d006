"""Conversations in a SQL database, safe over several server processes and hosts."""

from gossamer.serve.store.conversations import ConversationStore
from gossamer.serve.store.errors import (
    ConversationBusy,
    LeaseLost,
    ReminderGone,
    StoreUnavailable,
)
from gossamer.serve.store.leases import Lease
from gossamer.serve.store.reminders import Reminder

__all__ = [
    "ConversationBusy",
    "ConversationStore",
    "Lease",
    "LeaseLost",
    "Reminder",
    "ReminderGone",
    "StoreUnavailable",
]
