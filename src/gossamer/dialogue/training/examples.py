"""From conversations to what a policy learns: states before an action, and the action."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gossamer.data.domain.domain import Domain
from gossamer.dialogue.history.events import ActionExecuted, UserUttered
from gossamer.dialogue.history.state import (
    NO_RULES,
    RuleOnly,
    State,
    StateOptions,
    UserState,
    known_states_of,
    states_of,
)
from gossamer.dialogue.history.tracker import Tracker

UNLIKELY_INTENT = "action_unlikely_intent"


class DialogueExample(NamedTuple):
    """One action to learn.

    Attributes:
        states: before the action, oldest first, the last `max_history` of them.
        action: its name or text.
        message: the message just before it when it counts by its text (end-to-end), or None.
    """

    states: tuple[State, ...]
    action: str
    message: UserUttered | None = None


def training_examples(
    trackers: Iterable[Tracker],
    domain: Domain,
    *,
    max_history: int | None = None,
    remove_duplicates: bool = True,
    omit_unset_slots: bool = False,
    keep_unlikely_intents: bool = False,
) -> list[DialogueExample]:
    """Every action that can be learnt, in order.

    As in Rasa 3.6's `MaxHistoryTrackerFeaturizer`: not the action that a story begins with, nor
    `action_unlikely_intent` unless asked for; a message's text does not count where an intent is
    given.

    Args:
        trackers: conversations.
        domain: says what counts of messages and slots.
        max_history: how many states a policy sees; None for all.
        remove_duplicates: leave out examples that occurred already.
        omit_unset_slots: leave out slots that only have their initial value.
        keep_unlikely_intents: learn `action_unlikely_intent` like any other action.
    """
    skipped = None if keep_unlikely_intents else UNLIKELY_INTENT
    examples: list[DialogueExample] = []
    seen: set[tuple[tuple[State, ...], str]] = set()
    for tracker in trackers:
        states = [
            without_text(state)
            for state in states_of(tracker, domain, omit_unset_slots=omit_unset_slots)
            if skipped is None or state.action != skipped
        ]
        position = 0
        message: UserUttered | None = None
        for event in tracker.applied_events():
            if isinstance(event, UserUttered):
                message = event if event.text and event.intent is None else None
            if not isinstance(event, ActionExecuted):
                continue
            if skipped is not None and event.name == skipped:
                continue
            label = event.label
            if not event.is_unpredictable and label is not None:
                window = tuple(states[: position + 1])[-(max_history or 0) :]
                key = (window, label)
                if not remove_duplicates or key not in seen:
                    seen.add(key)
                    examples.append(DialogueExample(window, label, message))
            position += 1
            message = None
    return examples


def dialogue_examples(
    trackers: Iterable[Tracker], domain: Domain
) -> list[tuple[tuple[State, ...], tuple[str, ...]]]:
    """Whole conversations: all states and the action after each.

    As Rasa 3.6's `FullDialogueTrackerFeaturizer`; an action that a story begins with is left out
    with the state before it.
    """
    found = []
    for tracker in trackers:
        states = [
            without_text(state)
            for state in states_of(tracker, domain)
            if state.action != UNLIKELY_INTENT
        ]
        actions = [
            event
            for event in tracker.applied_events()
            if isinstance(event, ActionExecuted) and event.name != UNLIKELY_INTENT
        ]
        pairs = [
            (state, str(action.label))
            for state, action in zip(states, actions, strict=False)
            if not action.is_unpredictable
        ]
        found.append((tuple(p[0] for p in pairs), tuple(p[1] for p in pairs)))
    return found


def intent_examples(
    trackers: Iterable[Tracker], domain: Domain, *, max_history: int | None = None
) -> dict[tuple[State, ...], tuple[str, ...]]:
    """Points where a message comes: the states before it, and all intents that ever follow them.

    As Rasa 3.6's `IntentMaxHistoryTrackerFeaturizer`: the message and the listening before it are
    not part of the states. Messages without an intent of the domain are left out.

    Args:
        trackers: conversations.
        domain: says what counts of messages and slots.
        max_history: how many states a policy sees; None for all.
    """
    known = frozenset(domain.intent_names)
    found: dict[tuple[State, ...], dict[str, None]] = {}
    for tracker in trackers:
        states: list[State] | None = None
        n_actions = 0
        for event in tracker.applied_events():
            if isinstance(event, ActionExecuted) and event.name != UNLIKELY_INTENT:
                n_actions += 1
            elif isinstance(event, UserUttered) and event.intent in known:
                if states is None:
                    states = [
                        without_text(state)
                        for state in states_of(tracker, domain)
                        if state.action != UNLIKELY_INTENT
                    ]
                window = _before_message(states[:n_actions], max_history)
                found.setdefault(window, {})[str(event.intent)] = None
    return {states: tuple(intents) for states, intents in found.items()}


def states_before_message(
    tracker: Tracker,
    domain: Domain,
    *,
    max_history: int | None = None,
    rule_only: RuleOnly = NO_RULES,
) -> tuple[State, ...]:
    """What `intent_examples` has for a conversation whose last message has just come.

    Args:
        tracker: the conversation.
        domain: says what counts of messages and slots.
        max_history: how many states a policy sees; None for all.
        rule_only: what only rules know.
    """
    n_states = None if max_history is None else max_history + 1
    states = prediction_states(tracker, domain, max_history=n_states, rule_only=rule_only)
    return _before_message(states[:-1], max_history)


def _before_message(states: Sequence[State], max_history: int | None) -> tuple[State, ...]:
    """The last ones; where nothing was before the message, the state of a new conversation."""
    return tuple(states[-(max_history or 0) :]) or (State(),)


def prediction_states(
    tracker: Tracker,
    domain: Domain,
    *,
    max_history: int | None = None,
    use_text: bool = False,
    rule_only: RuleOnly = NO_RULES,
    omit_unset_slots: bool = False,
    hide_rule_turns: bool = True,
) -> tuple[State, ...]:
    """What a policy sees of a conversation when it is to choose the next action.

    As in Rasa 3.6's `MaxHistoryTrackerFeaturizer.prediction_states`.

    Args:
        tracker: the conversation.
        domain: says what counts of messages and slots.
        max_history: how many states it sees; None for all.
        use_text: the last message counts by its text rather than by its intent.
        rule_only: what only rules know.
        omit_unset_slots: leave out slots that only have their initial value.
        hide_rule_turns: leave out turns that only rules know.
    """
    options = StateOptions(
        omit_unset_slots, hide_rule_turns, rule_only if hide_rule_turns else NO_RULES
    )
    window: list[State] = []
    for state in reversed(known_states_of(tracker, domain, options)):
        if state.action != UNLIKELY_INTENT:
            window.append(without_text(state) if window else _last(state, use_text))
            if len(window) == max_history:
                break
    return tuple(reversed(window))


def without_text(state: State) -> State:
    """The state, the message's text left out where there is an intent."""
    user = state.user
    if user is None or user.intent is None or user.text is None:
        return state
    return state._replace(user=user._replace(text=None))


def _last(state: State, use_text: bool) -> State:
    user = state.user
    if not use_text or user is None or user.text is None or not state.follows_listen:
        return without_text(state)
    return state._replace(user=UserState(text=user.text))
