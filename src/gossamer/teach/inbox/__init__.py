"""The inbox: stored messages that are worth an answer of a person, most useful first."""

from gossamer.teach.inbox.inbox import Inbox, InboxGroup, Reason, ReasonKind
from gossamer.teach.inbox.messages import StoredMessage, parsed_anew, stored_messages
from gossamer.teach.inbox.similar import SimilarMessages, similar

__all__ = [
    "Inbox",
    "InboxGroup",
    "Reason",
    "ReasonKind",
    "SimilarMessages",
    "StoredMessage",
    "parsed_anew",
    "similar",
    "stored_messages",
]
