from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gossamer.data.domain.domain import Domain
from gossamer.data.errors import DataError, InputError
from gossamer.data.stories.steps import ActionStep, EventStep, Story, StoryData, UserStep
from gossamer.dialogue.history.events import (
    ActionExecuted,
    ActionExecutionRejected,
    LoopInterrupted,
    UserFeaturization,
)
from gossamer.dialogue.history.tracker import Tracker
from gossamer.evaluate import ActionOutcome, conversations_of, evaluate_dialogue
from gossamer.evaluate.dialogue.replay import CIRCUIT_BREAKER, FOLLOWUP_POLICY

Make = Callable[..., Any]

TWO = """
- story: greet and bye
  steps:
  - intent: greet
  - action: utter_greet
  - intent: bye
  - action: utter_bye
- story: book
  steps:
  - intent: book
  - action: utter_book
"""


def test_all_right(scripted: Make, by_heart: Make, stories: Make, small_domain: Domain) -> None:
    told: list[tuple[int, int]] = []
    evaluation = evaluate_dialogue(
        scripted(by_heart()),
        stories(TWO),
        small_domain,
        on_conversation=lambda n_done, n_all: told.append((n_done, n_all)),
    )
    assert told == [(1, 2), (2, 2)]
    assert [outcome.name for outcome in evaluation.outcomes] == ["greet and bye", "book"]
    first, second = evaluation.outcomes
    # The first listening goes without saying; the last one does not.
    assert [action.target for action in first.actions] == [
        "utter_greet",
        "action_listen",
        "utter_bye",
        "action_listen",
    ]
    assert [action.position for action in first.actions] == [1, 2, 3, 4]
    assert [action.is_implied for action in first.actions] == [False, True, False, True]
    assert len(second.actions) == 2
    assert evaluation.failed == evaluation.with_warnings == []
    assert evaluation.headline() == {
        "conversation accuracy": 1.0,
        "action accuracy": 1.0,
        "action weighted precision": 1.0,
        "action weighted F1": 1.0,
        "in-training-data fraction": 1.0,
    }
    assert evaluation.labels is evaluation.actions
    assert not evaluation.is_end_to_end


def test_the_conversation_goes_on_as_the_story_has_it(
    scripted: Make, choice: Make, by_heart: Make, stories: Make, small_domain: Domain
) -> None:
    right = by_heart()

    def script(tracker: Tracker) -> Any:
        if tracker.latest_action_name == "action_listen" and tracker.latest_message is not None:
            wrong = tracker.latest_message.intent == "greet"
            name = "utter_bye" if wrong else right(tracker)
            return choice(action=name, policy="TEDPolicy", confidence=0.6)
        return choice(action=right(tracker), policy="MemoizationPolicy_2")

    chooser = scripted(script)
    evaluation = evaluate_dialogue(chooser, stories(TWO), small_domain)
    (failed,) = evaluation.failed
    (error,) = failed.errors
    assert isinstance(error, ActionOutcome)
    assert (error.target, error.prediction, error.position) == ("utter_greet", "utter_bye", 1)
    assert (error.policy, error.confidence) == ("TEDPolicy", 0.6)
    assert error.remark == "predicted: utter_bye"
    # After the wrong prediction, the story's own action had happened.
    assert chooser.seen[1].latest_action_name == "utter_greet"
    assert evaluation.conversation_accuracy == 0.5
    # 6 actions: 3 listen, and greet, bye, book; bye is predicted twice.
    scores = evaluation.actions
    assert scores.accuracy == pytest.approx(5 / 6)
    assert scores.labels == ("action_listen", "utter_book", "utter_bye", "utter_greet")
    assert scores.f1 == pytest.approx((3 * 1 + 1 + 2 / 3 + 0) / 6)
    assert evaluation.in_training_data_fraction == pytest.approx(3 / 6)


