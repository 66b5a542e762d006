from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gossamer.data import DataError, read_domain
from gossamer.data.domain.slots import MappingType, Slot, SlotType

Write = Callable[[str, str], Path]
CUSTOM = "mappings: [{type: custom}]"


@pytest.fixture
def slot(write: Write) -> Callable[[str], Slot]:
    """The slot that a text describes, which is the body of slot `s` on line 3."""

    def read(body: str) -> Slot:
        domain = read_domain(write("domain.yml", f"slots:\n  s:\n    {{{body}}}"))
        return domain.slots[0]

    return read


Read = Callable[[str], Slot]


def test_only_slots_of_type_any_do_not_influence_by_default(slot: Read) -> None:
    for slot_type in SlotType:
        found = slot(f"type: {slot_type}, {CUSTOM}")
        assert found.type is slot_type
        assert found.influence_conversation is (slot_type is not SlotType.ANY)
    assert not slot(f"type: any, influence_conversation: false, {CUSTOM}").influence_conversation


def test_values_of_a_categorical_slot(slot: Read) -> None:
    found = slot(f"type: categorical, values: [Low, __other__, 1, 2.5, true, HIGH], {CUSTOM}")
    assert found.values == ("low", "1", "2.5", "true", "high", "__other__")
    assert found.features("TRUE") == (0, 0, 0, 1, 0, 0)
    assert slot(f"type: categorical, {CUSTOM}").values == ("__other__",)


def test_doubtful_values_are_said(slot: Read) -> None:
    with pytest.warns(UserWarning, match=r"domain\.yml:3: null among the values of slot 's'"):
        found = slot(f"type: categorical, values: [a, null, b], {CUSTOM}")
    assert found.values == ("a", "b", "__other__")
    with pytest.warns(UserWarning, match=r"domain\.yml:3: 'a' is already among the values"):
        assert slot(f"type: categorical, values: [a, A], {CUSTOM}").values == ("a", "__other__")


def test_the_range_of_a_float_slot(slot: Read) -> None:
    assert slot(f"type: float, {CUSTOM}").features(0.25) == (1.0, 0.25)
    found = slot(f"type: float, min_value: -1, max_value: 3, initial_value: 2, {CUSTOM}")
    assert (found.min_value, found.max_value, found.initial_value) == (-1, 3, 2)
    with pytest.warns(UserWarning, match=r"domain\.yml:3: the initial value 2 of slot 's'"):
        slot(f"type: float, initial_value: 2, {CUSTOM}")


def test_initial_values_are_plain(slot: Read) -> None:
    assert slot(f"type: list, initial_value: [1, {{2: a}}], {CUSTOM}").initial_value == [
        1,
        {"2": "a"},
    ]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (CUSTOM, "a slot needs a type"),
        (f"type: null, {CUSTOM}", "a slot needs a type"),
        (f"type: 5, {CUSTOM}", "the type of slot 's' must be a text"),
        (f"type: boolean, {CUSTOM}", r"must be one of text, bool, .*'boolean'.*Try: bool"),
        (
            f"type: my_slots.Mood, {CUSTOM}",
            r"my_slots\.Mood.*categorical.*Gossamer never imports code that is named in a file",
        ),
        (f"type: any, influence_conversation: true, {CUSTOM}", "any cannot influence"),
        (f"type: text, influence_conversation: 1, {CUSTOM}", "must be true or false"),
        (f"type: text, values: [a], {CUSTOM}", "a slot of type text has the keys .*'values'"),
        (f"type: text, initial: a, {CUSTOM}", "'initial'.*Try: initial_value"),
        (f"type: categorical, values: a, {CUSTOM}", "'values' of slot 's' must be a list"),
        (f"type: categorical, values: [[a]], {CUSTOM}", "a value of slot 's' must be"),
        (f"type: float, min_value: 1, {CUSTOM}", r"below its 'max_value' \(got \(1, 1\.0\)"),
        (f"type: float, max_value: a, {CUSTOM}", "'max_value' must be a number"),
        (f"type: float, max_value: true, {CUSTOM}", "'max_value' must be a number"),
        (f"type: float, max_value: .inf, {CUSTOM}", "'max_value' must be a number"),
        (f"type: float, initial_value: a, {CUSTOM}", "'initial_value' of slot 's' must be a num"),
        (f"type: any, initial_value: [.nan], {CUSTOM}", "a number must be finite"),
        ("type: text, mappings: {type: custom}", "'mappings' of slot 's' must be a list"),
        ("type: text, mappings: [custom]", "a mapping of slot 's' must be a mapping"),
        ("type: text, mappings: [{entity: a}]", "needs a type: from_entity, .*custom"),
        ("type: text, mappings: [{type: from_entities}]", "'from_entities'.*Try: from_entity"),
        ("type: text, mappings: [{type: from_entity}]", "needs the key 'entity'"),
        ("type: text, mappings: [{type: from_entity, entity: [a]}]", "'entity' of .* a text"),
        ("type: text, mappings: [{type: from_intent, value: null}]", "needs the key 'value'"),
        ("type: text, mappings: [{type: from_trigger_intent}]", "needs the key 'value'"),
        ("type: text, mappings: [{type: from_text, intent: {a: b}}]", "'intent' of .* a list"),
        ("type: text, mappings: [{type: from_text, conditions: a}]", "'conditions' of .* a list"),
        ("type: text, mappings: [{type: from_text, conditions: [a]}]", "must be a mapping"),
        ("type: text, mappings: [{type: from_text, conditions: [{}]}]", "must name 'active_loop'"),
        (
            "type: text, mappings: [{type: from_text, conditions: [{active_loop: 1}]}]",
            "'active_loop' of a condition of .* must be a text",
        ),
    ],
)
def test_what_is_refused(body: str, message: str, slot: Read) -> None:
    with pytest.raises(DataError, match=rf"domain\.yml:[23]: .*{message}|{message}") as caught:
        slot(body)
    assert caught.value.where is not None
    assert caught.value.where.line in (2, 3)


@pytest.mark.parametrize("body", ["", " null", " 5", " []"])
def test_a_slot_must_be_a_mapping(body: str, write: Write) -> None:
    with pytest.raises(DataError, match=r"domain\.yml:2: (slot 's' must be|a slot needs a type)"):
        read_domain(write("domain.yml", f"slots:\n  s:{body}\n"))


def test_what_has_no_effect_is_said(slot: Read) -> None:
    with pytest.warns(UserWarning, match="'value_reset_delay' has no effect"):
        slot(f"type: text, value_reset_delay: 2, {CUSTOM}")
    with pytest.warns(UserWarning, match="'not_intents', which is not read; did you mean 'not_int"):
        found = slot("type: text, mappings: [{type: from_text, not_intents: [a]}]")
    assert found.mappings[0].type is MappingType.FROM_TEXT
    with pytest.warns(UserWarning, match="did you mean 'requested_slot'"):
        slot(
            "type: text, mappings: [{type: from_text, conditions: "
            "[{active_loop: f, request_slot: a}]}]"
        )


@pytest.mark.parametrize("value", [10**400, "nan", [], {}, "five"], ids=lambda x: repr(x)[:9])
def test_a_float_slot_that_holds_no_number_of_use(slot: Read, value: object) -> None:
    assert slot(f"type: float, {CUSTOM}").features(value) == (0.0, 0.0)


def test_a_bool_slot_that_holds_thousands_of_digits(slot: Read) -> None:
    assert slot(f"type: bool, {CUSTOM}").features("7" * 6000) == (1.0, 0.0)
    assert slot(f"type: bool, {CUSTOM}").features("01") == (1.0, 1.0)
