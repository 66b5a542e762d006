"""Record which variations of a response may be said, and what becomes of variables in them."""

from __future__ import annotations

import copy
from typing import Any

import dialogue_data  # silences Rasa's logs
from rasa.core.nlg import TemplatedNaturalLanguageGenerator
from rasa.core.nlg.generator import ResponseVariationFilter
from recording import write_fixture

Json = dict[str, Any]


def when(**slots: Any) -> list[Json]:
    """Conditions: each slot has this value."""
    return [{"type": "slot", "name": name, "value": value} for name, value in slots.items()]


VARIATIONS: list[Json] = [
    {"text": "plain"},
    {"text": "plain too"},
    {"text": "gold", "condition": when(level="gold")},
    {"text": "gold member", "condition": when(level="Gold", member=True)},
    {"text": "slack", "channel": "slack"},
    {"text": "slack gold", "channel": "slack", "condition": when(level="gold")},
    {"text": "three", "condition": when(number=3)},
    {"text": "three as a text", "condition": when(number="3")},
    {"text": "not known", "condition": when(city=None)},
    {"text": "phone three", "channel": "phone", "condition": when(number=3)},
    {"text": "no condition in it", "condition": []},
]
# Which variations there are (None: all), the slots, the channel.
CHOICES: list[tuple[list[int] | None, Json, str]] = [
    (None, {"city": "Rome"}, "rest"),
    (None, {}, "rest"),
    (None, {"level": "gold", "city": "Rome"}, "rest"),
    (None, {"level": "GOLD", "city": "Rome"}, "rest"),
    (None, {"level": "gold", "member": True, "city": "Rome"}, "rest"),
    (None, {"level": "gold", "member": 1, "city": "Rome"}, "rest"),
    (None, {"level": "gold", "member": "true", "city": "Rome"}, "rest"),
    (None, {"level": "silver", "city": "Rome"}, "slack"),
    (None, {"level": "gold", "city": "Rome"}, "slack"),
    (None, {"number": 3, "city": "Rome"}, "slack"),
    (None, {"number": 3, "city": "Rome"}, "phone"),
    (None, {"number": 3.0, "city": "Rome"}, "rest"),
    (None, {"number": "3", "city": "Rome"}, "rest"),
    (None, {"city": None}, "rest"),
    ([2, 3, 4], {"level": "silver"}, "rest"),
    ([2, 4], {"level": "gold"}, "slack"),
    ([4], {}, "rest"),
    ([0, 4], {}, "phone"),
    ([5, 9], {"level": "gold"}, "rest"),
    ([10], {}, "rest"),
    ([], {}, "rest"),
]

SLOTS: Json = {
    "city": "Rome",
    "number": 3,
    "share": 0.5,
    "member": True,
    "nothing": None,
    "items": ["tea", "milk"],
    "thing": {"a": 1},
    "empty": "",
    "with space": "x",
    "braces": "{city}",
}
TEXTS = [
    "no variable",
    "to {city}",
    "{city} and {city}",
    "{number} {share} {member}",
    "{nothing}!",
    "{items} {thing}",
    "[{empty}]",
    "{with space}",
    "{unknown}",
    "{city} and {unknown}",
    "{{city}}",
    "{{city}} and {city}",
    "{{unknown}}",
    "a { b",
    "a } b",
    "{}",
    "{ city }",
    "{city\n}",
    "{braces}",
    "{city!r}",
    "{number:03d}",
    "{city.upper}",
    "{thing[a]}",
    "100% {city} %s",
    "{given} {city}",
    "0[city]",
    "0[ {city}",
]
RESPONSES: list[Json] = [
    {
        "text": "to {city}",
        "image": "https://example.org/{city}.png",
        "attachment": "{number}.pdf",
        "buttons": [
            {"title": "{city}", "payload": '/inform{{"city": "{city}"}}'},
            {"title": "{unknown}", "payload": "/{city}"},
        ],
        "quick_replies": [{"title": "{city}", "payload": "/x"}],
        "elements": [{"title": "{city}"}],
        "metadata": {"note": "{city}"},
    },
    {
        "custom": {
            "to": "{city}",
            "list": ["{city}", 3, {"deep": "{number}"}],
            "inner": {"text": "{city}", "unknown": "{unknown}", "number": 4},
            "{city}": "key",
        }
    },
    {"text": "{city}", "id": "{city}"},
]


def choice(numbers: list[int] | None, slots: Json, channel: str) -> Json:
    """The numbers of the variations that may be said."""
    numbers = list(range(len(VARIATIONS))) if numbers is None else numbers
    given = [VARIATIONS[number] for number in numbers]
    found = ResponseVariationFilter({"utter": given}).responses_for_utter_action(
        "utter", channel, slots
    )
    return {
        "variations": numbers,
        "slots": slots,
        "channel": channel,
        "candidates": [
            number for number, content in zip(numbers, given, strict=True) if content in found
        ],
    }


def filled(response: Json, slots: Json, **arguments: Any) -> Any:
    """A response with its variables filled; where Rasa fails, the name of its exception."""
    generator = TemplatedNaturalLanguageGenerator({"utter": [copy.deepcopy(response)]})
    try:
        return generator.generate_from_slots("utter", slots, "rest", **arguments)
    except Exception as error:
        return {"exception": type(error).__name__}


def main() -> None:
    """Write dialogue_responses.json."""
    assert dialogue_data
    write_fixture(
        "dialogue_responses",
        "record_dialogue_responses.py",
        {"arguments": {"given": "argument", "city": "Oslo"}},
        {
            "variations": VARIATIONS,
            "choices": [choice(*case) for case in CHOICES],
            "slots": SLOTS,
            "texts": [
                {
                    "text": text,
                    "filled": filled({"text": text}, SLOTS),
                    "with_arguments": filled({"text": text}, SLOTS, given="argument", city="Oslo"),
                    "without_slots": filled({"text": text}, {}),
                }
                for text in TEXTS
            ],
            "responses": [
                {"response": response, "filled": filled(response, SLOTS)} for response in RESPONSES
            ],
        },
    )


if __name__ == "__main__":
    main()
