"""The JSON of a correction: what it may say, and that nothing is lost on the way."""

from __future__ import annotations

from typing import Any

import pytest

from gossamer.data.entities import Entity
from gossamer.data.errors import DataError
from gossamer.data.nlu.examples import Example
from gossamer.data.stories.steps import CheckpointStep, Story, UserStep
from gossamer.teach import MessageCorrection, StoryCorrection, correction_json, correction_of

MESSAGE = {
    "kind": "message",
    "text": "from Rome to Bonn",
    "intent": "inform",
    "entities": [
        {"start": 5, "end": 9, "entity": "city", "role": "from"},
        {"start": 13, "end": 17, "entity": "city", "value": "Bonn am Rhein", "group": "1"},
    ],
}
STORY = {
    "kind": "story",
    "name": "a trip",
    "steps": [
        {"intent": "greet"},
        {"intent": "inform", "entities": [{"entity": "city", "value": "Rome"}]},
        {
            "intent": "inform",
            "user": "to Rome",
            "entities": [{"start": 3, "end": 7, "entity": "city"}],
        },
        {"user": "as it comes"},
        {"intent": "inform", "user": '/inform{"city": "Rome"}'},
        {"action": "utter_greet"},
        {"action": "restart"},
        {"bot": "Where to?"},
        {"slot_was_set": {"city": ["Rome"]}},
        {"slot_was_set": {"date": None}},
        {"active_loop": "trip_form"},
        {"active_loop": None},
    ],
}


@pytest.mark.parametrize("content", [MESSAGE, STORY])
def test_json_and_back(content: dict[str, Any]) -> None:
    assert correction_json(correction_of(content)) == content


def test_blanks_at_the_ends_are_dropped_and_places_move_along() -> None:
    read = correction_of(
        {
            "kind": "message",
            "text": "  to Rome\n",
            "intent": " inform ",
            "entities": [{"start": 5, "end": 9, "entity": "city"}],
        }
    )
    city = Entity(start=3, end=7, entity="city", value="Rome")
    assert read == MessageCorrection(Example(text="to Rome", intent="inform", entities=(city,)))


def test_entities_come_in_the_order_of_the_text() -> None:
    turned = MESSAGE | {"entities": MESSAGE["entities"][::-1]}
    assert correction_of(turned) == correction_of(MESSAGE)


def test_a_number_is_a_value() -> None:
    content = {"start": 0, "end": 3, "entity": "number", "value": 2}
    read = correction_of({"kind": "message", "text": "two", "intent": "a", "entities": [content]})
    assert isinstance(read, MessageCorrection)
    assert read.example.entities[0].value == 2
    assert correction_json(read)["entities"] == [content]


def test_several_slots_are_several_steps() -> None:
    content = {
        "kind": "story",
        "name": "s",
        "steps": [{"action": "a"}, {"slot_was_set": {"b": 1, "c": 2}}],
    }
    read = correction_of(content)
    assert isinstance(read, StoryCorrection)
    assert len(read.story.steps) == 3


def message(**changes: object) -> dict[str, object]:
    return {"kind": "message", "text": "to Rome", "intent": "inform"} | changes


def entity(**changes: object) -> dict[str, object]:
    return message(entities=[{"start": 3, "end": 7, "entity": "city"} | changes])


def story(*steps: object, name: object = "s") -> dict[str, object]:
    return {"kind": "story", "name": name, "steps": list(steps)}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "a correction must be a JSON object"),
        ([], "a correction must be a JSON object"),
        ({}, "'kind' of a correction"),
        ({"kind": "rule"}, "'kind' of a correction"),
        (message(text=" "), "'text'"),
        (message(text=None), "'text'"),
        (message(text=["a"]), "'text'"),
        (message(text="a\x00b"), "no NUL"),
        (message(text="a\ud800"), "half surrogate"),
        (message(intent=""), "'intent'"),
        (message(intent=None), "'intent'"),
        (message(intent="faq/"), "retrieval intent"),
        (message(metadata=1), "has the keys kind, text, intent, entities"),
        (message(entities={}), "must be a list"),
        (message(entities=["city"]), "an entity must be a JSON object"),
        (entity(start=-1), "must lie in the text of 7 characters"),
        (entity(end=8), "must lie in the text"),
        (entity(end=3), "must lie in the text"),
        (entity(start=True), "must lie in the text"),
        (entity(start="3"), "must lie in the text"),
        (entity(start=2), "must not begin or end with a blank"),
        (entity(entity=""), "'entity' of an entity"),
        (entity(value=None), "a text or a number"),
        (entity(value=float("nan")), "a text or a number"),
        (entity(value=True), "a text or a number"),
        (entity(role=1), "'role'"),
        (entity(extractor="x"), "has the keys start, end"),
        (
            message(entities=[{"start": 0, "end": 4, "entity": "a"}, {"start": 3, "end": 7}]),
            "'entity'",
        ),
        (
            message(
                text="a bc",
                entities=[
                    {"start": 0, "end": 3, "entity": "a"},
                    {"start": 2, "end": 4, "entity": "b"},
                ],
            ),
            "must not overlap",
        ),
        (message(entities=[{"start": 3, "end": 7, "entity": "city"}] * 2), "given once"),
        (story({"intent": "a"}, name=""), "'name'"),
        (story(), "a story needs steps"),
        ({"kind": "story", "name": "s"}, "'steps'"),
        (story("greet"), "a step must be a JSON object"),
        (story({"checkpoint": "c"}), "must have one of the keys"),
        (story({"intent": "a", "action": "b"}), "has the keys intent, user, entities"),
        (story({"user": " "}), "'user'"),
        (story({"user": None}), "an 'intent' or a text"),
        (story({"user": "hi", "entities": [{"entity": "a"}]}), "must lie in the text"),
        (story({"user": "/greet", "entities": [{"entity": "a"}]}), "hold its entities itself"),
        (story({"action": " "}), "'action'"),
        (story({"action": "slot"}), "the name of an event"),
        (story({"bot": 1}), "'bot'"),
        (story({"slot_was_set": {}}), "must name a slot"),
        (story({"slot_was_set": ["a"]}), "must be a JSON object"),
        (story({"active_loop": ""}), "'active_loop'"),
    ],
)
def test_what_it_must_not_be(content: object, says: str) -> None:
    with pytest.raises(DataError, match=says):
        correction_of(content)


def test_a_step_without_json() -> None:
    made = StoryCorrection(Story(name="s", steps=(UserStep(intent="a"), CheckpointStep(name="c"))))
    with pytest.raises(DataError, match="a taught story must consist of"):
        correction_json(made)


def test_a_story_has_a_limit() -> None:
    steps = [{"intent": "greet"}, {"action": "utter_greet"}] * 500
    assert correction_of({"kind": "story", "name": "long", "steps": steps})
    with pytest.raises(DataError, match="may have 1000 steps"):
        correction_of({"kind": "story", "name": "too long", "steps": [*steps, steps[0]]})
