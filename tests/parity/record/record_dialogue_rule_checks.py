"""Record which rules and stories RulePolicy refuses, and what it names.

Rasa's messages are taken apart; their words are not kept.
"""

from __future__ import annotations

import json
import re
from typing import Any

from dialogue_data import make_policy, project_from_texts, unfolded
from rasa.core.policies.rule_policy import InvalidRule, RulePolicy
from rasa.shared.core.domain import InvalidDomain
from recording import canonical, write_fixture

DOMAIN = """\
version: "3.1"
intents: [greet, ask, book, inform, chat, affirm, deny, stop]
entities: [city]
slots:
  member:
    type: bool
    mappings:
    - type: custom
  level:
    type: categorical
    values: [silver, gold]
    mappings:
    - type: custom
  note:
    type: text
    influence_conversation: false
    mappings:
    - type: custom
forms:
  trip_form:
    required_slots: [note]
responses:
  utter_greet:
  - text: Hello
  utter_answer:
  - text: It is so
  utter_chat:
  - text: Oh
  utter_booked:
  - text: It is booked
actions: [action_look_up]
"""

ASK = """\
rules:
- rule: answers
  steps:
  - intent: ask
  - action: utter_answer
"""
FORM = """\
- rule: starts the form
  steps:
  - intent: book
  - action: trip_form
  - active_loop: trip_form
"""

