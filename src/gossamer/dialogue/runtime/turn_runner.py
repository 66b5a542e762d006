"""A turn: a message comes in, actions follow until the assistant listens again.

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
- The age of a session is that of its last message. In Rasa messages that were taken back and
  answers to a form do not count, so that a session may end in the middle of a form.
"""

from __future__ import annotations

import random
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, cast

from gossamer.data.domain.domain import ACTION_LISTEN, Domain
from gossamer.data.entities import Entity
from gossamer.data.errors import ConfigError, DataError, MessageWarning
from gossamer.dialogue.actions.action import ActionContext, CustomActions, MessageMaker
from gossamer.dialogue.actions.registry import action_finder
from gossamer.dialogue.actions.responses import ResponseGenerator
from gossamer.dialogue.defaults import DEFAULT_CHANNEL
from gossamer.dialogue.history.event_json import event_from_dict
from gossamer.dialogue.history.events import (
    ActionExecuted,
    BotUttered,
    Restarted,
    SessionStarted,
    UserUttered,
)
from gossamer.dialogue.history.tracker import DEFAULT_SENDER, Tracker
from gossamer.dialogue.policies.ensemble import EnsemblePrediction
from gossamer.dialogue.runtime.running_turn import Chooser, RunningTurn
from gossamer.dialogue.runtime.turn import Turn
from gossamer.nlu.pipeline.parse import Parse

MAX_ACTIONS: Final = 10
_MINUTE = 60.0
_TRIGGERED = "EXTERNAL: "

MessageListener = Callable[[BotUttered], None]
"""Is called with each message of the assistant as soon as it is said."""


