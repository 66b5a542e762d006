"""Record what RulePolicy learns from rules and stories, and what it then predicts."""

from __future__ import annotations

import json
from typing import Any

from conversations import LISTEN, Json, action, entity, event, loop, rejected, said, slot
from dialogue_data import event_as_json, make_policy, project, tracker_of, unfolded
from rasa.core.policies.rule_policy import RulePolicy
from rasa.shared.core.domain import Domain
from recording import canonical, write_fixture

PROJECT = "rules"
OPTIONS: list[dict[str, Any]] = [
    {},
    {"enable_fallback_prediction": False},
    {"core_fallback_threshold": 0.6, "core_fallback_action_name": "utter_anything_else"},
    {"use_nlu_confidence_as_score": True},
    {"check_for_contradictions": False},
]
TRIP = [*said("book"), action("trip_form"), loop("trip_form")]
RATING = [*said("rate"), action("rating_form"), loop("rating_form")]
GREETED = [*said("goodbye"), action("utter_goodbye")]

CASES: dict[str, list[Json]] = {
    "nothing": [],
    "listening": [LISTEN],
    # Intents that every assistant has.
    "restart": said("restart"),
    "back": [*GREETED, *said("back")],
    "session start": [*TRIP, *said("session_start")],
    "restart that is done": [*said("restart"), action("action_restart")],
    "out of scope has no action": said("out_of_scope"),
    "a known text with restart as the intent": said("restart", "never mind"),
    # A form, as it should go.
    "form is started": said("book"),
    "form has run": TRIP,
    "form goes on": [*TRIP, *said("inform")],
    "form goes on whatever is said": [*TRIP, *said("ask")],
    "form goes on although it could be a restart": [*TRIP, *said("restart")],
    "form has run again": [*TRIP, *said("inform"), action("trip_form")],
    "form is done": [*TRIP, loop(None)],
    "form is done, next": [*TRIP, loop(None), action("action_book")],
    "form is done, the last": [*TRIP, loop(None), action("action_book"), action("utter_booked")],
    "form is done after a longer talk": [
        *GREETED,
        *TRIP,
        *said("inform"),
        action("trip_form"),
        slot("city", "Rome"),
        loop(None),
    ],
    "form followed by an action": [*TRIP, *said("inform"), action("utter_answer")],
    # A form that rejects.
    "no rule for it": [*TRIP, *said("greet"), rejected("trip_form")],
    "general rule": [*TRIP, *said("ask"), rejected("trip_form")],
    "general rule is done": [
        *TRIP,
        *said("ask"),
        rejected("trip_form"),
        action("utter_answer"),
    ],
    "general rule is done and the form has gone on": [
        *TRIP,
        *said("ask"),
        rejected("trip_form"),
        action("utter_answer"),
        action("trip_form"),
    ],
    "rule for this form": [*RATING, *said("ask"), rejected("rating_form")],
    "rule for this form is done": [
        *RATING,
        *said("ask"),
        rejected("rating_form"),
        action("utter_answer"),
    ],
    "rule that does not go on": [*RATING, *said("chat"), rejected("rating_form")],
    "rule that does not go on is done": [
        *RATING,
        *said("chat"),
        rejected("rating_form"),
        action("utter_chat"),
    ],
    "and the form takes over again": [
        *RATING,
        *said("chat"),
        rejected("rating_form"),
        action("utter_chat"),
        *said("inform"),
    ],
    "only a story knows": [*TRIP, *said("chat"), rejected("trip_form")],
    "only a story knows, done": [
        *TRIP,
        *said("chat"),
        rejected("trip_form"),
        action("utter_chat"),
    ],
    "general rule, but a story does not return to the form": [
        *TRIP,
        *said("ask_price"),
        rejected("trip_form"),
        action("utter_price"),
    ],
    "asked whether to go on": [
        *TRIP,
        *said("deny"),
        rejected("trip_form"),
        action("utter_continue"),
    ],
    "returns after a question": [
        *TRIP,
        *said("deny"),
        rejected("trip_form"),
        action("utter_continue"),
        *said("affirm"),
        rejected("trip_form"),
    ],
    "gives up": [
        *TRIP,
        *said("deny"),
        rejected("trip_form"),
        action("utter_continue"),
        *said("deny"),
        rejected("trip_form"),
    ],
    "general rule in a form, with gold": [
        slot("level", "gold"),
        *TRIP,
        *said("ask"),
        rejected("trip_form"),
        action("utter_answer"),
    ],
    "start of a form in a form": [*TRIP, *said("rate"), rejected("trip_form")],
    "should not be set, but a form is active": [*TRIP, *said("stop"), rejected("trip_form")],
    "another form rejects": [*TRIP, *said("ask"), rejected("rating_form")],
    # Rules that hold anywhere.
    "rule": said("ask"),
    "rule later on": [*GREETED, *said("ask")],
    "rule is done": [*said("ask"), action("utter_answer")],
    "rule with confidence": said("ask", "why", confidence=0.55),
    "rule in stories too": said("ask_price"),
    "rule in stories too is done": [*said("ask_price"), action("utter_price")],
    "the longest key wins": [slot("level", "gold"), *said("ask"), action("utter_answer")],
    "the longest key wins, done": [
        slot("level", "gold"),
        *said("ask"),
        action("utter_answer"),
        action("utter_anything_else"),
    ],
    "another value": [slot("level", "silver"), *said("ask"), action("utter_answer")],
    "further slots do not matter": [
        slot("level", "gold"),
        slot("member", True),
        slot("note", "x"),
        *said("ask", entities=[entity("city", "Rome")]),
        action("utter_answer"),
    ],
    "initial value changed": [slot("language", "german"), *said("ask"), action("utter_answer")],
    "another action first": [*said("ask"), action("utter_greet")],
    "entities": said("inform", entities=[entity("city", "Rome")]),
    "more entities": said("inform", entities=[entity("city", "Rome"), entity("people", 2)]),
    "no entities": said("inform"),
    # Start of the conversation.
    "start": said("greet"),
    "start of a session": [
        action("action_session_start"),
        event("session_started"),
        *said("greet"),
    ],
    "not the start": [*GREETED, *said("greet")],
    "start after a restart": [*GREETED, *said("restart"), event("restart"), *said("greet")],
    "start with a slot": [slot("member", True), *said("greet")],
    "not the start, with a slot": [slot("member", True), *GREETED, *said("greet")],
    "start, done": [*said("greet"), action("utter_welcome")],
    # What should not be.
    "should not be set": said("stop"),
    "should not be set but is": [slot("level", "gold"), *said("stop")],
    "was set and is not any more": [slot("level", "gold"), slot("level", None), *said("stop")],
    "false is a value": [slot("member", False), slot("level", "silver"), *said("stop")],
    "true is another": [slot("member", True), slot("level", "silver"), *said("stop")],
    # Without the user.
    "after an action": [*said("inform"), action("action_look_up")],
    "after an action, with gold": [
        slot("level", "gold"),
        *said("inform"),
        action("action_look_up"),
    ],
    "after an action, with gold, done": [
        slot("level", "gold"),
        *said("inform"),
        action("action_look_up"),
        action("utter_greet_gold"),
    ],
    "after an action, nothing more": [
        *said("inform"),
        action("action_look_up"),
        action("action_check"),
    ],
    # Texts.
    "a known text": said("ask", "never mind"),
    "a known text without intent": said(None, "never mind"),
    "a known text after another message": [*GREETED, *said("ask", "never mind")],
    "a known text is answered": [
        *said("ask", "never mind"),
        event("user_featurization", use_text_for_featurization=True),
        action("utter_anything_else"),
    ],
    "a known text, but the intent was used": [
        *said("ask", "never mind"),
        event("user_featurization", use_text_for_featurization=False),
        action("utter_answer"),
    ],
    "another text": said("ask", "no"),
    # Nothing fits.
    "unknown": said("chat"),
    "unknown with confidence": said("chat", "hm", confidence=0.9),
    "unknown after an action": [*said("chat"), action("utter_chat")],
    "an unlikely intent": [*said("ask"), action("action_unlikely_intent")],
}


