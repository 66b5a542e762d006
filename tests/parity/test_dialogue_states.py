"""States in prediction, and examples where a form runs several times, against Rasa's."""

from __future__ import annotations

from typing import Any

import pytest
from rasa_dialogue import event, project, recorded, text

from gossamer.data.domain.domain import Domain
from gossamer.data.stories.steps import StoryData
from gossamer.dialogue.history.state import states_of
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.training.examples import prediction_states, training_examples
from gossamer.dialogue.training.unfolding import unfold_stories

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

STATES: list[dict[str, Any]] = recorded("states")
WINDOWS = {"None": None, "2": 2, "5": 5}


def replayed(case: dict[str, Any], part: dict[str, Any], domain: Domain) -> Tracker:
    events = [event(case["events"][number]) for number in part["events"]]
    return Tracker(domain.slots, events=events)


def read(case: dict[str, Any], numbers: list[int]) -> str:
    return text([case["states"][number] for number in numbers])


@pytest.mark.parametrize("case", STATES, ids=lambda case: case["name"])
def test_replayed_states(case: dict[str, Any]) -> None:
    """Rasa's trackers that compute their states anew agree with ours in all conversations."""
    domain, _ = project(case["name"])
    for part in case["conversations"]:
        states = states_of(replayed(case, part, domain), domain)
        expected = part.get("replayed", part["states"])
        assert text([state.to_dict() for state in states]) == read(case, expected), part["name"]


@pytest.mark.parametrize(
    "case", [case for case in STATES if "prediction" in case], ids=lambda case: case["name"]
)
def test_prediction_states(case: dict[str, Any]) -> None:
    """As Rasa's, but a message that has no text, or no intent, counts by what it has.

    In Rasa nothing is left of it when it is to count by the other.
    """
    domain, _ = project(case["name"])
    for part in case["prediction"]:
        tracker = cut_conversation(case, part, domain)
        message = tracker.latest_message
        assert message is not None
        for name in ("None", "2"):
            for use_text in (False, True):
                found = prediction_states(
                    tracker, domain, max_history=WINDOWS[name], use_text=use_text
                )
                counts = (use_text and message.text) or message.intent is None
                key = f"{name} {'text' if counts else 'intent'}"
                assert text([state.to_dict() for state in found]) == read(case, part[key]), key


def cut_conversation(case: dict[str, Any], part: dict[str, Any], domain: Domain) -> Tracker:
    """The conversation before the action that is foreseen."""
    (whole,) = [
        whole
        for whole in case["conversations"]
        if whole["name"] == part["name"] and not whole["is_rule"]
    ]
    events = [event(case["events"][number]) for number in whole["events"]]
    return Tracker(domain.slots, events=events[: part["n_events"]])


@pytest.mark.parametrize("max_history", WINDOWS)
@pytest.mark.parametrize(
    "case",
    [case for case in STATES if "examples_of_replayed" in case],
    ids=lambda case: case["name"],
)
def test_examples_where_forms_run_again(case: dict[str, Any], max_history: str) -> None:
    """Ours are those of what a policy sees when it predicts, which Rasa's own are not."""
    domain, stories = project(case["name"])
    found = training_examples(
        trackers_of(stories, domain), domain, max_history=WINDOWS[max_history]
    )
    ours = {text([[state.to_dict() for state in e.states], e.action]) for e in found}
    theirs = {
        text([[case["states"][number] for number in numbers], action])
        for numbers, action in case["examples_of_replayed"][max_history]
    }
    assert ours == theirs


def trackers_of(stories: StoryData, domain: Domain) -> list[Tracker]:
    return [part.tracker for part in unfold_stories(stories, domain)]
