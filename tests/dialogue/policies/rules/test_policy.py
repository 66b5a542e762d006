"""RulePolicy: what it predicts and why, what it refuses, what it stores."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from written import FORM, HOURS, learn_from

from gossamer.data import read_domain, read_training_data
from gossamer.data.errors import ConfigError, DataError, ModelFileError
from gossamer.data.stories.reading import read_stories
from gossamer.dialogue.history.events import (
    ActionExecuted,
    ActionExecutionRejected,
    ActiveLoop,
    Event,
    LoopInterrupted,
    SlotSet,
    UserUttered,
)
from gossamer.dialogue.history.state import RuleOnly
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.policies.policy import DialogueData
from gossamer.dialogue.policies.rules.policy import RulePolicy, RulePolicyOptions
from gossamer.dialogue.training.unfolding import unfold_rules, unfold_stories
from gossamer.nlu.pipeline.messages import ComponentState

SARA = Path(__file__).resolve().parents[5] / "shared" / "data" / "sara"

RETURNS = """\
stories:
- story: asks while ordering
  steps:
  - intent: order
  - action: order_form
  - active_loop: order_form
  - intent: ask
  - action: utter_hours
  - action: order_form
  - active_loop: null
  - action: utter_served
- story: thanks while ordering
  steps:
  - intent: order
  - action: order_form
  - active_loop: order_form
  - intent: thank
  - action: utter_thank
  - intent: greet
  - action: order_form
  - active_loop: null
  - action: utter_served
"""


def trained(data: DialogueData, **options: Any) -> RulePolicy:
    policy = RulePolicy(RulePolicyOptions(**options))
    policy.train(data)
    return policy


def conversation(data: DialogueData, *events: Event) -> Tracker:
    return Tracker(data.domain.slots, events=events)


def did(name: str) -> Event:
    return ActionExecuted(name=name)


def said(intent: str, text: str | None = None, confidence: float = 1.0) -> list[Event]:
    return [
        did("action_listen"),
        UserUttered(intent=intent, text=text, confidence=confidence),
    ]


def best(policy: RulePolicy, data: DialogueData, *events: Event) -> str:
    prediction = policy.predict(conversation(data, *events))
    return data.domain.action_labels[prediction.best]


ORDERING = [*said("order"), did("order_form"), ActiveLoop(name="order_form")]


def test_defaults_are_rasas() -> None:
    assert RulePolicyOptions().model_dump() == {
        "rasa_defaults": False,
        "priority": 4,
        "core_fallback_threshold": 0.3,
        "core_fallback_action_name": "action_default_fallback",
        "enable_fallback_prediction": True,
        "restrict_rules": True,
        "check_for_contradictions": True,
        "use_nlu_confidence_as_score": False,
    }


@pytest.mark.parametrize(
    "options",
    [
        {"core_fallback_threshold": 1.1},
        {"core_fallback_threshold": -0.1},
        {"priority": -1},
        {"max_history": 3},
    ],
)
def test_bad_options(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        RulePolicyOptions(**options)


def test_a_rule_holds_wherever_it_fits(tmp_path: Path) -> None:
    data = learn_from(tmp_path, HOURS)
    policy = trained(data)
    for before in ([], [*said("greet"), did("utter_greet")]):
        prediction = policy.predict(conversation(data, *before, *said("ask")))
        assert data.domain.action_labels[prediction.best] == "utter_hours"
        assert prediction.confidence == 1.0
        assert prediction.hide_rule_turn, "no story knows it"
        assert prediction.reason == {"rules": ["tells the hours"]}
        assert best(policy, data, *before, *said("ask"), did("utter_hours")) == "action_listen"


def test_fallback_where_no_rule_fits(tmp_path: Path) -> None:
    data = learn_from(tmp_path, HOURS)
    prediction = trained(data).predict(conversation(data, *said("thank")))
    assert data.domain.action_labels[prediction.best] == "action_default_fallback"
    assert prediction.confidence == pytest.approx(0.3)
    assert prediction.reason == {"fallback": "action_default_fallback"}
    without = trained(data, enable_fallback_prediction=False)
    prediction = without.predict(conversation(data, *said("thank")))
    assert not prediction.scores.any()
    assert prediction.reason == {}


def test_confidence_of_the_message(tmp_path: Path) -> None:
    data = learn_from(tmp_path, HOURS)
    policy = trained(data, use_nlu_confidence_as_score=True)
    prediction = policy.predict(conversation(data, *said("ask", confidence=0.75)))
    assert prediction.confidence == 0.75


def test_the_longest_rule_wins_and_is_named(tmp_path: Path) -> None:
    paid = """\
