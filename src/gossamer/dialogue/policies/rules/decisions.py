"""What comes next by rules, by the intents that every assistant has, and by active loops.

In this order, as in Rasa 3.6's `RulePolicy`: intents that every assistant has, unless a rule knows
the message's text; a loop that goes its usual way; rules on the text; rules on the intent.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import Final, NamedTuple

from gossamer.data.domain.domain import ACTION_LISTEN, Domain
from gossamer.dialogue.history.situation import SHOULD_NOT_BE_SET
from gossamer.dialogue.history.state import NO_RULES, RuleOnly, State, UserState
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.policies.rules.table import (
    Deviation,
    LoopTable,
    Rule,
    RuleTable,
    States,
    after_snippet,
    learn_loops,
    learn_rules,
    loop_of,
)
from gossamer.dialogue.training.examples import training_examples, without_text
from gossamer.dialogue.training.unfolding import TrainingTracker

DEFAULT_INTENT_ACTIONS: Final = MappingProxyType(
    {
        "restart": "action_restart",
        "back": "action_back",
        "session_start": "action_session_start",
    }
)
"""What follows intents that every assistant has."""


class SourceKind(StrEnum):
    """Why an action comes next: a rule, an intent, a loop that runs, or one that has run."""

    RULE = "rule"
    INTENT = "default_intent"
    LOOP = "active_loop"
    LISTEN = "listens_in_loop"


class Source(NamedTuple):
    """Why an action comes next, or what states no rule is for.

    Attributes:
        kind: see `SourceKind`.
        name: of the intent or loop.
        states: the rule's, or without a rule the conversation's.
    """

    kind: SourceKind
    name: str = ""
    states: States = ()


class Decision(NamedTuple):
    """What comes next.

    Attributes:
        action: its name or text, or None when nothing says so.
        source: why.
        rule: that fits best, or None.
        is_no_user_prediction: whether it has nothing to do with the user's message.
        is_end_to_end: whether it was made from the message's text.
        returns_to_loop: whether the loop goes on after it was interrupted.
    """

    action: str | None
    source: Source
    rule: Rule | None = None
    is_no_user_prediction: bool = False
    is_end_to_end: bool = False
    returns_to_loop: bool = False


@dataclass(frozen=True, kw_only=True)
class RuleBook:
    """All that rules say.

    Attributes:
        rules: what comes next.
        loops: where loops do not go their usual way.
        rule_only: what occurs in rules and not in stories.
        hidden: sources that stories never follow.
    """

    rules: RuleTable
    loops: LoopTable
    rule_only: RuleOnly = NO_RULES
    hidden: frozenset[Source] = frozenset()

    @cached_property
    def n_states(self) -> int:
        """How many of a conversation's last states decide: one more than anything here is for."""
        known = (*self.rules.rules, *self.loops.deviations, *(s.states for s in self.hidden))
        return 1 + max(map(len, known), default=0)

    def without(self, states: States) -> RuleBook:
        """The book without the rule for these states."""
        return dataclasses.replace(self, rules=self.rules.without(states))

    def decide(self, tracker: Tracker, states: Sequence[State]) -> Decision:
        """What comes next.

        Args:
            tracker: the conversation.
            states: its states, as `states_of` gives them.
        """
        follows_listen = tracker.latest_action_name == ACTION_LISTEN
        before = tuple(map(without_text, states[:-1]))
        by_text: Decision | None = None
        if follows_listen:
            by_text = self._by_rules(tracker, (*before, _as_read(states[-1], use_text=True)))
        knows_text = by_text is not None and by_text.action is not None
        if not knows_text and follows_listen and tracker.latest_message is not None:
            intent = tracker.latest_message.intent or ""
            if intent in DEFAULT_INTENT_ACTIONS:
                source = Source(SourceKind.INTENT, intent)
                return Decision(DEFAULT_INTENT_ACTIONS[intent], source)
        usual = _usual_way_of_loop(tracker)
        if usual is not None:
            return usual
        if by_text is not None and knows_text:
            return by_text._replace(is_end_to_end=True)
        by_intent = self._by_rules(tracker, (*before, _as_read(states[-1], use_text=False)))
        returns = by_intent.returns_to_loop or (by_text is not None and by_text.returns_to_loop)
        return by_intent._replace(returns_to_loop=returns)

    def _by_rules(self, tracker: Tracker, states: States) -> Decision:
        rule = self.rules.best(states)
        action = None if rule is None else rule.action
        known = after_snippet(states) if rule is None else rule.states
        source = Source(SourceKind.RULE, states=known)
        loop = tracker.active_loop_name
        if loop is None:
            return Decision(action, source, rule)
        deviations = self.loops.found_in(states)
        if rule is not None and action == ACTION_LISTEN and loop_of(rule.states[-1]) is None:
            # A rule that knows nothing of the loop does not return to it by itself.
            if Deviation.GOES_ON not in deviations:
                return Decision(loop, source, rule)
            action = None
        return Decision(action, source, rule, returns_to_loop=Deviation.RETURNS in deviations)


