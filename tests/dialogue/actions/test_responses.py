from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from gossamer.data.domain.responses import SlotEquals, Variation
from gossamer.dialogue.actions.responses import ResponseGenerator, holds, interpolated, suitable


def variation(text: str | None = None, **parts: Any) -> Variation:
    return Variation(text=text, **parts)


def when(slot: str, value: Any) -> tuple[SlotEquals, ...]:
    return (SlotEquals(slot=slot, value=value),)


def generator(*variations: Variation, seed: int = 0) -> ResponseGenerator:
    return ResponseGenerator({"utter_hi": variations}, random.Random(seed))


PLAIN, GOLD = variation("plain"), variation("gold", conditions=when("level", "gold"))
WEB, WEB_GOLD = (
    variation("web", channel="web"),
    variation("web gold", channel="web", conditions=when("level", "gold")),
)


@pytest.mark.parametrize(
    ("given", "level", "channel", "expected"),
    [
        ((PLAIN, GOLD, WEB, WEB_GOLD), "gold", "web", WEB_GOLD),
        ((PLAIN, GOLD, WEB), "gold", "web", WEB),  # a channel goes before conditions
        ((PLAIN, GOLD, WEB, WEB_GOLD), "tin", "web", WEB),
        ((PLAIN, GOLD, WEB, WEB_GOLD), "GOLD", "phone", GOLD),
        ((PLAIN, GOLD, WEB, WEB_GOLD), None, "phone", PLAIN),
    ],
)
def test_which_variation_fits(
    given: tuple[Variation, ...], level: str | None, channel: str, expected: Variation
) -> None:
    assert suitable(given, {"level": level}, channel) == [expected]


@pytest.mark.parametrize("given", [(), (WEB,), (GOLD,), (WEB_GOLD, GOLD)])
def test_none_fits(given: tuple[Variation, ...]) -> None:
    assert suitable(given, {}, "phone") == []
    assert generator(*given).generate("utter_hi", {}, "phone") is None


def test_unknown_response() -> None:
    assert generator(PLAIN).generate("utter_bye", {}, "web") is None


@pytest.mark.parametrize(
    ("value", "wanted", "expected"),
    [
        ("Gold", "gOLD", True),
        ("gold ", "gold", False),
        (None, None, True),
        (None, "None", False),
        (3, "3", False),
        (3.0, 3, True),
        (["a"], ["a"], True),
        (True, "true", False),
    ],
)
def test_conditions(value: Any, wanted: Any, expected: bool) -> None:
    assert holds(SlotEquals(slot="s", value=wanted), {"s": value}) is expected


def test_a_slot_that_is_not_there_has_no_value() -> None:
    assert holds(SlotEquals(slot="s", value=None), {})


def test_all_conditions_must_hold() -> None:
    both = variation("both", conditions=(*when("a", 1), *when("b", 2)))
    assert suitable([both], {"a": 1, "b": 2}, "web") == [both]
    assert suitable([both], {"a": 1, "b": 3}, "web") == []


def test_choice_is_random_and_repeatable() -> None:
    many = [variation(f"{number}") for number in range(3)]

    def said(seed: int) -> list[str | None]:
        made = generator(*many, seed=seed)
        messages = [made.generate("utter_hi", {}, "web") for _ in range(60)]
        return [None if message is None else message.text for message in messages]

    assert said(1) == said(1) != said(2)
    assert set(Counter(said(1))) == {"0", "1", "2"}


def test_every_part_is_filled_in_but_elements() -> None:
    whole = variation(
        "to {city}",
        image="{city}.png",
        attachment={"name": "{city}.pdf"},
        custom={"deep": [{"at": "{city}"}, 3], "{city}": None},
        buttons=({"title": "{city}", "payload": '/go{{"to": "{city}"}}'},),
        quick_replies=({"title": "{city}"},),
        elements=({"title": "{city}"},),
        channel="web",
        metadata={"note": "{city}"},
        others={"id": "7"},
    )
    message = generator(whole).generate("utter_hi", {"city": "Rome"}, "web")
    assert message is not None
    assert message.text == "to Rome"
    assert message.data == {
        "image": "Rome.png",
        "attachment": {"name": "Rome.pdf"},
        "custom": {"deep": [{"at": "Rome"}, 3], "{city}": None},
        "buttons": [{"title": "Rome", "payload": '/go{"to": "Rome"}'}],
        "quick_replies": [{"title": "Rome"}],
        "elements": [{"title": "{city}"}],
    }
    assert message.metadata == {
        "utter_action": "utter_hi",
        "id": "7",
        "channel": "web",
        "metadata": {"note": "{city}"},
    }
    assert whole.buttons[0]["title"] == "{city}"  # the response itself stays


def test_only_what_is_given_is_in_a_message() -> None:
    message = generator(PLAIN).generate("utter_hi", {}, "web")
    assert message is not None and message.data == {}


def test_arguments_win_over_slots() -> None:
    made = generator(variation("{city} {given}"))
    message = made.generate("utter_hi", {"city": "Rome"}, "web", {"city": "Oslo", "given": 1})
    assert message is not None and message.text == "Oslo 1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{city}", "Rome"),
        ("{unset}", "None"),
        ("{{city}}", "{city}"),
        ("{{{city}}}", "{Rome}"),
        ("{{city}} {city}", "{city} Rome"),
        ("{", "{"),
        ("a } b { c", "a } b { c"),
        ("{}", "{}"),
        ("{city\n}", "{city\n}"),
        ("", ""),
        ("{list}", "['a', 1]"),
        ("{braces}", "{city}"),  # what a slot holds is not filled in again
    ],
)
def test_variables(text: str, expected: str) -> None:
    values = {"city": "Rome", "unset": None, "list": ["a", 1], "braces": "{city}"}
    assert interpolated(text, values, "utter_hi") == expected


@pytest.mark.parametrize("text", ["{unknown}", "{city} and {unknown}", "{city!r}", "{city.x}"])
def test_unknown_variable(text: str) -> None:
    with pytest.warns(UserWarning, match=r"'utter_hi' has the variable \{.*not a slot"):
        assert interpolated(text, {"city": "Rome"}, "utter_hi") == text


def test_an_unknown_variable_leaves_other_texts_alone() -> None:
    made = generator(variation("{city}", image="{unknown}.png"))
    with pytest.warns(UserWarning, match=r"\{unknown\}"):
        message = made.generate("utter_hi", {"city": "Rome"}, "web")
    assert message is not None
    assert (message.text, message.data["image"]) == ("Rome", "{unknown}.png")