def trained(options: dict[str, Any], domain: Domain, trackers: Any) -> RulePolicy:
    """The policy, trained."""
    policy = make_policy(RulePolicy, **options)
    policy.train(trackers, domain)
    return policy


def predictions(policy: RulePolicy, domain: Domain) -> dict[str, Any]:
    """What is predicted in each conversation; what is false or empty is left out."""
    found = {}
    for name, events in CASES.items():
        prediction = policy.predict_action_probabilities(tracker_of(events, domain), domain)
        scores = {
            action: score
            for action, score in zip(
                domain.action_names_or_texts, prediction.probabilities, strict=True
            )
            if score
        }
        more = {
            "is_no_user_prediction": prediction.is_no_user_prediction,
            "is_end_to_end_prediction": prediction.is_end_to_end_prediction,
            "hide_rule_turn": prediction.hide_rule_turn,
            "events": [event_as_json(event) for event in prediction.events],
        }
        found[name] = {"scores": scores} | {key: value for key, value in more.items() if value}
    return found


def learnt(policy: RulePolicy) -> dict[str, Any]:
    """The policy's tables, keys read as the states they stand for, sorted."""
    tables: dict[str, Any] = {}
    for name, table in policy.lookup.items():
        if isinstance(table, dict):
            found = [[json.loads(key), value] for key, value in table.items()]
        else:
            # Keys that start with a word are Rasa's texts for what needs no rule.
            found = [json.loads(key) if key[0] == "[" else key for key in table]
        tables[name] = sorted(found, key=canonical)
    return tables


def main() -> None:
    """Write dialogue_rules.json."""
    domain, graph = project(PROJECT)
    trackers = unfolded(domain, graph, augmentation=2)
    content: dict[str, Any] = {"conversations": CASES}
    default: dict[str, Any] | None = None
    content["policies"] = []
    for options in OPTIONS:
        policy = trained(options, domain, trackers)
        found = predictions(policy, domain)
        if default is None:
            content["learnt"] = learnt(policy)
            content["priority"] = policy.priority
            default = found
        else:
            # Only what other options change.
            found = {name: value for name, value in found.items() if value != default[name]}
        content["policies"].append({"options": options, "predictions": found})
    write_fixture(
        "dialogue_rules",
        "record_dialogue_rules.py",
        {"project": PROJECT, "augmentation": 2},
        content,
    )


if __name__ == "__main__":
    main()
