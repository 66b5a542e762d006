from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from talking import (
    Actions,
    Rules,
    context_of,
    domain_of,
    entity,
    names,
    parse_word,
    says,
    talk,
    understood,
)

from gossamer.data.domain.domain import ACTION_LISTEN, Domain
from gossamer.dialogue.actions.action import ActionError, ActionRejected, ActionReply
from gossamer.dialogue.actions.action_server import ActionServerError
from gossamer.dialogue.actions.forms import FormAction
from gossamer.dialogue.actions.server_calls import Failure
from gossamer.dialogue.history.events import (
    ActionExecuted,
    ActionExecutionRejected,
    ActiveLoop,
    Event,
    LoopInterrupted,
    SlotSet,
)
from gossamer.dialogue.history.tracker import Tracker

DOMAIN = """
intents: [book, inform, chat, stop]
entities: [city, day]
slots:
  city: {type: text, mappings: [{type: from_entity, entity: city}]}
  day:
    type: text
    mappings:
    - type: from_entity
      entity: day
    - type: from_text
      intent: inform
      conditions: [{active_loop: trip_form, requested_slot: day}]
responses:
  utter_ask_city: [{text: Where to?}]
  utter_ask_trip_form_day: [{text: When do you want to go?}]
  utter_ask_day: [{text: When?}]
  utter_chat: [{text: Fine weather.}]
  utter_done: [{text: "{city} on {day}."}]
forms:
  trip_form: {required_slots: [city, day]}
actions: [ACTIONS]
"""
PLAIN = domain_of(DOMAIN.replace("ACTIONS", ""))
VALIDATED = domain_of(DOMAIN.replace("ACTIONS", "validate_trip_form, action_ask_day"))
LISTEN = ActionExecuted(name=ACTION_LISTEN)
ASKED: list[Event] = [
    LISTEN,
    says("book"),
    ActionExecuted(name="trip_form"),
    ActiveLoop(name="trip_form"),
    SlotSet(name="requested_slot", value="city"),
    LISTEN,
]


def run(domain: Domain, events: Sequence[Event], custom: Any = None) -> list[str]:
    tracker = Tracker(domain.slots, events=events)
    found = FormAction("trip_form").run(tracker, context_of(domain, custom or Actions()))
    assert len(tracker.events) == len(events)
    return names(found)


def slot(name: str, value: Any) -> SlotSet:
    return SlotSet(name=name, value=value)


def test_beginning_asks_for_the_first_slot() -> None:
    assert run(PLAIN, [LISTEN, says("book")]) == [
        "active_loop trip_form",
        "slot requested_slot=city",
        "bot Where to?",
    ]


def test_beginning_passes_over_slots_that_are_filled() -> None:
    # The message itself fills the slot as the form begins, even if nobody filled slots before.
    assert run(PLAIN, [LISTEN, says("book", entity("city", "Rome"))]) == [
        "active_loop trip_form",
        "slot city=Rome",
        "slot requested_slot=day",
        "bot When do you want to go?",
    ]
    assert run(PLAIN, [slot("city", "Oslo"), LISTEN, says("book")])[1:] == [
        "slot requested_slot=day",
        "bot When do you want to go?",
    ]


def test_nothing_to_ask_for() -> None:
    both = [slot("city", "Rome"), slot("day", "today"), LISTEN, says("book")]
    assert run(PLAIN, both) == ["active_loop trip_form", "slot requested_slot=None", "active_loop"]


def test_an_answer_leads_to_the_next_question_and_the_last_to_the_end() -> None:
    answered = [*ASKED, says("inform", entity("city", "Rome")), slot("city", "Rome")]
    assert run(PLAIN, answered) == ["slot requested_slot=day", "bot When do you want to go?"]
    last = [
        *answered,
        ActionExecuted(name="trip_form"),
        slot("requested_slot", "day"),
        LISTEN,
        says("inform", text="today"),
        slot("day", "today"),
    ]
    assert run(PLAIN, last) == ["slot requested_slot=None", "active_loop"]


def test_a_message_that_fills_nothing_is_rejected() -> None:
    with pytest.raises(ActionRejected, match="must fill the slot 'city' that trip_form asks for"):
        run(PLAIN, [*ASKED, says("chat")])


def test_filling_another_required_slot_is_no_rejection() -> None:
    other = [*ASKED, says("inform", entity("day", "today")), slot("day", "today")]
    assert run(PLAIN, other) == ["slot requested_slot=city", "bot Where to?"]


def test_after_an_interruption_it_asks_again_without_reading() -> None:
    back = [*ASKED, says("chat"), LoopInterrupted(is_interrupted=True)]
    assert run(PLAIN, back) == ["slot requested_slot=city", "bot Where to?"]
    # And so it does when something else was done since the message.
    other = [*ASKED, says("chat"), ActionExecuted(name="utter_chat")]
    assert run(PLAIN, other) == ["slot requested_slot=city", "bot Where to?"]


