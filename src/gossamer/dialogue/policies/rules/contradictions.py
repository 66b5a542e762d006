"""Stories that contradict each other. What contradicts rules, `RulePolicy` refuses."""

from __future__ import annotations

from collections.abc import Sequence

from gossamer.data.domain.domain import Domain
from gossamer.data.nlu.checks import Finding, Severity
from gossamer.dialogue.history.state import State
from gossamer.dialogue.policies.rules.checks import written_at
from gossamer.dialogue.training.examples import training_examples
from gossamer.dialogue.training.unfolding import TrainingTracker


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
