"""Stories that contradict each other, and rules that contradict rules or stories."""

from __future__ import annotations

from collections.abc import Sequence

from gossamer.data.domain import Domain
from gossamer.data.stories import StoryData
from gossamer.data.validation import Finding, Severity
from gossamer.dialogue.examples import training_examples
from gossamer.dialogue.rule_checks import (
    check_completeness,
    check_restriction,
    replay,
    written_at,
)
from gossamer.dialogue.rule_decisions import learn_rule_book
from gossamer.dialogue.state import State
from gossamer.dialogue.unfold import TrainingTracker, unfold_rules, unfold_stories


def story_contradictions(
    trackers: Sequence[TrainingTracker], domain: Domain, max_history: int | None = None
) -> list[Finding]:
    """Stories that look the same up to some place and then go on in different ways.

    A policy that sees `max_history` states can learn only one of them. Augmented stories and rules
    do not count.

    Args:
        trackers: unfolded stories.
        domain: says what counts of messages and slots.
        max_history: how many states a policy sees; None for all.

    Returns:
        One warning for each such place, with all stories that go on in one way, in the order of the
        stories; its own place is that of the first story.
    """
    ways: dict[tuple[State, ...], dict[str, list[TrainingTracker]]] = {}
    for training in trackers:
        if training.is_augmented or training.is_rule:
            continue
        for example in training_examples([training.tracker], domain, max_history=max_history):
            ways.setdefault(example.states, {}).setdefault(example.action, []).append(training)
    return [_contradiction(states, actions) for states, actions in ways.items() if len(actions) > 1]


def rule_contradictions(
    rules: Sequence[TrainingTracker],
    stories: Sequence[TrainingTracker],
    domain: Domain,
    *,
    restrict_rules: bool = True,
    fallback: str | None = "action_default_fallback",
) -> list[Finding]:
    """What `RulePolicy` refuses: long or incomplete rules, contradictions with rules and stories.

    Args:
        rules: unfolded rules.
        stories: unfolded stories; augmented ones do not count.
        domain: says what counts of messages and slots.
        restrict_rules: rules may have one message of the user at most.
        fallback: the action when no rule fits, or None.

    Returns:
        Errors, each once.
    """
    written = [story for story in stories if not story.is_augmented]
    faults = check_restriction(rules) if restrict_rules else []
    faults += check_completeness(rules, domain)
    book = learn_rule_book(rules, written, domain)
    faults += replay(book, rules, written, domain, fallback=fallback).faults
    findings = [Finding(Severity.ERROR, str(fault), fault.where) for fault in faults]
    return list(dict.fromkeys(findings))


def _contradiction(states: tuple[State, ...], actions: dict[str, list[TrainingTracker]]) -> Finding:
    ways = []
    for action, trackers in actions.items():
        places = dict.fromkeys(map(written_at, trackers))
        ways.append(f"'{action}' in {', '.join(places)}")
    first = next(iter(actions.values()))[0]
    return Finding(
        Severity.WARNING,
        f"after {_seen(states[-1])} stories go on in different ways: {'; '.join(ways)}. Stories "
        "that are to differ must differ before that, in what the user said or in a slot",
        next((source.where for source in first.sources), None),
    )


def _seen(state: State) -> str:
    user = state.user
    if state.follows_listen and user is not None:
        if user.intent is None and user.text is not None:
            return f"the message '{user.text}'"
        return f"the intent '{user.intent}'"
    name = state.action if state.action is not None else state.action_text
    return "the start" if name is None else f"'{name}'"


def check_conversations(
    stories: StoryData,
    domain: Domain,
    *,
    max_history: int | None = None,
    restrict_rules: bool = True,
) -> list[Finding]:
    """Contradictions between stories, and between rules and stories, both places named.

    Args:
        stories: stories and rules whose names the domain has.
        domain: what may be said and done.
        max_history: how many states policies see, for contradictions between stories.
        restrict_rules: rules may have one message of the user at most.

    Raises:
        DataError: a step cannot be understood.
    """
    unfolded = unfold_stories(stories, domain)
    findings = rule_contradictions(
        unfold_rules(stories, domain), unfolded, domain, restrict_rules=restrict_rules
    )
    return findings + story_contradictions(unfolded, domain, max_history)