def test_slots_of_earlier_messages_do_not_count() -> None:
    earlier = [says("inform", entity("city", "Rome")), slot("city", "Rome"), *ASKED, says("chat")]
    with pytest.raises(ActionRejected):
        run(PLAIN, earlier)


def test_which_question_is_asked() -> None:
    actions = ["action_ask_trip_form_city", "action_ask_city"]
    responses = ["utter_ask_trip_form_city", "utter_ask_city"]
    order = [actions[0], responses[0], actions[1], responses[1]]
    for first in range(5):
        there = order[first:]
        given = "\n".join(f"  {name}: [{{text: {name}}}]" for name in there if name in responses)
        domain = domain_of(
            f"slots:\n  city: {{type: text, mappings: [{{type: custom}}]}}\n"
            f"forms:\n  trip_form: {{required_slots: [city]}}\n"
            f"actions: {[name for name in there if name in actions]}\n"
            + (f"responses:\n{given}\n" if given else "")
        )
        custom = Actions(**{name: ActionReply(responses=[{"text": name}]) for name in actions})
        expected = ["active_loop trip_form", "slot requested_slot=city"]
        expected += [f"bot {name}" for name in there[:1]]
        assert run(domain, [LISTEN, says("book")], custom) == expected


# -- validation --------------------------------------------------------------------------------


def test_validation_sees_what_the_message_filled() -> None:
    custom = Actions(
        validate_trip_form=ActionReply(events=[slot("city", "Roma")]),
        action_ask_day=ActionReply(responses=[{"text": "Which day?"}]),
    )
    answered = [*ASKED, says("inform", entity("city", "Rome")), slot("city", "Rome")]
    # The form's own question goes before one that is for any form.
    assert run(VALIDATED, answered, custom) == [
        "slot city=Roma",
        "slot requested_slot=day",
        "bot When do you want to go?",
    ]
    ((_, seen),) = custom.calls
    # What the validation is about stands behind the form's execution.
    assert names(seen.events)[-3:] == [
        "slot requested_slot=city",
        "action trip_form",
        "slot city=Rome",
    ]


def test_validation_refuses() -> None:
    custom = Actions(
        validate_trip_form=ActionReply(
            events=[slot("city", None)], responses=[{"text": "Not there."}]
        )
    )
    answered = [*ASKED, says("inform", entity("city", "Rome")), slot("city", "Rome")]
    assert run(VALIDATED, answered, custom) == [
        "bot Not there.",
        "slot city=None",
        "slot requested_slot=city",
        "bot Where to?",
    ]


def test_validation_at_the_beginning_sees_filled_slots() -> None:
    custom = Actions(validate_trip_form=ActionReply(events=[slot("city", "Roma")]))
    begun = [slot("city", "Rome"), LISTEN, says("book", entity("day", "today"))]
    assert run(VALIDATED, begun, custom) == [
        "active_loop trip_form",
        "slot city=Roma",
        "slot day=today",
        "slot requested_slot=None",
        "active_loop",
    ]
    assert names(custom.calls[0][1].events)[-2:] == ["slot city=Rome", "slot day=today"]


@pytest.mark.parametrize("ending", [slot("requested_slot", None), ActiveLoop(name=None)])
def test_validation_ends_the_form(ending: Event) -> None:
    custom = Actions(validate_trip_form=ActionReply(events=[ending]))
    answered = [*ASKED, says("inform", entity("city", "Rome")), slot("city", "Rome")]
    assert run(VALIDATED, answered, custom) == [
        *names([ending]),
        "slot requested_slot=None",
        "active_loop",
    ]


def test_validation_chooses_the_next_slot() -> None:
    custom = Actions(validate_trip_form=ActionReply(events=[slot("requested_slot", "day")]))
    # It set no slot of the user's, and the message filled none.
    with pytest.raises(ActionRejected):
        run(VALIDATED, [*ASKED, says("chat")], custom)
    answered = [*ASKED, says("inform", entity("city", "Rome")), slot("city", "Rome")]
    assert run(VALIDATED, answered, custom) == [
        "slot requested_slot=day",
        "bot When do you want to go?",
    ]


def test_validation_rejects_the_form() -> None:
    rejection = ActionExecutionRejected(name="trip_form")
    custom = Actions(validate_trip_form=ActionReply(events=[rejection, slot("day", "x")]))
    answered = [*ASKED, says("inform", entity("city", "Rome")), slot("city", "Rome")]
    assert run(VALIDATED, answered, custom) == [
        "action_execution_rejected trip_form",
        "slot day=x",
    ]


