from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gossamer.data import check_domain, read_domain

Write = Callable[[str, str], Path]
SLOT = "slots:\n  s:\n    type: text\n    mappings:\n    - "
FORM = "forms:\n  f: {required_slots: [s]}\nresponses: {utter_ask_s: [{text: S}]}\n"


def said(text: str, write: Write) -> list[str]:
    """Findings, each with its line."""
    found = check_domain(read_domain(write("domain.yml", text)))
    return [
        f"{'' if finding.where is None else finding.where.line}: {finding.severity.value}: "
        f"{finding.message}"
        for finding in found
    ]


def test_a_good_domain(write: Write) -> None:
    text = f"""\
entities: [{{city: {{roles: [to]}}}}]
intents: [{{inform: {{use_entities: [city]}}}}, greet]
actions: [action_a, validate_f, utter_faq, utter_bye, action_ask_t]
{FORM}  utter_bye:
  - text: "Bye {{s}}, {{{{not_a_slot}}}}"
    condition: [{{type: slot, name: s, value: X}}]
    buttons: [{{title: "{{t}}", payload: '/inform{{"city": "x"}}'}}]
  utter_faq/x: [{{text: X}}]
  utter_b: [{{custom: {{a: ["{{requested_slot}}"]}}}}]
slots:
  s:
    type: text
    mappings:
    - {{type: from_entity, entity: city, role: to, intent: inform, not_intent: greet}}
    - {{type: from_text, conditions: [{{active_loop: f, requested_slot: s}}]}}
    - {{type: custom, action: action_a, conditions: [{{active_loop: null}}]}}
  t:
    type: categorical
    values: [a]
    mappings: [{{type: from_trigger_intent, value: A, conditions: [{{active_loop: f}}]}}]
""".replace("responses: {utter_ask_s: [{text: S}]}", "responses:\n  utter_ask_s: [{text: S}]")
    assert said(text, write) == []


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        (
            "intents:\n- a: {use_entities: [x], ignore_entities: [y]}\n- b/c\nentities: [z]\n",
            [
                "2: error: intent 'a' names the entity type 'x', which is not declared",
                "2: warning: intent 'a' names the entity type 'y', which is not declared",
                "3: warning: intent 'b/c' has a key; a domain lists retrieval intents without "
                "keys: 'b'",
            ],
        ),
        (
            f"{SLOT}{{type: from_entity, entity: citi}}\nentities: [city]",
            [
                "5: error: a mapping of slot 's' names the entity type 'citi', which is not "
                "declared; did you mean 'city'?"
            ],
        ),
        (
            f"{SLOT}{{type: from_entity, entity: city, role: a, group: b}}\nentities: [city]",
            [
                "5: warning: a mapping of slot 's' names the role 'a', which is not declared",
                "5: warning: a mapping of slot 's' names the group 'b', which is not declared",
            ],
        ),
        (
            f"{SLOT}{{type: from_text, intent: a, not_intent: b}}",
            [
                "5: error: a mapping of slot 's' names the intent 'a', which is not declared",
                "5: warning: a mapping of slot 's' names the intent 'b', which is not declared",
            ],
        ),
        (
            f"{SLOT}{{type: custom, action: guess}}",
            ["5: error: a mapping of slot 's' names the action 'guess', which is not declared"],
        ),
        (
            f"{SLOT}{{type: from_text, conditions: [{{active_loop: g, requested_slot: t}}]}}",
            [
                "5: error: a condition of slot 's' names the slot 't', which is not declared",
                "5: error: a condition of slot 's' names the form 'g', which is not declared",
            ],
        ),
        (
            f"{SLOT}{{type: from_text, conditions: [{{requested_slot: s}}]}}",
            [
                "5: warning: a condition of slot 's' names a requested slot but no active loop, "
                "so that no slot is requested; it counts whenever no loop is active"
            ],
        ),
        (
            f"{SLOT}{{type: from_text, conditions: [{{active_loop: f}}]}}\n  r:\n    type: any\n"
            f"{FORM}".replace("[s]", "[r]").replace("ask_s", "ask_f_r"),
            ["5: warning: a condition of slot 's' names form 'f', which does not ask for it"],
        ),
        (
            "slots:\n  s: {type: categorical, mappings: [{type: custom}]}",
            ["2: warning: categorical slot 's' has no values; all look alike to models"],
        ),
        (
            f"{FORM}  g: {{required_slots: [t], ignored_intents: a}}".replace(
                "responses: {utter_ask_s: [{text: S}]}\n", ""
            ),
            [
                "2: error: form 'f' names the slot 's', which is not declared",
                "2: warning: form 'f' cannot ask for slot 's': there is neither a response "
                "'utter_ask_s' nor an action 'action_ask_s'",
                "3: error: form 'g' names the slot 't', which is not declared",
                "3: warning: form 'g' names the intent 'a', which is not declared",
                "3: warning: form 'g' cannot ask for slot 't': there is neither a response "
                "'utter_ask_t' nor an action 'action_ask_t'",
            ],
        ),
        (
            "actions: [utter_a, validate_g, utter_b]\nresponses: {utter_b: [b]}",
            [
                "None: warning: action 'utter_a' has no response",
                "None: warning: action 'validate_g' validates the form 'g', which is not declared",
            ],
        ),
        (
            "responses:\n  utter_a: []\n  utter_b:\n  - text: '{x} {x} {a.b} {not this}'\n"
            "    condition: [{type: slot, name: y, value: 1}]\n",
            [
                "None: warning: response 'utter_a' has no variations, so that nothing is said",
                "4: error: a condition of response 'utter_b' names the slot 'y', which is not "
                "declared",
                "4: warning: response 'utter_b' holds '{x}', which is not a slot; unless an action "
                "gives its value, it is said as it is written",
                "4: warning: response 'utter_b' holds '{a.b}', which is not a slot; unless an "
                "action gives its value, it is said as it is written",
            ],
        ),
    ],
)
def test_findings(text: str, findings: list[str], write: Write) -> None:
    assert said(text, write) == findings


