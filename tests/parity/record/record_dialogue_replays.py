"""Record what conversations come to: after each event, and what counts of them at the end."""

from __future__ import annotations

from typing import Any

from conversations import (
    LISTEN,
    Json,
    action,
    entity,
    event,
    loop,
    rejected,
    said,
    slot,
    user,
)
from dialogue_data import event_as_json, project, state_as_json, tracker_of
from rasa.shared.core.domain import Domain
from rasa.shared.core.trackers import DialogueStateTracker
from recording import write_fixture

PROJECT = "forms"
START = [action("action_session_start"), event("session_started"), LISTEN]
REWIND = event("rewind")
UNDO = event("undo")
IN_FORM = [
    *said("book"),
    action("trip_form"),
    loop("trip_form"),
    slot("requested_slot", "city"),
]
ROME = {"entities": [entity("city", "Rome")]}

CASES: dict[str, list[Json]] = {
    "nothing": [],
    "session start": START,
    "slots carried over": [
        *START[:2],
        slot("city", "Rome"),
        slot("member", True),
        LISTEN,
        user("greet"),
    ],
    "second session": [
        *START,
        user("greet"),
        action("utter_greet"),
        slot("member", True),
        *START,
        user("ask"),
    ],
    "plain": [
        *said("greet"),
        action("utter_greet"),
        *said("inform", **ROME),
        slot("city", "Rome"),
        action("action_look_up"),
        slot("level", "gold"),
        slot("city", None),
        LISTEN,
    ],
    "slot that nobody knows": [*said("greet"), slot("colour", "red"), action("utter_greet")],
    "two slots of one value": [*said("greet"), slot("people", 3), slot("people", 3.0)],
    "restart": [
        *said("greet"),
        slot("member", True),
        action("action_restart"),
        event("restart"),
        *START,
        user("ask"),
        action("utter_answer"),
    ],
    "restart as the last event": [*said("greet"), slot("member", True), event("restart")],
    "back": [
        *said("greet"),
        action("utter_greet"),
        *said("ask"),
        action("utter_answer"),
        LISTEN,
        user("deny"),
        action("action_back"),
        REWIND,
        REWIND,
    ],
    "back takes slots and loops with it": [
        *said("greet"),
        action("utter_greet"),
        *IN_FORM,
        *said("inform", **ROME),
        slot("city", "Rome"),
        action("trip_form"),
        REWIND,
    ],
    "back twice out of a form": [
        *said("greet"),
        action("utter_greet"),
        *IN_FORM,
        *said("inform", **ROME),
        slot("city", "Rome"),
        REWIND,
        REWIND,
    ],
    "back further than there is": [*said("greet"), action("utter_greet"), REWIND, REWIND, REWIND],
    "back over a restart": [
        *said("greet"),
        action("utter_greet"),
        event("restart"),
        *said("ask"),
        REWIND,
        REWIND,
    ],
    "back and on": [
        *said("greet"),
        action("utter_greet"),
        *said("chat"),
        action("action_default_fallback"),
        REWIND,
        *said("ask"),
        action("utter_answer"),
    ],
    "undo": [*said("ask"), action("action_look_up"), slot("level", "gold"), UNDO],
    "undo of listening": [*said("ask"), action("utter_answer"), LISTEN, UNDO],
    "undo takes the message with it": [*said("ask"), UNDO],
    "undo twice": [*said("ask"), action("action_look_up"), action("utter_answer"), UNDO, UNDO],
    "undo of nothing": [UNDO],
    "affirmed after a fallback": [
        *said("greet"),
        action("utter_greet"),
        *said("nlu_fallback", "gibberish", confidence=0.2),
        action("action_default_ask_affirmation"),
        *said("book", "/book"),
        REWIND,
        REWIND,
        LISTEN,
        user("book", "/book"),
    ],
    "reset of slots": [
        *said("greet"),
        slot("member", True),
        slot("city", "Rome"),
        event("reset_slots"),
        slot("level", "gold"),
    ],
    "pause and resume": [*said("greet"), event("pause"), event("resume"), event("pause")],
    "pause and restart": [*said("greet"), event("pause"), event("restart")],
    "follow-up": [*said("greet"), event("followup", name="utter_answer")],
    "follow-up is done": [
        *said("greet"),
        event("followup", name="utter_answer"),
        action("utter_answer"),
    ],
    "follow-up and a message": [
        *said("greet"),
        action("utter_greet"),
        LISTEN,
        event("followup", name="utter_answer"),
        user("ask"),
    ],
    "form": IN_FORM,
    "form again and again": [
        *IN_FORM,
        *said("inform", **ROME),
        slot("city", "Rome"),
        action("trip_form"),
        slot("requested_slot", "people"),
        *said("inform", entities=[entity("people", 2)]),
        action("trip_form"),
        slot("people", 2),
        slot("requested_slot", None),
        loop(None),
        action("action_book"),
    ],
    "form with featurization events": [
        *IN_FORM,
        *said("inform", **ROME),
        event("user_featurization", use_text_for_featurization=False),
        slot("city", "Rome"),
        action("trip_form"),
        slot("requested_slot", "people"),
        LISTEN,
    ],
    "form rejects": [*IN_FORM, *said("chat"), rejected("trip_form")],
    "form rejects and goes on": [
        *IN_FORM,
        *said("chat"),
        rejected("trip_form"),
        action("utter_chat"),
        event("loop_interrupted", is_interrupted=True),
        action("trip_form"),
        LISTEN,
    ],
    "another action is rejected": [*IN_FORM, *said("chat"), rejected("action_look_up")],
    "form is interrupted in a story": [
        *IN_FORM,
        *said("chat"),
        action("utter_chat"),
        action("trip_form"),
        *said("inform", **ROME),
        action("trip_form"),
        LISTEN,
    ],
    "form twice": [
        *IN_FORM,
        loop(None),
        action("utter_booked"),
        *IN_FORM,
        *said("inform"),
        action("trip_form"),
    ],
    "form behind a form": [
        *IN_FORM,
        loop(None),
        action("rating_form"),
        loop("rating_form"),
        *said("inform"),
        action("rating_form"),
    ],
    "form runs before it is active": [
        action("trip_form"),
        *said("book"),
        action("trip_form"),
        loop("trip_form"),
    ],
    "loop is interrupted": [
        *IN_FORM,
        LISTEN,
        event("loop_interrupted", is_interrupted=True),
    ],
    "loop is interrupted and something runs": [
        *IN_FORM,
        LISTEN,
        event("loop_interrupted", is_interrupted=True),
        action("utter_answer"),
    ],
    "no loop is interrupted": [LISTEN, event("loop_interrupted", is_interrupted=True)],
    "old names": [
        *said("book"),
        event("form", name="trip_form"),
        event("form_validation", validate=False),
    ],
    "text counts": [
        *said("ask", "is it so"),
        event("user_featurization", use_text_for_featurization=True),
        action("utter_answer"),
    ],
    "intent counts": [
        *said("ask", "is it so", **ROME),
        event("user_featurization", use_text_for_featurization=False),
        action("utter_answer"),
    ],
    "nobody has said what counts": [*said("ask", "is it so", **ROME), action("utter_answer")],
    "too late to say what counts": [
        *said("ask", "is it so"),
        action("utter_answer"),
        event("user_featurization", use_text_for_featurization=True),
    ],
    "only text": [*said(None, "is it so", **ROME), action("utter_answer")],
    "entities from a policy": [
        *said("ask", "to Rome", entities=[entity("city", "Rome")]),
        event("entities", entities=[entity("city", "Rome"), entity("people", 2)]),
        action("utter_answer"),
    ],
    "entities too late": [
        *said("ask"),
        action("utter_answer"),
        event("entities", entities=[entity("people", 2)]),
    ],
    "an unlikely intent": [
        *said("ask"),
        action("action_unlikely_intent"),
        action("utter_answer"),
    ],
    "bot events and others": [
        *said("greet"),
        action("utter_greet"),
        event("bot", text="Hello"),
        event("agent", text="A human here"),
        event("export"),
        event("cancel_reminder", name="call"),
        LISTEN,
    ],
    "text of the assistant": [
        *said("greet"),
        {"event": "action", "action_text": "Good day"},
        LISTEN,
    ],
}


