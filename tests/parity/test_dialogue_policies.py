"""Features of states, memoization and the choice between policies, against Rasa's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rasa_dialogue import event, project, recorded

from gossamer.dialogue.history.state import RuleOnly, State, UserState
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.policies.ensemble import choose
from gossamer.dialogue.policies.memoization import (
    AugmentedMemoizationPolicy,
    MemoizationOptions,
    MemoizationPolicy,
)
from gossamer.dialogue.policies.policy import DialogueData, Prediction
from gossamer.dialogue.policies.ted.features import StateFeaturizer
from gossamer.dialogue.training.unfolding import unfold_rules, unfold_stories

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")

MEMORY = recorded("memory")
KINDS = {kind.name: kind for kind in (MemoizationPolicy, AugmentedMemoizationPolicy)}


@pytest.mark.parametrize("case", recorded("features"), ids=lambda case: case["name"])
def test_columns(case: dict[str, Any]) -> None:
    domain, _ = project(case["name"])
    columns = case["columns"]
    assert list(domain.intent_names) == columns["intent"]
    assert list(domain.action_labels) == columns["action_name"]
    assert list(domain.entity_labels) == columns["entities"]
    assert list(domain.forms) == columns["active_loop"]
    assert StateFeaturizer(domain).widths["slots"] == len(columns["slots"])
    assert {label: domain.action_index[label] for label in case["labels"]} == case["labels"]


@pytest.mark.parametrize("case", recorded("features"), ids=lambda case: case["name"])
def test_features(case: dict[str, Any]) -> None:
    domain, _ = project(case["name"])
    featurizer = StateFeaturizer(domain)
    for part in case["states"]:
        table = featurizer.table([state_from(part["state"])])
        found = {}
        for name, column in table.columns.items():
            if column.row[0] >= 0:
                row = column.values[column.row[:1]]
                found[name] = sorted(zip(row.indices.tolist(), row.data.tolist(), strict=True))
        expected = {
            name: sorted((index, pytest.approx(value)) for index, value in features)
            for name, features in part["features"].items()
            if name not in ("text", "action_text")
        }
        assert {name: row for name, row in found.items() if row} == {
            name: row for name, row in expected.items() if row
        }


def state_from(recorded: dict[str, Any]) -> State:
    user, action = recorded.get("user"), recorded.get("prev_action", {})
    return State(
        None
        if user is None
        else UserState(user.get("intent"), user.get("text"), tuple(user.get("entities", ()))),
        action.get("action_name"),
        action.get("action_text"),
        tuple((name, tuple(values)) for name, values in recorded.get("slots", {}).items()),
        recorded.get("active_loop", {}).get("name"),
    )


@pytest.mark.parametrize(
    "case", MEMORY["policies"], ids=lambda case: f"{case['policy']} {case['options']}"
)
def test_memoization(case: dict[str, Any]) -> None:
    domain, stories = project("memory")
    data = DialogueData(
        domain=domain,
        stories=unfold_stories(stories, domain, augmentation_factor=5),
        rules=unfold_rules(stories, domain),
    )
    policy = KINDS[case["policy"]](MemoizationOptions(**case["options"]))
    policy.train(data)
    assert policy.options.priority == case["priority"]
    assert len(policy.state().json["memories"]) == case["n_keys"]
    restored = KINDS[case["policy"]](policy.options)
    restored.restore(policy.state(), domain)
    rule_only = RuleOnly(slots=frozenset({"only_in_rules"}))
    for name, expected in case["predictions"].items():
        tracker = Tracker(
            domain.slots, events=[event(part) for part in MEMORY["conversations"][name]]
        )
        for one in (policy, restored):
            prediction = one.predict(tracker, rule_only)
            if expected is None:
                assert prediction.confidence == 0.0, name
            else:
                label = domain.action_labels[prediction.best]
                assert [label, prediction.confidence] == [expected[0], pytest.approx(expected[1])]


@pytest.mark.thinned(12)
@pytest.mark.parametrize("case", recorded("ensemble"), ids=lambda case: case["name"])
def test_choice(case: dict[str, Any]) -> None:
    domain, _ = project("rules")
    tracker = Tracker(domain.slots, events=[event(part) for part in case["conversation"]])
    predictions = []
    for part in case["predictions"]:
        scores = np.zeros(len(domain.action_labels), dtype=np.float32)
        for action, score in part["scores"].items():
            scores[domain.action_index[action]] = score
        predictions.append(
            Prediction(
                policy=part["policy"],
                priority=part["priority"],
                scores=scores,
                is_no_user_prediction=part.get("is_no_user_prediction", False),
                is_end_to_end=part.get("is_end_to_end_prediction", False),
                events=tuple(event(e) for e in part.get("events", ())),
                optional_events=tuple(event(e) for e in part.get("optional_events", ())),
            )
        )
    chosen, winner = choose(predictions, tracker, domain), case["winner"]
    assert (chosen.prediction.policy, chosen.action) == (winner["policy"], winner["action"])
    assert chosen.confidence == pytest.approx(winner["confidence"])
    assert [e.type_name for e in chosen.events] == [e["event"] for e in winner["events"]]
