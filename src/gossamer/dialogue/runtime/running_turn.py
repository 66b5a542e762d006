"""A turn that is going on: actions are chosen and done, and what comes of them happens."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

from gossamer.data.domain.domain import ACTION_LISTEN
from gossamer.data.errors import InputError
from gossamer.dialogue.actions.action import (
    Action,
    ActionContext,
    ActionProblem,
    ActionRejected,
    stamped,
    with_events,
)
from gossamer.dialogue.actions.default_actions import SessionStartAction
from gossamer.dialogue.actions.slot_filling import SESSION_METADATA_SLOT, extract_slots
from gossamer.dialogue.history.events import (
    ActionExecuted,
    ActionExecutionRejected,
    BotUttered,
    EntitiesAdded,
    Event,
    ReminderScheduled,
    SlotSet,
    UserUttered,
)
from gossamer.dialogue.history.situation import ACTION_SESSION_START
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.policies.ensemble import DISAGREEMENT, EnsemblePrediction
from gossamer.dialogue.runtime.turn import Turn, TurnAction

FOLLOWUP_POLICY: Final = "followup_action"
LEAST_NOTED: Final = 0.1
"""Policies that disagree less are not worth a note in the action's event."""

_RESTART_INTENT = "restart"
_LAST_ACTIONS = (ACTION_LISTEN, ACTION_SESSION_START)


class Chooser(Protocol):
    """Chooses actions: an `Ensemble`, or a stand-in."""

    def predict(self, tracker: Tracker) -> EnsemblePrediction:
        """Choose the next action."""
        ...


