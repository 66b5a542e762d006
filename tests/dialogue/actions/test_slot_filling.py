"""What Rasa does in the same cases is compared in `tests/parity/test_dialogue_runtime.py`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from talking import Actions, context_of, domain_of, entity, event, names, says

from gossamer.data.domain.domain import Domain
from gossamer.dialogue.actions.action import ActionRejected, ActionReply
from gossamer.dialogue.actions.action_server import ActionServerError
from gossamer.dialogue.actions.server_calls import Failure
from gossamer.dialogue.actions.slot_filling import extract_slots
from gossamer.dialogue.history.events import ActiveLoop, Event, SlotSet, UserUttered
from gossamer.dialogue.history.tracker import Tracker

DOMAIN = """
intents: [inform, affirm, chat]
entities:
- city: {roles: [from]}
slots:
  city: {type: text, mappings: [{type: from_entity, entity: city}]}
  cities: {type: list, mappings: [{type: from_entity, entity: city}]}
  yes: {type: bool, mappings: [{type: from_intent, intent: affirm, value: true}]}
  note:
    type: text
    mappings:
    - type: from_text
      not_intent: chat
      conditions: [{active_loop: note_form, requested_slot: note}]
  price: {type: float, mappings: [{type: custom, action: action_price}]}
  taxed: {type: float, mappings: [{type: custom, action: action_price}]}
  never: {type: text, mappings: [{type: custom}]}
forms:
  note_form: {required_slots: [note], ignored_intents: [affirm]}
actions: [action_price]
"""
PLAIN = domain_of(DOMAIN)
VALIDATING = domain_of(
    DOMAIN.replace("[action_price]", "[action_price, action_validate_slot_mappings]")
)


def fill(
    domain: Domain,
    said: UserUttered,
    custom: Any = None,
    before: Sequence[Event] = (),
) -> list[str]:
    tracker = Tracker(domain.slots, events=[*before, said])
    return names(extract_slots(tracker, context_of(domain, custom or Actions())))


def test_entities_fill_lists_and_others() -> None:
    said = says("inform", entity("city", "Rome"), entity("city", "Oslo"))
    assert fill(PLAIN, said) == ["slot city=Oslo", "slot cities=['Rome', 'Oslo']"]


def test_nothing_is_filled_by_an_entity_with_another_role() -> None:
    assert fill(PLAIN, says("inform", entity("city", "Rome", role="from"))) == []


def test_a_slot_without_mappings_that_apply_keeps_its_value() -> None:
    before = [SlotSet(name="city", value="Rome")]
    assert fill(PLAIN, says("inform"), before=before) == []


def test_text_in_a_form() -> None:
    asked = [ActiveLoop(name="note_form"), SlotSet(name="requested_slot", value="note")]
    assert fill(PLAIN, says("inform", text=" so "), before=asked) == ["slot note= so "]
    assert fill(PLAIN, says("chat", text="so"), before=asked) == []
    # The form ignores the intent; the mapping of another slot asks for it.
    assert fill(PLAIN, says("affirm", text="so"), before=asked) == ["slot yes=True"]
    assert fill(PLAIN, says("inform", text="so")) == []


def test_a_custom_action_runs_once_and_fills_what_it_likes() -> None:
    custom = Actions(
        action_price=ActionReply(
            events=[SlotSet(name="price", value=1), SlotSet(name="city", value="Rome")]
        )
    )
    assert fill(PLAIN, says("chat"), custom) == ["slot price=1", "slot city=Rome"]
    assert custom.names == ["action_price"]


def test_what_a_custom_action_says_is_not_said() -> None:
    custom = Actions(
        action_price=ActionReply(events=[event("pause")], responses=[{"text": "One euro"}])
    )
    with pytest.warns(UserWarning) as caught:
        assert fill(PLAIN, says("chat"), custom) == []
    told = [str(warning.message) for warning in caught]
    assert any("what it says is not said" in text for text in told)
    assert any("type pause" in text for text in told)


def test_validation_changes_refuses_adds_and_speaks() -> None:
    def validate(tracker: Tracker) -> ActionReply:
        assert tracker.slots["city"] == "Rome"
        return ActionReply(
            events=[SlotSet(name="city", value=None), SlotSet(name="note", value="far")],
            responses=[{"text": "Too far"}],
        )

    custom = Actions(action_validate_slot_mappings=validate)
    found = fill(VALIDATING, says("inform", entity("city", "Rome")), custom)
    assert found == ["bot Too far", "slot city=None", "slot note=far", "slot cities=['Rome']"]


def test_validation_sees_nothing_when_nothing_was_found() -> None:
    custom = Actions()
    assert fill(VALIDATING, says("chat"), custom) == []
    assert custom.names == ["action_price", "action_validate_slot_mappings"]


@pytest.mark.parametrize(
    "failure",
    [
        ActionServerError(Failure.TIMEOUT, "action_price", "late"),
        ActionRejected("action_price"),
        ZeroDivisionError("of whoever runs custom actions"),
    ],
)
def test_a_failing_action_fills_nothing_and_is_noted(failure: Exception) -> None:
    tracker = Tracker(PLAIN.slots, events=[says("inform", entity("city", "Rome"))])
    context = context_of(PLAIN, Actions(action_price=failure))
    found = names(extract_slots(tracker, context))
    assert found == ["slot city=Rome", "slot cities=['Rome']"]
    assert [problem.error for problem in context.problems] == [failure]


def test_without_an_action_server_the_failure_says_what_to_do() -> None:
    context = context_of(PLAIN)
    assert extract_slots(Tracker(PLAIN.slots, events=[says("chat")]), context) == []
    assert "must have an action server" in str(context.problems[0])
    assert "endpoints.yml" in str(context.problems[0])


def test_names_that_the_domain_does_not_have() -> None:
    domain = domain_of("""
intents: [inform]
slots:
  a: {type: text, mappings: [{type: from_entity, entity: nowhere}]}
  b: {type: text, mappings: [{type: from_intent, intent: [inform, nothing], value: x}]}
""")
    with pytest.warns(UserWarning) as caught:
        assert fill(domain, says("inform", entity("nowhere", 1))) == []
    told = [str(warning.message) for warning in caught]
    assert any("'a' is mapped from the entity 'nowhere'" in text for text in told)
    assert any("'b' is mapped from the intent 'nothing'" in text for text in told)


def test_slots_that_rasa_adds_are_never_filled() -> None:
    domain = domain_of("""
slots:
  session_started_metadata: {type: any, mappings: [{type: from_text}]}
""")
    assert fill(domain, says("greet", text="hi")) == []


def test_before_any_message() -> None:
    context = context_of(PLAIN, Actions())
    assert extract_slots(Tracker(PLAIN.slots), context) == []
