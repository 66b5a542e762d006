"""Conversations in memory, each with a tracker of its own; see `turn_runner` for what a turn is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from gossamer.data.domain.domain import Domain
from gossamer.dialogue.actions.action import CustomActions, MessageMaker
from gossamer.dialogue.defaults import DEFAULT_CHANNEL
from gossamer.dialogue.history.tracker import DEFAULT_SENDER, Tracker
from gossamer.dialogue.runtime.running_turn import Chooser
from gossamer.dialogue.runtime.turn import Turn, TurnAction
from gossamer.dialogue.runtime.turn_runner import MAX_ACTIONS, TurnRunner
from gossamer.nlu.pipeline.parse import Parse

__all__ = ["MAX_ACTIONS", "Chooser", "Conversations", "Turn", "TurnAction"]


class Conversations:
    """Talks with people, each in a conversation of their own.

    Messages of one person are handled one after the other; those of several may be handled by
    several threads.

    Arguments are those of `TurnRunner`.

    Attributes:
        domain: as given.
        trackers: conversations by sender.
        turns: runs their turns.

    Raises:
        ConfigError: `max_actions` is less than 1.
    """

    def __init__(
        self,
        domain: Domain,
        chooser: Chooser,
        parse: Callable[[str], Parse | Mapping[str, Any]],
        *,
        custom: CustomActions | None = None,
        nlg: MessageMaker | None = None,
        channel: str = DEFAULT_CHANNEL,
        max_actions: int = MAX_ACTIONS,
        clock: Callable[[], float] = time.time,
        random_seed: int | None = None,
    ) -> None:
        self.domain = domain
        self.trackers: dict[str, Tracker] = {}
        self.turns = TurnRunner(
            domain,
            chooser,
            parse,
            custom=custom,
            nlg=nlg,
            channel=channel,
            max_actions=max_actions,
            clock=clock,
            random_seed=random_seed,
        )
        self._locks: dict[str, threading.Lock] = {}
        self._locks_lock = threading.Lock()

    def tracker(self, sender_id: str = DEFAULT_SENDER) -> Tracker:
        """The conversation of a sender, a new one if there is none yet."""
        return self.trackers.setdefault(sender_id, self.turns.new_tracker(sender_id))

    def begin(self, sender_id: str = DEFAULT_SENDER) -> Turn:
        """Begin a session if none is open or the last one is too old; see `TurnRunner.begin`."""
        with self._lock(sender_id):
            tracker, turn = self.turns.begin(self.tracker(sender_id))
            self.trackers[sender_id] = tracker
        return turn

    def handle(
        self,
        message: str | Parse | Mapping[str, Any],
        sender_id: str = DEFAULT_SENDER,
        *,
        channel: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        message_id: str | None = None,
    ) -> Turn:
        """Take a message and do what follows.

        The conversation changes when the turn is complete: when this raises, it is as before.

        Args:
            message: a text, blanks around which do not count; or what was understood of one
                already, a `Parse` or JSON of its shape.
            sender_id: whose conversation.
            channel: where the message comes from and answers go; None: as given to the class.
            metadata: anything to keep with the message; with a message that begins a session it is
                also the value of the slot `session_started_metadata`, if the domain has that.
            message_id: its number in the channel.

        Raises:
            DataError: what was understood is not of that shape.
            Exception: whatever `parse` or `chooser` raise.
        """
        with self._lock(sender_id):
            tracker, turn = self.turns.handle(
                self.tracker(sender_id),
                message,
                channel=channel,
                metadata=metadata,
                message_id=message_id,
            )
            self.trackers[sender_id] = tracker
        return turn

    def _lock(self, sender_id: str) -> threading.Lock:
        with self._locks_lock:
            return self._locks.setdefault(sender_id, threading.Lock())