# Name: (stories and rules, options).
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "nothing wrong": (
        ASK
        + FORM
        + """\
stories:
- story: asks
  steps:
  - intent: ask
  - action: utter_answer
""",
        {},
    ),
    "two messages": (
        """\
rules:
- rule: long
  steps:
  - intent: greet
  - action: utter_greet
  - intent: ask
  - action: utter_answer
- rule: long too
  steps:
  - intent: deny
  - action: utter_greet
  - intent: ask
  - action: utter_answer
""",
        {},
    ),
    "two messages, not restricted": (
        """\
rules:
- rule: long
  steps:
  - intent: greet
  - action: utter_greet
  - intent: ask
  - action: utter_answer
""",
        {"restrict_rules": False},
    ),
    "two rules": (
        ASK
        + """\
- rule: chats
  steps:
  - intent: ask
  - action: utter_chat
""",
        {},
    ),
    "two rules, not checked": (
        ASK
        + """\
- rule: chats
  steps:
  - intent: ask
  - action: utter_chat
""",
        {"check_for_contradictions": False},
    ),
    "one goes on, the other listens": (
        ASK
        + """\
- rule: answers and chats
  steps:
  - intent: ask
  - action: utter_answer
  - action: utter_chat
""",
        {},
    ),
    "one goes on, the other does not say": (
        """\
rules:
- rule: answers
  wait_for_user_input: false
  steps:
  - intent: ask
  - action: utter_answer
- rule: answers and chats
  steps:
  - intent: ask
  - action: utter_answer
  - action: utter_chat
""",
        {},
    ),
    "general rule and one for a value": (
        ASK
        + """\
- rule: answers gold
  condition:
  - slot_was_set:
    - level: gold
  steps:
  - intent: ask
  - action: utter_chat
""",
        {},
    ),
    "story against rule": (
        ASK
        + """\
stories:
- story: chats
  steps:
  - intent: ask
  - action: utter_chat
""",
        {},
    ),
    "story against rule, later on": (
        ASK
        + """\
stories:
- story: greets
  steps:
  - intent: greet
  - action: utter_greet
  - intent: ask
  - action: utter_answer
  - action: utter_chat
""",
        {},
    ),
    "story with a slot against rule": (
        ASK
        + """\
stories:
- story: chats with members
  steps:
  - slot_was_set:
    - member: true
  - intent: ask
  - action: utter_chat
""",
        {},
    ),
    "rule that excludes what the story has": (
        """\
rules:
- rule: answers others
  condition:
  - slot_was_set:
    - member: null
  steps:
  - intent: ask
  - action: utter_answer
stories:
- story: chats with members
  steps:
  - slot_was_set:
    - member: true
  - intent: ask
  - action: utter_chat
""",
        {},
    ),
    "rule for the start only": (
        """\
rules:
- rule: greets at the start
  conversation_start: true
  steps:
  - intent: greet
  - action: utter_greet
stories:
- story: greets later on
  steps:
  - intent: ask
  - action: utter_answer
  - intent: greet
  - action: utter_chat
""",
        {},
    ),
    "rule for the start against a story": (
        """\
rules:
- rule: greets at the start
  conversation_start: true
  steps:
  - intent: greet
  - action: utter_greet
stories:
- story: chats at the start
  steps:
  - intent: greet
  - action: utter_chat
""",
        {},
    ),
    "story against an intent that every assistant has": (
        ASK
        + """\
stories:
- story: restarts
  steps:
  - intent: restart
  - action: utter_chat
""",
        {},
    ),
    "rule against an intent that every assistant has": (
        ASK
        + """\
- rule: goes back
  steps:
  - intent: back
  - action: utter_chat
""",
        {},
    ),
    "story begins with an action that a rule listens after": (
        ASK
        + """\
- rule: listens after a greeting
  steps:
  - action: utter_greet
stories:
- story: begins
  steps:
  - action: utter_greet
  - action: utter_chat
  - intent: ask
  - action: utter_answer
""",
        {},
    ),
    "story begins with an action that a rule listens after, unless there is a value": (
        ASK
        + """\
- rule: listens after a greeting
  steps:
  - action: utter_greet
- rule: chats with gold after a greeting
  condition:
  - slot_was_set:
    - level: gold
  steps:
  - action: utter_greet
  - action: utter_chat
stories:
- story: begins
  steps:
  - action: utter_greet
  - action: utter_chat
  - intent: ask
  - action: utter_answer
""",
        {},
    ),
    "form in a story with another action in between": (
        ASK
        + FORM
        + """\
stories:
- story: chats in the form
  steps:
  - intent: book
  - action: trip_form
  - active_loop: trip_form
  - intent: chat
  - action: utter_chat
  - action: trip_form
  - active_loop: null
  - action: utter_booked
""",
        {},
    ),
    "form in a story that answers as the rule does": (
        ASK
        + FORM
        + """\
stories:
- story: asks in the form
  steps:
  - intent: book
  - action: trip_form
  - active_loop: trip_form
  - intent: ask
  - action: utter_answer
  - action: trip_form
  - active_loop: null
  - action: utter_booked
""",
        {},
    ),
    "form in a story that answers otherwise": (
        ASK
        + FORM
        + """\
stories:
- story: asks in the form
  steps:
  - intent: book
  - action: trip_form
  - active_loop: trip_form
  - intent: ask
  - action: utter_chat
  - action: trip_form
  - active_loop: null
  - action: utter_booked
""",
        {},
    ),
    "form in a story goes on without listening": (
        ASK
        + FORM
        + """\
stories:
- story: does not listen
  steps:
  - intent: book
  - action: trip_form
  - active_loop: trip_form
  - action: utter_chat
""",
        {},
    ),
    "form with two ends": (
        ASK
        + """\
- rule: submits
  condition:
  - active_loop: trip_form
  steps:
  - action: trip_form
  - active_loop: null
  - action: utter_booked
stories:
- story: submits otherwise
  steps:
  - intent: book
  - action: trip_form
  - active_loop: trip_form
  - active_loop: null
  - action: utter_chat
""",
        {},
    ),
    "slot set in one rule only": (
        """\
rules:
- rule: looks up
  steps:
  - intent: ask
  - action: action_look_up
  - slot_was_set:
    - level: gold
  - action: utter_answer
- rule: looks up too
  steps:
  - intent: inform
  - action: action_look_up
  - action: utter_chat
""",
        {},
    ),
    "slot set in one rule only, listening": (
        """\
rules:
- rule: looks up
  steps:
  - intent: ask
  - action: action_look_up
  - slot_was_set:
    - level: gold
    - member: true
  - action: utter_answer
- rule: looks up too
  steps:
  - intent: inform
  - action: action_look_up
""",
        {},
    ),
    "slot set in one rule only, not waiting": (
        """\
rules:
- rule: looks up
  steps:
  - intent: ask
  - action: action_look_up
  - slot_was_set:
    - level: gold
  - action: utter_answer
- rule: looks up too
  wait_for_user_input: false
  steps:
  - intent: inform
  - action: action_look_up
""",
        {},
    ),
    "slot set to nothing in the other": (
        """\
rules:
- rule: looks up
  steps:
  - intent: ask
  - action: action_look_up
  - slot_was_set:
    - level: gold
  - action: utter_answer
- rule: looks up too
  steps:
  - intent: inform
  - action: action_look_up
  - slot_was_set:
    - level: null
  - action: utter_chat
""",
        {},
    ),
    "slot that does not influence": (
        """\
rules:
- rule: looks up
  steps:
  - intent: ask
  - action: action_look_up
  - slot_was_set:
    - note: something
  - action: utter_answer
- rule: looks up too
  steps:
  - intent: inform
  - action: action_look_up
  - action: utter_chat
""",
        {},
    ),
    "loop not set in the other": (
        ASK
        + FORM
        + """\
- rule: starts it otherwise
  steps:
  - intent: inform
  - action: trip_form
  - action: utter_chat
""",
        {},
    ),
    "loop ended in one, started in the other": (
        ASK
        + FORM
        + """\
- rule: submits
  condition:
  - active_loop: trip_form
  steps:
  - action: trip_form
  - active_loop: null
  - action: utter_booked
""",
        {},
    ),
    "texts": (
        """\
rules:
- rule: never mind
  steps:
  - user: never mind
  - action: utter_answer
- rule: never mind at all
  steps:
  - user: never mind
  - action: utter_chat
""",
        {},
    ),
    "a story departs from a rule that is hidden by a longer one": (
        ASK
        + """\
- rule: answers others
  condition:
  - slot_was_set:
    - member: null
  steps:
  - intent: ask
  - action: utter_answer
stories:
- story: a member asks
  steps:
  - slot_was_set:
    - member: true
  - intent: ask
  - action: utter_chat
""",
        {},
    ),
    "fallback that is no action": (ASK, {"core_fallback_action_name": "utter_nothing"}),
}