BY_INTENT = "[{type: from_intent, value: true}]"
BY_ENTITY = "[{type: from_entity, entity: e}]"
CUSTOM = "[{type: custom}]"


@pytest.mark.parametrize(
    ("slot", "value", "finding"),
    [
        (f"bool, mappings: {BY_INTENT}", "true", None),
        (f"bool, mappings: {BY_INTENT}", '"true"', "error: a bool; true without quotes is a bool"),
        (f"bool, mappings: {BY_ENTITY}", '"true"', "warning: a bool; true without quotes is"),
        (f"bool, mappings: {CUSTOM}", "maybe", "error: a bool"),
        (f"bool, mappings: {CUSTOM}", "2", "error: a bool"),
        (f"bool, mappings: {CUSTOM}", "[true]", "error: a bool"),
        (f"bool, mappings: {CUSTOM}", "0", None),
        (f"bool, mappings: {CUSTOM}", "null", None),
        (f"float, mappings: {CUSTOM}", '"0.5"', "error: a number; 0.5 without quotes is a number"),
        (f"float, mappings: {CUSTOM}", "0.5", None),
        (f"float, mappings: {CUSTOM}", "4", "warning: names 4, which is not between the limits"),
        (f"list, mappings: {BY_ENTITY}", "a", "error: a list; [a] is a list"),
        (f"list, mappings: {BY_ENTITY}", "[a]", None),
        (f"text, mappings: {BY_ENTITY}", "4", 'warning: a text; "4" in quotes is a text'),
        (f"text, mappings: {BY_ENTITY}", '"4"', None),
        (f"text, initial_value: 4, mappings: {BY_ENTITY}", "4", None),
        (f"categorical, values: [a], mappings: {CUSTOM}", "A", None),
        (f"categorical, values: [a], mappings: {CUSTOM}", "b", "warning: names 'b', which is not"),
        (f"any, mappings: {CUSTOM}", "b", None),
    ],
)
def test_conditions_that_cannot_hold(
    slot: str, value: str, finding: str | None, write: Write
) -> None:
    text = (
        f"entities: [e]\nslots:\n  s: {{type: {slot}}}\nresponses:\n  utter_a:\n"
        f"  - {{text: a, condition: [{{type: slot, name: s, value: {value}}}]}}\n"
    )
    found = said(text, write)
    if finding is None:
        assert found == []
        return
    severity, told = finding.split(": ", 1)
    (only,) = found
    assert only.startswith(f"6: {severity}: a condition of response 'utter_a' ")
    assert told in only
    if not told.startswith("names"):
        assert f"compares the slot 's' of type {slot.split(',')[0]} with " in only
        assert ("is never equal" if severity == "error" else "is hardly ever equal") in only


@pytest.mark.parametrize(
    ("slot", "value", "finding"),
    [
        ("bool", "yes", "error: to a text, 'yes', which counts as not set"),
        ("bool", '"true"', "warning: no condition finds equal to a bool; true without quotes is"),
        ("bool", "false", None),
        ("float", "high", "error: to a text, 'high', which counts as not set"),
        ("float", "0.5", None),
        ("categorical, values: [a]", "b", "warning: names 'b', which is not among the values"),
        ("categorical, values: [1]", "1", None),
        ("list", "a", None),
        ("text", "1", None),
    ],
)
def test_mappings_to_values_that_a_slot_cannot_have(
    slot: str, value: str, finding: str | None, write: Write
) -> None:
    mapping = f"[{{type: from_intent, intent: a, value: {value}}}]"
    found = said(f"intents: [a]\nslots:\n  s: {{type: {slot}, mappings: {mapping}}}\n", write)
    if finding is None:
        assert found == []
        return
    severity, told = finding.split(": ", 1)
    (only,) = found
    assert only.startswith(f"3: {severity}: a mapping of slot 's' ")
    assert told in only


def test_an_initial_value_that_a_slot_cannot_have(write: Write) -> None:
    text = "slots:\n  s: {type: bool, initial_value: nein, mappings: [{type: custom}]}"
    assert said(text, write) == [
        "2: error: the initial value sets the slot 's' of type bool to a text, 'nein', which "
        "counts as not set"
    ]


def test_a_form_that_the_action_server_runs_asks_itself(write: Write) -> None:
    assert said("forms:\n- f\nslots: {s: {type: any}}", write) == []


def test_all_of_a_domain() -> None:
    found = check_domain(
        read_domain(Path(__file__).parents[1] / "fixtures" / "domains" / "rasa_3.yml")
    )
    assert [finding.message for finding in found] == [
        "a mapping of slot 'wants_hotel' sets the slot 'wants_hotel' of type bool to a text, "
        "'yes', which counts as not set",
        "a mapping of slot 'wants_hotel' sets the slot 'wants_hotel' of type bool to a number, 2, "
        "which no condition finds equal to a bool",
        "action 'validate_other' validates the form 'other', which is not declared",
    ]
