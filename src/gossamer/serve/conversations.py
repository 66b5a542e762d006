"""Turns on stored conversations: read under a lease, run, written, and only then answered."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from gossamer.dialogue.history.event_json import events_from_dicts
from gossamer.dialogue.history.events import BotUttered, Event, UserUttered
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.runtime.turn import Turn
from gossamer.dialogue.runtime.turn_runner import TurnRunner
from gossamer.serve.models.current import LoadedModel
from gossamer.serve.store.conversations import ConversationStore
from gossamer.serve.store.leases import Lease
from gossamer.serve.store.reminders import Reminder
from gossamer.serve.work.tracker_cache import CachedTracker, TrackerCache

TurnWork: TypeAlias = Callable[[TurnRunner, Tracker], tuple[Tracker, Turn]]
"""A turn: a method of the runner, with what it is given."""

Listener: TypeAlias = Callable[[str, Sequence[Mapping[str, Any]]], None]
"""Is told whose conversation it is, and the JSON of events that were stored."""


class StoredConversations:
    """Runs turns on conversations of a store. Its methods block: they are for threads.

    A conversation that this process held last is not read again: its tracker is in memory, and the
    lease's counter says whether anybody else has held it since.

    Args:
        store: where conversations are.
        lease_wait: seconds to wait for a conversation that another process holds.
        on_lease: called with the seconds that a conversation was waited for.
        on_stored: called with the events of each turn once they are stored; it must be quick, and
            must not change them.
    """

    def __init__(
        self,
        store: ConversationStore,
        *,
        lease_wait: float,
        on_lease: Callable[[float], None] | None = None,
        on_stored: Listener | None = None,
    ) -> None:
        self._on_lease = on_lease
        self._store = store
        self._on_stored = on_stored
        self._lease_wait = lease_wait
        self._cache = TrackerCache()

    def run(
        self,
        model: LoadedModel,
        sender_id: str,
        work: TurnWork,
        *,
        message_id: str | None = None,
        reminder: Reminder | None = None,
    ) -> Turn:
        """Run a turn and store what happened.

        Args:
            model: answers.
            sender_id: whose conversation.
            work: the turn.
            message_id: of the message; one that was answered before is not handled again, and the
                turn has the messages that were said then.
            reminder: the turn is what it asks for; the store forgets it with the same commit. If
                it is not pending any more, nothing happens.

        Raises:
            StoreError: the conversation is busy, was taken over, or the database is gone; then
                nothing of the turn is stored.
        """
        runner = model.runner
        started = time.perf_counter()
        with self._store.lease(sender_id, wait=self._lease_wait) as lease:
            if self._on_lease is not None:
                self._on_lease(time.perf_counter() - started)
            if reminder is not None and not lease.is_pending(reminder):
                return Turn()
            cached = self._cached(lease, model)
            tracker, n_characters = (
                (self._replayed(runner, sender_id, lease.events()), 0)
                if cached is None
                else (cached.tracker, cached.n_characters)
            )
            if message_id is not None:
                said = answer_to(tracker.events, message_id)
                if said is not None:
                    return Turn(messages=said)
            after, turn = work(runner, tracker)
            events = [event.to_dict() for event in turn.events]
            lease.append(events, fired=reminder)
            n_characters += lease.n_characters
            kept = CachedTracker(lease.fence, model.model_id, after, n_characters)
            self._cache.keep(sender_id, kept)
            if self._on_stored is not None:
                self._on_stored(sender_id, events)
        return turn

    def replace(
        self, model: LoadedModel, sender_id: str, events: Sequence[Mapping[str, Any]]
    ) -> Tracker:
        """Store another history of a conversation. Its events are not told to `on_stored`.

        Raises:
            DataError: these are no events.
            StoreError: as for `run`.
        """
        tracker = self._replayed(model.runner, sender_id, events)
        with self._store.lease(sender_id, wait=self._lease_wait) as lease:
            lease.replace([event.to_dict() for event in tracker.events])
        return tracker

    def delete(self, sender_id: str) -> int:
        """Delete a conversation with its reminders; gives how many events it had.

        Raises:
            StoreError: the database is gone.
        """
        n_events = self._store.delete(sender_id)
        self._cache.drop(sender_id)
        return n_events

    def tracker(self, model: LoadedModel, sender_id: str) -> Tracker:
        """A conversation as it is stored.

        Raises:
            StoreError: the database is gone.
        """
        return self._replayed(model.runner, sender_id, self._store.events(sender_id))

    def _cached(self, lease: Lease, model: LoadedModel) -> CachedTracker | None:
        """The conversation, if this process held it last, with this model."""
        cached = self._cache.get(lease.sender_id)
        if (
            cached is not None
            and cached.model_id == model.model_id
            and lease.previous_fence_is(cached.fence)
        ):
            return cached
        return None

    def _replayed(
        self, runner: TurnRunner, sender_id: str, events: Sequence[Mapping[str, Any]]
    ) -> Tracker:
        tracker = runner.new_tracker(sender_id)
        tracker.update_all(events_from_dicts(events))
        return tracker


def answer_to(events: Sequence[Event], message_id: str) -> tuple[BotUttered, ...] | None:
    """What was said to a message, if its turn was stored already.

    Args:
        events: of the conversation, in order.
        message_id: of the message.

    Returns:
        Messages of the assistant from the last message with this id to the next; None if there is
        none with this id.
    """
    said: list[BotUttered] = []
    for event in reversed(events):
        if isinstance(event, BotUttered):
            said.append(event)
        elif isinstance(event, UserUttered):
            if event.message_id == message_id:
                return tuple(reversed(said))
            said = []
    return None
