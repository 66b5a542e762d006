"""Conversations: a message comes in, actions follow until the assistant listens again.

As Rasa 3.6 handles a message: a session begins first if none is open or the last one is too old;
the message is understood; slots are filled; then policies choose an action, it is done, and so on
until `action_listen`, ten actions at most. An action that fails does not end the conversation: what
it would have done does not happen, and the turn goes on.

Departures from Rasa 3.6, all so that a conversation can go on:

- Rejected actions count among the ten, so that two that reject in turns come to an end; listening
  does not count. After the tenth the assistant listens; in Rasa it stays silent for good.
- A message that finds it not listening, as after a pause, is taken as if it were.
- When a session's beginning fails on an action server, the built-in one takes its place.
- Entities that a policy finds fill slots before the action is run, not after the next message.
"""

from __future__ import annotations

import random
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

from gossamer.data.domain.domain import ACTION_LISTEN, Domain
from gossamer.data.errors import ConfigError
from gossamer.dialogue.actions.action import ActionContext, CustomActions, MessageMaker
from gossamer.dialogue.actions.registry import action_finder
from gossamer.dialogue.actions.responses import ResponseGenerator
from gossamer.dialogue.defaults import DEFAULT_CHANNEL
from gossamer.dialogue.history.events import ActionExecuted, UserUttered, event_from_dict
from gossamer.dialogue.history.tracker import DEFAULT_SENDER, Tracker
from gossamer.dialogue.runtime.running_turn import Chooser, RunningTurn
from gossamer.dialogue.runtime.turn import Turn, TurnAction
from gossamer.nlu.pipeline.parse import Parse

__all__ = ["MAX_ACTIONS", "Chooser", "Conversations", "Turn", "TurnAction"]

MAX_ACTIONS: Final = 10
_MINUTE = 60.0


class Conversations:
    """Talks with people, each in a conversation of their own.

    Messages of one person are handled one after the other; those of several may be handled by
    several threads.

    Args:
        domain: what may be said and done.
        chooser: trained policies.
        parse: understands a text, messages like `/greet{"name": "Ada"}` among them; gives a
            `Parse`, or JSON of its shape.
        custom: runs custom actions; with None they fail.
        nlg: makes the messages of responses; None: the domain's responses do.
        channel: where messages go; a response may have variations for it.
        max_actions: how many actions may follow each other in a turn, besides listening.
        clock: seconds since the epoch.
        random_seed: decides among variations; None: a new choice each time.

    Attributes:
        domain: as given.
        trackers: conversations by sender.

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
        if max_actions < 1:
            raise ConfigError("max_actions must be at least 1", got=max_actions)
        self.domain = domain
        self.trackers: dict[str, Tracker] = {}
        self._chooser = chooser
        self._parse = parse
        self._custom = custom
        self._nlg = nlg
        self._channel = channel
        self._max_actions = max_actions
        self._clock = clock
        self._find = action_finder(domain)
        self._responses = ResponseGenerator(domain.responses, random.Random(random_seed))
        self._entities = {entity.name for entity in domain.entities}
        self._locks: dict[str, threading.Lock] = {}
        self._locks_lock = threading.Lock()

    def tracker(self, sender_id: str = DEFAULT_SENDER) -> Tracker:
        """The conversation of a sender, a new one if there is none yet."""
        return self.trackers.setdefault(sender_id, Tracker(self.domain.slots, sender_id))

    def begin(self, sender_id: str = DEFAULT_SENDER) -> Turn:
        """Begin a session if none is open or the last one is too old.

        The turn says what `action_session_start` does, on an action server if the domain declares
        it; the built-in one says nothing.
        """
        with self._lock(sender_id):
            running = self._running(sender_id, None)
            if self._needs_session(running.tracker):
                running.begin_session()
            return self._finished(running)

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
        channel = self._channel if channel is None else channel
        with self._lock(sender_id):
            running = self._running(sender_id, channel)
            if self._needs_session(running.tracker):
                running.begin_session(metadata)
            said = self._understood(message, channel, metadata, message_id)
            if running.tracker.latest_action_name != ACTION_LISTEN:
                running.happen([ActionExecuted(name=ACTION_LISTEN)])
            running.happen([said])
            running.fill_slots()
            running.act()
            return self._finished(running)

    # -- parts of a turn -------------------------------------------------------------------------

    def _lock(self, sender_id: str) -> threading.Lock:
        with self._locks_lock:
            return self._locks.setdefault(sender_id, threading.Lock())

    def _running(self, sender_id: str, channel: str | None) -> RunningTurn:
        context = ActionContext(
            domain=self.domain,
            responses=self._responses,
            find=self._find,
            now=self._clock,
            channel=self._channel if channel is None else channel,
            custom=self._custom,
            nlg=self._nlg,
        )
        tracker = self.tracker(sender_id).fork(sender_id)
        return RunningTurn(tracker, context, self._chooser, self._max_actions)

    def _finished(self, running: RunningTurn) -> Turn:
        self.trackers[running.tracker.sender_id] = running.tracker
        return running.result()

    def _needs_session(self, tracker: Tracker) -> bool:
        """Whether nothing counts yet, or the last message was too long ago."""
        applied = tracker.applied_events()
        if not applied:
            return True
        limit = self.domain.session.expiration_time
        last = next((e for e in reversed(applied) if isinstance(e, UserUttered)), None)
        if limit <= 0 or last is None or last.timestamp is None:
            return False
        return self._clock() - last.timestamp > limit * _MINUTE

    def _understood(
        self,
        message: str | Parse | Mapping[str, Any],
        channel: str,
        metadata: Mapping[str, Any] | None,
        message_id: str | None,
    ) -> UserUttered:
        more = {
            "input_channel": channel,
            "message_id": message_id,
            "metadata": dict(metadata or {}),
        }
        parse = self._parse(message.strip()) if isinstance(message, str) else message
        if isinstance(parse, Parse):
            said = UserUttered.of(parse, **more)
        else:
            text = message.strip() if isinstance(message, str) else parse.get("text")
            parse_data = {**parse, "text": text}
            content = {"event": UserUttered.type_name, "text": text, "parse_data": parse_data}
            said = cast(UserUttered, event_from_dict(content | more))
        if not self.domain.is_empty:
            self._warn_of_unknown(said)
        return said

    def _warn_of_unknown(self, message: UserUttered) -> None:
        names = {entity.entity for entity in message.entities}
        unknown = [f"entity '{name}'" for name in sorted(names - self._entities)]
        if message.intent is not None and message.intent not in self.domain.intent_names:
            unknown.insert(0, f"intent '{message.intent}'")
        for name in unknown:
            warnings.warn(
                f"a message has the {name}, which the domain does not have, so policies do not see "
                "it. Try: declaring it",
                stacklevel=4,
            )
