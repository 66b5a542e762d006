"""What RulePolicy learns, predicts and refuses, against Rasa's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gossamer.data import read_domain
from gossamer.data.domain.domain import Domain
from gossamer.data.errors import ConfigError, DataError
from gossamer.data.stories.reading import read_stories
from gossamer.dialogue.history.event_json import event_from_dict
from gossamer.dialogue.history.situation import SHOULD_NOT_BE_SET
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.policies.policy import DialogueData, Prediction
from gossamer.dialogue.policies.rules.checks import (
    FaultKind,
    RuleFault,
    check_completeness,
    check_restriction,
    replay,
)
from gossamer.dialogue.policies.rules.decisions import SourceKind, learn_rule_book
from gossamer.dialogue.policies.rules.policy import RulePolicy, RulePolicyOptions
from gossamer.dialogue.training.unfolding import unfold_rules, unfold_stories

HERE = Path(__file__).parent
CONTENT: dict[str, Any] = json.loads((HERE / "fixtures" / "dialogue_rules.json").read_text())[
    "content"
]
CHECKS: dict[str, Any] = json.loads((HERE / "fixtures" / "dialogue_rule_checks.json").read_text())
CASES: list[tuple[dict[str, Any], str]] = [
    (policy["options"], name) for policy in CONTENT["policies"] for name in CONTENT["conversations"]
]


def canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


@pytest.fixture(scope="module")
def domain() -> Domain:
    return read_domain(HERE / "dialogue" / "rules_domain.yml")


@pytest.fixture(scope="module")
def data(domain: Domain) -> DialogueData:
    stories = read_stories(HERE / "dialogue" / "rules_stories.yml")
    return DialogueData(
        domain=domain,
        stories=unfold_stories(stories, domain, augmentation_factor=2),
        rules=unfold_rules(stories, domain),
    )


@pytest.fixture(scope="module")
def policies(data: DialogueData) -> dict[str, RulePolicy]:
    found = {}
    for recorded in CONTENT["policies"]:
        policy = RulePolicy(RulePolicyOptions(**recorded["options"]))
        policy.train(data)
        found[canonical(recorded["options"])] = policy
    return found


def conversation(name: str, domain: Domain) -> Tracker:
    events = []
    for content in CONTENT["conversations"][name]:
        if content["event"] == "user":
            intent = {
                "name": content.get("intent"),
                "confidence": content.get("confidence", 1.0),
            }
            content = {
                "event": "user",
                "text": content.get("text"),
                "parse_data": {"intent": intent, "entities": content.get("entities", [])},
            }
        events.append(event_from_dict(content))
    return Tracker(domain.slots, events=events)


def as_recorded(prediction: Prediction, domain: Domain) -> dict[str, Any]:
    scores = zip(domain.action_labels, prediction.scores.tolist(), strict=True)
    more = {
        "is_no_user_prediction": prediction.is_no_user_prediction,
        "is_end_to_end_prediction": prediction.is_end_to_end,
        "hide_rule_turn": prediction.hide_rule_turn,
        "events": [
            {key: value for key, value in event.to_dict().items() if key != "timestamp"}
            for event in prediction.events
        ],
    }
    return {"scores": {action: round(score, 6) for action, score in scores if score}} | {
        key: value for key, value in more.items() if value
    }


@pytest.mark.parametrize(("options", "name"), CASES, ids=lambda part: str(part))
def test_predictions(
    policies: dict[str, RulePolicy], domain: Domain, options: dict[str, Any], name: str
) -> None:
    by_options = {canonical(p["options"]): p["predictions"] for p in CONTENT["policies"]}
    default = by_options[canonical({})]
    expected = by_options[canonical(options)].get(name, default[name])
    tracker = conversation(name, domain)
    found = policies[canonical(options)].predict(tracker)
    assert as_recorded(found, domain) == expected
    assert not found.optional_events


def test_learnt(policies: dict[str, RulePolicy], data: DialogueData) -> None:
    stored = policies[canonical({})].state().json
    expected = CONTENT["learnt"]
    rules = [[rule["states"], rule["action"]] for rule in stored["rules"]]
    assert sorted(rules, key=canonical) == expected["rules"]
    loops = [[loop["states"], loop["deviation"]] for loop in stored["loops"]]
    assert sorted(loops, key=canonical) == expected["rules_for_loop_unhappy_path"]
    assert stored["rule_only_slots"] == expected["rule_only_slots"]
    assert stored["rule_only_loops"] == expected["rule_only_loops"]
    hidden = [hidden_as_recorded(item) for item in stored["not_in_stories"]]
    assert sorted(hidden, key=canonical) == expected["rules_not_in_stories"]
    assert policies[canonical({})].options.priority == CONTENT["priority"]


def hidden_as_recorded(item: dict[str, Any]) -> Any:
    [(kind, value)] = item.items()
    return value if kind == SourceKind.RULE else source_text(SourceKind(kind), value)


def source_text(kind: SourceKind, name: str) -> str:
    """How Rasa names what needs no rule."""
    if kind is SourceKind.INTENT:
        return f"predicting default action with intent {name}"
    loop = f"handling active loops and forms - {name}"
    return loop if kind is SourceKind.LOOP else f"{loop} - action_listen"


# -- what is refused -----------------------------------------------------------------------------


def fault_as_recorded(fault: RuleFault) -> dict[str, Any]:
    if fault.kind is FaultKind.INCOMPLETE:
        names = ("null" if name == SHOULD_NOT_BE_SET else name for name in fault.loops)
        parts: dict[str, Any] = {
            "action": fault.action,
            "name": fault.tracker.name,
            "slots": sorted(fault.slots),
            "loops": sorted(names),
        }
        return {key: value for key, value in parts.items() if value}
    others = {rule.name for rule in fault.rules}
    if fault.source is not None:
        others = {source_text(fault.source.kind, fault.source.name)}
    found = {
        "action": fault.action,
        "kind": "rule" if fault.tracker.is_rule else "story",
        "name": fault.tracker.name,
        "rules": sorted(others),
    }
    return found if fault.predicted is None else found | {"predicted": fault.predicted}


@pytest.mark.parametrize("case", CHECKS["content"], ids=lambda case: case["name"])
def test_checks(case: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "domain.yml").write_text(CHECKS["settings"]["domain"])
    (tmp_path / "stories.yml").write_text('version: "3.1"\n' + case["stories"])
    domain = read_domain(tmp_path / "domain.yml")
    written = read_stories(tmp_path / "stories.yml")
    rules = unfold_rules(written, domain)
    stories = unfold_stories(written, domain)
    policy = RulePolicy(RulePolicyOptions(**case["options"]))
    data = DialogueData(domain=domain, stories=stories, rules=rules)
    expected = case["fault"]
    if expected is None:
        policy.train(data)
        stored = policy.state().json
        assert len(stored["rules"]) == case["n_rules"]
        hidden = [
            item[SourceKind.RULE] for item in stored["not_in_stories"] if SourceKind.RULE in item
        ]
        assert sorted(hidden, key=canonical) == sorted(case["not_in_stories"], key=canonical)
        return
    if expected["kind"] == "fallback":
        with pytest.raises(ConfigError, match=r"core_fallback_action_name.*must be an action"):
            policy.train(data)
        return
    with pytest.raises(DataError) as caught:
        policy.train(data)
    if expected["kind"] == "restricted":
        found = [fault.tracker.name for fault in check_restriction(rules)]
        assert found == expected["rules"]
    elif expected["kind"] == "incomplete":
        faults = check_completeness(rules, domain)
        assert sorted(map(fault_as_recorded, faults), key=str) == expected["faults"]
    else:
        book = learn_rule_book(rules, stories, domain)
        fallback = policy.options.core_fallback_action_name
        faults = replay(book, rules, stories, domain, fallback=fallback).faults
        assert sorted(map(fault_as_recorded, faults), key=str) == sorted(
            expected["faults"], key=str
        )
    assert str(tmp_path / "stories.yml") in str(caught.value)
