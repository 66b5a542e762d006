"""Whether rules are complete, and agree with each other and with stories.

As in Rasa 3.6's `RulePolicy`, where each rule and each story is replayed and what the rules say is
compared with what is written. Unlike there, all kinds of faults are reported at once.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from gossamer.data.domain.domain import ACTION_LISTEN, RULE_SNIPPET_ACTION, Domain
from gossamer.data.errors import Location
from gossamer.dialogue.history.events import (
    ActionExecuted,
    ActionExecutionRejected,
    ActiveLoop,
    SlotSet,
    UserUttered,
)
from gossamer.dialogue.history.situation import SHOULD_NOT_BE_SET
from gossamer.dialogue.history.state import State, state_of, states_of
from gossamer.dialogue.policies.rules.decisions import (
    DEFAULT_INTENT_ACTIONS,
    Decision,
    RuleBook,
    Source,
    SourceKind,
)
from gossamer.dialogue.policies.rules.table import is_start, key_text
from gossamer.dialogue.training.unfolding import TrainingTracker

_MESSAGES_IN_RULE = 1


class FaultKind(StrEnum):
    """What is wrong: too many messages, something not set, or a contradiction."""

    RESTRICTED = "restricted"
    INCOMPLETE = "incomplete"
    CONTRADICTING = "contradicting"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFault:
    """Something wrong with a rule, or between a rule and a story.

    Attributes:
        kind: see `FaultKind`.
        tracker: the rule or story.
        action: written there, or setting too little.
        rules: the other rules.
        source: what needs no rule and is contradicted, or None.
        predicted: the action that rules together say instead, or None if they say none.
        said: the action that the first of `rules` or `source` says.
        slots: that are not set.
        loops: that may be active (`SHOULD_NOT_BE_SET` among them); none of them is.
    """

    kind: FaultKind
    tracker: TrainingTracker
    action: str = ""
    rules: tuple[TrainingTracker, ...] = ()
    source: Source | None = None
    predicted: str | None = None
    said: str | None = None
    slots: tuple[str, ...] = ()
    loops: tuple[str, ...] = ()

    @property
    def where(self) -> Location | None:
        """Where the rule or story is written."""
        return next((part.where for part in self.tracker.sources), None)

    def __str__(self) -> str:
        here = written_at(self.tracker)
        if self.kind is FaultKind.RESTRICTED:
            return (
                f"in {here} the user speaks more than once; rules are for one message at most, "
                "longer conversations are stories"
            )
        others = " and ".join(written_at(rule) for rule in self.rules)
        if self.slots:
            names = ", ".join(f"'{slot}'" for slot in self.slots)
            return (
                f"in {here} the action '{self.action}' does not set {names}, as in {others}; "
                "write 'slot_was_set' after it (with 'null' for no value), or, if the rule ends "
                "there, 'wait_for_user_input: false'"
            )
        if self.loops:
            names = " or ".join(_loop_name(name) for name in self.loops)
            return (
                f"in {here} 'active_loop' after '{self.action}' is not {names}, as in {others}; "
                "write it there, or, if the rule ends there, 'wait_for_user_input: false'"
            )
        if self.source is not None:
            return f"'{self.action}' in {here} contradicts {_described(self.source)}"
        return f"'{self.action}' in {here} contradicts {others}, which says '{self.said}'"


def written_at(tracker: TrainingTracker) -> str:
    """A rule or story with the places it is written at."""
    kind = "rule" if tracker.is_rule else "story"
    parts = [
        f"'{part.name}'" if part.where is None else f"'{part.name}' ({part.where})"
        for part in tracker.sources
    ]
    return f"{kind} {' > '.join(parts)}"


def check_restriction(rules: Iterable[TrainingTracker]) -> list[RuleFault]:
    """Rules in which the user speaks more than once."""
    return [
        RuleFault(kind=FaultKind.RESTRICTED, tracker=rule)
        for rule in rules
        if sum(isinstance(event, UserUttered) for event in rule.tracker.events) > _MESSAGES_IN_RULE
    ]


# -- complete rules ------------------------------------------------------------------------------


@dataclass(slots=True)
class _Effects:
    """What an action brings in rules, each with the first rule that says so."""

    slots: dict[str, TrainingTracker] = field(default_factory=dict)
    loops: dict[str, TrainingTracker] = field(default_factory=dict)


def check_completeness(rules: Sequence[TrainingTracker], domain: Domain) -> list[RuleFault]:
    """Actions that set less in one rule than in another."""
    effects = _effects(rules, domain)
    faults: list[RuleFault] = []
    for rule in rules:
        states = states_of(rule.tracker, domain)
        following = [*(state.action for state in states[1:]), ACTION_LISTEN]
        for state, after in zip(states, following, strict=True):
            if RULE_SNIPPET_ACTION not in (state.action, after):
                faults += _missing_effects(rule, state, effects)
    return faults


def _effects(rules: Iterable[TrainingTracker], domain: Domain) -> Mapping[str, _Effects]:
    featurized = {slot.name for slot in domain.slots if slot.feature_size > 0}
    effects: defaultdict[str, _Effects] = defaultdict(_Effects)
    for rule in rules:
        action: str | None = None
        for event in rule.tracker.events:
            if isinstance(event, ActionExecuted):
                action = event.label
            elif isinstance(event, UserUttered):
                action = None  # what the message's entities set is not the action's doing
            elif action is None:
                continue
            elif isinstance(event, SlotSet) and event.name in featurized:
                effects[action].slots.setdefault(event.name, rule)
            elif isinstance(event, ActiveLoop) and event.name is not None:
                effects[action].loops.setdefault(event.name, rule)
    return effects


def _missing_effects(
    rule: TrainingTracker, state: State, effects: Mapping[str, _Effects]
) -> Iterator[RuleFault]:
    if state.action is None or state.action not in effects:
        return
    expected = effects[state.action]
    missing = expected.slots.keys() - {name for name, _ in state.slots}
    if missing:
        yield RuleFault(
            kind=FaultKind.INCOMPLETE,
            tracker=rule,
            action=state.action,
            rules=_once(expected.slots[name] for name in sorted(missing)),
            slots=tuple(sorted(missing)),
        )
    if expected.loops and state.loop not in expected.loops:
        yield RuleFault(
            kind=FaultKind.INCOMPLETE,
            tracker=rule,
            action=state.action,
            rules=_once(expected.loops.values()),
            loops=tuple(sorted({*expected.loops, state.action})),
        )


# -- contradictions ------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Replay:
    """The result of replaying all rules and stories.

    Attributes:
        book: the rules, without those added only for the start of a story.
        faults: contradictions, in the order of the stories and rules.
        learnt: sources that rules follow, or that a rule or story departs from.
        followed: sources that stories follow.
    """

    book: RuleBook
    faults: list[RuleFault]
    learnt: frozenset[Source]
    followed: frozenset[Source]


def replay(
    book: RuleBook,
    rules: Sequence[TrainingTracker],
    stories: Sequence[TrainingTracker],
    domain: Domain,
    *,
    fallback: str | None,
) -> Replay:
    """Compare what rules say with what rules and stories do.

    Args:
        book: what rules say.
        rules: unfolded rules.
        stories: unfolded stories without augmented ones.
        domain: says what counts of messages and slots.
        fallback: the action when no rule fits; None: the first of the domain.
    """
    instead = domain.action_labels[0] if fallback is None else fallback
    sources: defaultdict[Source, list[tuple[TrainingTracker, str]]] = defaultdict(list)
    for rule in rules:
        for written, decision in _decisions(rule, [book], domain, instead):
            is_rule = decision.source.kind is SourceKind.RULE
            said = written if is_rule else str(decision.action)
            sources[decision.source].append((rule, said))
    faults: list[RuleFault] = []
    followed: set[Source] = set()
    books = [book]
    for tracker in (*stories, *rules):
        for written, decision in _decisions(tracker, books, domain, instead):
            source = decision.source
            if decision.action == written:
                if not tracker.is_rule:
                    followed.add(source)
                continue
            if decision.action is None:
                continue
            if not tracker.is_rule and _stands_in_for_start(decision, books[-1]):
                books.append(books[-1].without(source.states))
                continue
            # A rule that another one always hides counts as known once a story departs from it.
            others = [pair for pair in sources[source] if pair[1] != written]
            if others:
                is_rule = source.kind is SourceKind.RULE
                faults.append(
                    RuleFault(
                        kind=FaultKind.CONTRADICTING,
                        tracker=tracker,
                        action=written,
                        rules=_once(rule for rule, _ in others) if is_rule else (),
                        source=None if is_rule else source,
                        predicted=None if decision.action == fallback else decision.action,
                        said=others[0][1],
                    )
                )
    return Replay(
        book=books[-1], faults=faults, learnt=frozenset(sources), followed=frozenset(followed)
    )


def _decisions(
    training: TrainingTracker, books: Sequence[RuleBook], domain: Domain, fallback: str
) -> Iterator[tuple[str, Decision]]:
    """Each action that is written and can be foreseen, with what the last of the books says.

    Where rules say nothing of a rule, they say the fallback; of a story, nothing.
    """
    running = training.tracker.empty()
    states: list[State] = []
    is_foreseeable = False
    for event in training.tracker.applied_events():
        if isinstance(event, ActionExecuted):
            states.append(state_of(running, domain))
            if event.name == RULE_SNIPPET_ACTION:
                is_foreseeable = False
            elif not is_foreseeable or event.is_unpredictable:
                is_foreseeable = True
            elif event.label is not None:
                decision = books[-1].decide(running, states)
                loop = running.active_loop_name
                if loop is not None and decision.action == loop != event.label:
                    # Inside a loop something else may happen only after the loop would not run.
                    running.update(ActionExecutionRejected(name=loop))
                    decision = books[-1].decide(running, states)
                if decision.action is None and training.is_rule:
                    decision = decision._replace(action=fallback)
                yield event.label, decision
        running.update(event)


def _stands_in_for_start(decision: Decision, book: RuleBook) -> bool:
    """Whether a rule only says to listen after an action that other rules go on from.

    A story that begins with the action then counts more.
    """
    states = decision.source.states
    if (
        decision.source.kind is not SourceKind.RULE
        or decision.action != ACTION_LISTEN
        or decision.rule is None
        or sum(not is_start(state) for state in states) > 1
    ):
        return False
    text = key_text(states)
    return any(other != text and other.startswith(text[:-2]) for other in book.rules.texts.values())


def _once(trackers: Iterable[TrainingTracker]) -> tuple[TrainingTracker, ...]:
    return tuple({id(tracker): tracker for tracker in trackers}.values())


def _loop_name(name: str) -> str:
    return "null" if name == SHOULD_NOT_BE_SET else f"'{name}'"


def _described(source: Source) -> str:
    if source.kind is SourceKind.INTENT:
        action = DEFAULT_INTENT_ACTIONS[source.name]
        return f"what every assistant does after the intent '{source.name}', '{action}'"
    if source.kind is SourceKind.LOOP:
        return f"the active loop '{source.name}', which goes on"
    return f"the loop '{source.name}', after which the assistant listens"