- rule: thanks who paid
  condition:
  - slot_was_set:
    - paid: true
  steps:
  - intent: ask
  - action: utter_thank
"""
    data = learn_from(tmp_path, HOURS + paid)
    policy = trained(data)
    has_paid = SlotSet(name="paid", value=True)
    prediction = policy.predict(conversation(data, has_paid, *said("ask")))
    assert prediction.reason == {"rules": ["thanks who paid"]}
    assert best(policy, data, *said("ask")) == "utter_hours"


def test_rules_that_say_the_same_are_all_named(tmp_path: Path) -> None:
    other = """\
- rule: says more
  wait_for_user_input: false
  steps:
  - intent: ask
  - action: utter_hours
"""
    data = learn_from(tmp_path, HOURS + other)
    prediction = trained(data).predict(conversation(data, *said("ask")))
    assert prediction.reason == {"rules": ["tells the hours", "says more"]}


def test_a_text_is_end_to_end(tmp_path: Path) -> None:
    text = "- rule: a text\n  steps:\n  - user: when?\n  - action: utter_hours\n"
    data = learn_from(tmp_path, f"rules:\n{text}")
    policy = trained(data)
    prediction = policy.predict(conversation(data, *said("restart", "when?")))
    assert prediction.is_end_to_end
    assert data.domain.action_labels[prediction.best] == "utter_hours", "before the intent"
    prediction = policy.predict(conversation(data, *said("restart", "again")))
    assert prediction.reason == {"default_intent": "restart"}
    assert not prediction.is_end_to_end


def test_an_unlikely_intent_can_have_a_rule(tmp_path: Path) -> None:
    rule = "- rule: doubts\n  steps:\n  - action: action_unlikely_intent\n  - action: utter_greet\n"
    data = learn_from(tmp_path, f"rules:\n{rule}")
    policy = trained(data)
    assert best(policy, data, *said("ask"), did("action_unlikely_intent")) == "utter_greet"


def test_a_loop_that_is_active(tmp_path: Path) -> None:
    data = learn_from(tmp_path, HOURS + FORM + RETURNS)
    policy = trained(data)
    prediction = policy.predict(conversation(data, *ORDERING))
    assert data.domain.action_labels[prediction.best] == "action_listen"
    assert prediction.is_no_user_prediction
    prediction = policy.predict(conversation(data, *ORDERING, *said("ask")))
    assert data.domain.action_labels[prediction.best] == "order_form"
    assert prediction.is_no_user_prediction
    assert prediction.reason == {"active_loop": "order_form"}


def test_a_loop_that_rejected_goes_on_after_a_general_rule(tmp_path: Path) -> None:
    data = learn_from(tmp_path, HOURS + FORM)
    policy = trained(data)
    rejected = [*ORDERING, *said("ask"), ActionExecutionRejected(name="order_form")]
    assert best(policy, data, *rejected) == "utter_hours"
    prediction = policy.predict(conversation(data, *rejected, did("utter_hours")))
    assert data.domain.action_labels[prediction.best] == "order_form"
    assert prediction.reason == {"rules": ["tells the hours"], "active_loop": "order_form"}


def test_a_loop_that_a_story_returns_to_is_told_so(tmp_path: Path) -> None:
    data = learn_from(tmp_path, HOURS + FORM + RETURNS)
    thanked = [*ORDERING, *said("thank"), ActionExecutionRejected(name="order_form")]
    back = [*thanked, did("utter_thank"), *said("greet")]
    rejected = [*back, ActionExecutionRejected(name="order_form")]
    prediction = trained(data).predict(conversation(data, *rejected))
    assert prediction.events == (LoopInterrupted(),)


def test_a_form_that_the_domain_does_not_have_is_passed_over(tmp_path: Path) -> None:
    data = learn_from(tmp_path, HOURS + FORM)
    policy = trained(data)
    active = ActiveLoop(name="gone_form")
    with pytest.warns(UserWarning, match="form 'gone_form' is active.*forms:"):
        assert best(policy, data, *said("ask"), active) == "utter_hours"
    with pytest.warns(UserWarning, match="form 'gone_form'"):
        assert best(policy, data, active, *said("greet")) == "action_default_fallback"


def test_what_only_rules_know(tmp_path: Path) -> None:
    paid = """\
- rule: pays
  condition:
  - slot_was_set:
    - paid: true
  steps:
  - intent: thank
  - action: action_pay
