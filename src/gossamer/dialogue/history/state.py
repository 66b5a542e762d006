"""What a policy sees of a conversation: one state before each action.

As in Rasa 3.6: the user's last message (intent, entities that count for it, text), the assistant's
last action, the slots whose features are not all zero, and the active loop.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from gossamer.data.domain.domain import ACTION_LISTEN, Domain
from gossamer.dialogue.history.events import ActionExecuted, Event
from gossamer.dialogue.history.situation import SHOULD_NOT_BE_SET, Situation
from gossamer.dialogue.history.tracker import Tracker


class UserState(NamedTuple):
    """What counts of the user's last message.

    Attributes:
        intent: or None.
        text: or None.
        entities: sorted labels ("city", "city#from") that count for the intent.
    """

    intent: str | None = None
    text: str | None = None
    entities: tuple[str, ...] = ()


class State(NamedTuple):
    """A moment before an action.

    Attributes:
        user: the last message, or None when there was no message.
        action: the last action's name, or None.
        action_text: the text the assistant said last when it has no name, or None.
        slots: names and features of slots with features other than zero, in the domain's order;
            `SHOULD_NOT_BE_SET` in place of features where a rule asks for no value.
        loop: the active loop, or None.
    """

    user: UserState | None = None
    action: str | None = None
    action_text: str | None = None
    slots: tuple[tuple[str, tuple[float, ...] | str], ...] = ()
    loop: str | None = None

    @property
    def follows_listen(self) -> bool:
        """Whether the user has just spoken."""
        return self.action == ACTION_LISTEN

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """JSON of Rasa's layout: user, prev_action, slots, active_loop; absent parts left out."""
        user: dict[str, Any] = {}
        if self.user is not None:
            user = {
                "intent": self.user.intent,
                "text": self.user.text,
                "entities": list(self.user.entities) or None,
            }
        parts = {
            "user": user,
            "prev_action": {"action_name": self.action, "action_text": self.action_text},
            "slots": {
                name: features if isinstance(features, str) else list(features)
                for name, features in self.slots
            },
            "active_loop": {"name": self.loop},
        }
        filled = {
            name: {key: value for key, value in part.items() if value is not None}
            for name, part in parts.items()
        }
        return {name: part for name, part in filled.items() if part}


class RuleOnly(NamedTuple):
    """Slots and loops that occur in rules and not in stories; models do not see them."""

    slots: frozenset[str] = frozenset()
    loops: frozenset[str] = frozenset()


NO_RULES = RuleOnly()


def state_of(situation: Situation, domain: Domain, *, omit_unset_slots: bool = False) -> State:
    """The state a conversation is in now.

    Args:
        situation: the conversation, or what it has led to.
        domain: says which entities and slots count.
        omit_unset_slots: leave out slots that only have their initial value.
    """
    action = situation.latest_action
    return State(
        _user_state(situation, domain),
        None if action is None else action.name,
        None if action is None or action.name is not None else action.action_text,
        _slot_states(situation, omit_unset_slots=omit_unset_slots),
        None if situation.active_loop is None else situation.active_loop.name,
    )


class StateOptions(NamedTuple):
    """How states are made.

    Attributes:
        omit_unset_slots: leave out slots that only have their initial value.
        hide_rule_turns: leave out turns that only rules know, and what is `rule_only`, as policies
            that learn from stories must not see them.
        rule_only: slots and loops that only rules know.
    """

    omit_unset_slots: bool = False
    hide_rule_turns: bool = False
    rule_only: RuleOnly = NO_RULES


USUAL: Final = StateOptions()


class _Moment(NamedTuple):
    """What must be known to go on making states from before an event.

    Attributes:
        n_events: events before it.
        n_states: states before it.
        situation: what these events have led to.
        visible: the last action that models see, or None.
        is_hidden: whether the turn is one that only rules know.
    """

    n_events: int
    n_states: int
    situation: Situation
    visible: ActionExecuted | None = None
    is_hidden: bool = False


class _History(NamedTuple):
    """The states of a conversation.

    Attributes:
        events: those that count.
        states: one before each action, and the present one.
        moments: the beginning, before each action, and the present one.
    """

    events: tuple[Event, ...]
    states: list[State]
    moments: list[_Moment]