def learn_rule_book(
    rules: Iterable[TrainingTracker],
    stories: Iterable[TrainingTracker],
    domain: Domain,
) -> RuleBook:
    """All that rules say, and what stories say of loops; nothing is hidden yet.

    Args:
        rules: unfolded rules.
        stories: unfolded stories without augmented ones.
        domain: says what counts of messages and slots.
    """
    of_rules = [
        (rule.name, example)
        for rule in rules
        for example in training_examples(
            [rule.tracker], domain, omit_unset_slots=True, keep_unlikely_intents=True
        )
    ]
    of_stories = training_examples(
        [story.tracker for story in stories], domain, keep_unlikely_intents=True
    )
    in_rules = _mentioned(example.states for _, example in of_rules)
    in_stories = _mentioned(example.states for example in of_stories)
    return RuleBook(
        rules=learn_rules(of_rules),
        loops=learn_loops([*(example for _, example in of_rules), *of_stories]),
        rule_only=RuleOnly(in_rules.slots - in_stories.slots, in_rules.loops - in_stories.loops),
    )


def default_sources(domain: Domain) -> set[Source]:
    """Sources that need no rule: intents that every assistant has, and forms."""
    return {
        *(Source(SourceKind.INTENT, intent) for intent in DEFAULT_INTENT_ACTIONS),
        *(
            Source(kind, form)
            for form in domain.forms
            for kind in (SourceKind.LOOP, SourceKind.LISTEN)
        ),
    }


def _as_read(state: State, *, use_text: bool) -> State:
    """The last state, a message just said read by its text or else without it."""
    user = state.user
    if not state.follows_listen or user is None:
        return without_text(state)
    user = UserState(text=user.text) if use_text else user._replace(text=None)
    return state._replace(user=user if any(user) else None)


def _usual_way_of_loop(tracker: Tracker) -> Decision | None:
    """An active loop runs, then the assistant listens; None if it rejected or none is active."""
    loop = tracker.active_loop
    name = tracker.active_loop_name
    if loop is None or name is None or loop.is_rejected:
        return None
    if tracker.latest_action_name == name:
        source = Source(SourceKind.LISTEN, name)
        return Decision(ACTION_LISTEN, source, is_no_user_prediction=True)
    if tracker.latest_action is None:
        return None
    return Decision(name, Source(SourceKind.LOOP, name), is_no_user_prediction=True)


def _mentioned(windows: Iterable[States]) -> RuleOnly:
    slots: set[str] = set()
    loops: set[str] = set()
    for states in windows:
        for state in states:
            slots.update(name for name, _ in state.slots)
            if state.loop is not None and state.loop != SHOULD_NOT_BE_SET:
                loops.add(state.loop)
    return RuleOnly(frozenset(slots), frozenset(loops))