"""
    data = learn_from(tmp_path, HOURS + FORM + paid)
    assert trained(data).rule_only == RuleOnly(frozenset({"paid"}), frozenset({"order_form"}))
    with_story = learn_from(tmp_path, HOURS + FORM + paid + RETURNS)
    policy = trained(with_story)
    assert policy.rule_only == RuleOnly(frozenset({"paid"}), frozenset())
    prediction = policy.predict(conversation(with_story, *said("order")))
    assert not prediction.hide_rule_turn, "a story knows it"
    unchecked = trained(data, check_for_contradictions=False)
    assert unchecked.rule_only == RuleOnly()
    assert not unchecked.predict(conversation(data, *said("ask"))).hide_rule_turn


def test_augmented_stories_do_not_count(tmp_path: Path) -> None:
    data = learn_from(tmp_path, HOURS + FORM + RETURNS)
    augmented = [dataclasses.replace(story, is_augmented=True) for story in data.stories]
    policy = trained(dataclasses.replace(data, stories=augmented))
    assert policy.rule_only.loops == {"order_form"}


def test_without_rules(tmp_path: Path) -> None:
    data = DialogueData(domain=learn_from(tmp_path, HOURS).domain)
    policy = trained(data)
    assert best(policy, data, *said("ask")) == "action_default_fallback"
    assert best(policy, data, *said("back")) == "action_back"
    assert best(policy, data) == "action_default_fallback"


# -- what is refused -----------------------------------------------------------------------------

WRONG = (
    HOURS
    + """\
- rule: pays and tells
  steps:
  - intent: thank
  - action: action_pay
  - slot_was_set:
    - paid: true
  - action: utter_thank
- rule: pays
  steps:
  - intent: stop
  - action: action_pay
- rule: long
  steps:
  - intent: greet
  - action: utter_greet
  - intent: stop
  - action: utter_thank
stories:
- story: greets
  steps:
  - intent: ask
  - action: utter_greet
"""
)


def test_all_faults_are_named_with_both_places(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        trained(learn_from(tmp_path, WRONG))
    lines = str(caught.value).splitlines()
    path = tmp_path / "stories.yml"
    assert len([line for line in lines if line.startswith("- ")]) == 3
    assert any(f"'long' ({path}:18)" in line and "more than once" in line for line in lines)
    assert any(
        f"'pays' ({path}:14)" in line
        and f"'pays and tells' ({path}:7)" in line
        and "'action_pay' does not set 'paid'" in line
        for line in lines
    )
    assert any(
        f"'utter_greet' in story 'greets' ({path}:25)" in line
        and f"'tells the hours' ({path}:3), which says 'utter_hours'" in line
        for line in lines
    )


def test_checks_can_be_turned_off(tmp_path: Path) -> None:
    data = learn_from(tmp_path, WRONG)
    policy = trained(data, restrict_rules=False, check_for_contradictions=False)
    assert best(policy, data, *said("ask")) == "utter_hours"
    with pytest.raises(DataError, match="more than once") as caught:
        trained(data, check_for_contradictions=False)
    assert "contradicts" not in str(caught.value)


def test_a_refused_training_changes_nothing(tmp_path: Path) -> None:
    data = learn_from(tmp_path, HOURS)
    policy = trained(data)
    before = policy.state().json
    with pytest.raises(DataError):
        policy.train(learn_from(tmp_path, WRONG))
    assert policy.state().json == before


def test_fallback_must_be_an_action(tmp_path: Path) -> None:
    data = learn_from(tmp_path, HOURS)
    with pytest.raises(ConfigError, match="core_fallback_action_name") as caught:
        trained(data, core_fallback_action_name="utter_sorry")
    assert "utter_sorry" in str(caught.value)


def test_untrained(tmp_path: Path) -> None:
    data = learn_from(tmp_path, HOURS)
    with pytest.raises(RuntimeError, match="must be trained"):
        RulePolicy(RulePolicyOptions()).predict(conversation(data))


# -- storing -------------------------------------------------------------------------------------


def stored(policy: RulePolicy) -> dict[str, Any]:
    """Its state after a file, in which keys are sorted."""
    state = policy.state()
    assert not state.arrays
    content: dict[str, Any] = json.loads(json.dumps(state.json, sort_keys=True))
    return content


def test_restored_is_the_same(tmp_path: Path) -> None:
    start = "- rule: starts\n  conversation_start: true\n  steps:\n  - action: utter_greet\n"
    stop = """\