_CONTRADICTION = re.compile(
    r"- the prediction of the action '(?P<action>.*?)' in (?P<kind>rule|story) '(?P<name>.*?)' "
    r"is contradicting with rule\(s\) '(?P<rules>.*?)'"
    r"(?: which predicted action '(?P<predicted>.*?)')?\.$"
)
_SLOTS = re.compile(
    r"- the action '(?P<action>.*?)' in rule '(?P<name>.*?)' does not set some of the slots .*"
    r"Slots not set in rule '.*?': '(?P<slots>.*?)'"
)
_LOOP = re.compile(
    r"- the form '(?P<action>.*?)' in rule '(?P<name>.*?)' does not set the 'active_loop'"
    r".*?: '(?P<loops>.*?)'"
)


def faults(message: str) -> dict[str, Any]:
    """What a message names: its kind and its parts."""
    if "more than 1 user message" in message:
        names = re.search(r"Found rules '(.*?)' that contain", message)
        return {"kind": "restricted", "rules": sorted(names[1].split(", "))}
    found = []
    for line in message.splitlines():
        if match := _CONTRADICTION.match(line):
            parts = match.groupdict()
            parts["rules"] = sorted(parts["rules"].split(", "))
        elif match := _SLOTS.match(line):
            parts = match.groupdict()
            parts["slots"] = sorted(parts["slots"].split(", "))
        elif match := _LOOP.match(line):
            parts = match.groupdict()
            parts["loops"] = sorted(parts["loops"].split(", "))
        else:
            assert not line.startswith("- "), line
            continue
        found.append({key: value for key, value in parts.items() if value is not None})
    kind = "contradicting" if "Contradicting" in message else "incomplete"
    assert found, message
    return {"kind": kind, "faults": sorted(found, key=str)}


def record(name: str, stories: str, options: dict[str, Any]) -> dict[str, Any]:
    """Whether it is accepted, and the fault if not."""
    domain, graph = project_from_texts(DOMAIN, 'version: "3.1"\n' + stories)
    policy = make_policy(RulePolicy, **options)
    result: dict[str, Any] = {"name": name, "stories": stories, "options": options, "fault": None}
    try:
        policy.train(unfolded(domain, graph), domain)
    except InvalidRule as error:
        result["fault"] = faults(error.message)
    except InvalidDomain:
        result["fault"] = {"kind": "fallback"}
    else:
        result["n_rules"] = len(policy.lookup["rules"])
        # Keys that start with a word are Rasa's texts for what needs no rule.
        keys = policy.lookup.get("rules_not_in_stories", [])
        hidden = [json.loads(key) for key in keys if key[0] == "["]
        result["not_in_stories"] = sorted(hidden, key=canonical)
    return result


def main() -> None:
    """Write dialogue_rule_checks.json."""
    write_fixture(
        "dialogue_rule_checks",
        "record_dialogue_rule_checks.py",
        {"domain": DOMAIN, "stories": 'without the line "version"'},
        [record(name, *case) for name, case in CASES.items()],
    )


if __name__ == "__main__":
    main()
