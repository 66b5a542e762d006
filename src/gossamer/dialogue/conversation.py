"""Conversations: a message comes in, actions follow until the assistant listens again.

As Rasa 3.6 handles a message: a session begins first if there is none or it is too old; the message
is understood; slots are filled; then policies choose an action, it is done, and so on until
`action_listen`, ten actions at most. An action that fails is no end of the conversation: what it
would have done does not happen, and the turn goes on.
"""

from __future__ import annotations

import random
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from gossamer.data.domain import ACTION_LISTEN, Domain
from gossamer.data.errors import InputError
from gossamer.dialogue.actions import (
    Action,
    ActionContext,
    ActionProblem,
    ActionRejected,
    CustomActions,
    stamped,
    with_events,
)
from gossamer.dialogue.default_actions import ExtractSlotsAction
from gossamer.dialogue.ensemble import EnsemblePrediction
from gossamer.dialogue.events import (
    ActionExecuted,
    ActionExecutionRejected,
    BotUttered,
    EntitiesAdded,
    Event,
    SessionStarted,
    UserUttered,
)
from gossamer.dialogue.find import action_finder
from gossamer.dialogue.responses import ResponseGenerator
from gossamer.dialogue.tracker import ACTION_SESSION_START, DEFAULT_SENDER, Tracker
from gossamer.nlu.messages import Parse

MAX_ACTIONS: Final = 10
DEFAULT_CHANNEL: Final = "cmdline"

_RESTART_INTENT = "restart"
_FOLLOWUP = "followup_action"
_MINUTE = 60.0


class Chooser(Protocol):
    """Chooses actions: an `Ensemble`, or a stand-in."""

    def predict(self, tracker: Tracker) -> EnsemblePrediction:
        """Choose the next action."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnAction:
    """An action in a turn, and why it was done.

    Attributes:
        name: its name, or the text it says.
        prediction: what the policies said; None: an event had asked for it.
        events: what came of it.
        problem: why it failed, or None.
        is_rejected: whether it would not run.
    """

    name: str
    prediction: EnsemblePrediction | None = None
    events: tuple[Event, ...] = ()
    problem: ActionProblem | None = None
    is_rejected: bool = False

    def reason(self) -> str:
        """Why it was done, for people: who chose it, how sure, and what the others said."""
        if self.prediction is None:
            return f"{self.name}: an event asked for it"
        own = self.prediction.prediction
        text = f"{self.name}: {own.policy}, {self.prediction.confidence:.2f}"
        if own.reason:
            text += f" ({', '.join(f'{key}: {value}' for key, value in own.reason.items())})"
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What came of a message.

    Attributes:
        messages: what the assistant says, in order.
        actions: what it did, in order, the listening at the end among it.
        events: all that happened, the message among it.
        problems: actions that failed.
        is_cut_short: whether too many actions followed each other.
    """

    messages: tuple[BotUttered, ...] = ()
    actions: tuple[TurnAction, ...] = ()
    events: tuple[Event, ...] = ()
    problems: tuple[ActionProblem, ...] = ()
    is_cut_short: bool = False


@dataclass(slots=True)
class _Running:
    """A turn that is going on."""

    tracker: Tracker
    context: ActionContext
    actions: list[TurnAction] = field(default_factory=list)

    def happen(self, events: Sequence[Event]) -> tuple[Event, ...]:
        now = self.context.now()
        done = tuple(stamped(event, now) for event in events)
        self.tracker.update_all(done)
        return done


