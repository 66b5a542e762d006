"""The newest messages of all conversations, for the inbox and for what is alike."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gossamer.data.errors import InputError
from gossamer.dialogue.history.event_json import events_from_dicts
from gossamer.dialogue.history.tracker import Tracker
from gossamer.nlu.pipeline.parse import Parse
from gossamer.serve.models.current import LoadedModel
from gossamer.serve.server import Server
from gossamer.serve.store.conversations import ConversationStore
from gossamer.teach.inbox import StoredMessage, parsed_anew, stored_messages

_log = logging.getLogger(__name__)

MOST_MESSAGES: Final = 5_000
"""How many messages are read at most, the newest ones."""
_KINDS: Final = ("user", "action")
_PAGE: Final = 2_000
_MOST_EVENTS: Final = 20 * MOST_MESSAGES
_SECONDS: Final = 30.0
"""How long they count as the newest. What this server deletes is forgotten at once."""


@dataclass(frozen=True, slots=True)
class _Read:
    messages: tuple[StoredMessage, ...]
    until: float


class NewestMessages:
    """Reads the newest messages, as the model that answers understands them. `get` blocks.

    What was read is kept for some seconds, what was understood until another model answers; all of
    it is forgotten when a conversation is deleted.

    Args:
        server: whose conversations.
        n_messages: how many at most.
    """

    def __init__(self, server: Server, n_messages: int = MOST_MESSAGES) -> None:
        self._server = server
        self._n_messages = n_messages
        self._lock = threading.Lock()
        self._n_forgotten = 0
        self._read: _Read | None = None
        self._parses: dict[str, Parse] = {}
        self._model_id = ""

    def get(self, model: LoadedModel) -> Sequence[StoredMessage]:
        """The messages, those of a conversation in order.

        Args:
            model: that answers.

        Raises:
            ServeError: 409, it holds no conversation.
            StoreError: the database does not answer.
        """
        new_tracker = model.runner.new_tracker
        with self._lock:
            n_forgotten, read = self._n_forgotten, self._read
            if read is None or time.monotonic() > read.until:
                trackers = newest_trackers(self._server.store, new_tracker, self._n_messages)
                messages = tuple(stored_messages(trackers))
                read = _Read(messages, time.monotonic() + _SECONDS)
            if not model.assistant.understands_texts:
                return read.messages
            parses = {} if model.model_id != self._model_id else dict(self._parses)
            anew = parsed_anew(read.messages, lambda texts: self._parsed(model, texts, parses))
            if n_forgotten == self._n_forgotten:
                self._read = read
                self._model_id = model.model_id
                self._parses = {each.text: parses[each.text] for each in read.messages}
            return anew

    def forget(self) -> None:
        """Keep nothing, as a conversation was deleted. Never waits."""
        self._n_forgotten += 1
        self._read, self._parses = None, {}

    def _parsed(
        self, model: LoadedModel, texts: Sequence[str], known: dict[str, Parse]
    ) -> list[Parse]:
        new = [text for text in texts if text not in known]
        parses = self._server.parse_many(model.pipeline, new)
        known.update(zip(new, parses, strict=True))
        return [known[text] for text in texts]


def newest_trackers(
    store: ConversationStore, new_tracker: Callable[[str], Tracker], n_messages: int
) -> list[Tracker]:
    """The ends of conversations: the newest messages of users, and the actions that followed.

    Args:
        store: where conversations are; it is read in pages.
        new_tracker: an empty conversation of a sender.
        n_messages: how many messages at most.
    """
    ends: dict[str, list[dict[str, Any]]] = {}
    found, n_events = 0, 0
    page = store.newest(_KINDS, _PAGE)
    while page:
        for stored in page:
            ends.setdefault(stored.sender_id, []).append(stored.event)
            found += stored.event["event"] == "user"
            if found == n_messages:
                return _trackers(ends, new_tracker)
        n_events += len(page)
        is_last = len(page) < _PAGE or n_events >= _MOST_EVENTS
        page = [] if is_last else store.newest(_KINDS, _PAGE, before=page[-1].id)
    return _trackers(ends, new_tracker)


def _trackers(
    ends: dict[str, list[dict[str, Any]]], new_tracker: Callable[[str], Tracker]
) -> list[Tracker]:
    trackers = []
    for sender_id, events in ends.items():
        tracker = _tracker(new_tracker(sender_id), events[::-1])
        if tracker is not None:
            trackers.append(tracker)
    return trackers


def _tracker(tracker: Tracker, events: Sequence[dict[str, Any]]) -> Tracker | None:
    try:
        tracker.update_all(events_from_dicts(events))
    except InputError as error:
        _log.warning("a stored conversation cannot be read: %s", error.must_hold)
        return None
    return tracker