class RunningTurn:
    """A turn that is going on.

    Args:
        tracker: the conversation, which changes.
        context: what actions work with.
        chooser: chooses actions.
        max_actions: how many there may be, besides listening.
        on_message: called with each message of the assistant as soon as it is said.
        sends_reminders: whether the caller sees to reminders; if not, one is warned of.
    """

    def __init__(
        self,
        tracker: Tracker,
        context: ActionContext,
        chooser: Chooser,
        max_actions: int,
        *,
        on_message: Callable[[BotUttered], None] | None = None,
        sends_reminders: bool = False,
    ) -> None:
        self.tracker = tracker
        self._context = context
        self._chooser = chooser
        self._max_actions = max_actions
        self._on_message = on_message
        self._sends_reminders = sends_reminders
        self._n_before = len(tracker.events)
        self._actions: list[TurnAction] = []
        self._is_cut_short = False

    def result(self) -> Turn:
        """Its result so far."""
        events = self.tracker.events[self._n_before :]
        problems = [action.problem for action in self._actions if action.problem is not None]
        return Turn(
            messages=tuple(event for event in events if isinstance(event, BotUttered)),
            actions=tuple(self._actions),
            events=events,
            problems=(*problems, *self._context.problems),
            is_cut_short=self._is_cut_short,
        )

    def happen(self, events: Iterable[Event]) -> None:
        """Let something happen."""
        now = self._context.now()
        for event in events:
            if isinstance(event, ReminderScheduled) and not self._sends_reminders:
                warnings.warn(
                    f"a reminder of the intent '{event.intent}' is noted, but never sent: "
                    "reminders are not triggered",
                    stacklevel=4,
                )
            event = stamped(event, now)
            self.tracker.update(event)
            if self._on_message is not None and isinstance(event, BotUttered):
                self._on_message(event)

    def begin_session(self, metadata: Mapping[str, Any] | None = None) -> None:
        """Begin a session; `metadata` goes into the slot for that, if the domain has it."""
        if metadata and SESSION_METADATA_SLOT in self._context.domain.slot_by_name:
            self.happen([SlotSet(name=SESSION_METADATA_SLOT, value=dict(metadata))])
        self.do(ACTION_SESSION_START, None)

    def fill_slots(self) -> None:
        """Fill slots from the last message."""
        self.happen(self._slots_after(()))

    def act(self) -> None:
        """Do what policies choose until the assistant listens, is paused, or did too much."""
        n_actions = 0
        while self.is_awake():
            name, chosen = self.choose()
            if name not in _LAST_ACTIONS and n_actions >= self._max_actions:
                self._cut_short(name)
                return
            self.do(name, chosen)
            n_actions += 1
            if name in _LAST_ACTIONS:  # beginning a session listens itself
                return

    def is_awake(self) -> bool:
        """Whether the assistant may act: a restart wakes it when it is paused."""
        message = self.tracker.latest_message
        is_restart = message is not None and message.intent == _RESTART_INTENT
        return is_restart or not self.tracker.is_paused

    def choose(self) -> tuple[str, EnsemblePrediction | None]:
        """What comes next: what an event asked for, without a prediction, or policies choose."""
        name = self.tracker.followup_action
        if name is not None:
            self.tracker.followup_action = None
            if name in self._context.domain.action_index:
                return name, None
            error = InputError(
                "an event asked for an action that the domain does not have; policies choose",
                hint=f"actions: - {name}",
            )
            self._context.note(name, error)
        chosen = self._chooser.predict(self.tracker)
        return chosen.action, chosen

    def do(
        self, name: str, chosen: EnsemblePrediction | None, executed: ActionExecuted | None = None
    ) -> None:
        """Do an action, and let happen what comes of it."""
        action = self._context.find(name)
        n_before = len(self.tracker.events)
        before = self._events_before(chosen)
        problem: ActionProblem | None = None
        events: Sequence[Event] = ()
        executed = self._executed(action, chosen) if executed is None else executed
        try:
            events = action.run(with_events(self.tracker, before), self._context)
        except ActionRejected:
            events = [
                ActionExecutionRejected(
                    name=name, policy=executed.policy, confidence=executed.confidence
                )
            ]
        except Exception as error:  # a conversation survives whatever an action does
            problem = ActionProblem(action=name, error=error)
            if name == ACTION_SESSION_START:
                events = SessionStartAction(name).run(self.tracker, self._context)
        is_rejected = any(isinstance(event, ActionExecutionRejected) for event in events)
        if not is_rejected:
            self.happen([*before, executed])
        self.happen(events)
        if any(isinstance(event, UserUttered) for event in events):
            self.fill_slots()
        self._actions.append(
            TurnAction(
                name=name,
                prediction=chosen,
                events=self.tracker.events[n_before:],
                problem=problem,
                is_rejected=is_rejected,
            )
        )

    def execute(self, name: str, policy: str | None, confidence: float | None) -> None:
        """Do one action that the caller asks for."""
        sure = 1.0 if confidence is None else confidence
        noted = self._context.find(name).executed(
            policy=policy, confidence=sure, hide_rule_turn=False
        )
        self.do(name, None, noted)

    def _cut_short(self, name: str) -> None:
        self._is_cut_short = True
        done = [action.name for action in self._actions[-self._max_actions :]]
        warnings.warn(
            f"a message must lead to at most {self._max_actions} actions; '{name}' would have "
            f"come next, after {', '.join(done)}. Try: a rule or story that says when to listen",
            stacklevel=5,
        )
        self.happen([ActionExecuted(name=ACTION_LISTEN)])

    def _events_before(self, chosen: EnsemblePrediction | None) -> list[Event]:
        """What happens before an action because of how it was chosen."""
        if chosen is None:
            return []
        events: list[Event] = list(chosen.events)
        has_entities = any(isinstance(event, EntitiesAdded) for event in events)
        if has_entities or chosen.prediction.is_end_to_end:
            events += self._slots_after(chosen.events)
        return events

    def _executed(self, action: Action, chosen: EnsemblePrediction | None) -> ActionExecuted:
        if chosen is None:
            is_session = action.name == ACTION_SESSION_START
            return action.executed(
                policy=None if is_session else FOLLOWUP_POLICY,
                confidence=1.0,
                hide_rule_turn=False,
            )
        executed = action.executed(
            policy=chosen.prediction.policy,
            confidence=chosen.confidence,
            hide_rule_turn=chosen.prediction.hide_rule_turn,
        )
        if chosen.disagreement < LEAST_NOTED:
            return executed
        noted = {**executed.metadata, DISAGREEMENT: round(chosen.disagreement, 3)}
        return dataclasses.replace(executed, metadata=noted)

    def _slots_after(self, events: Sequence[Event]) -> list[Event]:
        """Slots that the last message fills, once some events have happened."""
        try:
            return extract_slots(with_events(self.tracker, events), self._context)
        except Exception as error:  # a conversation survives whatever an action does
            return self._context.note("action_extract_slots", error)
