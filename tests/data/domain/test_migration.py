"""Domains of Rasa 1 and 2, compared with what `rasa data migrate` of Rasa 3.6.21 makes of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gossamer.data import DataError, Domain, read_domain
from gossamer.data.domain.slots import SlotType
from gossamer.data.text.yaml_writer import yaml_lines

Write = Callable[[str, str], Path]
RASA_2 = (Path(__file__).parents[1] / "fixtures" / "domains" / "rasa_2.yml").read_text(
    encoding="utf-8"
)
MAPPINGS = {
    "city": [
        {"type": "from_entity", "entity": "city", "conditions": [{"active_loop": "trip_form"}]},
        {
            "type": "from_text",
            "not_intent": "greet",
            "conditions": [
                {"active_loop": "trip_form", "requested_slot": "city"},
                {"active_loop": "hotel_form", "requested_slot": "city"},
            ],
        },
        {"type": "from_entity", "entity": "city"},
    ],
    "people": [{"type": "from_entity", "entity": "people"}],
    "note": [{"type": "custom"}],
    "goal": [
        {
            "type": "from_intent",
            "intent": "inform",
            "value": "a",
            "conditions": [{"active_loop": "trip_form", "requested_slot": "goal"}],
        },
        {
            "type": "from_trigger_intent",
            "intent": "book",
            "value": "a",
            "conditions": [{"active_loop": "trip_form"}],
        },
    ],
}


def mappings(domain: Domain) -> dict[str, list[dict[str, Any]]]:
    return {name: slot["mappings"] for name, slot in domain.content["slots"].items()}


def test_rasa_2(write: Write) -> None:
    domain = read_domain(write("domain.yml", RASA_2))
    assert mappings(domain) == MAPPINGS
    assert domain.content["forms"] == {
        "trip_form": {"ignored_intents": ["chitchat"], "required_slots": ["city", "goal"]},
        "hotel_form": {"required_slots": ["city", "people"]},
    }
    assert domain.content["version"] == "3.1"
    assert "auto_fill" not in str(domain.content)
    assert domain.forms["trip_form"].required_slots == ("city", "goal")
    assert domain.slots[0].mappings[1].conditions[1].active_loop == "hotel_form"
    assert domain.slots[0].mappings[1].where is not None
    assert domain.slots[0].mappings[1].where.line == 14


def test_a_migrated_domain_is_read_alike(write: Write) -> None:
    domain = read_domain(write("domain.yml", RASA_2))
    again = read_domain(write("again.yml", "\n".join(yaml_lines(dict(domain.content)))))
    assert again == domain
    assert again.content == domain.content


def test_forms_before_rasa_2_1_have_slots_at_their_top(write: Write) -> None:
    text = "forms:\n  f:\n    s: [{type: from_text}]\nslots: {s: {type: any}}"
    domain = read_domain(write("domain.yml", text))
    assert domain.forms["f"].required_slots == ("s",)
    assert mappings(domain)["s"][0]["conditions"] == [{"active_loop": "f", "requested_slot": "s"}]


def test_rasa_1(write: Write) -> None:
    text = """\
    entities: [city]
    slots:
      city: {type: unfeaturized, auto_fill: false}
      requested_slot: {type: unfeaturized}
      mood: {type: rasa.core.slots.CategoricalSlot, values: [good]}
      old: {type: rasa_core.slots.UnfeaturizedSlot}
      flag: {type: rasa.shared.core.slots.BooleanSlot}
    templates:
      utter_hi: [Hi]
    actions: [utter_hi, action_a]
    forms:
    - trip_form
    - new_form: {city: [{type: from_text}]}
    """
    domain = read_domain(write("domain.yml", text))
    types = {slot.name: slot.type for slot in domain.slots}
    assert types == {
        "city": SlotType.ANY,
        "requested_slot": SlotType.ANY,
        "mood": SlotType.CATEGORICAL,
        "old": SlotType.ANY,
        "flag": SlotType.BOOL,
        "session_started_metadata": SlotType.ANY,
    }
    assert domain.content["slots"]["flag"]["type"] == "bool"
    assert list(domain.forms) == ["trip_form", "new_form"]
    # Such a form was code of the action server.
    assert domain.actions == ("utter_hi", "action_a", "trip_form")
    assert mappings(domain)["city"][0]["type"] == "from_text"


def test_roles_and_groups_fill_a_slot_too(write: Write) -> None:
    text = "entities: [{city: {roles: [to], groups: ['1']}}]\nslots: {city: {type: text}}"
    base = {"type": "from_entity", "entity": "city"}
    domain = read_domain(write("domain.yml", text))
    assert mappings(domain)["city"] == [base, base | {"role": "to"}, base | {"group": "1"}]


def test_entities_fill_no_slots_where_the_domain_says_so(write: Write) -> None:
    text = "config: {store_entities_as_slots: false}\nentities: [city]\nslots: {city: {type: text}}"
    assert mappings(read_domain(write("domain.yml", text)))["city"] == [{"type": "custom"}]


def test_slots_with_mappings_stay_as_they_are(write: Write) -> None:
    slots = "slots: {city: {type: text, mappings: [{type: from_text}]}}"
    for version in ("", 'version: "2.0"\n', 'version: "3.0"\n'):
        path = write("domain.yml", f"{version}entities: [city]\n{slots}")
        assert mappings(read_domain(path))["city"] == [{"type": "from_text"}]


def test_a_mapping_that_counts_everywhere_goes_on_to(write: Write) -> None:
    text = (
        "slots: {city: {type: text, mappings: [{type: from_text}]}}\n"
        "forms: {f: {required_slots: {city: [{type: from_text}]}}}"
    )
    assert mappings(read_domain(write("domain.yml", text)))["city"] == [{"type": "from_text"}]


def test_files_of_a_folder_are_migrated_together(write: Write, tmp_path: Path) -> None:
    head, forms = RASA_2.split("forms:")
    entities, slots = head.split("slots:")
    write("d/a.yml", entities)
    write("d/b.yml", f"slots:{slots}")
    write("d/c.yml", f"forms:{forms}")
    assert mappings(read_domain(tmp_path / "d")) == MAPPINGS


def test_slots_need_mappings_in_rasa_3(write: Write) -> None:
    for body in ("{type: text}", "{type: text, mappings: []}", "{type: text, mappings: }"):
        path = write("domain.yml", f'version: "3.0"\nslots:\n  a: {body}\n')
        with pytest.raises(DataError, match=r"domain\.yml:3: .*since Rasa 3.*version: \"2\.0\""):
            read_domain(path)


def test_what_is_lost_is_said(write: Write) -> None:
    text = "forms:\n  f:\n    required_slots: {s: []}\n    t:\n    - {type: from_text}\n"
    with pytest.warns(UserWarning, match=r"domain\.yml:4: not read in form 'f', as in Rasa: t;"):
        domain = read_domain(write("domain.yml", text))
    assert domain.content["forms"] == {"f": {"required_slots": ["s"]}}
    text = "forms:\n  f:\n    required_slots:\n      s:\n      - {type: from_text}\n"
    with pytest.warns(UserWarning, match=r"domain\.yml:5: what fills slot 's' in form 'f' is not"):
        read_domain(write("domain.yml", text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("forms:\n  f:\n    required_slots: {s: a}", r":3: slot 's' in form 'f' must be a list"),
        ("forms:\n  f:\n    required_slots: {s: [a]}", r":3: a mapping of slot 's' in form 'f'"),
        ("slots:\n  s: {type: any, auto_fill: 1}", r":2: 'auto_fill' of slot 's' must be true"),
        ("slots:\n  s: {type: rasa.core.slots.MoodSlot}", r":2: .*'rasa\.core\.slots\.MoodSlot'"),
    ],
)
def test_what_is_refused(text: str, message: str, write: Write) -> None:
    with pytest.raises(DataError, match=rf"domain\.yml{message}"):
        read_domain(write("domain.yml", text))
