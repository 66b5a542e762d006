"""What rules say, as tables: in which states of a conversation what comes next.

A rule covers the last states of a conversation. It fits when the conversation's state in the same
place, counted from the end, has everything that the rule's state asks for. As in Rasa 3.6's
`RulePolicy`.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple

from gossamer.data.domain.domain import RULE_SNIPPET_ACTION
from gossamer.dialogue.history.situation import SHOULD_NOT_BE_SET
from gossamer.dialogue.history.state import State, UserState
from gossamer.dialogue.training.examples import DialogueExample

States = tuple[State, ...]


class Deviation(StrEnum):
    """What is learnt of a loop that did not go its usual way.

    Attributes:
        RETURNS: after an answer to something else the loop goes on; it was interrupted.
        GOES_ON: something else follows; the loop must not take over.
    """

    RETURNS = "loop_was_interrupted"
    GOES_ON = "do_not_predict_loop_action"


def after_snippet(states: Sequence[State]) -> States:
    """The states after the last "...", which a rule does not cover."""
    for index in range(len(states) - 1, -1, -1):
        if states[index].action == RULE_SNIPPET_ACTION:
            return tuple(states[index + 1 :])
    return tuple(states)


def key_text(states: Sequence[State]) -> str:
    """States as JSON in Rasa's layout. Of several rules that fit, the longest text wins."""
    return json.dumps([state.to_dict() for state in states], sort_keys=True)


def is_start(state: State) -> bool:
    """Whether nothing has been done yet."""
    return not state.action and not state.action_text


def loop_of(state: State) -> str | None:
    """The active loop's name, or None."""
    return None if state.loop == SHOULD_NOT_BE_SET else state.loop


def fits(rule: Sequence[State], states: Sequence[State]) -> bool:
    """Whether a rule's states fit the end of a conversation."""
    return all(
        _fits_state(wanted, found)
        for wanted, found in zip(reversed(rule), reversed(states), strict=False)
    )


def _fits_state(wanted: State, found: State) -> bool:
    if is_start(wanted) or is_start(found):
        return is_start(wanted) and is_start(found)
    if (wanted.action, wanted.action_text) != (found.action, found.action_text):
        return False
    if not _fits_value(wanted.loop, found.loop):
        return False
    if wanted.user is not None:
        said = found.user or UserState()
        if any(part and part != other for part, other in zip(wanted.user, said, strict=True)):
            return False
    if not wanted.slots:
        return True
    values = dict(found.slots)
    return all(_fits_value(value, values.get(name)) for name, value in wanted.slots)


def _fits_value(wanted: object, found: object) -> bool:
    if wanted == SHOULD_NOT_BE_SET:
        return not found or found == SHOULD_NOT_BE_SET
    return not wanted or wanted == found


class Rule(NamedTuple):
    """What comes next in some states.

    Attributes:
        states: oldest first.
        action: its name or text.
        names: of the written rules that say so.
    """

    states: States
    action: str
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class RuleTable:
    """Rules by the states they are for.

    Attributes:
        rules: no two for the same states.
    """

    rules: Mapping[States, Rule]

    def best(self, states: Sequence[State]) -> Rule | None:
        """The rule that fits a conversation, the one of the longest text of several."""
        found = [rule for rule in self._candidates(states[-1]) if fits(rule.states, states)]
        return max(found, key=lambda rule: len(self.texts[rule.states]), default=None)

    def without(self, states: States) -> RuleTable:
        """The table without the rule for these states."""
        return RuleTable({key: rule for key, rule in self.rules.items() if key != states})

    @cached_property
    def texts(self) -> Mapping[States, str]:
        """The JSON of each rule's states."""
        return {states: key_text(states) for states in self.rules}

    @cached_property
    def _by_last(self) -> Mapping[tuple[object, ...], list[Rule]]:
        found: defaultdict[tuple[object, ...], list[Rule]] = defaultdict(list)
        for rule in self.rules.values():
            last = rule.states[-1]
            user = last.user or UserState()
            key = () if is_start(last) else (last.action, last.action_text, user.intent, user.text)
            found[key].append(rule)
        return found

    def _candidates(self, last: State) -> Iterator[Rule]:
        """Rules whose last state has the same action, and no other intent or text."""
        if is_start(last):
            yield from self._by_last.get((), ())
            return
        user = last.user or UserState()
        for intent in dict.fromkeys((user.intent, None)):
            for text in dict.fromkeys((user.text, None)):
                yield from self._by_last.get((last.action, last.action_text, intent, text), ())


@dataclass(frozen=True)
class LoopTable:
    """Where loops do not go their usual way.

    Attributes:
        deviations: by the states they happen in.
    """

    deviations: Mapping[States, Deviation]

    def found_in(self, states: Sequence[State]) -> set[Deviation]:
        """What is learnt of such a conversation."""
        loop = loop_of(states[-1])
        return {
            deviation for wanted, deviation in self._by_loop.get(loop, ()) if fits(wanted, states)
        }

    @cached_property
    def _by_loop(self) -> Mapping[str | None, list[tuple[States, Deviation]]]:
        found: defaultdict[str | None, list[tuple[States, Deviation]]] = defaultdict(list)
        for states, deviation in self.deviations.items():
            found[loop_of(states[-1])].append((states, deviation))
        return found


def learn_rules(examples: Iterable[tuple[str, DialogueExample]]) -> RuleTable:
    """The rules that examples make. Where examples differ, there is no rule.

    Args:
        examples: each with the name of its rule.
    """
    rules: dict[States, Rule] = {}
    ambiguous: set[States] = set()
    for name, example in examples:
        states = after_snippet(example.states)
        if not states:
            continue
        rule = rules.setdefault(states, Rule(states, example.action))
        if rule.action != example.action:
            ambiguous.add(states)
        elif name not in rule.names:
            rules[states] = rule._replace(names=(*rule.names, name))
    return RuleTable(
        {
            states: rule
            for states, rule in rules.items()
            if states not in ambiguous and rule.action != RULE_SNIPPET_ACTION
        }
    )


def learn_loops(examples: Iterable[DialogueExample]) -> LoopTable:
    """What examples say of loops that do not go their usual way; the last one counts."""
    deviations: dict[States, Deviation] = {}
    for example in examples:
        last = example.states[-1]
        loop = loop_of(last)
        states = after_snippet(_last_turns(example.states))
        if loop is None or not states:
            continue
        if last.follows_listen and example.action == loop:
            deviations[states] = Deviation.RETURNS
        elif not last.follows_listen and example.action != loop:
            deviations[states] = Deviation.GOES_ON
    return LoopTable(deviations)


def _last_turns(states: States) -> States:
    """The last state, and of the one before only what was done."""
    if len(states) == 1 or is_start(states[-2]):
        return states[-1:]
    before = states[-2]
    return (State(action=before.action, action_text=before.action_text), states[-1])