def test_an_action_that_the_domain_does_not_know_is_wrong(
    scripted: Make, by_heart: Make, stories: Make, small_domain: Domain
) -> None:
    text = "- story: a\n  steps:\n  - intent: greet\n  - action: utter_unknown\n"
    evaluation = evaluate_dialogue(scripted(by_heart()), stories(text), small_domain)
    (failed,) = evaluation.failed
    assert [action.is_right for action in failed.actions] == [False, True]


def test_what_a_story_begins_with_is_not_predicted(
    scripted: Make, by_heart: Make, stories: Make, small_domain: Domain
) -> None:
    text = """
- story: begins with actions
  steps:
  - slot_was_set:
    - city: Rome
  - action: utter_greet
  - action: utter_bye
  - intent: book
  - action: utter_book
"""
    chooser = scripted(by_heart())
    evaluation = evaluate_dialogue(chooser, stories(text), small_domain)
    assert [action.target for action in evaluation.action_outcomes] == [
        "utter_bye",
        "action_listen",
        "utter_book",
        "action_listen",
    ]
    assert chooser.seen[0].latest_action_name == "utter_greet"
    assert chooser.seen[0].slots["city"] == "Rome"


# -- forms, events, limits -----------------------------------------------------------------------

UNHAPPY = """
- story: unhappy
  steps:
  - intent: book
  - action: trip_form
  - active_loop: trip_form
  - intent: greet
  - action: utter_greet
  - action: trip_form
"""


def test_a_form_that_the_story_leaves_rejects(
    scripted: Make, choice: Make, stories: Make, small_domain: Domain
) -> None:
    """The form always wants to go on, until it has rejected the message."""

    def script(tracker: Tracker) -> Any:
        if tracker.active_loop is None:
            return "trip_form"
        last = tracker.latest_action_name
        if last == "trip_form":
            return "action_listen"
        events = (LoopInterrupted(is_interrupted=True),)
        if tracker.active_loop.is_rejected and last != "utter_greet":
            return choice(action="utter_greet", events=events, policy="TEDPolicy")
        return choice(action="trip_form", policy="RulePolicy", confidence=1.0)

    chooser = scripted(script)
    evaluation = evaluate_dialogue(chooser, stories(UNHAPPY), small_domain)
    assert evaluation.failed == []
    left = evaluation.action_outcomes[2]
    assert (left.target, left.prediction, left.policy) == (
        "utter_greet",
        "utter_greet",
        "TEDPolicy",
    )
    final = chooser.seen[-1]
    (rejection,) = (e for e in final.events if isinstance(e, ActionExecutionRejected))
    assert (rejection.name, rejection.policy, rejection.confidence) == (
        "trip_form",
        "RulePolicy",
        1.0,
    )
    assert LoopInterrupted(is_interrupted=True) in final.events


def test_what_is_predicted_after_the_rejection_counts(
    scripted: Make, stories: Make, small_domain: Domain
) -> None:
    evaluation = evaluate_dialogue(scripted(lambda _: "trip_form"), stories(UNHAPPY), small_domain)
    predictions = [action.prediction for action in evaluation.action_outcomes]
    assert predictions == ["trip_form"] * 5
    assert [action.is_right for action in evaluation.action_outcomes] == [
        True,
        False,
        False,
        True,
        False,
    ]


def test_no_action_but_a_form_is_rejected(
    scripted: Make, stories: Make, small_domain: Domain
) -> None:
    text = """
- story: another loop
  steps:
  - intent: book
  - action: utter_book
  - active_loop: utter_book
  - intent: greet
  - action: utter_greet
"""
    chooser = scripted(lambda _: "utter_book")
    evaluate_dialogue(chooser, stories(text), small_domain)
    assert len(chooser.seen) == 4
    assert not any(isinstance(e, ActionExecutionRejected) for e in chooser.seen[-1].events)