def record(name: str, events: list[Json], domain: Domain) -> dict[str, Any]:
    """One conversation: a row for each event, then what counts at the end."""
    rows = [row(tracker_of(events[:end], domain)) for end in range(1, len(events) + 1)]
    tracker = tracker_of(events, domain)
    # Events are compared by what they are: most of Rasa's ignore times.
    applied = [event_as_json(event) for event in tracker.applied_events()]
    return {
        "name": name,
        "events": events,
        "after_each": rows,
        "at_the_end": row(tracker),
        "applied": applied,
        "states": [state_as_json(state) for state in tracker.past_states(domain)],
    }


def row(tracker: DialogueStateTracker) -> dict[str, Any]:
    """What a conversation has come to; slots that have their initial value are left out."""
    slots = {
        name: found.value
        for name, found in tracker.slots.items()
        if found.value != found.initial_value
    }
    message = tracker.latest_message
    result = {
        "latest_action": tracker.latest_action_name,
        "intent": message.intent_name,
        "text": message.text,
        "n_entities": len(message.entities),
        "slots": slots,
        "paused": tracker.is_paused(),
        "followup_action": tracker.followup_action,
    }
    if tracker.active_loop is not None:
        result["active_loop"] = {
            "name": tracker.active_loop.name,
            "is_interrupted": tracker.active_loop.is_interrupted,
            "rejected": tracker.active_loop.rejected,
        }
    return {key: value for key, value in result.items() if value not in (None, {}, False)}


def main() -> None:
    """Write dialogue_replays.json."""
    domain, _ = project(PROJECT)
    write_fixture(
        "dialogue_replays",
        "record_dialogue_replays.py",
        {"project": PROJECT, "rows": "what is None, empty or false is left out"},
        [record(name, events, domain) for name, events in CASES.items()],
    )


if __name__ == "__main__":
    main()