- rule: stops
  condition:
  - active_loop: null
  - slot_was_set:
    - paid: true
    - drink: null
  steps:
  - intent: stop
  - action: utter_thank
"""
    text = "- rule: a text\n  steps:\n  - user: when?\n  - action: utter_hours\n"
    data = learn_from(tmp_path, HOURS + start + stop + text + FORM + RETURNS)
    policy = trained(data)
    other = RulePolicy(RulePolicyOptions())
    other.restore(ComponentState(json=stored(policy)), data.domain)
    assert other.rule_only == policy.rule_only
    assert stored(other) == stored(policy)
    paid = SlotSet(name="paid", value=True)
    for events in (
        [],
        said("ask"),
        said("ask", "when?"),
        [paid, *said("stop")],
        [*said("greet"), did("utter_greet"), paid, *said("stop"), did("utter_thank")],
        ORDERING,
        [*ORDERING, *said("thank"), ActionExecutionRejected(name="order_form")],
        said("restart"),
    ):
        tracker = conversation(data, *events)
        expected, found = policy.predict(tracker), other.predict(tracker)
        np.testing.assert_array_equal(found.scores, expected.scores)
        assert dataclasses.replace(found, scores=expected.scores) == expected


def test_the_state_can_be_read(tmp_path: Path) -> None:
    policy = trained(learn_from(tmp_path, HOURS))
    assert stored(policy)["rules"][0] == {
        "rules": ["tells the hours"],
        "states": [
            {"prev_action": {"action_name": "action_listen"}, "user": {"intent": "ask"}},
        ],
        "action": "utter_hours",
    }


@pytest.mark.parametrize(
    "change",
    [
        {"rules": None},
        {"rules": [{"rules": [], "states": [], "action": "utter_hours"}]},
        {"rules": [{"rules": [], "states": [{}], "action": "utter_nothing"}]},
        {"rules": [{"rules": [], "states": [{"user": {"intent": 3}}], "action": "utter_hours"}]},
        {
            "rules": [
                {"rules": [], "states": [{"user": {"entities": [3]}}], "action": "utter_hours"}
            ]
        },
        {"rules": [{"rules": [], "states": [{"slots": {"x": [1]}}], "action": "utter_hours"}]},
        {"rules": [{"rules": [], "states": ["x"], "action": "utter_hours"}]},
        {"loops": [{"states": [{}], "deviation": "goes home"}]},
        {"loops": [{"states": [], "deviation": "loop_was_interrupted"}]},
        {"not_in_stories": [{"somewhere": "x"}]},
        {"rule_only_slots": 3},
    ],
    ids=str,
)
def test_damaged_state(tmp_path: Path, change: dict[str, Any]) -> None:
    data = learn_from(tmp_path, HOURS)
    content = stored(trained(data)) | change
    with pytest.raises(ModelFileError, match="stored rules must be"):
        RulePolicy(RulePolicyOptions()).restore(ComponentState(json=content), data.domain)


def test_missing_part_of_state(tmp_path: Path) -> None:
    data = learn_from(tmp_path, HOURS)
    with pytest.raises(ModelFileError, match="stored rules must be"):
        RulePolicy(RulePolicyOptions()).restore(ComponentState(json={}), data.domain)


# -- a project of its own size --------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.shared_data
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_sara() -> None:
    if not SARA.is_dir():
        pytest.skip("the reference data is not beside the checkout")
    nlu = read_training_data([SARA / "data"])
    domain = read_domain(SARA / "domain.yml").with_responses(nlu.responses)
    written = read_stories([SARA / "data"])
    data = DialogueData(
        domain=domain,
        stories=unfold_stories(written, domain),
        rules=unfold_rules(written, domain),
    )
    policy = trained(data)
    assert len(policy.state().json["rules"]) > 50
    checked = 0
    for rule in data.rules:
        events = rule.tracker.applied_events()
        acts = [i for i, event in enumerate(events) if isinstance(event, ActionExecuted)]
        spoken = [i for i, event in enumerate(events) if isinstance(event, UserUttered)]
        if not spoken:
            continue
        answer = next(i for i in acts if i > spoken[0])
        told = [event for event in events[:answer] if event != did("...")]
        if any(isinstance(event, ActiveLoop) for event in told):
            continue
        prediction = policy.predict(Tracker(domain.slots, events=told))
        assert did(domain.action_labels[prediction.best]) == events[answer]
        assert rule.name in prediction.reason["rules"]
        checked += 1
    assert checked >= 20
