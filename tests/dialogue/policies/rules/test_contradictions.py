"""Contradictions between stories, and those that RulePolicy refuses, as findings."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from written import FORM, HOURS, learn_from

from gossamer.data.errors import DataError
from gossamer.data.nlu.checks import Finding, Severity
from gossamer.dialogue.policies.policy import DialogueData
from gossamer.dialogue.policies.rules.contradictions import story_contradictions
from gossamer.dialogue.policies.rules.policy import RulePolicy, RulePolicyOptions

STORIES = """\
stories:
- story: serves
  steps:
  - intent: greet
  - action: utter_greet
  - intent: order
  - action: utter_served
- story: asks first
  steps:
  - intent: greet
  - action: utter_greet
  - intent: order
  - action: utter_hours
- story: thanks
  steps:
  - intent: thank
  - action: utter_thank
  - intent: order
  - action: utter_served
"""


def in_stories(data: DialogueData, max_history: int | None = None) -> list[Finding]:
    return story_contradictions(data.stories, data.domain, max_history)


def in_rules(data: DialogueData, **options: bool) -> list[Finding]:
    try:
        RulePolicy(RulePolicyOptions(**options)).train(data)
    except DataError as error:
        return [Finding.of(fault) for fault in error.faults]
    return []


def test_stories_that_go_on_in_different_ways(tmp_path: Path) -> None:
    [finding] = in_stories(learn_from(tmp_path, STORIES))
    path = tmp_path / "stories.yml"
    assert finding.severity is Severity.WARNING
    assert finding.where is not None
    assert str(finding.where) == f"{path}:3"
    assert "after the intent 'order'" in finding.message
    assert f"'utter_served' in story 'serves' ({path}:3)" in finding.message
    assert f"'utter_hours' in story 'asks first' ({path}:9)" in finding.message
    assert "'thanks'" not in finding.message, "there something else came before"


def test_a_short_history_tells_less_apart(tmp_path: Path) -> None:
    data = learn_from(tmp_path, STORIES)
    [finding] = in_stories(data, 1)
    assert "'thanks'" in finding.message
    assert len(in_stories(data, 2)) == 1
    assert "'thanks'" not in in_stories(data, 2)[0].message


def test_stories_that_agree(tmp_path: Path) -> None:
    assert in_stories(learn_from(tmp_path, STORIES.replace("utter_hours", "utter_served"))) == []
    paid = STORIES.replace(
        "- story: serves\n  steps:\n",
        "- story: serves\n  steps:\n  - slot_was_set: [{paid: true}]\n",
    )
    assert in_stories(learn_from(tmp_path, paid)) == [], "a slot tells them apart"


def test_after_an_action_and_after_a_text(tmp_path: Path) -> None:
    stories = """\
stories:
- story: goes on
  steps:
  - user: well?
  - action: utter_greet
  - action: utter_hours
- story: listens
  steps:
  - user: well?
  - action: utter_greet
- story: is silent
  steps:
  - user: well?
  - action: utter_thank
"""
    findings = in_stories(learn_from(tmp_path, stories))
    assert ["the message 'well?'" in f.message for f in findings] == [True, False]
    assert "after 'utter_greet' stories go on in different ways" in findings[1].message
    assert "'action_listen' in story 'listens'" in findings[1].message


def test_augmented_stories_and_rules_do_not_count(tmp_path: Path) -> None:
    data = learn_from(tmp_path, STORIES)
    augmented = [dataclasses.replace(story, is_augmented=True) for story in data.stories]
    assert story_contradictions(augmented, data.domain) == []
    rules = [dataclasses.replace(story, is_rule=True) for story in data.stories]
    assert story_contradictions(rules, data.domain) == []


def test_nothing_contradicts_nothing(tmp_path: Path) -> None:
    data = learn_from(tmp_path, HOURS)
    assert story_contradictions([], data.domain) == []
    assert in_rules(data) == in_rules(DialogueData(domain=data.domain)) == []


def test_a_story_against_a_rule(tmp_path: Path) -> None:
    story = "stories:\n- story: greets\n  steps:\n  - intent: ask\n  - action: utter_greet\n"
    data = learn_from(tmp_path, HOURS + story)
    [finding] = in_rules(data)
    path = tmp_path / "stories.yml"
    assert finding.severity is Severity.ERROR
    assert str(finding.where) == f"{path}:8"
    assert f"rule 'tells the hours' ({path}:3), which says 'utter_hours'" in finding.message


@pytest.mark.parametrize(
    ("written", "fault"),
    [
        ("- rule: goes back\n  steps:\n  - intent: back\n  - action: utter_thank\n", "'back'"),
        (
            FORM + "- rule: forgets\n  steps:\n  - intent: thank\n  - action: order_form\n",
            "'active_loop' after 'order_form' is not 'order_form' or null",
        ),
        (
            FORM
            + "stories:\n- story: hurries\n  steps:\n  - intent: order\n  - action: order_form\n"
            "  - active_loop: order_form\n  - action: utter_thank\n",
            "the loop 'order_form', after which the assistant listens",
        ),
    ],
    ids=["intent", "incomplete", "loop"],
)
def test_what_the_policy_refuses(tmp_path: Path, written: str, fault: str) -> None:
    data = learn_from(tmp_path, HOURS + written)
    findings = in_rules(data)
    assert any(fault in finding.message for finding in findings)
    assert all(finding.severity is Severity.ERROR and finding.where for finding in findings)


def test_long_rules(tmp_path: Path) -> None:
    long = "  - intent: thank\n  - action: utter_thank\n"
    data = learn_from(tmp_path, HOURS + long)
    [finding] = in_rules(data)
    assert "speaks more than once" in finding.message
    assert in_rules(data, restrict_rules=False) == []
