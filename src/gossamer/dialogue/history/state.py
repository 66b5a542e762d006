"""What a policy sees of a conversation: one state before each action.

As in Rasa 3.6: the user's last message (intent, entities that count for it, text), the assistant's
last action, the slots whose features are not all zero, and the active loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from gossamer.data.domain.domain import ACTION_LISTEN, Domain
from gossamer.data.domain.slots import Slot
from gossamer.dialogue.history.events import ActionExecuted
from gossamer.dialogue.history.tracker import SHOULD_NOT_BE_SET, Tracker


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


def state_of(tracker: Tracker, domain: Domain, *, omit_unset_slots: bool = False) -> State:
    """The state a conversation is in now.

    Args:
        tracker: the conversation.
        domain: says which entities and slots count.
        omit_unset_slots: leave out slots that only have their initial value.
    """
    action = tracker.latest_action
    return State(
        _user_state(tracker, domain),
        None if action is None else action.name,
        None if action is None or action.name is not None else action.action_text,
        _slot_states(tracker, tracker.declared_slots, omit_unset_slots=omit_unset_slots),
        None if tracker.active_loop is None else tracker.active_loop.name,
    )


def states_of(
    tracker: Tracker,
    domain: Domain,
    *,
    omit_unset_slots: bool = False,
    hide_rule_turns: bool = False,
    rule_only: RuleOnly = NO_RULES,
) -> list[State]:
    """The state before each action that counts, and the one the conversation is in now.

    Args:
        tracker: the conversation.
        domain: says which entities and slots count.
        omit_unset_slots: leave out slots that only have their initial value.
        hide_rule_turns: leave out turns that only rules know, and what is `rule_only`, as policies
            that learn from stories must not see them.
        rule_only: slots and loops that only rules know.
    """
    replay = tracker.empty()
    states: list[State] = []
    visible: ActionExecuted | None = None
    is_hidden = False
    for event in (*tracker.applied_events(), None):
        if event is None or isinstance(event, ActionExecuted):
            hides = event is not None and event.hide_rule_turn
            if hide_rule_turns:
                if not is_hidden:
                    visible = replay.latest_action
                # An action that had to follow, and a form's happy path, change nothing here.
                if not replay.followup_action and (
                    replay.latest_action_name != replay.active_loop_name
                ):
                    is_hidden = hides
            if not (hide_rule_turns and is_hidden):
                state = state_of(replay, domain, omit_unset_slots=omit_unset_slots)
                if hide_rule_turns:
                    before = states[-1] if states else None
                    state = _without_rules(state, before, visible, rule_only)
                states.append(state)
        if event is not None:
            replay.update(event)
    return states


def _user_state(tracker: Tracker, domain: Domain) -> UserState | None:
    message = tracker.latest_message
    if message is None or message.is_empty:
        return None
    text = message.text if message.text and tracker.uses_text is not False else None
    if tracker.uses_text:
        return None if text is None else UserState(text=text)
    labels = message.entity_labels
    if message.intent is not None:
        labels &= domain.used_entities(message.intent)
    user = UserState(message.intent, text, tuple(sorted(labels)))
    return user if any(user) else None


def _slot_states(
    tracker: Tracker, slots: Sequence[Slot], *, omit_unset_slots: bool
) -> tuple[tuple[str, tuple[float, ...] | str], ...]:
    found: list[tuple[str, tuple[float, ...] | str]] = []
    for slot in slots:
        value = tracker.slots[slot.name]
        if value is None:  # as most are; its features are zeros
            continue
        if slot.feature_size == 0 or (omit_unset_slots and slot.name not in tracker.set_slots):
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
    slots = tuple(part for part in state.slots if part[0] not in rule_only.slots)
    loop = None if state.loop in rule_only.loops else state.loop
    action, text = state.action, state.action_text
    if visible is not None:
        action = visible.name
        text = None if visible.name is not None else visible.action_text
    return State(user, action, text, slots, loop)