class TurnRunner:
    """Runs turns. It holds no conversation: a tracker goes in, and a new one comes out.

    Args:
        domain: what may be said and done.
        chooser: trained policies.
        parse: understands a text, messages like `/greet{"name": "Ada"}` among them; gives a
            `Parse`, or JSON of its shape.
        custom: runs custom actions; with None they fail.
        nlg: makes the messages of responses; None: the domain's responses do.
        channel: where messages go, if a turn does not say; a response may have variations for it.
        max_actions: how many actions may follow each other in a turn, besides listening.
        clock: seconds since the epoch.
        random_seed: decides among variations; None: a new choice each time.
        sends_reminders: whether the caller sees to reminders; if not, one is warned of.

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
        sends_reminders: bool = False,
    ) -> None:
        if max_actions < 1:
            raise ConfigError("max_actions must be at least 1", got=max_actions)
        self.domain = domain
        self._chooser = chooser
        self._parse = parse
        self._custom = custom
        self._nlg = nlg
        self._channel = channel
        self._max_actions = max_actions
        self._clock = clock
        self._sends_reminders = sends_reminders
        self._find = action_finder(domain)
        self._responses = ResponseGenerator(domain.responses, random.Random(random_seed))
        self._entities = {entity.name for entity in domain.entities}

    def new_tracker(self, sender_id: str = DEFAULT_SENDER) -> Tracker:
        """A conversation in which nothing happened."""
        return Tracker(self.domain.slots, sender_id)

    def begin(self, tracker: Tracker, *, channel: str | None = None) -> tuple[Tracker, Turn]:
        """Begin a session if none is open or the last one is too old.

        The turn says what `action_session_start` does, on an action server if the domain declares
        it; the built-in one says nothing.
        """
        running = self._in_session(tracker, channel)
        return running.tracker, running.result()

    def handle(
        self,
        tracker: Tracker,
        message: str | Parse | Mapping[str, Any],
        *,
        channel: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        message_id: str | None = None,
        on_message: MessageListener | None = None,
    ) -> tuple[Tracker, Turn]:
        """Take a message and do what follows.

        Args:
            tracker: the conversation; it is not changed.
            message: a text, blanks around which do not count; or what was understood of one
                already, a `Parse` or JSON of its shape.
            channel: where the message comes from and answers go; None: as given to the class.
            metadata: anything to keep with the message; with a message that begins a session it is
                also the value of the slot `session_started_metadata`, if the domain has that.
            message_id: its number in the channel.
            on_message: see `MessageListener`.

        Raises:
            DataError: what was understood is not of that shape.
            Exception: whatever `parse` or `chooser` raise.
        """
        channel = self._channel if channel is None else channel
        running = self._in_session(tracker, channel, metadata, on_message)
        said = self.understood(message, channel, metadata, message_id)
        self._hear(running, said)
        running.act()
        return running.tracker, running.result()

    def hear(
        self,
        tracker: Tracker,
        message: str | Parse | Mapping[str, Any],
        *,
        channel: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        message_id: str | None = None,
    ) -> tuple[Tracker, Turn]:
        """Take a message, but do nothing: slots are filled, no action follows.

        Args and raises as for `handle`.
        """
        channel = self._channel if channel is None else channel
        running = self._in_session(tracker, channel, metadata)
        self._hear(running, self.understood(message, channel, metadata, message_id))
        return running.tracker, running.result()

    def trigger(
        self,
        tracker: Tracker,
        intent: str,
        entities: Sequence[Entity] = (),
        *,
        channel: str | None = None,
        on_message: MessageListener | None = None,
    ) -> tuple[Tracker, Turn]:
        """Do what follows an intent that no user wrote: of a reminder, or of another program.

        Raises:
            DataError: the domain does not have the intent.
        """
        if intent not in self.domain.intent_names:
            raise DataError("an intent that is triggered must be of the domain", got=intent)
        running = self._in_session(tracker, channel, on_message=on_message)
        self._hear(
            running,
            UserUttered(
                text=f"{_TRIGGERED}{intent}",
                intent=intent,
                confidence=1.0,
                entities=tuple(entities),
                input_channel=latest_channel(tracker),
                metadata={"is_external": True},
            ),
        )
        running.act()
        return running.tracker, running.result()

    def execute(
        self,
        tracker: Tracker,
        action: str,
        *,
        policy: str | None = None,
        confidence: float | None = None,
        channel: str | None = None,
        on_message: MessageListener | None = None,
    ) -> tuple[Tracker, Turn]:
        """Do one action, whatever policies say.

        Args:
            tracker: the conversation; it is not changed.
            action: its name.
            policy: who is noted as having chosen it.
            confidence: the confidence that is noted.
            channel: where messages go; None: as given to the class.
            on_message: see `MessageListener`.

        Raises:
            DataError: the domain does not have the action.
        """
        if action not in self.domain.action_index:
            raise DataError("an action that is to run must be of the domain", got=action)
        running = self._in_session(tracker, channel, on_message=on_message)
        running.execute(action, policy, confidence)
        return running.tracker, running.result()

    def predict(self, tracker: Tracker) -> EnsemblePrediction:
        """The action that policies would choose now; nothing is done."""
        return self._chooser.predict(tracker)

    def next_action(self, tracker: Tracker) -> tuple[str, EnsemblePrediction | None] | None:
        """What the assistant would do now, within a turn that `hear` began; nothing is done.

        Returns:
            The action, and what policies said, or None where an event asked for it. Nothing when
            the assistant is to be silent.
        """
        running = self._running(tracker, None)
        return running.choose() if running.is_awake() else None

    def step(
        self,
        tracker: Tracker,
        action: str,
        prediction: EnsemblePrediction | None = None,
        *,
        policy: str | None = None,
    ) -> tuple[Tracker, Turn]:
        """Do one action within a turn that `hear` began, as if the turn went on by itself.

        Args:
            tracker: the conversation; it is not changed.
            action: its name, or a text that the assistant says.
            prediction: what chose it, as `next_action` gave it; None: somebody else did.
            policy: who is noted as having chosen it, where there is no prediction.

        Raises:
            DataError: the domain does not have the action.
        """
        if action not in self.domain.action_index:
            raise DataError("an action that is to run must be of the domain", got=action)
        running = self._running(tracker, None)
        running.tracker.followup_action = None  # it is this one, or not to be
        if prediction is None:
            running.execute(action, policy, None)
        else:
            running.do(action, prediction)
        return running.tracker, running.result()

    def understood(
        self,
        message: str | Parse | Mapping[str, Any],
        channel: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        message_id: str | None = None,
    ) -> UserUttered:
        """The event of a message. Args and raises as for `handle`."""
        more = {
            "input_channel": self._channel if channel is None else channel,
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

    # -- parts of a turn -------------------------------------------------------------------------

    def _in_session(
        self,
        tracker: Tracker,
        channel: str | None,
        metadata: Mapping[str, Any] | None = None,
        on_message: MessageListener | None = None,
    ) -> RunningTurn:
        """A turn on a copy of the conversation; a session has begun where that was due."""
        running = self._running(tracker, channel, on_message)
        if self._needs_session(running.tracker):
            running.begin_session(metadata)
        return running

    def _running(
        self, tracker: Tracker, channel: str | None, on_message: MessageListener | None = None
    ) -> RunningTurn:
        """A turn on a copy of the conversation."""
        context = ActionContext(
            domain=self.domain,
            responses=self._responses,
            find=self._find,
            now=self._clock,
            channel=self._channel if channel is None else channel,
            custom=self._custom,
            nlg=self._nlg,
        )
        return RunningTurn(
            tracker.fork(),
            context,
            self._chooser,
            self._max_actions,
            on_message=on_message,
            sends_reminders=self._sends_reminders,
        )

    def _hear(self, running: RunningTurn, said: UserUttered) -> None:
        if running.tracker.latest_action_name != ACTION_LISTEN:
            running.happen([ActionExecuted(name=ACTION_LISTEN)])
        running.happen([said])
        running.fill_slots()

    def _needs_session(self, tracker: Tracker) -> bool:
        """Whether nothing counts yet, or the last message was too long ago."""
        if not tracker.applied_events():
            return True
        limit = self.domain.session.expiration_time
        last = _last_message(tracker)
        if limit <= 0 or last is None or last.timestamp is None:
            return False
        return self._clock() - last.timestamp > limit * _MINUTE

    def _warn_of_unknown(self, message: UserUttered) -> None:
        names = {entity.entity for entity in message.entities}
        unknown = [f"entity '{name}'" for name in sorted(names - self._entities)]
        if message.intent is not None and message.intent not in self.domain.intent_names:
            unknown.insert(0, f"intent '{message.intent}'")
        for name in unknown:
            warnings.warn(
                f"a message has the {name}, which the domain does not have, so policies do not see "
                "it. Try: declaring it",
                MessageWarning,
                stacklevel=4,
            )


def _last_message(tracker: Tracker) -> UserUttered | None:
    """The last message of this session, even if it no longer counts."""
    for event in reversed(tracker.events):
        if isinstance(event, UserUttered):
            return event
        if isinstance(event, Restarted | SessionStarted):
            break
    return None


def latest_channel(tracker: Tracker) -> str | None:
    """The channel of the last message that had one."""
    for event in reversed(tracker.events):
        if isinstance(event, UserUttered) and event.input_channel is not None:
            return event.input_channel
    return None
