"""Record the states that models see: of whole conversations, of training examples, in prediction.

A project's states are kept in one table; conversations and examples hold their numbers. States are
those before each action and at the end, as Rasa keeps them while it adds events to a conversation.
"applied" are the events without what was taken back, "replayed" the states that follow from them;
both only where they differ. There, Rasa's training examples put actions of the ones beside states
of the others (a form that runs again counts once among applied events); "examples_of_replayed" have
both from the same events.
"""

from __future__ import annotations

import itertools
from typing import Any

from dialogue_data import NAMES, Table, event_as_json, project, state_as_json, unfolded
from rasa.core.featurizers.single_state_featurizer import SingleStateFeaturizer
from rasa.core.featurizers.tracker_featurizers import (
    FullDialogueTrackerFeaturizer,
    MaxHistoryTrackerFeaturizer,
)
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, UserUttered
from rasa.shared.core.generator import TrackerWithCachedStates
from rasa.shared.core.trackers import DialogueStateTracker
from recording import canonical, write_fixture

HISTORIES = (None, 2, 5)
PREDICTED = ("forms", "texts")


def record(name: str) -> dict[str, Any]:
    """States of one project."""
    domain, graph = project(name)
    trackers = unfolded(domain, graph)
    states = Table()
    events = Table()
    result: dict[str, Any] = {"name": name, "conversations": []}
    for tracker in trackers:
        entry = {
            "name": tracker.sender_id,
            "is_rule": tracker.is_rule_tracker,
            "events": events.numbers([event_as_json(event) for event in tracker.events]),
            "states": numbered(states, tracker.past_states(domain)),
        }
        applied = events.numbers([event_as_json(event) for event in tracker.applied_events()])
        if applied != entry["events"]:
            entry["applied"] = applied
        replayed_states = numbered(states, replayed(tracker, domain).past_states(domain))
        if replayed_states != entry["states"]:
            entry["replayed"] = replayed_states
        result["conversations"].append(entry)
    stories = [tracker for tracker in trackers if not tracker.is_rule_tracker]
    rules = [tracker for tracker in trackers if tracker.is_rule_tracker]
    result["examples"] = {
        str(history): {
            "stories": examples(states, stories, domain, history),
            "rules": examples(states, rules, domain, history, omit_unset_slots=True),
        }
        for history in HISTORIES
    }
    if any("replayed" in entry for entry in result["conversations"]):
        plain_trackers = [replayed(tracker, domain) for tracker in stories]
        result["examples_of_replayed"] = {
            str(history): examples(states, plain_trackers, domain, history) for history in HISTORIES
        }
    result["dialogues"] = dialogues(states, stories, domain)
    if name in PREDICTED:
        result["prediction"] = predictions(states, stories, domain)
    result["states"] = states.items
    result["events"] = events.items
    result["conversations"].sort(key=canonical)
    return result


def replayed(tracker: TrackerWithCachedStates, domain: Domain) -> DialogueStateTracker:
    """A tracker, of the same events, that computes its states anew."""
    return DialogueStateTracker.from_events("", list(tracker.events), domain.slots)


def numbered(table: Table, states: list[dict[str, Any]]) -> list[int]:
    """Numbers of states."""
    return table.numbers([state_as_json(state) for state in states])


def examples(
    table: Table,
    trackers: list[TrackerWithCachedStates],
    domain: Domain,
    max_history: int | None,
    omit_unset_slots: bool = False,
) -> list[Any]:
    """Examples with one action each, as [numbers of the states, action], sorted.

    Without duplicates; `action_unlikely_intent` left out, as all policies but RulePolicy have it.
    Slots that nobody has set are left out of rules, as RulePolicy has it.
    """
    featurizer = MaxHistoryTrackerFeaturizer(SingleStateFeaturizer(), max_history)
    found, labels = featurizer.training_states_and_labels(
        trackers,
        domain,
        omit_unset_slots=omit_unset_slots,
        ignore_action_unlikely_intent=not omit_unset_slots,
    )
    return sorted(
        [[numbered(table, states), label] for states, (label,) in zip(found, labels, strict=True)],
        key=canonical,
    )


def dialogues(table: Table, trackers: list[TrackerWithCachedStates], domain: Domain) -> list[Any]:
    """Whole conversations as [numbers of the states, actions], sorted."""
    featurizer = FullDialogueTrackerFeaturizer(SingleStateFeaturizer())
    found, labels = featurizer.training_states_and_labels(
        trackers, domain, ignore_action_unlikely_intent=True
    )
    return sorted(
        [[numbered(table, states), actions] for states, actions in zip(found, labels, strict=True)],
        key=canonical,
    )


def predictions(
    table: Table, trackers: list[TrackerWithCachedStates], domain: Domain
) -> list[dict[str, Any]]:
    """States of conversations cut off before the action that follows the last message."""
    result = []
    for tracker in trackers:
        events = list(tracker.events)
        last_message = max(n for n, event in enumerate(events) if isinstance(event, UserUttered))
        end = next(
            n
            for n, event in enumerate(events)
            if n > last_message and isinstance(event, ActionExecuted)
        )
        entry: dict[str, Any] = {"name": tracker.sender_id, "n_events": end}
        for history, use_text in itertools.product(HISTORIES[:2], (False, True)):
            cut = DialogueStateTracker.from_events("", events[:end], domain.slots)
            (states,) = MaxHistoryTrackerFeaturizer(None, history).prediction_states(
                [cut],
                domain,
                use_text_for_last_user_input=use_text,
                ignore_action_unlikely_intent=True,
            )
            entry[f"{history} {'text' if use_text else 'intent'}"] = numbered(table, states)
        result.append(entry)
    return sorted(result, key=canonical)


def main() -> None:
    """Write dialogue_states.json."""
    write_fixture(
        "dialogue_states",
        "record_dialogue_states.py",
        {"max_history": HISTORIES},
        [record(name) for name in NAMES],
    )


if __name__ == "__main__":
    main()
