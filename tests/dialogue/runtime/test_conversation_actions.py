from __future__ import annotations

import pytest
from talking import (
    SMALL_TALK,
    Actions,
    Rules,
    Script,
    domain_of,
    entity,
    event,
    names,
    prediction_of,
    talk,
    understood,
)

from gossamer.data.domain.domain import ACTION_LISTEN
from gossamer.data.errors import ConfigError
from gossamer.dialogue.actions.action import ActionError, ActionRejected, ActionReply
from gossamer.dialogue.history.events import (
    ActionExecuted,
    ConversationPaused,
    EntitiesAdded,
    FollowupAction,
    LoopInterrupted,
    SlotSet,
    UserFeaturization,
)
from gossamer.dialogue.history.tracker import Tracker
from gossamer.dialogue.runtime.conversations import Conversations

DOMAIN = domain_of(SMALL_TALK)
SESSION = ["action action_session_start", "session_started", "action action_listen"]


# -- how actions end -----------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [ActionError("no server"), ZeroDivisionError("by zero")])
def test_a_failing_action_does_not_end_the_conversation(failure: Exception) -> None:
    custom = Actions(action_a=failure)
    conversations = talk(DOMAIN, Script(DOMAIN, "action_a", "utter_greet"), custom=custom)
    turn = conversations.handle("greet")
    assert names(turn.events)[4:] == [
        "action action_a",
        "action utter_greet",
        "bot Hello",
        "action action_listen",
    ]
    (problem,) = turn.problems
    assert problem.error is failure
    assert turn.actions[1].problem is problem
    kind = "ZeroDivisionError: " if isinstance(failure, ZeroDivisionError) else ""
    assert str(problem) == f"action_a: {kind}{failure}"


def test_a_rejected_action_is_not_done() -> None:
    chosen = prediction_of(DOMAIN, "action_a", events=[LoopInterrupted()])
    custom = Actions(action_a=ActionRejected("action_a"))
    conversations = talk(DOMAIN, Script(DOMAIN, chosen, "utter_greet"), custom=custom)
    turn = conversations.handle("greet")
    assert names(turn.events)[4:6] == ["action_execution_rejected action_a", "action utter_greet"]
    assert turn.actions[1].is_rejected
    assert turn.problems == ()


def test_events_of_the_choice_happen_before_the_action() -> None:
    chosen = prediction_of(DOMAIN, "action_a", events=[UserFeaturization(use_text=False)])

    def see(tracker: Tracker) -> ActionReply:
        assert tracker.uses_text is False
        return ActionReply()

    custom = Actions(action_a=see)
    turn = talk(DOMAIN, Script(DOMAIN, chosen), custom=custom).handle("greet")
    assert turn.problems == ()
    assert names(turn.events)[4:6] == ["user_featurization", "action action_a"]


def test_entities_that_a_policy_finds_fill_slots_before_the_action() -> None:
    found = EntitiesAdded(entities=(entity("city", "Rome"),))
    chosen = prediction_of(DOMAIN, "utter_city", events=[found])
    turn = talk(DOMAIN, Script(DOMAIN, chosen)).handle("inform")
    assert names(turn.events)[4:] == [
        "entities",
        "slot city=Rome",
        "action utter_city",
        "bot Rome",
        "action action_listen",
    ]


def test_a_text_as_an_action() -> None:
    chosen = prediction_of(DOMAIN, "Very well.", is_end_to_end=True, hide_rule_turn=True)
    turn = talk(DOMAIN, Script(DOMAIN, chosen)).handle("greet")
    assert [m.text for m in turn.messages] == ["Very well."]
    done = turn.events[4]
    assert isinstance(done, ActionExecuted)
    assert (done.name, done.action_text, done.hide_rule_turn) == (None, "Very well.", True)


def test_an_action_may_speak_for_the_user() -> None:
    heard = {"text": "Rome", "parse_data": understood("Rome", "inform", entity("city", "Rome"))}
    custom = Actions(action_a=ActionReply(events=[event("user", **heard)]))
    conversations = talk(DOMAIN, Script(DOMAIN, "action_a", "utter_city"), custom=custom)
    assert [m.text for m in conversations.handle("greet").messages] == ["Rome"]


def test_followup() -> None:
    custom = Actions(action_a=ActionReply(events=[FollowupAction(name="utter_bye")]))
    script = Script(DOMAIN, "action_a", "utter_greet")
    turn = talk(DOMAIN, script, custom=custom).handle("greet")
    assert [action.name for action in turn.actions[1:]] == [
        "action_a",
        "utter_bye",
        "utter_greet",
        ACTION_LISTEN,
    ]
    followed = turn.actions[2]
    assert followed.prediction is None
    assert followed.reason() == "utter_bye: an event asked for it"
    done = followed.events[0]
    assert isinstance(done, ActionExecuted) and done.policy == "followup_action"