class Conversations:
    """Talks with people, each in a conversation of their own.

    Args:
        domain: what may be said and done.
        chooser: trained policies.
        parse: understands a text; None: only messages like /greet{"name": "Ada"} are understood.
        custom: runs custom actions; None: nobody does, and they fail.
        channel: where messages go; a response may have variations for it.
        max_actions: how many actions may follow each other in a turn.
        clock: seconds since the epoch.
        random_seed: decides among variations; None: anew each time.

    Attributes:
        trackers: conversations by whose they are.
    """

    def __init__(
        self,
        domain: Domain,
        chooser: Chooser,
        parse: Callable[[str], Parse],
        *,
        custom: CustomActions | None = None,
        channel: str = DEFAULT_CHANNEL,
        max_actions: int = MAX_ACTIONS,
        clock: Callable[[], float] = time.time,
        random_seed: int | None = None,
    ) -> None:
        self.domain = domain
        self.trackers: dict[str, Tracker] = {}
        self._chooser = chooser
        self._parse = parse
        self._custom = custom
        self._channel = channel
        self._max_actions = max_actions
        self._clock = clock
        self._find = action_finder(domain)
        self._responses = ResponseGenerator(domain.responses, random.Random(random_seed))

    def tracker(self, sender_id: str = DEFAULT_SENDER) -> Tracker:
        """Somebody's conversation, a new one if there is none."""
        if sender_id not in self.trackers:
            self.trackers[sender_id] = Tracker(self.domain.slots, sender_id)
        return self.trackers[sender_id]

    def begin(self, sender_id: str = DEFAULT_SENDER) -> Turn:
        """Begin a session if there is none; a greeting that a rule has for that is said."""
        running = self._run(self.tracker(sender_id))
        n_before = len(running.tracker.events)
        self._ensure_session(running)
        return self._turn(running, n_before, is_cut_short=False)

    def handle(
        self,
        text: str,
        sender_id: str = DEFAULT_SENDER,
        *,
        metadata: Mapping[str, Any] | None = None,
    ) -> Turn:
        """Take a message and do what follows.

        Args:
            text: the message; blanks around it do not count.
            sender_id: whose conversation.
            metadata: anything to keep with the message.
        """
        running = self._run(self.tracker(sender_id))
        tracker = running.tracker
        n_before = len(tracker.events)
        self._ensure_session(running)
        message = self._understood(text.strip(), metadata or {})
        if tracker.is_paused and message.intent != _RESTART_INTENT:
            running.happen([message])
            return self._turn(running, n_before, is_cut_short=False)
        if tracker.latest_action_name != ACTION_LISTEN:
            running.happen([ActionExecuted(name=ACTION_LISTEN)])
        running.happen([message])
        self._extract_slots(running)
        is_cut_short = not self._act_until_listening(running)
        return self._turn(running, n_before, is_cut_short=is_cut_short)

    # -- parts of a turn -------------------------------------------------------------------------

    def _run(self, tracker: Tracker) -> _Running:
        context = ActionContext(
            domain=self.domain,
            responses=self._responses,
            find=self._find,
            now=self._clock,
            channel=self._channel,
            custom=self._custom,
        )
        return _Running(tracker, context)

    def _turn(self, running: _Running, n_before: int, *, is_cut_short: bool) -> Turn:
        events = running.tracker.events[n_before:]
        problems = [part.problem for part in running.actions if part.problem is not None]
        return Turn(
            messages=tuple(event for event in events if isinstance(event, BotUttered)),
            actions=tuple(running.actions),
            events=events,
            problems=(*problems, *running.context.problems),
            is_cut_short=is_cut_short,
        )

    def _understood(self, text: str, metadata: Mapping[str, Any]) -> UserUttered:
        parse = self._parse(text).to_dict()
        intent = parse["intent"]
        return UserUttered(
            text=text,
            intent=intent["name"],
            confidence=float(intent["confidence"]),
            entities=tuple(parse["entities"]),
            parse_data=parse,
            input_channel=self._channel,
            metadata=metadata,
        )

    def _ensure_session(self, running: _Running) -> None:
        tracker = running.tracker
        if not tracker.events or self._has_expired(tracker):
            self._do(running, self._find(ACTION_SESSION_START), None)

    def _has_expired(self, tracker: Tracker) -> bool:
        limit = self.domain.session.expiration_time
        last = next((e for e in reversed(tracker.events) if isinstance(e, UserUttered)), None)
        if limit <= 0:
            return False
        if last is None:
            return not any(isinstance(event, SessionStarted) for event in tracker.events)
        return last.timestamp is not None and self._clock() - last.timestamp > limit * _MINUTE

    def _extract_slots(self, running: _Running) -> None:
        action = ExtractSlotsAction("action_extract_slots")
        try:
            running.happen(action.run(running.tracker, running.context))
        except Exception as error:  # a conversation outlives whatever an action does
            running.context.note(action.name, error)

    def _act_until_listening(self, running: _Running) -> bool:
        """Whether the assistant listens in the end, rather than being stopped."""
        for _ in range(self._max_actions):
            name, prediction = self._choose(running)
            try:
                action = self._find(name)
            except InputError as error:
                running.context.note(name, error)
                running.happen([ActionExecuted(name=ACTION_LISTEN)])
                return True
            self._do(running, action, prediction)
            if name == ACTION_LISTEN or running.tracker.is_paused:
                return True
            if name == ACTION_SESSION_START:  # which listens itself
                return True
        warnings.warn(
            f"{self._max_actions} actions followed each other without listening, so the turn was "
            "ended. Try: a story or rule that ends with listening, or more than "
            "max_actions",
            stacklevel=3,
        )
        running.happen([ActionExecuted(name=ACTION_LISTEN)])
        return False

    def _choose(self, running: _Running) -> tuple[str, EnsemblePrediction | None]:
        followup = running.tracker.followup_action
        if followup:
            return followup, None
        prediction = self._chooser.predict(running.tracker)
        return prediction.action, prediction

    def _do(self, running: _Running, action: Action, chosen: EnsemblePrediction | None) -> None:
        """Run an action and let happen what comes of it."""
        tracker = running.tracker
        n_before = len(tracker.events)
        policy = _FOLLOWUP if chosen is None else chosen.prediction.policy
        confidence = 1.0 if chosen is None else chosen.confidence
        of_policies = () if chosen is None else chosen.events
        problem: ActionProblem | None = None
        rejection = ActionExecutionRejected(name=action.name, policy=policy, confidence=confidence)
        events: Sequence[Event]
        try:
            events = action.run(with_events(tracker, of_policies), running.context)
        except ActionRejected:
            events = [rejection]
        except Exception as error:  # a conversation outlives whatever an action does
            problem, events = ActionProblem(action=action.name, error=error), []
        is_rejected = any(isinstance(event, ActionExecutionRejected) for event in events)
        if not is_rejected:
            executed = action.executed(
                policy=policy,
                confidence=confidence,
                hide_rule_turn=chosen is not None and chosen.prediction.hide_rule_turn,
            )
            running.happen([*of_policies, executed])
        running.happen(events)
        is_new = (UserUttered, EntitiesAdded)
        if not is_rejected and any(isinstance(e, is_new) for e in (*of_policies, *events)):
            self._extract_slots(running)
        running.actions.append(
            TurnAction(
                name=action.name,
                prediction=chosen,
                events=tracker.events[n_before:],
                problem=problem,
                is_rejected=is_rejected,
            )
        )
