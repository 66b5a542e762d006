"""Stories to conversations, states and examples, against Rasa's."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from rasa_dialogue import event, project, recorded, short, text

from gossamer.dialogue.history.events import UserUttered
from gossamer.dialogue.history.state import states_of
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.training.examples import dialogue_examples, training_examples
from gossamer.dialogue.training.unfolding import TrainingTracker, unfold_rules, unfold_stories

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

UNFOLDED = recorded("unfolding")
STATES = recorded("states")

# Where we depart, on purpose. Rasa loses a story that ends with alternatives; it learns from states
# that it caches, which do not follow when a form's runs are collapsed or a message is taken back,
# so that its examples differ from what it sees when it predicts.
MISALIGNED = {
    "form step by step",
    "a message that the form does not know",
    "takes a message back",
}


def ends_with_alternatives(tracker: TrainingTracker) -> bool:
    return any(isinstance(event, UserUttered) for event in tracker.tracker.events[-2:])


def compared(ours: list[str], theirs: list[str]) -> None:
    assert Counter(ours) - Counter(theirs) == Counter()
    assert Counter(theirs) - Counter(ours) == Counter()


@pytest.mark.parametrize("case", UNFOLDED, ids=lambda case: case["name"])
def test_conversations(case: dict[str, Any]) -> None:
    domain, stories = project(case["name"])
    for kind, found in (
        ("stories", unfold_stories(stories, domain)),
        ("rules", unfold_rules(stories, domain)),
    ):
        if case["name"] == "alternatives":
            found = [tracker for tracker in found if not ends_with_alternatives(tracker)]
        compared(
            [text([short(e) for e in part.tracker.events]) for part in found],
            [text([case["events"][i] for i in part["events"]]) for part in case[kind]],
        )


@pytest.mark.parametrize("factor", [5, 20])
@pytest.mark.parametrize("case", UNFOLDED, ids=lambda case: case["name"])
def test_augmentation_keeps_the_originals(case: dict[str, Any], factor: int) -> None:
    domain, stories = project(case["name"])
    plain = unfold_stories(stories, domain)
    found = unfold_stories(stories, domain, augmentation_factor=factor)
    glued = [tracker for tracker in found if tracker.is_augmented]
    assert [t.tracker.events for t in found if not t.is_augmented] == [
        t.tracker.events for t in plain
    ]
    assert len(glued) <= factor * 10
    if max(case["augmented"][str(factor)]["glued"]) == factor * 10:
        assert len(glued) > factor * 9  # as many as Rasa, but for some that look alike


@pytest.mark.parametrize("case", STATES, ids=lambda case: case["name"])
def test_states(case: dict[str, Any]) -> None:
    domain, stories = project(case["name"])
    found = [*unfold_stories(stories, domain), *unfold_rules(stories, domain)]
    ours = [
        text([state.to_dict() for state in states_of(part.tracker, domain)])
        for part in found
        if part.name not in MISALIGNED
        and not (case["name"] == "alternatives" and ends_with_alternatives(part))
    ]
    theirs = [
        text([case["states"][i] for i in part["states"]])
        for part in case["conversations"]
        if part["name"] not in MISALIGNED
    ]
    compared(ours, theirs)


@pytest.mark.parametrize("max_history", ["None", "2", "5"])
@pytest.mark.parametrize(
    "case",
    [case for case in STATES if case["name"] not in ("events", "forms", "alternatives")],
    ids=lambda case: case["name"],
)
def test_examples(case: dict[str, Any], max_history: str) -> None:
    domain, stories = project(case["name"])
    window = None if max_history == "None" else int(max_history)
    for kind, found in (
        ("stories", unfold_stories(stories, domain)),
        ("rules", unfold_rules(stories, domain)),
    ):
        examples = training_examples([part.tracker for part in found], domain, max_history=window)
        compared(
            [text([[state.to_dict() for state in e.states], e.action]) for e in examples],
            [
                text([[case["states"][i] for i in states], action])
                for states, action in case["examples"][max_history].get(kind, [])
            ],
        )


@pytest.mark.parametrize(
    "case",
    [case for case in STATES if case["name"] not in ("events", "forms", "alternatives")],
    ids=lambda case: case["name"],
)
def test_whole_dialogues(case: dict[str, Any]) -> None:
    domain, stories = project(case["name"])
    trackers = [part.tracker for part in unfold_stories(stories, domain)]
    compared(
        [
            text([[state.to_dict() for state in states], actions])
            for states, actions in dialogue_examples(trackers, domain)
        ],
        [
            text([[case["states"][i] for i in states], actions])
            for states, actions in case["dialogues"]
        ],
    )


@pytest.mark.thinned(15)
@pytest.mark.parametrize("case", recorded("replays"), ids=lambda case: case["name"])
def test_replay(case: dict[str, Any]) -> None:
    domain, _ = project("forms")
    tracker = Tracker(domain.slots)
    for happened, then in zip(case["events"], case["after_each"], strict=True):
        tracker.update(event(happened))
        check_tracker(tracker, then)
    check_tracker(tracker, case["at_the_end"])
    applied = [short(e) for e in tracker.applied_events()]
    assert [part["event"] for part in applied] == [part["event"] for part in case["applied"]]
    states = [state.to_dict() for state in states_of(tracker, domain)]
    assert text(states) == text(case["states"])
    stored = Tracker.from_dict(domain.slots, tracker.to_dict())
    check_tracker(stored, case["at_the_end"])


def check_tracker(tracker: Tracker, expected: dict[str, Any]) -> None:
    message, loop = tracker.latest_message, tracker.active_loop
    assert tracker.latest_action_name == expected.get("latest_action")
    assert (None if message is None else message.intent) == expected.get("intent")
    assert tracker.followup_action == expected.get("followup_action")
    assert tracker.is_paused == expected.get("paused", False)
    values = {name: value for name, value in tracker.slots.items() if value is not None}
    assert text(values) == text(expected.get("slots", {}))
    if loop is None:
        assert "active_loop" not in expected
    else:
        assert expected["active_loop"] == {
            "name": loop.name,
            "is_interrupted": loop.is_interrupted,
            "rejected": loop.is_rejected,
        }