def test_an_unknown_followup_is_noted_and_policies_choose() -> None:
    custom = Actions(action_a=ActionReply(events=[FollowupAction(name="action_none")]))
    script = Script(DOMAIN, "action_a", "utter_greet")
    turn = talk(DOMAIN, script, custom=custom).handle("greet")
    assert [m.text for m in turn.messages] == ["Hello"]
    assert "domain does not have; policies choose" in str(turn.problems[0])


def test_a_followup_does_not_outlive_the_turn() -> None:
    custom = Actions(
        action_a=ActionReply(events=[FollowupAction(name="utter_bye"), ConversationPaused()])
    )
    conversations = talk(DOMAIN, Script(DOMAIN, "action_a"), custom=custom)
    conversations.handle("greet")
    assert conversations.handle("restart").messages == ()


def test_reminders_are_not_triggered_and_that_is_told() -> None:
    reminder = event("reminder", intent="greet", date_time="2030-01-01T00:00:00+00:00")
    custom = Actions(action_a=ActionReply(events=[reminder]))
    conversations = talk(DOMAIN, Script(DOMAIN, "action_a"), custom=custom)
    with pytest.warns(UserWarning, match="reminder of the intent 'greet'"):
        turn = conversations.handle("greet")
    assert "reminder" in names(turn.events)


def test_a_slot_that_is_not_declared_is_told_and_passed_over() -> None:
    custom = Actions(action_a=ActionReply(events=[SlotSet(name="other", value=1)]))
    conversations = talk(DOMAIN, Script(DOMAIN, "action_a"), custom=custom)
    with pytest.warns(UserWarning, match="slot 'other' is not declared"):
        conversations.handle("greet")
    assert "other" not in conversations.tracker().slots


# -- how many actions ----------------------------------------------------------------------------


def test_too_many_actions() -> None:
    conversations = talk(DOMAIN, Rules(DOMAIN, lambda tracker: "utter_greet"), max_actions=3)
    with pytest.warns(UserWarning, match="at most 3 actions; 'utter_greet' would have come next"):
        turn = conversations.handle("greet")
    assert turn.is_cut_short
    assert [m.text for m in turn.messages] == ["Hello"] * 3
    assert names(turn.events)[-1] == "action action_listen"
    # The next message finds it ready again.
    conversations.turns._chooser = Script(DOMAIN, "utter_greet")
    assert len(conversations.handle("greet").messages) == 1


def test_as_many_actions_as_there_may_be() -> None:
    turn = talk(DOMAIN, Script(DOMAIN, *["utter_greet"] * 10)).handle("greet")
    assert (len(turn.messages), turn.is_cut_short) == (10, False)


def test_actions_that_reject_in_turns_have_an_end() -> None:
    custom = Actions(action_a=ActionRejected("action_a"), action_b=ActionRejected("action_b"))

    def rule(tracker: Tracker) -> str:
        return "action_b" if names(tracker.events)[-1].endswith("action_a") else "action_a"

    with pytest.warns(UserWarning, match="at most 10 actions"):
        turn = talk(DOMAIN, Rules(DOMAIN, rule), custom=custom).handle("greet")
    assert sum(action.is_rejected for action in turn.actions) == 10


def test_no_action_at_all_may_not_be_asked_for() -> None:
    with pytest.raises(ConfigError, match="max_actions must be at least 1"):
        talk(DOMAIN, Script(DOMAIN), max_actions=0)


# -- pauses --------------------------------------------------------------------------------------


def paused() -> Conversations:
    custom = Actions(action_a=ActionReply(events=[ConversationPaused()]))
    conversations = talk(DOMAIN, Script(DOMAIN, "action_a", "utter_greet"), custom=custom)
    turn = conversations.handle("greet")
    assert [action.name for action in turn.actions[1:]] == ["action_a"]
    return conversations


def test_a_paused_assistant_is_silent_but_hears() -> None:
    conversations = paused()
    turn = conversations.handle(understood("Rome", "inform", entity("city", "Rome")))
    assert (turn.messages, turn.actions) == ((), ())
    assert conversations.tracker().slots["city"] == "Rome"
    assert conversations.tracker().is_paused


def test_restart_ends_a_pause() -> None:
    conversations = paused()
    conversations.turns._chooser = Script(DOMAIN, "action_restart", "utter_greet")
    conversations.handle("restart")
    assert not conversations.tracker().is_paused
    assert len(conversations.handle("greet").messages) == 1


def test_resumed() -> None:
    conversations = paused()
    conversations.tracker().update(event("resume"))
    turn = conversations.handle("greet")
    assert names(turn.events)[:2] == ["action action_listen", "user greet"]
    assert len(turn.messages) == 1
