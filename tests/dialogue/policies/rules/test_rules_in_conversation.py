"""Conversations of the real rule policy: forms, what interrupts them, fallbacks."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
from talking import Actions, domain_of, entity, names, talk, understood

from gossamer.data.domain.domain import ACTION_LISTEN
from gossamer.data.stories.reading import read_stories
from gossamer.dialogue.actions.action import ActionReply
from gossamer.dialogue.history.events import SlotSet
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.history.tracker_files import load_tracker, save_tracker
from gossamer.dialogue.policies.ensemble import Ensemble
from gossamer.dialogue.policies.policy import DialogueData
from gossamer.dialogue.policies.rules.policy import RulePolicy, RulePolicyOptions
from gossamer.dialogue.runtime.conversations import Conversations
from gossamer.dialogue.training.unfolding import unfold_rules, unfold_stories

DOMAIN = domain_of("""
intents: [greet, order, ask, stop]
entities: [drink, size]
slots:
  drink: {type: text, mappings: [{type: from_entity, entity: drink}]}
  size: {type: text, mappings: [{type: from_entity, entity: size}]}
forms:
  order_form: {required_slots: [drink, size]}
responses:
  utter_greet: [{text: Hello}]
  utter_hours: [{text: From nine to five}]
  utter_served: [{text: "One {size} {drink}"}]
  utter_stopped: [{text: Never mind}]
  utter_ask_drink: [{text: Which drink?}]
  utter_ask_size: [{text: How large?}]
  utter_ask_rephrase: [{text: In other words?}]
  utter_default: [{text: Sorry}]
actions: [validate_order_form]
""")
STORIES = """\
version: "3.1"
rules:
- rule: greets
  steps: [{intent: greet}, {action: utter_greet}]
- rule: tells the hours
  steps: [{intent: ask}, {action: utter_hours}]
- rule: takes an order
  steps: [{intent: order}, {action: order_form}, {active_loop: order_form}]
- rule: serves
  condition: [{active_loop: order_form}]
  steps:
  - action: order_form
  - active_loop: null
  - slot_was_set: [{requested_slot: null}]
  - action: utter_served
- rule: stops
  condition: [{active_loop: order_form}]
  steps:
  - intent: stop
  - action: action_deactivate_loop
  - active_loop: null
  - action: utter_stopped
- rule: doubts
  steps:
  - intent: nlu_fallback
  - action: action_two_stage_fallback
  - active_loop: action_two_stage_fallback
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
"""


@pytest.fixture(scope="module")
def ensemble(tmp_path_factory: pytest.TempPathFactory) -> Ensemble:
    path = tmp_path_factory.mktemp("rules") / "stories.yml"
    path.write_text(STORIES, encoding="utf-8")
    written = read_stories(path)
    ensemble = Ensemble([RulePolicy(RulePolicyOptions())])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ensemble.train(
            DialogueData(
                domain=DOMAIN,
                stories=unfold_stories(written, DOMAIN),
                rules=unfold_rules(written, DOMAIN),
            )
        )
    return ensemble


def parse(text: str) -> dict[str, Any]:
    """The first word is the intent; "hm" is not clear; known words are entities."""
    words = text.split()
    if words[0] == "hm":
        ranking = [{"name": name, "confidence": 0.3} for name in ("nlu_fallback", "ask", "greet")]
        return understood(text, "nlu_fallback", intent_ranking=ranking)
    kinds = {"tea": "drink", "milk": "drink", "large": "size"}
    found = [entity(kinds[word], word) for word in words if word in kinds]
    return understood(text, words[0].lstrip("/"), *found)


@pytest.fixture
def conversations(ensemble: Ensemble) -> Conversations:
    return talk(DOMAIN, ensemble, parse=parse, custom=Actions())


def say(conversations: Conversations, *texts: str) -> list[list[str | None]]:
    turns = [conversations.handle(text) for text in texts]
    assert [turn.problems for turn in turns] == [()] * len(turns)
    return [[message.text for message in turn.messages] for turn in turns]


def test_happy_path(conversations: Conversations) -> None:
    assert say(conversations, "order", "order tea", "order large") == [
        ["Which drink?"],
        ["How large?"],
        ["One large tea"],
    ]
    assert conversations.tracker().active_loop is None


def test_everything_at_once(conversations: Conversations) -> None:
    assert say(conversations, "order large tea") == [["One large tea"]]


def test_interrupted(conversations: Conversations) -> None:
    assert say(conversations, "order", "ask", "order tea", "ask", "order large") == [
        ["Which drink?"],
        ["From nine to five", "Which drink?"],
        ["How large?"],
        ["From nine to five", "How large?"],
        ["One large tea"],
    ]


def test_stopped(conversations: Conversations) -> None:
    assert say(conversations, "order", "stop", "greet") == [
        ["Which drink?"],
        ["Never mind"],
        ["Hello"],
    ]


def test_two_stage_fallback(conversations: Conversations) -> None:
    asks = "Did you mean 'ask'?"
    assert say(conversations, "hm", "/ask") == [[asks], ["From nine to five"]]
    assert say(conversations, "hm", "/out_of_scope", "greet") == [
        [asks],
        ["In other words?"],
        ["Hello"],
    ]
    assert say(conversations, "hm", "/out_of_scope", "hm", "/out_of_scope", "greet") == [
        [asks],
        ["In other words?"],
        [asks],
        ["Sorry"],
        ["Hello"],
    ]


def test_fallback_back_and_restart(conversations: Conversations) -> None:
    assert say(conversations, "stop", "order", "back", "order tea", "restart", "order") == [
        ["Sorry"],
        ["Which drink?"],
        [],
        ["How large?"],
        [],
        ["Which drink?"],
    ]


def test_rejected_by_validation_then_accepted(ensemble: Ensemble) -> None:
    def validate(tracker: Tracker) -> ActionReply:
        if tracker.slots["drink"] != "milk":
            return ActionReply()
        return ActionReply(
            events=[SlotSet(name="drink", value=None)], responses=[{"text": "No milk left"}]
        )

    custom = Actions(validate_order_form=validate)
    conversations = talk(DOMAIN, ensemble, parse=parse, custom=custom)
    assert say(conversations, "order milk", "order tea") == [
        ["No milk left", "Which drink?"],
        ["How large?"],
    ]


def test_saved_in_the_middle_of_a_form(conversations: Conversations, tmp_path: Path) -> None:
    say(conversations, "order", "order tea")
    path = save_tracker(tmp_path / "conversation.json", conversations.tracker())
    conversations.trackers["default"] = load_tracker(path, DOMAIN.slots)
    assert say(conversations, "order large") == [["One large tea"]]


def test_why(conversations: Conversations) -> None:
    turn = conversations.handle("order")
    form = next(action for action in turn.actions if action.name == "order_form")
    assert form.reason().startswith("order_form: RulePolicy, 1.00 (")
    assert names(turn.events)[-1] == f"action {ACTION_LISTEN}"
