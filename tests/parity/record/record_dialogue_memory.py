"""Record what the two memoization policies make of conversations they were not trained on."""

from __future__ import annotations

from typing import Any

from conversations import LISTEN, Json, action, entity, event, loop, said, slot, user
from dialogue_data import make_policy, project, tracker_of, unfolded
from rasa.core.policies.memoization import AugmentedMemoizationPolicy, MemoizationPolicy
from rasa.shared.core.constants import RULE_ONLY_LOOPS, RULE_ONLY_SLOTS
from rasa.shared.core.domain import Domain
from recording import write_fixture

PROJECT = "memory"
OPTIONS: list[tuple[type, dict[str, Any]]] = [
    (kind, {"max_history": history})
    for kind in (MemoizationPolicy, AugmentedMemoizationPolicy)
    for history in (None, 2, 3, 5)
] + [(MemoizationPolicy, {"max_history": None, "use_nlu_confidence_as_score": True})]
RULE_ONLY = {RULE_ONLY_SLOTS: ["only_in_rules"], RULE_ONLY_LOOPS: []}

TEA = {"entities": [entity("product", "tea")]}
ORDERED = [
    *said("greet"),
    action("utter_greet"),
    *said("order", **TEA),
    slot("product", "tea"),
    action("utter_offer"),
]
REGRETS = [*said("deny"), action("utter_sorry")]

CASES: dict[str, list[Json]] = {
    "nothing yet": [],
    "first message": said("greet"),
    "after the first action": [*said("greet"), action("utter_greet")],
    "in the middle": ORDERED,
    "another value of the slot": [
        *said("greet"),
        action("utter_greet"),
        *said("order", entities=[entity("product", "coffee")]),
        slot("product", "coffee"),
    ],
    "confidence of the intent": said("greet", "hello", confidence=0.73),
    "text beside the intent": [
        *said("greet", "hello there"),
        event("user_featurization", use_text_for_featurization=False),
        action("utter_greet"),
        *said("order", "some tea", **TEA),
        slot("product", "tea"),
    ],
    "longer than any story": [*REGRETS, *ORDERED, *said("affirm")],
    "much longer": [*REGRETS, *REGRETS, *REGRETS, *ORDERED],
    "unknown in the middle": [*said("ask"), action("utter_thank"), *said("affirm")],
    "slot set long ago": [
        *said("inform", entities=[entity("city", "Rome")]),
        slot("city", "Rome"),
        action("action_look_up"),
        *said("deny"),
        action("utter_sorry"),
    ],
    "slot set long ago, next message": [
        *said("inform", entities=[entity("city", "Rome")]),
        slot("city", "Rome"),
        action("action_look_up"),
        *said("deny"),
        action("utter_sorry"),
        *said("ask"),
    ],
    "slot set just now": [*said("deny"), slot("city", "Rome"), action("utter_sorry")],
    "slot set before the message": [slot("member", True), *said("greet")],
    "initial value taken away": [*said("greet"), slot("level", None)],
    "initial value taken away long ago": [
        *said("goodbye"),
        action("utter_goodbye"),
        slot("level", None),
        *said("deny"),
        action("utter_sorry"),
        *said("ask"),
    ],
    "slot set long ago, another one before the last states": [
        *said("deny"),
        slot("city", "Rome"),
        action("utter_sorry"),
        *said("order", **TEA),
        slot("product", "tea"),
        action("utter_offer"),
        *said("affirm"),
    ],
    "slot set long ago, a form before the last states": [
        *said("deny"),
        slot("city", "Rome"),
        action("utter_sorry"),
        *said("order"),
        action("order_form"),
        loop("order_form"),
        loop(None),
    ],
    "slot set before anything was done": [
        slot("city", "Rome"),
        *said("deny"),
        action("utter_sorry"),
    ],
    "slot set and forgotten twice": [
        *said("goodbye"),
        slot("member", True),
        action("utter_goodbye"),
        *said("goodbye"),
        slot("city", "Rome"),
        action("utter_goodbye"),
        *said("order"),
        action("utter_offer"),
        *said("deny"),
    ],
    "two answers to the last three states": [*REGRETS, *said("ask")],
    "two answers, and another past": [
        *said("affirm"),
        action("utter_thank"),
        *REGRETS,
        *said("ask"),
    ],
    "two answers, and all of the past": [
        *said("order"),
        action("utter_offer"),
        *REGRETS,
        *said("ask"),
    ],
    "ambiguous at all": said("goodbye"),
    "unlikely intent in between": [
        *said("greet"),
        action("action_unlikely_intent"),
        action("utter_greet"),
        *said("order", **TEA),
        slot("product", "tea"),
    ],
    "unlikely intent at the end": [*said("greet"), action("action_unlikely_intent")],
    "only rules know it": said("inform"),
    "only rules know the slot": [*said("greet"), slot("only_in_rules", True)],
    "hidden turn": [
        *said("ask"),
        action("utter_thank", hide_rule_turn=True),
        action("action_listen", hide_rule_turn=True),
        user("greet"),
    ],
    "hidden turn in between": [
        *said("greet"),
        action("utter_greet"),
        *said("ask"),
        action("utter_thank", hide_rule_turn=True),
        action("action_listen", hide_rule_turn=True),
        user("order", **TEA),
        slot("product", "tea"),
    ],
    "a form": [*said("order"), action("order_form"), loop("order_form"), loop(None)],
    "a form that goes on": [*said("order"), action("order_form"), loop("order_form")],
    "a form run again": [
        *said("order"),
        action("order_form"),
        loop("order_form"),
        slot("requested_slot", "product"),
        *said("deny"),
        action("order_form"),
        loop(None),
    ],
    "after a session start": [
        action("action_session_start"),
        event("session_started"),
        *said("greet"),
    ],
    "after a restart": [
        *said("deny"),
        action("action_restart"),
        event("restart"),
        action("action_session_start"),
        event("session_started"),
        LISTEN,
        user("greet"),
    ],
    "taken back": [
        *said("greet"),
        action("utter_greet"),
        *said("deny"),
        action("utter_sorry"),
        event("rewind"),
        *said("order", **TEA),
        slot("product", "tea"),
    ],
}


def record(kind: type, options: dict[str, Any], domain: Domain, trackers: Any) -> dict[str, Any]:
    """The action that each conversation recalls, with its score, or None."""
    policy = make_policy(kind, **options)
    policy.train(trackers, domain)
    found: dict[str, Any] = {}
    for name, events in CASES.items():
        prediction = policy.predict_action_probabilities(
            tracker_of(events, domain), domain, rule_only_data=RULE_ONLY
        )
        best = prediction.max_confidence_index
        found[name] = (
            [domain.action_names_or_texts[best], prediction.max_confidence]
            if prediction.max_confidence > 0
            else None
        )
    return {
        "policy": kind.__name__,
        "options": options,
        "priority": policy.priority,
        "n_keys": len(policy.lookup),
        "predictions": found,
    }


def main() -> None:
    """Write dialogue_memory.json."""
    domain, graph = project(PROJECT)
    # Glued stories are not memorised, which these are for.
    trackers = unfolded(domain, graph, augmentation=5)
    write_fixture(
        "dialogue_memory",
        "record_dialogue_memory.py",
        {"project": PROJECT, "augmentation": 5, "rule_only": RULE_ONLY},
        {
            "conversations": CASES,
            "policies": [record(kind, options, domain, trackers) for kind, options in OPTIONS],
        },
    )


if __name__ == "__main__":
    main()