def test_a_right_prediction_happens_with_all_that_belongs_to_it(
    scripted: Make, choice: Make, stories: Make, small_domain: Domain
) -> None:
    def script(tracker: Tracker) -> Any:
        if tracker.latest_action_name != "action_listen":
            return "action_listen"
        is_greeting = tracker.latest_message is not None and tracker.latest_message.intent
        return choice(
            action="utter_greet" if is_greeting == "greet" else "utter_faq",
            events=(UserFeaturization(use_text=False),),
            hide_rule_turn=True,
            policy="RulePolicy",
            confidence=0.7,
        )

    chooser = scripted(script)
    evaluate_dialogue(chooser, stories(TWO), small_domain)
    events = chooser.seen[3].events  # before the story's last listening
    turns = [event for event in events if isinstance(event, ActionExecuted)]
    right, wrong = turns[1], turns[3]
    assert (right.name, right.policy, right.confidence) == ("utter_greet", "RulePolicy", 0.7)
    assert right.hide_rule_turn
    assert (wrong.name, wrong.policy, wrong.confidence) == ("utter_bye", None, None)
    assert not wrong.hide_rule_turn
    # Not what came with the wrong one.
    assert events.count(UserFeaturization(use_text=False)) == 1
    assert events[events.index(right) - 1] == UserFeaturization(use_text=False)


def test_an_event_that_asks_for_an_action_is_followed(
    scripted: Make, choice: Make, small_domain: Domain
) -> None:
    story = Story(
        name="followup",
        steps=(
            UserStep(intent="greet"),
            EventStep(name="followup", fields={"name": "utter_book"}),
            ActionStep(name="utter_book"),
        ),
    )
    chooser = scripted(lambda _: "action_listen")
    evaluation = evaluate_dialogue(chooser, StoryData(stories=(story,)), small_domain)
    followed, listened = evaluation.action_outcomes
    assert (followed.prediction, followed.policy) == ("utter_book", FOLLOWUP_POLICY)
    assert listened.is_right
    assert len(chooser.seen) == 1


def test_too_many_actions_in_a_row(scripted: Make, stories: Make, small_domain: Domain) -> None:
    text = "- story: long\n  steps:\n  - intent: greet\n" + "  - action: utter_greet\n" * 4

    def script(tracker: Tracker) -> str:
        done = [e for e in tracker.events if isinstance(e, ActionExecuted) and e.name]
        return "action_listen" if len(done) == 5 else "utter_greet"

    whole = evaluate_dialogue(scripted(script), stories(text), small_domain)
    assert whole.failed == []
    cut = evaluate_dialogue(scripted(script), stories(text), small_domain, max_actions=3)
    broken = [a for a in cut.action_outcomes if not a.is_right]
    assert [action.prediction for action in broken] == [CIRCUIT_BREAKER, CIRCUIT_BREAKER]
    assert [action.policy for action in broken] == [None, None]
    assert not any(action.is_in_training_data for action in broken)


# -- action_unlikely_intent ----------------------------------------------------------------------


def _suspicious(then: str) -> Callable[[Tracker], str]:
    def script(tracker: Tracker) -> str:
        if tracker.latest_action_name == "action_listen":
            return "action_unlikely_intent"
        if tracker.latest_action_name == "action_unlikely_intent":
            return then
        return "action_listen"

    return script


GREET = "- story: greet\n  steps:\n  - intent: greet\n  - action: utter_greet\n"


def test_an_unlikely_intent_is_a_warning(
    scripted: Make, stories: Make, small_domain: Domain
) -> None:
    chooser = scripted(_suspicious("utter_greet"))
    evaluation = evaluate_dialogue(chooser, stories(GREET), small_domain)
    assert evaluation.failed == []
    assert evaluation.with_warnings == evaluation.successful == list(evaluation.outcomes)
    assert evaluation.actions.accuracy == 1.0
    assert evaluation.actions.confusion_labels == ("action_listen", "utter_greet")
    greeted = evaluation.action_outcomes[0]
    assert greeted.is_after_unlikely_intent
    assert greeted.remark == "predicted: action_unlikely_intent"
    assert chooser.seen[1].latest_action_name == "action_unlikely_intent"


@pytest.mark.parametrize("then", ["utter_bye", "action_unlikely_intent"])
def test_what_comes_after_an_unlikely_intent_may_be_wrong(
    then: str, scripted: Make, stories: Make, small_domain: Domain
) -> None:
    evaluation = evaluate_dialogue(scripted(_suspicious(then)), stories(GREET), small_domain)
    (failed,) = evaluation.failed
    assert evaluation.with_warnings == []
    assert failed.errors[0].remark == f"predicted: {then} after action_unlikely_intent"


