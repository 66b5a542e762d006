"""Record which of several predictions wins, and which events go with it."""

from __future__ import annotations

import copy
from typing import Any

from conversations import LISTEN, Json, action, event, loop, rejected, said, slot
from dialogue_data import event_as_json, event_from_json, project, tracker_of
from rasa.core.policies.ensemble import DefaultPolicyPredictionEnsemble
from rasa.core.policies.policy import PolicyPrediction
from rasa.shared.core.domain import Domain
from recording import write_fixture

PROJECT = "rules"
INTERRUPTED = event("loop_interrupted", is_interrupted=True)
ENTITIES = event("entities", entities=[{"entity": "city", "value": "Rome"}])
ASKED = said("ask")
IN_FORM = [*said("book"), action("trip_form"), loop("trip_form")]


def predicted(policy: str, priority: int, scores: dict[str, float], **more: Any) -> Json:
    """A prediction; scores of further actions are 0."""
    return {"policy": policy, "priority": priority, "scores": scores, **more}


def memory(score: float = 1.0, name: str = "utter_answer", **more: Any) -> Json:
    return predicted("MemoizationPolicy", 3, {name: score}, **more)


def rule(score: float = 1.0, name: str = "utter_chat", **more: Any) -> Json:
    return predicted("RulePolicy", 4, {name: score, "action_default_fallback": 0.3}, **more)


def fallback(**more: Any) -> Json:
    return predicted("RulePolicy", 4, {"action_default_fallback": 0.3}, **more)


def ted(score: float = 0.9, name: str = "utter_price", **more: Any) -> Json:
    return predicted("TEDPolicy", 1, {name: score, "action_listen": 0.05}, **more)


NONE = {"scores": {}}
NO_USER = {"is_no_user_prediction": True}
FROM_TEXT = {"is_end_to_end_prediction": True}

