"""The inbox: stored messages that are worth an answer of a person, most useful first."""

from gossamer.teach.inbox.inbox import Inbox, InboxGroup, Reason, ReasonKind, similar
from gossamer.teach.inbox.messages import StoredMessage, parsed_anew, stored_messages

__all__ = [
    "Inbox",
    "InboxGroup",
    "Reason",
    "ReasonKind",
    "StoredMessage",
    "parsed_anew",
    "similar",
    "stored_messages",
]