def states_of(tracker: Tracker, domain: Domain, *, omit_unset_slots: bool = False) -> list[State]:
    """The state before each action that counts, and the one the conversation is in now.

    Args:
        tracker: the conversation.
        domain: says which entities and slots count.
        omit_unset_slots: leave out slots that only have their initial value.
    """
    options = StateOptions(omit_unset_slots)
    return _continued(_beginning(tracker), tracker.applied_events(), domain, options).states


def known_states_of(
    tracker: Tracker, domain: Domain, options: StateOptions = USUAL
) -> Sequence[State]:
    """As `states_of`, but only what is new since the last call is made.

    The tracker and its forks keep the states. Where events before were taken back, all from there
    on are made again.
    """
    events = tracker.applied_events()
    known: tuple[Domain, _History] | None = tracker.derived.get(options)
    history = _beginning(tracker) if known is None or known[0] is not domain else known[1]
    if not history.states or history.events is not events:
        history = _continued(history, events, domain, options)
        tracker.derived[options] = domain, history
    return history.states


def _beginning(tracker: Tracker) -> _History:
    return _History((), [], [_Moment(0, 0, Situation(tracker.declared_slots))])


def _continued(
    history: _History, events: tuple[Event, ...], domain: Domain, options: StateOptions
) -> _History:
    """The history of other events, made anew from the first that is not the same."""
    same = list(map(operator.is_, history.events, events))
    n_same = len(same) if all(same) else same.index(False)
    moments = list(history.moments)
    while moments[-1].n_events > n_same:
        moments.pop()
    last = moments.pop() if len(moments) > 1 else moments[0]
    start, n_states, situation, visible, is_hidden = last
    states = history.states[:n_states]
    situation = situation.copy()
    for place, event in enumerate((*events[start:], None), start):
        if event is None or isinstance(event, ActionExecuted):
            moment = _Moment(place, len(states), situation.copy(), visible, is_hidden)
            moments.append(moment)
            if options.hide_rule_turns:
                if not is_hidden:
                    visible = situation.latest_action
                # An action that had to follow, and a form's happy path, change nothing here.
                if not situation.followup_action and (
                    situation.latest_action_name != situation.active_loop_name
                ):
                    is_hidden = event is not None and event.hide_rule_turn
            if not (options.hide_rule_turns and is_hidden):
                state = state_of(situation, domain, omit_unset_slots=options.omit_unset_slots)
                if options.hide_rule_turns:
                    before = states[-1] if states else None
                    state = _without_rules(state, before, visible, options.rule_only)
                states.append(state)
        if event is not None:
            situation.apply(event)
    return _History(events, states, moments)


def _user_state(situation: Situation, domain: Domain) -> UserState | None:
    message = situation.latest_message
    if message is None or message.is_empty:
        return None
    text = message.text if message.text and situation.uses_text is not False else None
    if situation.uses_text:
        return None if text is None else UserState(text=text)
    labels = message.entity_labels
    if message.intent is not None:
        labels &= domain.used_entities(message.intent)
    user = UserState(message.intent, text, tuple(sorted(labels)))
    return user if any(user) else None


def _slot_states(
    situation: Situation, *, omit_unset_slots: bool
) -> tuple[tuple[str, tuple[float, ...] | str], ...]:
    found: list[tuple[str, tuple[float, ...] | str]] = []
    for slot in situation.declared_slots:
        value = situation.slots[slot.name]
        if value is None:  # as most are; its features are zeros
            continue
        if slot.feature_size == 0 or (omit_unset_slots and slot.name not in situation.set_slots):
            continue
        if value == SHOULD_NOT_BE_SET:
            found.append((slot.name, SHOULD_NOT_BE_SET))
            continue
        features = slot.features(value)
        if any(features):
            found.append((slot.name, features))
    return tuple(found)


def _without_rules(
    state: State, before: State | None, visible: ActionExecuted | None, rule_only: RuleOnly
) -> State:
    """A state as it would be without the hidden turns."""
    user = state.user
    if before is not None and not state.follows_listen:
        user = before.user
    slots = state.slots
    if slots and rule_only.slots:
        slots = tuple(part for part in slots if part[0] not in rule_only.slots)
    loop = None if state.loop in rule_only.loops else state.loop
    action, text = state.action, state.action_text
    if visible is not None:
        action = visible.name
        text = None if visible.name is not None else visible.action_text
    return State(user, action, text, slots, loop)