def test_an_unlikely_intent_that_the_story_has(
    scripted: Make, stories: Make, small_domain: Domain
) -> None:
    text = GREET.replace(
        "  - action: utter_greet", "  - action: action_unlikely_intent\n  - action: utter_greet"
    )
    right = evaluate_dialogue(scripted(_suspicious("utter_greet")), stories(text), small_domain)
    assert right.failed == right.with_warnings == []

    def unsuspecting(tracker: Tracker) -> str:
        follows_message = tracker.latest_action_name == "action_listen"
        return "utter_greet" if follows_message else "action_listen"

    wrong = evaluate_dialogue(scripted(unsuspecting), stories(text), small_domain)
    assert [action.is_right for action in wrong.action_outcomes] == [False, False, True]


# -- which conversations there are ---------------------------------------------------------------


def test_checkpoints_and_alternatives(stories: Make, small_domain: Domain) -> None:
    data = stories(
        """
- story: beginning
  steps:
  - or:
    - intent: greet
    - intent: bye
  - action: utter_greet
  - checkpoint: greeted
- story: plain
  steps:
  - intent: faq/x
  - action: utter_faq
- story: end
  steps:
  - checkpoint: greeted
  - intent: book
  - action: utter_book
"""
    )
    found = conversations_of(data, small_domain)
    assert [conversation.name for conversation in found] == [
        "beginning > end",
        "beginning > end",
        "plain",
    ]
    assert {tuple(type(step) for step in c.steps) for c in found} == {
        (UserStep, ActionStep, UserStep, ActionStep),
        (UserStep, ActionStep),
    }
    assert {c.steps[0].intent for c in found} == {"greet", "bye", "faq/x"}  # type: ignore[union-attr]
    assert not any(c.is_open for c in found)


def test_a_conversation_is_there_once_although_it_starts_over(
    stories: Make, small_domain: Domain
) -> None:
    data = stories(
        """
- story: over again
  steps:
  - intent: greet
  - action: utter_greet
  - action: restart
  - intent: book
  - action: utter_book
- story: the same
  steps:
  - intent: book
  - action: utter_book
- story: the same again
  steps:
  - intent: book
  - action: utter_book
"""
    )
    found = conversations_of(data, small_domain)
    # To a policy, what comes after the restart is the other stories once more.
    assert [(c.name, len(c.steps)) for c in found] == [("over again", 5)]


def test_a_checkpoint_that_leads_nowhere(stories: Make, small_domain: Domain) -> None:
    data = stories(f"{GREET}  - checkpoint: nowhere\n")
    with pytest.warns(UserWarning, match="nowhere"):
        (conversation,) = conversations_of(data, small_domain)
    assert conversation.is_open
    events = [gold.event for gold in conversation.events(small_domain)]
    assert events[-1] == ActionExecuted(name="utter_greet")


# -- bad input -----------------------------------------------------------------------------------


def test_without_stories(scripted: Make, small_domain: Domain) -> None:
    with pytest.raises(DataError, match="there must be test stories"):
        evaluate_dialogue(scripted(lambda _: "x"), StoryData(), small_domain)


def test_nothing_to_predict(scripted: Make, stories: Make, small_domain: Domain) -> None:
    data = stories("- story: a\n  steps:\n  - intent: greet\n  - checkpoint: nowhere\n")
    with (
        pytest.raises(DataError, match="must hold an action to predict"),
        pytest.warns(UserWarning, match="nowhere"),
    ):
        evaluate_dialogue(scripted(lambda _: "x"), data, small_domain)


def test_end_to_end_without_a_parser(scripted: Make, stories: Make, small_domain: Domain) -> None:
    with pytest.raises(InputError, match="a model that understands messages"):
        evaluate_dialogue(scripted(lambda _: "x"), stories(GREET), small_domain, end_to_end=True)