# Name: (conversation, predictions in the order of the policies).
CASES: dict[str, tuple[list[Json], list[Json]]] = {
    "one": (ASKED, [ted()]),
    "the surest": (ASKED, [ted(0.9), memory(0.95), rule(0.6)]),
    "surer than a higher priority": (ASKED, [memory(0.7), ted(0.8)]),
    "equal, priority counts": (ASKED, [memory(), rule(), ted(1.0)]),
    "equal, priority counts, other order": (ASKED, [ted(1.0), rule(), memory()]),
    "equal in both, the first wins": (
        ASKED,
        [ted(0.5, "utter_price"), predicted("Another", 1, {"utter_chat": 0.5})],
    ),
    "fallback beats unsure": (ASKED, [fallback(), ted(0.29), memory() | NONE]),
    "fallback against the same": (ASKED, [ted(0.3), fallback()]),
    "fallback loses": (ASKED, [fallback(), ted(0.31)]),
    "nothing at all": (ASKED, [memory() | NONE, ted() | NONE]),
    "two best actions": (ASKED, [ted() | {"scores": {"utter_price": 0.4, "utter_chat": 0.4}}]),
    "no user needed": (ASKED, [memory(), rule(0.4, **NO_USER), ted(0.99)]),
    "two that need no user": (
        ASKED,
        [rule(0.4, **NO_USER), memory(0.6, **NO_USER), ted(0.99)],
    ),
    "text before intent": (ASKED, [memory(), ted(0.6, **FROM_TEXT)]),
    "two from text": (ASKED, [memory(), ted(0.6, **FROM_TEXT), rule(**FROM_TEXT)]),
    "no user before text": (ASKED, [ted(0.99, **FROM_TEXT), rule(0.4, **NO_USER)]),
    "no user and from text": (
        ASKED,
        [ted(0.99, **FROM_TEXT), rule(0.4, **NO_USER, **FROM_TEXT), memory(0.5, **NO_USER)],
    ),
    "events of all, optional ones of the winner": (
        ASKED,
        [
            rule(0.5, events=[INTERRUPTED]),
            ted(0.9, optional_events=[ENTITIES]),
            memory(0.4, optional_events=[slot("note", "lost")], events=[slot("note", "kept")]),
        ],
    ),
    "optional events of a loser": (ASKED, [memory(), ted(0.2, optional_events=[ENTITIES])]),
    "fallback with events": (ASKED, [fallback(events=[INTERRUPTED]), memory()]),
    "hidden turn": (ASKED, [rule(hide_rule_turn=True), ted(0.9)]),
    "hidden turn that loses": (ASKED, [rule(0.5, hide_rule_turn=True), ted(0.9)]),
    "after an action": ([*ASKED, action("utter_answer")], [ted(0.9), fallback()]),
    "after an action, from text": ([*ASKED, action("utter_answer")], [ted(0.9, **FROM_TEXT)]),
    "nobody has spoken": ([LISTEN], [ted(0.9)]),
    "empty conversation": ([], [ted(0.9)]),
    "rejected action": (
        [*IN_FORM, *ASKED, rejected("trip_form")],
        [ted(0.9, "trip_form"), memory(1.0, "trip_form"), rule(0.4)],
    ),
    "rejected action, nothing else is left": (
        [*IN_FORM, *ASKED, rejected("trip_form")],
        [memory(1.0, "trip_form"), ted(0.9, "trip_form")],
    ),
    "rejected earlier": (
        [*IN_FORM, *ASKED, rejected("trip_form"), action("utter_answer")],
        [ted(0.9, "trip_form"), memory(1.0, "trip_form")],
    ),
    "rejected, then other events": (
        [*IN_FORM, *ASKED, rejected("trip_form"), slot("note", "x")],
        [ted(0.9, "trip_form"), fallback()],
    ),
    "rejected, then taken back": (
        [*IN_FORM, *ASKED, rejected("trip_form"), event("rewind")],
        [ted(0.9, "trip_form"), fallback()],
    ),
    "rejected, no user needed": (
        [*IN_FORM, *ASKED, rejected("trip_form")],
        [rule(1.0, "trip_form", **NO_USER), ted(0.9)],
    ),
    "unlikely intent": (
        ASKED,
        [
            predicted("UnexpecTEDIntentPolicy", 2, {"action_unlikely_intent": 1.0}),
            ted(0.99),
        ],
    ),
    "unlikely intent against memory": (
        ASKED,
        [predicted("UnexpecTEDIntentPolicy", 2, {"action_unlikely_intent": 1.0}), memory()],
    ),
}


def made(content: Json, domain: Domain) -> PolicyPrediction:
    """A prediction as Rasa's policies make it."""
    content = copy.deepcopy(content)
    scores = [0.0] * domain.num_actions
    for name, score in content.pop("scores").items():
        scores[domain.index_for_action(name)] = score
    events = {
        name: [event_from_json(event) for event in content.pop(name, [])]
        for name in ("events", "optional_events")
    }
    return PolicyPrediction(
        scores, content.pop("policy"), content.pop("priority"), **events, **content
    )


def record(name: str, events: list[Json], predictions: list[Json], domain: Domain) -> Json:
    """The winner."""
    best = DefaultPolicyPredictionEnsemble().combine_predictions(
        [made(content, domain) for content in predictions], tracker_of(events, domain), domain
    )
    flags = {
        flag: getattr(best, flag)
        for flag in ("is_no_user_prediction", "is_end_to_end_prediction", "hide_rule_turn")
        if getattr(best, flag)
    }
    return {
        "name": name,
        "conversation": events,
        "predictions": predictions,
        "winner": {
            "policy": best.policy_name,
            "priority": best.policy_priority,
            "action": domain.action_names_or_texts[best.max_confidence_index],
            "confidence": best.max_confidence,
            "events": [event_as_json(event) for event in best.events],
            **flags,
        },
    }


def main() -> None:
    """Write dialogue_ensemble.json."""
    domain, _ = project(PROJECT)
    write_fixture(
        "dialogue_ensemble",
        "record_dialogue_ensemble.py",
        {"project": PROJECT},
        [record(name, *case, domain) for name, case in CASES.items()],
    )


if __name__ == "__main__":
    main()