def test_validation_that_fails_fails_the_form() -> None:
    custom = Actions(
        validate_trip_form=ActionServerError(Failure.TIMEOUT, "validate_trip_form", "late")
    )
    with pytest.raises(ActionError, match="late"):
        run(VALIDATED, [*ASKED, says("chat")], custom)


def test_validation_may_fill_a_slot_by_itself() -> None:
    custom = Actions(validate_trip_form=ActionReply(events=[slot("city", "Rome")]))
    assert run(VALIDATED, [*ASKED, says("chat")], custom)[0] == "slot city=Rome"


def test_a_requested_slot_that_is_no_name_does_not_count() -> None:
    events = [*ASKED, slot("requested_slot", ["city"]), LISTEN, says("chat")]
    assert run(VALIDATED, events, Actions())[-2:] == ["slot requested_slot=city", "bot Where to?"]


def test_the_requested_slot_of_another_form_does_not_count() -> None:
    other = [
        LISTEN,
        says("book"),
        ActiveLoop(name="other_form"),
        slot("requested_slot", "elsewhere"),
        LISTEN,
        says("book"),
    ]
    assert run(PLAIN, other) == [
        "active_loop trip_form",
        "slot requested_slot=city",
        "bot Where to?",
    ]


# -- in a conversation -------------------------------------------------------------------------


def rule(tracker: Tracker) -> str:
    """Rules by hand: the form goes on after it was begun, chat interrupts it."""
    after = tracker.latest_action_name
    said = tracker.latest_message
    loop = tracker.active_loop
    if loop is not None:
        if after == "utter_chat" or (after == ACTION_LISTEN and not loop.is_rejected):
            return "trip_form"
        if after == ACTION_LISTEN:
            return "action_deactivate_loop" if said and said.intent == "stop" else "utter_chat"
        return ACTION_LISTEN
    if after == "trip_form" and tracker.slots["day"] is not None:
        return "utter_done"
    if after == ACTION_LISTEN and said and said.intent == "book":
        return "trip_form"
    return ACTION_LISTEN


def parse(text: str) -> dict[str, Any]:
    word, _, value = text.partition(" ")
    kind = "day" if value == "Monday" else "city"
    return understood(text, word, *([entity(kind, value)] if value else []))


def test_happy_path() -> None:
    conversations = talk(PLAIN, Rules(PLAIN, rule), parse=parse)
    said = [
        [message.text for message in conversations.handle(text).messages]
        for text in ("book", "inform Rome", "inform Monday")
    ]
    assert said == [["Where to?"], ["When do you want to go?"], ["Rome on Monday."]]
    tracker = conversations.tracker()
    assert tracker.active_loop is None
    others = dict.fromkeys(tracker.slots)
    assert tracker.slots == {**others, "city": "Rome", "day": "Monday"}


def test_unhappy_path_and_back() -> None:
    conversations = talk(PLAIN, Rules(PLAIN, rule), parse=parse)
    conversations.handle("book")
    turn = conversations.handle("chat")
    assert [message.text for message in turn.messages] == ["Fine weather.", "Where to?"]
    assert [(action.name, action.is_rejected) for action in turn.actions] == [
        ("trip_form", True),
        ("utter_chat", False),
        ("trip_form", False),
        (ACTION_LISTEN, False),
    ]
    assert turn.problems == ()
    assert conversations.tracker().slots["requested_slot"] == "city"


def test_leaving_the_form() -> None:
    conversations = talk(PLAIN, Rules(PLAIN, rule), parse=parse)
    conversations.handle("book")
    turn = conversations.handle("stop")
    assert names(turn.events)[-3:] == [
        "active_loop",
        "slot requested_slot=None",
        "action action_listen",
    ]
    assert conversations.tracker().active_loop is None


def test_a_form_that_the_domain_also_declares_as_an_action_is_the_servers() -> None:
    domain = domain_of(DOMAIN.replace("ACTIONS", "trip_form"))
    custom = Actions(trip_form=ActionReply(responses=[{"text": "Mine"}]))
    found = context_of(domain, custom).run("trip_form", Tracker(domain.slots))
    assert names(found) == ["bot Mine"]


def test_events_of_the_form_are_lost_when_the_server_fails_but_the_talk_goes_on() -> None:
    custom = Actions(validate_trip_form=ActionError("broken"))
    conversations = talk(VALIDATED, Rules(VALIDATED, rule), parse=parse_word, custom=custom)
    turn = conversations.handle("book")
    assert [str(problem) for problem in turn.problems] == ["trip_form: broken"]
    assert conversations.tracker().active_loop is None
    assert names(turn.events)[-1] == "action action_listen"
